/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-dirs.c - snapshot table and bitmap directory without what is broken in them (spec sections
 * "Snapshots", "Bitmaps").
 *
 * Owns: the new table or directory, written to new space whose refcounts are there before the
 * header names it.  Entries that are kept are copied byte by byte; those of snapshots that lack
 * fields which version 3 asks for get them.  Refuses: to drop what it was not told to.
 */
#include <stdlib.h>
#include <string.h>

#include "repair.h"
#include "write.h"

enum { SNAPSHOT_BYTES = 40, V3_EXTRA = 16, BITMAP_BYTES = 24 };

/* A directory being made. */
struct dir {
  uint8_t *bytes;
  uint64_t length;
  uint32_t n; /* entries */
};

/* Room for LENGTH bytes more, zeroed; NULL: out of memory. */
static uint8_t *
grow (struct dir *d, uint64_t length, struct img_error *err)
{
  uint8_t *p = realloc (d->bytes, d->length + length);
  if (p == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  d->bytes = p;
  p += d->length;
  memset (p, 0, length);
  d->length += length;
  d->n++;
  return p;
}

/* ---- snapshots ---- */

static bool
is_sound (const struct qcow2_checker *c, const struct qcow2_snapshot *s)
{
  uint64_t bytes = (uint64_t) s->l1_size * 8;
  return (s->l1_offset & (c->q->cluster_size - 1)) == 0 && bytes <= QCOW2_MAX_L1_BYTES
         && img_within (s->l1_offset, bytes, c->file_size);
}

/* Adds the entry at AT, LENGTH bytes without its padding. */
static int
keep_snapshot (struct qcow2_checker *c, struct dir *d, const struct qcow2_snapshot *s, uint64_t at,
               uint64_t length, struct img_error *err)
{
  uint32_t more = c->q->h.version >= 3 && s->extra_size < V3_EXTRA ? V3_EXTRA - s->extra_size : 0;
  uint64_t fixed = SNAPSHOT_BYTES + s->extra_size;
  uint8_t *p = grow (d, (length + more + 7) & ~UINT64_C (7), err);
  if (p == NULL || img_pread (c->q->file, p, length, at, 0, err) < 0)
    return -1;
  if (more == 0)
    return 0;
  memmove (p + fixed + more, p + fixed, length - fixed);
  be32_put (p + 36, V3_EXTRA);
  be64_put (p + SNAPSHOT_BYTES, s->vm_state_size);
  be64_put (p + SNAPSHOT_BYTES + 8, s->disk_size);
  return 0;
}

/* The table without what is broken, if that is wanted. */
static int
make_snapshots (struct qcow2_checker *c, bool drop, struct dir *d, struct img_error *err)
{
  struct qcow2_snapshots all;
  struct img_error why = IMG_ERROR_INIT;
  uint64_t at = c->q->h.snapshots_offset;
  uint8_t head[SNAPSHOT_BYTES];
  int r = 0;
  /* What cannot be read is broken. */
  qcow2_snapshots_read (c->q, &all, &why);
  for (uint32_t i = 0; i < all.n && r == 0 && all.v[i].name; i++) {
    const struct qcow2_snapshot *s = &all.v[i];
    r = img_pread (c->q->file, head, sizeof head, at, 0, err);
    if (r < 0)
      break;
    uint64_t length = SNAPSHOT_BYTES + s->extra_size + be16_get (head + 12) + be16_get (head + 14);
    if (!drop || is_sound (c, s))
      r = keep_snapshot (c, d, s, at, length, err);
    at += (length + 7) & ~UINT64_C (7);
  }
  qcow2_snapshots_free (&all);
  return r;
}

/* The header names the table at OFFSET from now on.  "Header": nb_snapshots, snapshots_offset. */
static int
set_snapshots (struct qcow2 *q, const struct dir *d, uint64_t offset, struct img_error *err)
{
  uint8_t field[12];
  be32_put (field, d->n);
  be64_put (field + 4, offset);
  if (img_pwrite (q->file, field, sizeof field, 60, 0, err) < 0)
    return -1;
  q->h.n_snapshots = d->n;
  q->h.snapshots_offset = offset;
  return 0;
}

/* ---- bitmaps ---- */

static int
make_bitmaps (struct qcow2_checker *c, bool drop, struct dir *d, struct img_error *err)
{
  const struct qcow2_header *h = &c->q->h;
  struct img_error why = IMG_ERROR_INIT;
  struct qcow2_bitmaps all;
  uint64_t at = h->bitmap_dir_offset, length;
  uint8_t head[BITMAP_BYTES];
  (void) drop;
  int r = qcow2_bitmaps_read (c->q, &all, &why) < 0 ? 1 : 0; /* then none can be kept */
  for (uint32_t i = 0; i < all.n && r == 0; i++, at += length) {
    r = img_pread (c->q->file, head, sizeof head, at, 0, err);
    if (r < 0)
      break;
    length = (BITMAP_BYTES + (uint64_t) be32_get (head + 20) + be16_get (head + 18) + 7)
             & ~UINT64_C (7);
    if (c->bitmap_broken && c->bitmap_broken[i])
      continue;
    uint8_t *p = grow (d, length, err);
    r = p ? img_pread (c->q->file, p, length, at, 0, err) : -1;
  }
  qcow2_bitmaps_free (&all);
  return r < 0 ? -1 : 0;
}

/* "Bitmaps extension".  The autoclear bit stays: what is kept is true. */
static int
set_bitmaps (struct qcow2 *q, const struct dir *d, uint64_t offset, struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *buf = malloc (q->cluster_size);
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  q->h.has_bitmaps = d->n > 0;
  q->h.n_bitmaps = d->n;
  q->h.bitmap_dir_offset = offset;
  q->h.bitmap_dir_size = d->length;
  if (d->n == 0)
    q->h.autoclear &= ~QCOW2_AUTOCLEAR_BITMAPS;
  if (qcow2_header_encode (&q->h, buf, err) < 0)
    return -1;
  return img_pwrite (q->file, buf, q->cluster_size, 0, 0, err);
}

/* ---- both ---- */

static const struct {
  int (*make) (struct qcow2_checker *c, bool drop, struct dir *d, struct img_error *err);
  int (*set) (struct qcow2 *q, const struct dir *d, uint64_t offset, struct img_error *err);
} kinds[] = { { make_snapshots, set_snapshots }, { make_bitmaps, set_bitmaps } };

/* Number KIND of the above.  Afterwards the image is to be looked at again. */
static int
renew (struct qcow2_checker *c, unsigned kind, bool drop, struct img_error *err)
{
  struct dir d = { NULL, 0, 0 };
  uint64_t offset;
  int r = kinds[kind].make (c, drop, &d, err);
  if (r == 0)
    r = qcow2_repair_put (c, d.bytes, d.length, NULL, &offset, err);
  if (r == 0)
    r = kinds[kind].set (c->q, &d, offset, err);
  free (d.bytes);
  return r < 0 ? -1 : qcow2_barrier (c->q, err);
}

int
qcow2_repair_dirs (struct qcow2_checker *c, unsigned flags, bool *changed, struct img_error *err)
{
  struct img_check silent;
  bool drop = flags & IMG_REPAIR_DROP_SNAPSHOTS;
  if ((c->snapshots_wrong && drop) || (c->snapshots_short && !c->snapshots_wrong)) {
    *changed = true;
    if (renew (c, 0, drop, err) < 0 || qcow2_repair_look (c, c->q, &silent, err) < 0)
      return -1;
    c->out = NULL;
  }
  if (!c->bitmaps_wrong || !(flags & IMG_REPAIR_DROP_BITMAPS))
    return 0;
  *changed = true;
  return renew (c, 1, true, err);
}
