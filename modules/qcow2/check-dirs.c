/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check-dirs.c - what the snapshot table and the bitmap directory refer to (spec sections
 * "Snapshots", "Bitmaps").
 *
 * Owns: the limit on work.  L1 tables of snapshots do not overlap in a sound image, so all of them
 * together are no larger than the file; when they claim to be, the rest is not walked.  Those that
 * are one and the same table are walked once.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "check.h"

enum { SLACK = QCOW2_MAX_L1_BYTES };

/* Whether the entry names an L1 table that can be walked. */
static bool
judge_snapshot (struct qcow2_checker *c, const struct qcow2_snapshot *s, uint32_t number)
{
  if (c->q->h.version >= 3 && s->extra_size < 16) {
    qcow2_check_error (c, _("ERROR snapshot table entry %" PRIu32 " is incomplete"), number);
    c->snapshots_short = true;
  }
  if (s->l1_offset & (c->q->cluster_size - 1))
    qcow2_check_error (c, _("ERROR snapshot %s (%s) l1_offset=%#" PRIx64 ": L1 table is not cluster"
                            " aligned; snapshot table entry corrupted"),
                       s->id, s->name, s->l1_offset);
  else if ((uint64_t) s->l1_size * 8 > QCOW2_MAX_L1_BYTES)
    qcow2_check_error (c, _("ERROR snapshot %s (%s) l1_size=%#" PRIx32 ": L1 table is too large;"
                            " snapshot table entry corrupted"), s->id, s->name, s->l1_size);
  else
    return true;
  c->snapshots_wrong = c->incomplete = true;
  return false;
}

int
qcow2_snapshots_by_l1 (const void *a, const void *b)
{
  const struct qcow2_snapshot *const *x = a, *const *y = b;
  if ((*x)->l1_offset != (*y)->l1_offset)
    return (*x)->l1_offset < (*y)->l1_offset ? -1 : 1;
  return (*x)->l1_size < (*y)->l1_size ? -1 : (*x)->l1_size > (*y)->l1_size;
}

/* The L1 tables of the N snapshots at V. */
static int
check_l1_tables (struct qcow2_checker *c, const struct qcow2_snapshot **v, uint32_t n,
                 struct img_error *err)
{
  uint64_t work = 0;
  uint32_t times;
  qsort (v, n, sizeof (struct qcow2_snapshot *), qcow2_snapshots_by_l1);
  for (uint32_t i = 0; i < n; i += times) {
    for (times = 1; i + times < n && qcow2_snapshots_by_l1 (&v[i], &v[i + times]) == 0;)
      times++;
    work += (uint64_t) v[i]->l1_size * 8;
    if (work > c->file_size && work - c->file_size > SLACK) {
      qcow2_check_error (c, _("ERROR snapshot %s (%s): L1 tables of snapshots overlap"), v[i]->id,
                         v[i]->name);
      c->snapshots_wrong = c->incomplete = true;
      return 0;
    }
    if (qcow2_check_l1 (c, v[i]->l1_offset, v[i]->l1_size, false, times, err) < 0)
      return -1;
    c->snapshots_wrong |= qcow2_check_lost (c, v[i]->l1_offset, (uint64_t) v[i]->l1_size * 8);
  }
  return 0;
}

int
qcow2_check_snapshots (struct qcow2_checker *c, struct img_error *err)
{
  struct qcow2_snapshots all;
  uint32_t n = 0;
  if (qcow2_snapshots_read (c->q, &all, err) < 0) {
    qcow2_check_failed (c, err);
    c->snapshots_wrong = true;
  }
  const struct qcow2_snapshot **good = malloc ((all.n + 1) * sizeof *good);
  int r = good ? 0 : img_error_set (err, ENOMEM, _("out of memory"));
  for (uint32_t i = 0; i < all.n && good; i++) /* the last one may be half read */
    if (all.v[i].name && judge_snapshot (c, &all.v[i], i))
      good[n++] = &all.v[i];
  if (r == 0)
    r = check_l1_tables (c, good, n, err);
  if (r == 0)
    r = qcow2_count_region (c, c->q->h.snapshots_offset, all.bytes, 1, err);
  free (good);
  qcow2_snapshots_free (&all);
  return r;
}

/* "Bitmap table". */
static int
check_bitmap (struct qcow2_checker *c, const struct qcow2_bitmap *b, struct img_error *err)
{
  uint64_t bytes = (uint64_t) b->table_size * 8;
  if (qcow2_count_table (c, b->table_offset, bytes, 1, err) < 0)
    return -1;
  if (qcow2_check_hole (c, b->table_offset) >= b->table_offset + bytes)
    return 0;
  for (uint64_t done = 0, part; done < bytes; done += part) {
    part = img_min (bytes - done, QCOW2_CHECK_BUF);
    if (qcow2_check_read (c, c->buf, part, b->table_offset + done, err) < 0) {
      qcow2_check_failed (c, err);
      return 0;
    }
    for (uint64_t i = 0; i < part; i += 8) {
      uint64_t entry = be64_get (c->buf + i), offset = entry & QCOW2_OFFSET_MASK;
      if ((entry & ~QCOW2_OFFSET_MASK & ~UINT64_C (1)) || (offset && (entry & 1))
          || (offset & (c->q->cluster_size - 1)))
        qcow2_check_error (c, _("ERROR bitmap %s: table entry 0x%" PRIx64 " is corrupted"), b->name,
                           entry);
      else if (offset && qcow2_count_region (c, offset, c->q->cluster_size, 1, err) < 0)
        return -1;
    }
  }
  return 0;
}

static void
note_broken (struct qcow2_checker *c, uint32_t i)
{
  c->bitmaps_wrong = true;
  if (c->bitmap_broken == NULL)
    c->bitmap_broken = calloc (1, c->q->h.n_bitmaps);
  if (c->bitmap_broken)
    c->bitmap_broken[i] = 1;
  else
    c->bitmaps_wrong = false; /* out of memory: none is dropped */
}

int
qcow2_check_bitmaps (struct qcow2_checker *c, struct img_error *err)
{
  const struct qcow2_header *h = &c->q->h;
  struct qcow2_bitmaps all;
  uint64_t work = 0;
  int r = 0;
  /* Without the autoclear bit nobody vouches for the directory: what it has is leaked. */
  if (!h->has_bitmaps || !(h->autoclear & QCOW2_AUTOCLEAR_BITMAPS))
    return 0;
  if (qcow2_count_region (c, h->bitmap_dir_offset, h->bitmap_dir_size, 1, err) < 0)
    return -1;
  if (qcow2_bitmaps_read (c->q, &all, err) < 0) {
    qcow2_check_error (c, _("ERROR %s"), err->message);
    qcow2_check_unknown (c, err);
    c->bitmaps_wrong = true;
    img_error_clear (err);
  }
  for (uint32_t i = 0; i < all.n && r == 0; i++) {
    work += (uint64_t) all.v[i].table_size * 8;
    if (work > c->file_size && work - c->file_size > SLACK) {
      qcow2_check_error (c, _("ERROR bitmap %s: bitmap tables overlap"), all.v[i].name);
      for (; i < all.n; i++)
        note_broken (c, i);
      c->incomplete = true;
      break;
    }
    uint64_t before = c->out->corruptions;
    r = check_bitmap (c, &all.v[i], err);
    if (c->out->corruptions != before)
      note_broken (c, i);
  }
  qcow2_bitmaps_free (&all);
  return r;
}
