/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* header.c - reads and judges the header and its extensions (spec sections "Header", "Header
 * extensions", "Feature name table").
 *
 * Owns: every number of the first cluster, and what it may be.  A header that passes can be used
 * without further checks of its fields: tables are aligned, capped in size and do not wrap; that L1
 * and the snapshot table lie inside the file is checked too, as both are read whole.  Refuses: to
 * read anything but the first cluster.  header-write.c makes the bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2.h"

/* The first cluster as far as it was needed. */
struct head {
  struct img_node *file;
  uint8_t *buf;
  uint64_t have;
  uint64_t limit; /* the cluster, or the file if that is shorter */
};

enum { HEAD_STEP = 4096 };

/* Makes bytes [0, END) of the first cluster available. */
static int
head_need (struct head *head, uint64_t end, struct img_error *err)
{
  if (end <= head->have)
    return 0;
  if (end > head->limit)
    return img_error_set (err, EINVAL, _("the header is cut off at 0x%" PRIx64), head->limit);
  uint64_t want = img_min (head->limit, (end + HEAD_STEP - 1) / HEAD_STEP * HEAD_STEP);
  uint8_t *p = realloc (head->buf, want);
  if (p == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  head->buf = p;
  if (img_pread (head->file, p + head->have, want - head->have, head->have, 0, err) < 0)
    return -1;
  head->have = want;
  return 0;
}

/* A string of LENGTH bytes at POS.  NUL bytes may only be padding at its end. */
static int
head_string (struct head *head, uint64_t pos, uint64_t length, const char *what, char **out,
             struct img_error *err)
{
  if (head_need (head, pos + length, err) < 0)
    return -1;
  const char *s = (const char *) head->buf + pos;
  while (length > 0 && s[length - 1] == '\0')
    length--;
  if (memchr (s, '\0', length))
    return img_error_set (err, EINVAL, _("%s at 0x%" PRIx64 " holds a zero byte"), what, pos);
  free (*out);
  *out = length ? strndup (s, length) : NULL;
  if (length && *out == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  return 0;
}

void
qcow2_header_free (struct qcow2_header *h)
{
  for (uint32_t i = 0; i < h->n_ext; i++)
    free (h->ext[i].data);
  free (h->ext);
  free (h->unknown_fields);
  free (h->backing_name);
  free (h->backing_format);
  free (h->data_file);
  memset (h, 0, sizeof *h);
}

/* ---- extensions ---- */

static int
keep_ext (struct qcow2_header *h, uint32_t type, const uint8_t *data, uint32_t length,
          struct img_error *err)
{
  struct qcow2_ext *p = realloc (h->ext, (h->n_ext + 1) * sizeof *p);
  if (p == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  h->ext = p;
  p[h->n_ext] = (struct qcow2_ext) { .type = type, .length = length, .data = NULL };
  if (length) {
    p[h->n_ext].data = malloc (length);
    if (p[h->n_ext].data == NULL)
      return img_error_set (err, ENOMEM, _("out of memory"));
    memcpy (p[h->n_ext].data, data, length);
  }
  h->n_ext++;
  return 0;
}

static int
parse_bitmaps (struct qcow2_header *h, const uint8_t *p, uint32_t length, uint64_t pos,
               struct img_error *err)
{
  if (length != 24)
    return img_error_set (err, EINVAL, _("bitmaps extension at 0x%" PRIx64 " has %" PRIu32
                                         " bytes instead of 24"), pos, length);
  h->n_bitmaps = be32_get (p);
  h->bitmap_dir_size = be64_get (p + 8);
  h->bitmap_dir_offset = be64_get (p + 16);
  if (be32_get (p + 4) != 0)
    return img_error_set (err, EINVAL, _("bitmaps extension at 0x%" PRIx64
                                         " has a reserved field that is not zero"), pos);
  if (h->n_bitmaps == 0 || h->n_bitmaps > QCOW2_MAX_BITMAPS)
    return img_error_set (err, EINVAL, _("bitmaps extension at 0x%" PRIx64 " names %" PRIu32
                                         " bitmaps (1 to %d are possible)"),
                          pos, h->n_bitmaps, QCOW2_MAX_BITMAPS);
  if (h->bitmap_dir_size > QCOW2_MAX_BITMAP_DIRECTORY)
    return img_error_set (err, EINVAL, _("bitmap directory of %" PRIu64 " bytes is too large"),
                          h->bitmap_dir_size);
  if (h->bitmap_dir_offset & ((1ull << h->cluster_bits) - 1))
    return img_error_set (err, EINVAL, _("bitmap directory offset 0x%" PRIx64
                                         " is not aligned to a cluster"), h->bitmap_dir_offset);
  h->has_bitmaps = true;
  return 0;
}

static int
parse_crypto (struct qcow2_header *h, const uint8_t *p, uint32_t length, uint64_t pos,
              struct img_error *err)
{
  if (length != 16)
    return img_error_set (err, EINVAL, _("encryption extension at 0x%" PRIx64 " has %" PRIu32
                                         " bytes instead of 16"), pos, length);
  h->crypto_offset = be64_get (p);
  h->crypto_length = be64_get (p + 8);
  if (h->crypto_offset & ((1ull << h->cluster_bits) - 1))
    return img_error_set (err, EINVAL, _("encryption header offset 0x%" PRIx64
                                         " is not aligned to a cluster"), h->crypto_offset);
  h->has_crypto = true;
  return 0;
}

/* One extension with its data at POS. */
static int
parse_ext (struct qcow2_header *h, struct head *head, uint32_t type, uint32_t length, uint64_t pos,
           struct img_error *err)
{
  const uint8_t *data = head->buf + pos;
  switch (type) {
  case QCOW2_EXT_BACKING_FORMAT:
    return head_string (head, pos, length, _("backing format"), &h->backing_format, err);
  case QCOW2_EXT_DATA_FILE:
    return head_string (head, pos, length, _("data file name"), &h->data_file, err);
  case QCOW2_EXT_BITMAPS:
    return parse_bitmaps (h, data, length, pos, err);
  case QCOW2_EXT_CRYPTO:
    return parse_crypto (h, data, length, pos, err);
  case QCOW2_EXT_FEATURES:
    return 0; /* read when a feature is refused; written anew */
  default:
    return keep_ext (h, type, data, length, err);
  }
}

/* Names unknown bits of H->incompat by the feature name table, where the image brings one. */
static int
refuse_features (const struct qcow2_header *h, const uint8_t *table, uint32_t length,
                 struct img_error *err)
{
  uint64_t unknown = h->incompat & ~QCOW2_INCOMPAT_KNOWN;
  char names[512];
  size_t used = 0;
  names[0] = '\0';
  for (uint32_t i = 0; i + 48 <= length && used < sizeof names; i += 48) {
    const uint8_t *entry = table + i;
    if (entry[0] != 0 || entry[1] > 63 || entry[2] == 0 || !(unknown >> entry[1] & 1))
      continue;
    unknown &= ~(1ull << entry[1]);
    used += (size_t) snprintf (names + used, sizeof names - used, "%s%.46s", used ? ", " : "",
                               (const char *) entry + 2);
  }
  if (unknown && used < sizeof names)
    snprintf (names + used, sizeof names - used, _("%sUnknown incompatible feature: %" PRIx64),
              used ? ", " : "", unknown);
  return img_error_set (err, ENOTSUP, _("Unsupported qcow2 feature(s): %s"), names);
}

/* Walks the extension area.  An image without one has zeroes, the end mark, there. */
static int
parse_exts (struct qcow2_header *h, struct head *head, uint64_t end, struct img_error *err)
{
  uint64_t pos = h->header_length, features = 0;
  uint32_t features_length = 0;
  bool refuse = h->incompat & ~QCOW2_INCOMPAT_KNOWN;
  while (pos + 8 <= end) {
    if (head_need (head, pos + 8, err) < 0)
      return -1;
    uint32_t type = be32_get (head->buf + pos), length = be32_get (head->buf + pos + 4);
    if (type == QCOW2_EXT_END)
      break;
    pos += 8;
    if (length > end - pos)
      return img_error_set (err, EINVAL, _("header extension 0x%08" PRIx32 " at 0x%" PRIx64
                                           " is too long (%" PRIu32 " bytes)"),
                            type, pos - 8, length);
    if (head_need (head, pos + length, err) < 0)
      return -1;
    if (type == QCOW2_EXT_FEATURES) {
      features = pos;
      features_length = length;
    }
    /* An image that is to be refused for a feature may well have extensions that we misread. */
    if (!refuse && parse_ext (h, head, type, length, pos, err) < 0)
      return -1;
    pos += ((uint64_t) length + 7) & ~7ull;
  }
  return refuse ? refuse_features (h, head->buf + features, features_length, err) : 0;
}

/* ---- the fixed part ---- */

static int
parse_v3 (struct qcow2_header *h, struct head *head, struct img_error *err)
{
  if (head_need (head, QCOW2_V3_HEADER, err) < 0)
    return -1;
  h->incompat = be64_get (head->buf + 72);
  h->compat = be64_get (head->buf + 80);
  h->autoclear = be64_get (head->buf + 88);
  h->refcount_order = be32_get (head->buf + 96);
  h->header_length = be32_get (head->buf + 100);
  if (h->header_length < QCOW2_V3_HEADER)
    return img_error_set (err, EINVAL, _("header length %" PRIu32 " is too short"),
                          h->header_length);
  if (h->header_length > 1u << h->cluster_bits)
    return img_error_set (err, EINVAL, _("header length %" PRIu32 " exceeds the cluster size"),
                          h->header_length);
  if (head_need (head, h->header_length, err) < 0)
    return -1;
  if (h->header_length > 104)
    h->compression_type = head->buf[104];
  if (h->header_length > QCOW2_KNOWN_HEADER) {
    h->unknown_length = h->header_length - QCOW2_KNOWN_HEADER;
    h->unknown_fields = malloc (h->unknown_length);
    if (h->unknown_fields == NULL)
      return img_error_set (err, ENOMEM, _("out of memory"));
    memcpy (h->unknown_fields, head->buf + QCOW2_KNOWN_HEADER, h->unknown_length);
  }
  return 0;
}

static int
parse_fixed (struct qcow2_header *h, struct head *head, struct img_error *err)
{
  if (head->limit < QCOW2_V2_HEADER)
    return img_error_set (err, EINVAL, _("the file is too short for a qcow2 header"));
  if (head_need (head, QCOW2_V2_HEADER, err) < 0)
    return -1;
  const uint8_t *p = head->buf;
  if (be32_get (p) != QCOW2_MAGIC)
    return img_error_set (err, EINVAL, _("not a qcow2 image: wrong magic"));
  h->version = be32_get (p + 4);
  h->cluster_bits = be32_get (p + 20);
  h->size = be64_get (p + 24);
  h->crypt_method = be32_get (p + 32);
  h->l1_size = be32_get (p + 36);
  h->l1_offset = be64_get (p + 40);
  h->reftable_offset = be64_get (p + 48);
  h->reftable_clusters = be32_get (p + 56);
  h->n_snapshots = be32_get (p + 60);
  h->snapshots_offset = be64_get (p + 64);
  h->refcount_order = 4;
  h->header_length = QCOW2_V2_HEADER;
  if (h->version != 2 && h->version != 3)
    return img_error_set (err, ENOTSUP, _("Unsupported qcow2 version %" PRIu32), h->version);
  if (h->cluster_bits < QCOW2_MIN_CLUSTER_BITS || h->cluster_bits > QCOW2_MAX_CLUSTER_BITS)
    return img_error_set (err, EINVAL, _("Unsupported cluster size: 2^%" PRIu32),
                          h->cluster_bits);
  head->limit = img_min (img_size (head->file), 1ull << h->cluster_bits);
  return h->version == 2 ? 0 : parse_v3 (h, head, err);
}

static int
parse_backing (struct qcow2_header *h, struct head *head, struct img_error *err)
{
  uint64_t offset = be64_get (head->buf + 8);
  uint32_t length = be32_get (head->buf + 16);
  if (offset == 0)
    return 0;
  if (length > QCOW2_MAX_BACKING_NAME || length > (1ull << h->cluster_bits) - offset)
    return img_error_set (err, EINVAL, _("Backing file name too long (%" PRIu32
                                         " bytes at 0x%" PRIx64 ")"), length, offset);
  return head_string (head, offset, length, _("backing file name"), &h->backing_name, err);
}

/* ---- judging ---- */

/* A table of BYTES at OFFSET: aligned, and inside the FILE_SIZE bytes that are there (UINT64_MAX:
 * nobody will read it, or the check will say more). */
static int
judge_table (const struct qcow2_header *h, const char *what, uint64_t offset, uint64_t bytes,
             uint64_t file_size, struct img_error *err)
{
  uint64_t end;
  if (offset & ((1ull << h->cluster_bits) - 1))
    return img_error_set (err, EINVAL, _("%s offset 0x%" PRIx64 " is not aligned to a cluster"),
                          what, offset);
  if (!img_add (offset, bytes, &end) || end > INT64_MAX)
    return img_error_set (err, EINVAL, _("%s offset 0x%" PRIx64 " is too large"), what, offset);
  if (end > file_size)
    return img_error_set (err, EINVAL, _("%s at 0x%" PRIx64 " (%" PRIu64
                                         " bytes) lies past the end of the file (0x%" PRIx64 ")"),
                          what, offset, bytes, file_size);
  return 0;
}

static int
judge_l1 (const struct qcow2_header *h, uint64_t file_size, struct img_error *err)
{
  unsigned l2_bits = h->cluster_bits - (h->incompat & QCOW2_INCOMPAT_EXTENDED_L2 ? 4 : 3);
  uint64_t need = img_div_up (h->size, 1ull << (h->cluster_bits + l2_bits));
  uint64_t bytes = (uint64_t) h->l1_size * 8;
  if (h->size > INT64_MAX)
    return img_error_set (err, EFBIG, _("image size 0x%" PRIx64 " is too large"), h->size);
  if (bytes > QCOW2_MAX_L1_BYTES)
    return img_error_set (err, EFBIG, _("Active L1 table too large (%" PRIu64 " bytes)"), bytes);
  if (need > h->l1_size)
    return img_error_set (err, EINVAL, _("L1 table is too small (%" PRIu32 " entries, %" PRIu64
                                         " needed)"), h->l1_size, need);
  /* Other writers let the file end inside the last cluster of it; then entries are zero. */
  if (file_size <= INT64_MAX)
    file_size = img_div_up (file_size, 1ull << h->cluster_bits) << h->cluster_bits;
  return judge_table (h, _("L1 table"), h->l1_offset, bytes, file_size, err);
}

static int
judge_tables (const struct qcow2_header *h, uint64_t file_size, unsigned flags,
              struct img_error *err)
{
  uint64_t bytes = (uint64_t) h->reftable_clusters << h->cluster_bits;
  if (bytes > QCOW2_MAX_REFTABLE_BYTES)
    return img_error_set (err, EFBIG, _("Image reference count table too large (%" PRIu64
                                        " bytes)"), bytes);
  if (bytes == 0 && !(flags & IMG_OPEN_CHECK))
    return img_error_set (err, EINVAL, _("Image does not contain a reference count table"));
  /* Reading does without refcounts; only who needs them minds where the table is. */
  if (h->has_crypto
      && judge_table (h, _("encryption header"), h->crypto_offset, h->crypto_length, file_size,
                      err) < 0)
    return -1;
  if (judge_table (h, _("reference count table"), h->reftable_offset, bytes,
                   flags & IMG_OPEN_RDWR ? file_size : UINT64_MAX, err) < 0)
    return -1;
  if (h->n_snapshots > QCOW2_MAX_SNAPSHOTS)
    return img_error_set (err, EFBIG, _("Snapshot table too large (%" PRIu32 " snapshots)"),
                          h->n_snapshots);
  if (h->n_snapshots
      && judge_table (h, _("snapshot table"), h->snapshots_offset, (uint64_t) h->n_snapshots * 40,
                      file_size, err) < 0)
    return -1;
  return judge_l1 (h, file_size, err);
}

static int
judge (const struct qcow2_header *h, uint64_t file_size, unsigned flags, struct img_error *err)
{
  bool type_bit = h->incompat & QCOW2_INCOMPAT_COMPRESSION;
  if (h->refcount_order > QCOW2_MAX_REFCOUNT_ORDER)
    return img_error_set (err, EINVAL, _("Reference count entry width too large: 2^%" PRIu32
                                         " bits (64 at most)"), h->refcount_order);
  if (h->crypt_method > QCOW2_CRYPT_LUKS)
    return img_error_set (err, ENOTSUP, _("Unsupported encryption method %" PRIu32),
                          h->crypt_method);
  if (h->has_crypto != (h->crypt_method == QCOW2_CRYPT_LUKS))
    return h->has_crypto
             ? img_error_set (err, EINVAL, _("there is an encryption header extension, but the"
                                             " encryption is not LUKS"))
             : img_error_set (err, EINVAL, _("the encryption header extension is missing"));
  if (type_bit != (h->compression_type != 0))
    return img_error_set (err, EINVAL, _("the compression type bit and the compression type %u"
                                         " contradict each other"), h->compression_type);
  if (h->compression_type > QCOW2_ZSTD)
    return img_error_set (err, ENOTSUP, _("Unsupported compression type %u"),
                          h->compression_type);
  if ((h->autoclear & QCOW2_AUTOCLEAR_DATA_FILE_RAW)
      && !(h->incompat & QCOW2_INCOMPAT_DATA_FILE))
    return img_error_set (err, EINVAL, _("data-file-raw requires a data file"));
  if ((h->incompat & QCOW2_INCOMPAT_EXTENDED_L2)
      && h->cluster_bits < QCOW2_MIN_SUBCLUSTER_CLUSTER_BITS)
    return img_error_set (err, EINVAL, _("extended L2 entries need clusters of 16384 bytes or"
                                         " more, this image has %u"), 1u << h->cluster_bits);
  return judge_tables (h, file_size, flags, err);
}

/* The bits that stand in the way of writing. */
static int
judge_writing (const struct qcow2_header *h, unsigned flags, struct img_error *err)
{
  if (!(flags & IMG_OPEN_RDWR) || (flags & IMG_OPEN_CHECK))
    return 0;
  if (h->incompat & QCOW2_INCOMPAT_CORRUPT)
    return img_error_set (err, EACCES, _("Image is corrupt; cannot be opened read/write"));
  return 0;
}

int
qcow2_header_read (struct qcow2_header *h, struct img_node *file, unsigned flags,
                   struct img_error *err)
{
  struct head head = { .file = file, .limit = img_min (img_size (file), HEAD_STEP) };
  memset (h, 0, sizeof *h);
  int r = parse_fixed (h, &head, err);
  if (r == 0) {
    uint64_t end = be64_get (head.buf + 8); /* of extensions: the backing file name, if any */
    if (end > 1ull << h->cluster_bits)
      r = img_error_set (err, EINVAL, _("Invalid backing file offset 0x%" PRIx64), end);
    else
      r = parse_exts (h, &head, end ? end : 1ull << h->cluster_bits, err);
  }
  if (r == 0)
    r = parse_backing (h, &head, err);
  if (r == 0)
    r = judge (h, flags & (IMG_OPEN_CHECK | IMG_OPEN_NO_IO) ? UINT64_MAX : img_size (file), flags,
               err);
  if (r == 0)
    r = judge_writing (h, flags, err);
  free (head.buf);
  return r;
}
