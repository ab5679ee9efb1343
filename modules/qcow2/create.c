/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create.c - writes a new image, empty or with all its clusters preallocated.
 *
 * The layout is computed (create-layout.c); every table is then a sequence of numbers that is made
 * in a large buffer and written in large pieces (emit.c), whatever the size of the image.  The
 * header comes last: what an interrupted create leaves is no image.  Refuses nothing that
 * create-options.c lets pass.
 */
#include <stdlib.h>
#include <string.h>

#include "create.h"
#include "emit.h"
#include "qcow2.h"

static int
write_tables (struct qcow2_emit *e, const struct qcow2_layout *l, const struct qcow2_options *o,
              struct img_error *err)
{
  uint64_t cluster = 1ull << l->cluster_bits;
  uint64_t first = l->data_clusters ? l->data_offset : 0, unallocated = 0;
  /* What the key would make of a file's zeroes is noise. */
  if (o->crypt_method != QCOW2_CRYPT_NONE && o->version >= 3 && !o->extended)
    first |= QCOW2_ZERO;
  if (qcow2_emit_seek (e, l->reftable_offset, err) < 0
      || qcow2_emit_entries (e, l->blocks, l->block_offset, cluster, NULL, err) < 0
      || qcow2_emit_seek (e, l->block_offset, err) < 0
      || qcow2_emit_ones (e, l->end >> l->cluster_bits, o->refcount_order, err) < 0)
    return -1;
  if (l->l2_tables
      && (qcow2_emit_seek (e, l->l1_offset, err) < 0
          || qcow2_emit_entries (e, l->l2_tables, l->l2_offset | QCOW2_COPIED, cluster, NULL, err)
               < 0
          || qcow2_emit_seek (e, l->l2_offset, err) < 0
          || qcow2_emit_entries (e, l->guest_clusters, first | QCOW2_COPIED, cluster,
                           o->extended ? &unallocated : NULL, err) < 0))
    return -1;
  return qcow2_emit_flush (e, err);
}

int
qcow2_create_header (struct img_create *c, const struct qcow2_layout *l,
                     const struct qcow2_options *o, uint64_t size, struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *buf = malloc (1u << l->cluster_bits);
  struct qcow2_header h = {
    .version = o->version,
    .cluster_bits = o->cluster_bits,
    .l1_size = (uint32_t) l->l1_entries,
    .reftable_clusters = (uint32_t) l->reftable_clusters,
    .size = size,
    .l1_offset = l->l1_offset,
    .reftable_offset = l->reftable_offset,
    .refcount_order = o->refcount_order,
    .compression_type = o->compression,
    .incompat = (o->data_file ? QCOW2_INCOMPAT_DATA_FILE : 0)
                | (o->compression != QCOW2_ZLIB ? QCOW2_INCOMPAT_COMPRESSION : 0)
                | (o->extended ? QCOW2_INCOMPAT_EXTENDED_L2 : 0),
    .compat = o->lazy ? QCOW2_COMPAT_LAZY_REFCOUNTS : 0,
    .autoclear = o->data_file_raw ? QCOW2_AUTOCLEAR_DATA_FILE_RAW : 0,
    .backing_name = (char *) o->backing,
    .backing_format = (char *) o->backing_format,
    .data_file = (char *) o->data_file,
    .crypt_method = o->crypt_method,
    .has_crypto = l->crypto_clusters > 0,
    .crypto_offset = l->crypto_offset,
    .crypto_length = l->crypto_clusters ? luks_length (&o->luks) : 0,
  };
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  uint64_t used = 0;
  if (qcow2_header_encode_short (&h, buf, &used, err) < 0)
    return -1;
  /* Sectors of zeroes at its end: a byte is zero and so is each that follows. */
  while (used > 512 && buf[used - 512] == 0 && !memcmp (buf + used - 512, buf + used - 511, 511))
    used -= 512;
  return img_pwrite (c->file, buf, used, 0, 0, err);
}

/* A new key, or whether there is one. */
static int
make_key (struct img_create *c, const struct qcow2_layout *l, const struct qcow2_options *o,
          struct img_error *err)
{
  struct luks_at at = { c->file, l->crypto_offset };
  struct luks_io io = luks_io_at (&at);
  struct luks luks;
  uint8_t *pass;
  size_t n;
  if (o->crypt_method == QCOW2_CRYPT_NONE)
    return 0;
  if (img_node_secret (c->file, o->secret, &pass, &n, err) < 0)
    return -1;
  int r = 0;
  if (o->crypt_method == QCOW2_CRYPT_LUKS)
    r = luks_create (&luks, &o->luks, &io, pass, n, NULL, err);
  img_secret_free (pass, n);
  return r;
}

/* The file in its full length, reading as zero.  A device has its space and someone's bytes. */
static int
prepare_file (struct img_create *c, const struct qcow2_layout *l, const struct qcow2_options *o,
              struct img_error *err)
{
  bool fresh = img_size (c->file) == 0;
  enum img_prealloc mode = o->prealloc;
  if (mode == IMG_PREALLOC_METADATA || o->data_file || !fresh)
    mode = IMG_PREALLOC_OFF;
  if (img_resize (c->file, l->end, mode, 0, err) < 0)
    return -1;
  return fresh ? 0 : img_zero (c->file, 0, l->end, 0, err);
}

static int
make_data_file (struct img_create *c, const struct qcow2_options *o, uint64_t size,
                struct img_error *err)
{
  enum img_prealloc mode = o->prealloc == IMG_PREALLOC_METADATA ? IMG_PREALLOC_OFF : o->prealloc;
  unsigned flags = IMG_EXTRA_WORKING_DIR | (o->keep_data_file ? IMG_EXTRA_KEEP : 0);
  return img_create_extra (c, o->data_file, size, mode, flags, err) ? 0 : -1;
}

int
qcow2_create (struct img_create *c, struct img_error *err)
{
  struct qcow2_options o;
  struct qcow2_layout l;
  uint64_t size = c->size;
  if (qcow2_options_parse (&o, c->opts, err) < 0 || qcow2_options_check (&o, err) < 0
      || qcow2_round_size (&size, err) < 0)
    return -1;
  /* A raw data file means what it holds, so all of it is mapped from the first day. */
  bool tables = o.prealloc != IMG_PREALLOC_OFF || o.data_file_raw;
  if (qcow2_layout_make (&l, &o, size, tables, tables && !o.data_file, err) < 0)
    return -1;
  if (l.blocks > QCOW2_MAX_REFTABLE_BYTES / 8)
    return img_error_set (err, EFBIG, _("The image needs a larger refcount table than readers"
                                        " accept (try using a larger cluster size)"));
  if ((o.data_file && make_data_file (c, &o, size, err) < 0)
      || prepare_file (c, &l, &o, err) < 0)
    return -1;
  IMG_CLEANUP (free) uint8_t *buf = malloc (QCOW2_EMIT_BYTES);
  struct qcow2_emit e = { .file = c->file, .buf = buf };
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (write_tables (&e, &l, &o, err) < 0 || make_key (c, &l, &o, err) < 0)
    return -1;
  return qcow2_create_header (c, &l, &o, size, err);
}
