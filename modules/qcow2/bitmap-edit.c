/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bitmap-edit.c - another bitmap directory in the place of the old one (spec section "Bitmap
 * directory").
 *
 * Owns: what is new on disk and what is given back, however an edit ends.  All that is new has its
 * refcounts on disk before the header refers to it; the old loses its own after that.  Refuses:
 * directories larger than readers accept.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"

static int
push (qcow2_runs *runs, uint64_t offset, uint64_t bytes, const struct qcow2 *q,
      struct img_error *err)
{
  struct qcow2_run run = { offset >> q->cluster_bits, img_div_up (bytes, q->cluster_size) };
  if (run.n > 0 && img_vec_push (runs, run) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  return 0;
}

/* BYTES of DATA at a new place. */
static int
put_new (struct qcow2_bitmap_edit *e, const uint8_t *data, uint64_t bytes, uint64_t *offset,
         struct img_error *err)
{
  struct qcow2 *q = e->q;
  uint64_t n = img_div_up (bytes, q->cluster_size), cluster;
  *offset = 0;
  if (n == 0)
    return 0;
  if (img_vec_reserve (&e->fresh, e->fresh.n + 1) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (qcow2_begin (q, err) < 0 || qcow2_alloc_whole (q, n, &cluster, err) < 0)
    return -1;
  e->fresh.v[e->fresh.n++] = (struct qcow2_run) { cluster, n };
  *offset = cluster << q->cluster_bits;
  return img_pwrite (q->file, data, bytes, *offset, 0, err);
}

/* ---- begin and end ---- */

int
qcow2_bitmap_edit_begin (struct qcow2 *q, struct qcow2_bitmap_edit *e, struct img_error *err)
{
  *e = (struct qcow2_bitmap_edit) { .q = q };
  qcow2_reader_drop (q);
  if (q->writer == NULL)
    return img_error_set (err, EROFS, _("the image is not open for writing"));
  if (qcow2_record_stop (q, err) < 0)
    return -1;
  return q->h.autoclear & QCOW2_AUTOCLEAR_BITMAPS ? qcow2_bitmaps_read (q, &e->all, err) : 0;
}

static void
give_back (struct qcow2_bitmap_edit *e, qcow2_runs *runs, bool later)
{
  for (size_t i = 0; i < runs->n; i++) {
    if (later)
      qcow2_free_later (e->q, runs->v[i].cluster, runs->v[i].n);
    else
      qcow2_unalloc (e->q, runs->v[i].cluster, runs->v[i].n);
  }
}

void
qcow2_bitmap_edit_end (struct qcow2_bitmap_edit *e, enum qcow2_edit_end how)
{
  if (how == QCOW2_EDIT_DONE)
    give_back (e, &e->old, true);
  else if (how == QCOW2_EDIT_UNDONE)
    give_back (e, &e->fresh, false);
  img_vec_free (&e->old);
  img_vec_free (&e->fresh);
  qcow2_bitmaps_free (&e->all);
  qcow2_reader_drop (e->q);
}

/* ---- entries ---- */

struct qcow2_bitmap *
qcow2_bitmap_edit_append (struct qcow2_bitmap_edit *e, const char *name, struct img_error *err)
{
  struct qcow2_bitmap *v;
  if (e->all.n >= QCOW2_MAX_BITMAPS) {
    img_error_set (err, EFBIG, _("Maximum number of persistent bitmaps is already reached"));
    return NULL;
  }
  v = reallocarray (e->all.v, e->all.n + 1, sizeof *v);
  if (v)
    e->all.v = v;
  char *copy = strdup (name);
  if (v == NULL || copy == NULL) {
    free (copy);
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  e->all.near = e->all.n++;
  v += e->all.near;
  *v = (struct qcow2_bitmap) { .name = copy, .hash = qcow2_bitmap_hash (copy),
                               .type = QCOW2_BITMAP_DIRTY_TRACKING };
  return v;
}

int
qcow2_bitmap_edit_release (struct qcow2_bitmap_edit *e, const struct qcow2_bitmap *b,
                           struct img_error *err)
{
  struct qcow2 *q = e->q;
  uint64_t bytes = (uint64_t) b->table_size * 8, size = img_size (q->file);
  if (b->blank)
    return 0;
  if (!img_within (b->table_offset, bytes, size)) /* whatever that is, it is not ours */
    return 0;
  IMG_CLEANUP (free) uint8_t *table = malloc (bytes + 1);
  if (table == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (bytes && img_pread (q->file, table, bytes, b->table_offset, 0, err) < 0)
    return img_error_prefix (err, _("table of bitmap '%s'"), b->name);
  for (uint64_t i = 0; i < bytes; i += 8) {
    uint64_t entry = be64_get (table + i), offset = entry & QCOW2_OFFSET_MASK;
    if (offset && entry == offset && !(offset & (q->cluster_size - 1))
        && img_within (offset, q->cluster_size, size)
        && push (&e->old, offset, q->cluster_size, q, err) < 0)
      return -1;
  }
  return push (&e->old, b->table_offset, bytes, q, err);
}

int
qcow2_bitmap_edit_store (struct qcow2_bitmap_edit *e, struct qcow2_bitmap *b,
                         struct qcow2_bits *bits, struct img_error *err)
{
  struct qcow2 *q = e->q;
  uint64_t offset;
  for (uint32_t i = 0; i < bits->n; i++)
    if (bits->changed[i] && bits->table[i] > 1) {
      if (push (&e->old, bits->table[i], q->cluster_size, q, err) < 0)
        return -1;
      bits->table[i] = 0;
    }
  if (qcow2_begin (q, err) < 0 || qcow2_bits_write (bits, &e->fresh, err) < 0)
    return -1;
  if (!b->blank && push (&e->old, b->table_offset, (uint64_t) b->table_size * 8, q, err) < 0)
    return -1;
  IMG_CLEANUP (free) uint8_t *table = malloc ((size_t) bits->n * 8 + 1);
  if (table == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint32_t i = 0; i < bits->n; i++)
    be64_put (table + (size_t) i * 8, bits->table[i]);
  if (put_new (e, table, (uint64_t) bits->n * 8, &offset, err) < 0)
    return -1;
  b->table_offset = offset;
  b->table_size = bits->n;
  b->blank = false;
  return 0;
}

/* Tables of bitmaps that mark nothing, of which earlier changes of this edit needed none. */
static int
store_blank (struct qcow2_bitmap_edit *e, struct img_error *err)
{
  for (uint32_t i = 0; i < e->all.n; i++) {
    struct qcow2_bitmap *b = &e->all.v[i];
    if (!b->blank)
      continue;
    IMG_CLEANUP (qcow2_bits_free) struct qcow2_bits *empty =
      qcow2_bits_new (e->q, e->q->h.size, b->granularity_bits, err);
    if (empty == NULL || qcow2_bitmap_edit_store (e, b, empty, err) < 0)
      return -1;
  }
  return 0;
}

struct qcow2_edit_mark
qcow2_bitmap_edit_mark (const struct qcow2_bitmap_edit *e)
{
  return (struct qcow2_edit_mark) { e->old.n, e->fresh.n };
}

void
qcow2_bitmap_edit_rewind (struct qcow2_bitmap_edit *e, struct qcow2_edit_mark mark)
{
  for (; e->fresh.n > mark.fresh; e->fresh.n--)
    qcow2_unalloc (e->q, e->fresh.v[e->fresh.n - 1].cluster, e->fresh.v[e->fresh.n - 1].n);
  e->old.n = mark.old;
}

/* ---- the directory ---- */

static uint64_t
entry_bytes (const struct qcow2_bitmap *b)
{
  return (QCOW2_BITMAP_ENTRY + (uint64_t) b->extra_size + strlen (b->name) + 7) & ~7ull;
}

static void
encode (const struct qcow2_bitmap *b, uint8_t *p)
{
  size_t name = strlen (b->name);
  be64_put (p, b->table_offset);
  be32_put (p + 8, b->table_size);
  be32_put (p + 12, b->flags);
  p[16] = b->type;
  p[17] = b->granularity_bits;
  be16_put (p + 18, (uint16_t) name);
  be32_put (p + 20, b->extra_size);
  if (b->extra_size)
    memcpy (p + QCOW2_BITMAP_ENTRY, b->extra, b->extra_size);
  memcpy (p + QCOW2_BITMAP_ENTRY + b->extra_size, b->name, name);
}

uint8_t *
qcow2_bitmaps_encode (const struct qcow2_bitmaps *all, uint64_t *bytes, struct img_error *err)
{
  uint64_t pos = 0;
  *bytes = 0;
  for (uint32_t i = 0; i < all->n; i++)
    *bytes += entry_bytes (&all->v[i]);
  if (*bytes > QCOW2_MAX_BITMAP_DIRECTORY) {
    img_error_set (err, EFBIG, _("Not enough space in the bitmap directory"));
    return NULL;
  }
  uint8_t *dir = calloc (1, *bytes + 1);
  if (dir == NULL)
    img_error_set (err, ENOMEM, _("out of memory"));
  for (uint32_t i = 0; dir && i < all->n; i++) {
    encode (&all->v[i], dir + pos);
    pos += entry_bytes (&all->v[i]);
  }
  return dir;
}

int
qcow2_bitmap_edit_place (struct qcow2_bitmap_edit *e, struct qcow2_header *h,
                         struct img_error *err)
{
  struct qcow2 *q = e->q;
  uint64_t bytes;
  if (store_blank (e, err) < 0)
    return -1;
  IMG_CLEANUP (free) uint8_t *dir = qcow2_bitmaps_encode (&e->all, &bytes, err);
  if (dir == NULL)
    return -1;
  if ((q->h.autoclear & QCOW2_AUTOCLEAR_BITMAPS) && q->h.has_bitmaps
      && push (&e->old, q->h.bitmap_dir_offset, q->h.bitmap_dir_size, q, err) < 0)
    return -1;
  h->has_bitmaps = e->all.n > 0;
  h->n_bitmaps = e->all.n;
  h->bitmap_dir_size = bytes;
  h->autoclear &= ~QCOW2_AUTOCLEAR_BITMAPS;
  if (h->has_bitmaps)
    h->autoclear |= QCOW2_AUTOCLEAR_BITMAPS;
  return put_new (e, dir, bytes, &h->bitmap_dir_offset, err);
}

int
qcow2_bitmap_edit_commit (struct qcow2_bitmap_edit *e, struct img_error *err)
{
  struct qcow2 *q = e->q;
  struct qcow2_header h = q->h;
  if (qcow2_bitmap_edit_place (e, &h, err) < 0) {
    qcow2_bitmap_edit_end (e, QCOW2_EDIT_UNDONE);
    return -1;
  }
  if (qcow2_header_switch (q, &h, err) < 0) {
    qcow2_bitmap_edit_end (e, QCOW2_EDIT_UNSURE);
    return -1;
  }
  qcow2_bitmap_edit_end (e, QCOW2_EDIT_DONE);
  return qcow2_write_out (q, err);
}

/* ---- another size of the disk ---- */

/* Bits that stand for nothing, or will only stand for something when the disk is larger, are 0. */
static int
cut_tail (struct qcow2_bits *bits, uint64_t size, struct img_error *err)
{
  uint64_t bits_left = img_div_up (size, 1ull << bits->granularity_bits);
  uint64_t per_chunk = bits->q->cluster_size * 8, into = bits_left % per_chunk;
  uint32_t i = (uint32_t) (bits_left / per_chunk);
  if (into == 0 || i >= bits->n || bits->table[i] == 0)
    return 0;
  if (qcow2_bits_own (bits, i, err) == NULL)
    return -1;
  uint8_t *p = bits->chunk[i];
  p[into >> 3] &= (uint8_t) ((1u << (into & 7)) - 1);
  memset (p + (into >> 3) + 1, 0, bits->q->cluster_size - (into >> 3) - 1);
  bits->changed[i] = true;
  return 0;
}

static int
resize_one (struct qcow2_bitmap_edit *e, struct qcow2_bitmap *b, uint64_t size,
            struct img_error *err)
{
  struct qcow2 *q = e->q;
  IMG_CLEANUP (qcow2_bits_free) struct qcow2_bits *old = qcow2_bits_open (q, b, err);
  IMG_CLEANUP (qcow2_bits_free) struct qcow2_bits *new =
    old ? qcow2_bits_new (q, size, b->granularity_bits, err) : NULL;
  if (new == NULL || cut_tail (old, img_min (size, q->h.size), err) < 0)
    return -1;
  for (uint32_t i = 0; i < old->n; i++) {
    if (i < new->n) {
      new->table[i] = old->table[i];
      new->chunk[i] = img_steal (old->chunk[i]);
      new->changed[i] = old->changed[i];
    } else if (old->table[i] > 1
               && push (&e->old, old->table[i], q->cluster_size, q, err) < 0) {
      return -1;
    }
  }
  return qcow2_bitmap_edit_store (e, b, new, err);
}

static int
judge_one (struct qcow2 *q, const struct qcow2_bitmap *b, uint64_t size, struct img_error *err)
{
  if (!qcow2_bitmap_usable (b))
    return qcow2_bitmap_refuse (b, err);
  IMG_CLEANUP (qcow2_bits_free) struct qcow2_bits *old = qcow2_bits_open (q, b, err);
  IMG_CLEANUP (qcow2_bits_free) struct qcow2_bits *new =
    old ? qcow2_bits_new (q, size, b->granularity_bits, err) : NULL;
  return new ? 0 : -1;
}

int
qcow2_bitmaps_judge (struct qcow2 *q, uint64_t size, struct img_error *err)
{
  struct qcow2_bitmaps all;
  if (!(q->h.autoclear & QCOW2_AUTOCLEAR_BITMAPS))
    return 0;
  if (q->writer && qcow2_record_store (q, err) < 0)
    return -1;
  int r = qcow2_bitmaps_read (q, &all, err);
  for (uint32_t i = 0; r == 0 && size != q->h.size && i < all.n; i++)
    r = judge_one (q, &all.v[i], size, err);
  qcow2_bitmaps_free (&all);
  return r;
}

int
qcow2_bitmap_edit_resize (struct qcow2_bitmap_edit *e, uint64_t size, struct qcow2_header *h,
                          struct img_error *err)
{
  for (uint32_t i = 0; i < e->all.n; i++)
    if (resize_one (e, &e->all.v[i], size, err) < 0)
      return -1;
  return e->all.n > 0 ? qcow2_bitmap_edit_place (e, h, err) : 0;
}
