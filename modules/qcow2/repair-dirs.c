/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-dirs.c - snapshot table and bitmap directory without what is broken in them (spec sections
 * "Snapshots", "Bitmaps").
 *
 * Owns: what of them is kept, and where the new one goes: to new space whose refcounts are there
 * before the header names it.  Their bytes are made by those who change them otherwise, too:
 * snapshot-table.c, bitmap-edit.c.  Refuses: to drop what it was not told to.
 */
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "repair.h"
#include "snapshot.h"

/* ---- snapshots ---- */

static bool
is_sound (const struct qcow2_checker *c, const struct qcow2_snapshot *s)
{
  uint64_t bytes = (uint64_t) s->l1_size * 8;
  return (s->l1_offset & (c->q->cluster_size - 1)) == 0 && bytes <= QCOW2_MAX_L1_BYTES
         && !qcow2_check_lost (c, s->l1_offset, bytes);
}

int
qcow2_repair_snapshots (struct qcow2_checker *c, const struct qcow2_snapshots *all,
                        struct img_error *err)
{
  struct qcow2 *q = c->q;
  uint64_t bytes, offset;
  uint8_t field[12];
  uint32_t n;
  IMG_CLEANUP (free) uint8_t *table = qcow2_snapshots_encode (q, all, 0, &bytes, &n, err);
  if (table == NULL || qcow2_repair_put (c, table, bytes, NULL, &offset, err) < 0)
    return -1;
  be32_put (field, n); /* "Header": nb_snapshots, snapshots_offset */
  be64_put (field + 4, offset);
  if (img_pwrite (q->file, field, sizeof field, 60, 0, err) < 0)
    return -1;
  q->h.n_snapshots = n;
  q->h.snapshots_offset = offset;
  return qcow2_barrier (q, err);
}

/* The table without what is broken, if that is wanted. */
static int
renew_snapshots (struct qcow2_checker *c, bool drop, struct img_error *err)
{
  struct img_error why = IMG_ERROR_INIT;
  struct qcow2_snapshots all;
  /* What cannot be read is broken. */
  qcow2_snapshots_read (c->q, &all, &why);
  for (uint32_t i = 0; i < all.n; i++)
    all.v[i].dropped = drop && !is_sound (c, &all.v[i]);
  int r = qcow2_repair_snapshots (c, &all, err);
  qcow2_snapshots_free (&all);
  return r;
}

/* ---- bitmaps ---- */

/* "Bitmaps extension".  The autoclear bit stays: what is kept is true. */
static int
put_bitmaps (struct qcow2_checker *c, const struct qcow2_bitmaps *all, struct img_error *err)
{
  struct qcow2 *q = c->q;
  uint64_t bytes, offset;
  IMG_CLEANUP (free) uint8_t *dir = qcow2_bitmaps_encode (all, &bytes, err);
  if (dir == NULL || qcow2_repair_put (c, dir, bytes, NULL, &offset, err) < 0)
    return -1;
  q->h.has_bitmaps = all->n > 0;
  q->h.n_bitmaps = all->n;
  q->h.bitmap_dir_offset = offset;
  q->h.bitmap_dir_size = bytes;
  if (all->n == 0)
    q->h.autoclear &= ~QCOW2_AUTOCLEAR_BITMAPS;
  return qcow2_header_write (q, false, err) < 0 ? -1 : qcow2_barrier (q, err);
}

static int
renew_bitmaps (struct qcow2_checker *c, struct img_error *err)
{
  struct img_error why = IMG_ERROR_INIT;
  struct qcow2_bitmaps all;
  uint32_t n = 0;
  bool none = qcow2_bitmaps_read (c->q, &all, &why) < 0; /* then none can be kept */
  for (uint32_t i = 0; i < all.n; i++) {
    if (none || (c->bitmap_broken && c->bitmap_broken[i]))
      qcow2_bitmap_clear (&all.v[i]);
    else
      all.v[n++] = all.v[i];
  }
  all.n = n;
  int r = put_bitmaps (c, &all, err);
  qcow2_bitmaps_free (&all);
  return r;
}

/* ---- bitmaps whose clusters have more references than can be counted ---- */

static bool
region_in_excess (const struct qcow2_checker *c, uint64_t offset, uint64_t length)
{
  unsigned bits = c->q->cluster_bits;
  if (length == 0 || qcow2_check_past (c, offset, length))
    return false;
  for (uint64_t i = offset >> bits; i <= (offset + length - 1) >> bits; i++)
    if (qcow2_count_get (c, i) > qcow2_repair_most (c, i))
      return true;
  return false;
}

/* 1, 0; -1: *err. */
static int
is_in_excess (struct qcow2_checker *c, const struct qcow2_bitmap *b, struct img_error *err)
{
  uint64_t bytes = (uint64_t) b->table_size * 8;
  if (region_in_excess (c, b->table_offset, bytes))
    return 1;
  IMG_CLEANUP (free) uint8_t *table = malloc (bytes + 1);
  if (table == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (qcow2_check_read (c, table, bytes, b->table_offset, err) < 0)
    return -1;
  for (uint64_t i = 0; i < bytes; i += 8) {
    uint64_t offset = be64_get (table + i) & QCOW2_OFFSET_MASK;
    if (offset && region_in_excess (c, offset, c->q->cluster_size))
      return 1;
  }
  return 0;
}

int
qcow2_repair_drop_excess (struct qcow2_checker *c, struct img_check *out, unsigned flags,
                          bool *changed, struct img_error *err)
{
  const struct qcow2_header *h = &c->q->h;
  struct qcow2_bitmaps all;
  uint32_t n = 0;
  int r;
  (void) out;
  if (!(flags & IMG_REPAIR_DROP_BITMAPS) || !h->has_bitmaps
      || !(h->autoclear & QCOW2_AUTOCLEAR_BITMAPS) || !qcow2_repair_excess (c))
    return 0;
  r = qcow2_bitmaps_read (c->q, &all, err);
  for (uint32_t i = 0; i < all.n && r == 0; i++) {
    int excess = is_in_excess (c, &all.v[i], err);
    r = excess < 0 ? -1 : 0;
    if (excess == 0 && n < i) {
      all.v[n] = all.v[i];
      all.v[i] = (struct qcow2_bitmap) { .name = NULL };
    } else if (excess) {
      qcow2_bitmap_clear (&all.v[i]);
    }
    n += excess == 0;
  }
  if (r == 0 && n < all.n) {
    all.n = n;
    *changed = true;
    r = put_bitmaps (c, &all, err);
  }
  qcow2_bitmaps_free (&all);
  return r;
}

/* ---- both ---- */

int
qcow2_repair_dirs (struct qcow2_checker *c, struct img_check *out, unsigned flags, bool *changed,
                   struct img_error *err)
{
  struct img_check silent;
  bool drop = flags & IMG_REPAIR_DROP_SNAPSHOTS;
  (void) out;
  if ((c->snapshots_wrong && drop) || (c->snapshots_short && !c->snapshots_wrong)) {
    *changed = true;
    if (renew_snapshots (c, drop, err) < 0 || qcow2_repair_look (c, c->q, &silent, err) < 0)
      return -1;
    c->out = NULL;
  }
  if (!c->bitmaps_wrong || !(flags & IMG_REPAIR_DROP_BITMAPS))
    return 0;
  *changed = true;
  return renew_bitmaps (c, err);
}
