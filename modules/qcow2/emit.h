/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* emit.h - collects what is written in ascending order; what is skipped stays a hole. */
#ifndef QCOW2_EMIT_H
#define QCOW2_EMIT_H

#include <blkimg/module.h>

enum { QCOW2_EMIT_BYTES = 1 << 20 };

struct qcow2_emit {
  struct img_node *file;
  uint8_t *buf; /* QCOW2_EMIT_BYTES, the caller's */
  size_t fill;
  uint64_t at; /* where buf goes */
};

int qcow2_emit_flush (struct qcow2_emit *e, struct img_error *err);
/* Goes on at OFFSET. */
int qcow2_emit_seek (struct qcow2_emit *e, uint64_t offset, struct img_error *err);
/* COUNT big-endian entries of 8 bytes: FIRST, FIRST + STEP, ...; *SECOND, if not NULL, behind
 * each. */
int qcow2_emit_entries (struct qcow2_emit *e, uint64_t count, uint64_t first, uint64_t step,
                        const uint64_t *second, struct img_error *err);
/* COUNT refcounts of one, which are 2^ORDER bits wide. */
int qcow2_emit_ones (struct qcow2_emit *e, uint64_t count, uint32_t order, struct img_error *err);

#endif
