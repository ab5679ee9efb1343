/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create.h - what creating and measuring share: the options, and where a new image's parts lie. */
#ifndef QCOW2_CREATE_H
#define QCOW2_CREATE_H

#include <stdbool.h>
#include <stdint.h>

#include <blkimg/module.h>

#include "crypt.h"

/* The create options, understood; create-options.c.  Strings belong to the option list. */
struct qcow2_options {
  uint32_t version, cluster_bits, refcount_order;
  enum img_prealloc prealloc;
  uint8_t compression;
  bool lazy, extended, data_file_raw, keep_data_file;
  const char *backing, *backing_format, *data_file;
  uint32_t crypt_method;
  const char *secret;
  struct luks_params luks; /* of method LUKS */
};

/* Values only, each for itself. */
int qcow2_options_parse (struct qcow2_options *o, const struct img_opts *opts,
                         struct img_error *err);
/* Whether there is a secret where one is needed. */
int qcow2_options_secret (const struct qcow2_options *o, struct img_error *err);
/* What does not go together. */
int qcow2_options_check (const struct qcow2_options *o, struct img_error *err);

/* A new image: header, refcount table, refcount blocks, L1 table, encryption header, L2 tables,
 * guest clusters, each part at the first cluster behind the one before; create-layout.c. */
struct qcow2_layout {
  uint32_t cluster_bits;
  uint64_t guest_clusters, l1_entries, l1_clusters;
  uint64_t l2_tables, data_clusters; /* those that are in the file */
  uint64_t reftable_clusters, blocks; /* of the refcounts */
  uint64_t crypto_clusters;
  uint64_t reftable_offset, block_offset, l1_offset, crypto_offset, l2_offset, data_offset, end;
};

/* TABLES, DATA: with all L2 tables, with all guest clusters.  EFBIG when the format's or the
 * implementation limits do not allow it. */
int qcow2_layout_make (struct qcow2_layout *l, const struct qcow2_options *o, uint64_t size,
                       bool tables, bool data, struct img_error *err);

/* The same with so many L2 tables (at most all) and data clusters. */
int qcow2_layout_place (struct qcow2_layout *l, const struct qcow2_options *o, uint64_t size,
                        uint64_t tables, uint64_t clusters, struct img_error *err);
/* Writes the header cluster to c->file. */
int qcow2_create_header (struct img_create *c, const struct qcow2_layout *l,
                         const struct qcow2_options *o, uint64_t size, struct img_error *err);

/* Guest sizes are whole sectors. */
int qcow2_round_size (uint64_t *size, struct img_error *err);

#endif
