/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bitmap.c - the directory of persistent dirty bitmaps (spec section "Bitmaps").
 *
 * Owns: reading the directory and judging its entries.  Refuses: the bitmaps' contents.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"

enum { FLAGS_RESERVED = ~7 };

static int
judge (const struct qcow2 *q, const uint8_t *p, uint64_t at, struct img_error *err)
{
  uint32_t flags = be32_get (p + 12), name = be16_get (p + 18);
  const uint8_t *text = p + QCOW2_BITMAP_ENTRY + be32_get (p + 20); /* ends at a zero before that */
  const char *why = NULL;
  if (be64_get (p) & (q->cluster_size - 1))
    why = _("its table is not aligned to a cluster");
  else if (flags & (uint32_t) FLAGS_RESERVED)
    why = _("it has reserved flags");
  else if (p[17] < QCOW2_BITMAP_MIN_GRANULARITY || p[17] > QCOW2_BITMAP_MAX_GRANULARITY)
    why = _("its granularity is out of range");
  else if (name == 0 || name > QCOW2_BITMAP_MAX_NAME || text[0] == '\0')
    why = _("its name is empty or too long");
  else if ((uint64_t) be32_get (p + 8) * 8 > QCOW2_MAX_L1_BYTES)
    why = _("its table is too large");
  if (why)
    return img_error_set (err, EINVAL, _("bitmap directory entry at 0x%" PRIx64 ": %s"), at, why);
  return 0;
}

/* Entries fill the LENGTH bytes at DIR. */
static int
parse (struct qcow2 *q, const uint8_t *dir, uint64_t length, struct qcow2_bitmaps *b,
       struct img_error *err)
{
  uint64_t pos = 0;
  while (b->n < q->h.n_bitmaps) {
    const uint8_t *p = dir + pos;
    uint64_t at = q->h.bitmap_dir_offset + pos, bytes = QCOW2_BITMAP_ENTRY;
    if (length - pos >= QCOW2_BITMAP_ENTRY)
      bytes += ((uint64_t) be32_get (p + 20) + be16_get (p + 18) + 7) & ~7ull;
    if (length - pos < bytes)
      return img_error_set (err, EINVAL, _("bitmap directory entry at 0x%" PRIx64
                                           " passes the end of the directory"), at);
    if (judge (q, p, at, err) < 0)
      return -1;
    struct qcow2_bitmap *v = &b->v[b->n++];
    *v = (struct qcow2_bitmap) {
      .table_offset = be64_get (p), .table_size = be32_get (p + 8), .flags = be32_get (p + 12),
      .type = p[16], .granularity_bits = p[17], .extra_size = be32_get (p + 20), .at = at,
    };
    p += QCOW2_BITMAP_ENTRY;
    v->name = strndup ((const char *) p + v->extra_size, be16_get (p - 6));
    v->extra = v->extra_size ? malloc (v->extra_size) : NULL;
    if (v->extra)
      memcpy (v->extra, p, v->extra_size);
    if (v->name == NULL || (v->extra_size && v->extra == NULL))
      return img_error_set (err, ENOMEM, _("out of memory"));
    v->hash = qcow2_bitmap_hash (v->name);
    pos += bytes;
  }
  if (pos != length)
    return img_error_set (err, EINVAL, _("bitmap directory at 0x%" PRIx64 " is longer than its"
                                         " %" PRIu32 " entries"),
                          q->h.bitmap_dir_offset, q->h.n_bitmaps);
  return 0;
}

int
qcow2_bitmaps_read (struct qcow2 *q, struct qcow2_bitmaps *b, struct img_error *err)
{
  const struct qcow2_header *h = &q->h;
  *b = (struct qcow2_bitmaps) { .v = NULL };
  if (!h->has_bitmaps)
    return 0;
  if (!img_within (h->bitmap_dir_offset, h->bitmap_dir_size, img_size (q->file)))
    return img_error_set (err, EINVAL, _("bitmap directory at 0x%" PRIx64
                                         " lies past the end of the file"), h->bitmap_dir_offset);
  if (h->n_bitmaps > h->bitmap_dir_size / QCOW2_BITMAP_ENTRY)
    return img_error_set (err, EINVAL, _("bitmap directory at 0x%" PRIx64 " is too small for %"
                                         PRIu32 " bitmaps"), h->bitmap_dir_offset, h->n_bitmaps);
  IMG_CLEANUP (free) uint8_t *dir = malloc (h->bitmap_dir_size);
  b->v = calloc (h->n_bitmaps, sizeof *b->v);
  if (dir == NULL || b->v == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (img_pread (q->file, dir, h->bitmap_dir_size, h->bitmap_dir_offset, 0, err) < 0)
    return img_error_prefix (err, _("bitmap directory"));
  return parse (q, dir, h->bitmap_dir_size, b, err);
}

void
qcow2_bitmap_clear (struct qcow2_bitmap *b)
{
  free (b->name);
  free (b->extra);
  *b = (struct qcow2_bitmap) { .name = NULL };
}

void
qcow2_bitmaps_free (struct qcow2_bitmaps *b)
{
  for (uint32_t i = 0; i < b->n; i++)
    qcow2_bitmap_clear (&b->v[i]);
  free (b->v);
  *b = (struct qcow2_bitmaps) { .v = NULL };
}

/* FNV-1a: tens of thousands of names are compared with each other. */
uint32_t
qcow2_bitmap_hash (const char *name)
{
  uint32_t h = 0x811c9dc5;
  while (*name)
    h = (h ^ (uint8_t) *name++) * 0x01000193;
  return h;
}

static bool
is_named (const struct qcow2_bitmap *b, const char *name, uint32_t hash)
{
  return b->hash == hash && strcmp (b->name, name) == 0;
}

struct qcow2_bitmap *
qcow2_bitmap_find (struct qcow2_bitmaps *all, const char *name)
{
  uint32_t hash = qcow2_bitmap_hash (name);
  uint32_t near = all->n > 0 ? (uint32_t) img_min (all->near, all->n - 1) : 0;
  for (uint32_t k = 0; k < all->n; k++) {
    uint32_t i = k < all->n - near ? near + k : k - (all->n - near);
    if (is_named (&all->v[i], name, hash)) {
      all->near = i;
      return &all->v[i];
    }
  }
  return NULL;
}

/* Spec: what has extra data that we do not know may be used only where a flag says so. */
bool
qcow2_bitmap_usable (const struct qcow2_bitmap *b)
{
  return !(b->flags & QCOW2_BITMAP_IN_USE) && b->type == QCOW2_BITMAP_DIRTY_TRACKING
         && (b->extra_size == 0 || (b->flags & QCOW2_BITMAP_EXTRA_OK));
}

int
qcow2_bitmap_refuse (const struct qcow2_bitmap *b, struct img_error *err)
{
  img_error_set (err, EINVAL, _("Bitmap '%s' is inconsistent and cannot be used"), b->name);
  return img_error_hint (err, _("img-bitmap --remove removes it."));
}
