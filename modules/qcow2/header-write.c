/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* header-write.c - makes the first cluster of an image from a struct qcow2_header.
 *
 * Owns: the layout of what we write (extensions in a fixed order, then the unknown ones as they
 * were, then the backing file name) and our feature name table.  Refuses: to lose an extension for
 * lack of room (the feature name table, which only helps error messages, excepted).
 *
 * A disk may write a sector and not the next one.  So a header that is changed in place keeps to
 * the first sector if it can, without the table if need be, and what stands behind is left alone:
 * there the old header may have its name.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "write.h"

/* "Feature name table": type, bit, name. */
static const struct {
  uint8_t type, bit;
  const char *name;
} features[] = {
  { 0, 0, "dirty bit" },
  { 0, 1, "corrupt bit" },
  { 0, 2, "external data file" },
  { 0, 3, "compression type" },
  { 0, 4, "extended L2 entries" },
  { 1, 0, "lazy refcounts" },
  { 2, 0, "bitmaps" },
  { 2, 1, "raw external data" },
};
enum { N_FEATURES = sizeof features / sizeof features[0], FEATURE_BYTES = 48, SECTOR = 512 };

/* What is being filled.  POS passes SIZE when there is no room: nothing is written then. */
struct area {
  uint8_t *buf;
  uint64_t pos, size;
};

static uint8_t *
take (struct area *area, uint64_t length)
{
  uint64_t at = area->pos;
  area->pos += length;
  return area->pos <= area->size ? area->buf + at : NULL;
}

static void
add_ext (struct area *area, uint32_t type, const void *data, uint32_t length)
{
  uint8_t *p = take (area, 8 + (((uint64_t) length + 7) & ~7ull));
  if (p == NULL)
    return;
  be32_put (p, type);
  be32_put (p + 4, length);
  if (length)
    memcpy (p + 8, data, length);
}

static void
add_string (struct area *area, uint32_t type, const char *s)
{
  if (s)
    add_ext (area, type, s, (uint32_t) strlen (s));
}

static void
add_known (struct area *area, const struct qcow2_header *h)
{
  uint8_t data[24] = { 0 };
  add_string (area, QCOW2_EXT_BACKING_FORMAT, h->backing_format);
  add_string (area, QCOW2_EXT_DATA_FILE, h->data_file);
  if (h->has_crypto) {
    be64_put (data, h->crypto_offset);
    be64_put (data + 8, h->crypto_length);
    add_ext (area, QCOW2_EXT_CRYPTO, data, 16);
  }
  if (h->has_bitmaps) {
    be32_put (data, h->n_bitmaps);
    be32_put (data + 4, 0);
    be64_put (data + 8, h->bitmap_dir_size);
    be64_put (data + 16, h->bitmap_dir_offset);
    add_ext (area, QCOW2_EXT_BITMAPS, data, 24);
  }
  for (uint32_t i = 0; i < h->n_ext; i++)
    add_ext (area, h->ext[i].type, h->ext[i].data, h->ext[i].length);
}

/* Only when END bytes more still fit behind it. */
static void
add_features (struct area *area, const struct qcow2_header *h, uint64_t end)
{
  uint8_t data[N_FEATURES * FEATURE_BYTES] = { 0 };
  if (h->version < 3 || area->pos + 8 + sizeof data + end > area->size)
    return;
  for (unsigned i = 0; i < N_FEATURES; i++) {
    uint8_t *p = data + i * FEATURE_BYTES;
    p[0] = features[i].type;
    p[1] = features[i].bit;
    memcpy (p + 2, features[i].name, strlen (features[i].name));
  }
  add_ext (area, QCOW2_EXT_FEATURES, data, sizeof data);
}

/* "Header": the fixed part. */
static void
put_fixed (struct area *area, const struct qcow2_header *h)
{
  uint32_t length = QCOW2_V2_HEADER;
  if (h->version >= 3)
    length = h->header_length > QCOW2_OUR_HEADER ? h->header_length : QCOW2_OUR_HEADER;
  uint8_t *p = take (area, length);
  if (p == NULL)
    return;
  be32_put (p, QCOW2_MAGIC);
  be32_put (p + 4, h->version);
  be32_put (p + 20, h->cluster_bits);
  be64_put (p + 24, h->size);
  be32_put (p + 32, h->crypt_method);
  be32_put (p + 36, h->l1_size);
  be64_put (p + 40, h->l1_offset);
  be64_put (p + 48, h->reftable_offset);
  be32_put (p + 56, h->reftable_clusters);
  be32_put (p + 60, h->n_snapshots);
  be64_put (p + 64, h->snapshots_offset);
  if (h->version < 3)
    return;
  be64_put (p + 72, h->incompat);
  be64_put (p + 80, h->compat);
  be64_put (p + 88, h->autoclear);
  be32_put (p + 96, h->refcount_order);
  be32_put (p + 100, length);
  p[104] = h->compression_type;
  if (h->unknown_length)
    memcpy (p + QCOW2_KNOWN_HEADER, h->unknown_fields, h->unknown_length);
}

/* SIZE: of what is filled, the first cluster or a part of it. */
static int
encode (const struct qcow2_header *h, uint8_t *buf, uint64_t size, struct img_error *err)
{
  struct area area = { .buf = buf, .pos = 0, .size = size };
  uint32_t length = h->backing_name ? (uint32_t) strlen (h->backing_name) : 0;
  memset (buf, 0, area.size);
  put_fixed (&area, h);
  add_known (&area, h);
  add_features (&area, h, 8 + length);
  add_ext (&area, QCOW2_EXT_END, NULL, 0);
  uint8_t *name = take (&area, length);
  if (name == NULL || length > QCOW2_MAX_BACKING_NAME)
    return img_error_set (err, ENOSPC, _("the header with its names and extensions does not fit"
                                         " in a cluster of %u bytes"), 1u << h->cluster_bits);
  if (length) {
    memcpy (name, h->backing_name, length);
    be64_put (buf + 8, (uint64_t) (name - buf));
    be32_put (buf + 16, length);
  }
  return 0;
}

int
qcow2_header_encode (const struct qcow2_header *h, uint8_t *buf, struct img_error *err)
{
  return encode (h, buf, 1ull << h->cluster_bits, err);
}

int
qcow2_header_encode_short (const struct qcow2_header *h, uint8_t *buf, uint64_t *size,
                           struct img_error *err)
{
  struct img_error ignored = IMG_ERROR_INIT;
  *size = SECTOR;
  if (encode (h, buf, *size, &ignored) == 0)
    return 0;
  *size = 1ull << h->cluster_bits;
  return encode (h, buf, *size, err);
}

static int
write_header (struct qcow2 *q, struct qcow2_header *h, bool blank, struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *buf = malloc (q->cluster_size);
  uint64_t size = q->cluster_size;
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  h->autoclear &= QCOW2_AUTOCLEAR_KNOWN;
  if ((q->flags & IMG_OPEN_NEW ? encode (h, buf, size, err)
                               : qcow2_header_encode_short (h, buf, &size, err))
      < 0)
    return -1;
  if (blank)
    be32_put (buf, 0);
  return img_pwrite (q->file, buf, size, 0, 0, err);
}

int
qcow2_header_write (struct qcow2 *q, bool blank, struct img_error *err)
{
  return write_header (q, &q->h, blank, err);
}

int
qcow2_header_switch (struct qcow2 *q, struct qcow2_header *h, struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *buf = malloc (q->cluster_size);
  uint64_t reftable = q->h.reftable_offset;
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (qcow2_header_encode (h, buf, err) < 0 || qcow2_write_out (q, err) < 0)
    return -1;
  if (h->reftable_offset == reftable) { /* it may have moved */
    h->reftable_offset = q->h.reftable_offset;
    h->reftable_clusters = q->h.reftable_clusters;
  }
  /* Behind it, too: what is written next may rely on what the header says now, and who records
   * another backing file is told that it is on disk. */
  if (qcow2_barrier (q, err) < 0 || write_header (q, h, q->writer->blank, err) < 0
      || qcow2_barrier (q, err) < 0)
    return -1;
  q->h = *h;
  return 0;
}
