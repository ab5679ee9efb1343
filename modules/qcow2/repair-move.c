/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-move.c - L2 tables with entries that cannot be right, in clusters that are something else,
 * too (spec section "Cluster mapping").
 *
 * Owns: mended copies of them in new space, whose refcounts are there before the L1 entries name
 * them.  What else the old cluster is stays as it is.  Refuses: more than a cap at a time, which
 * the next repair goes on with; L1 tables that are something else themselves.
 */
#include <stdlib.h>
#include <string.h>

#include <blkimg/vec.h>

#include "repair.h"
#include "write.h"

enum { MOST_BYTES = 64 << 20 };

struct moves {
  IMG_VEC (uint64_t) from; /* in order */
  IMG_VEC (uint32_t) times;
  uint8_t *bytes; /* a cluster each */
  uint64_t room;  /* clusters there */
  uint64_t to;
};

/* ---- what ---- */

/* The table that REF names, in C->buf, if it needs mending. */
static int
add (struct qcow2_checker *c, struct moves *m, const struct qcow2_l2_ref *ref,
     struct img_error *err)
{
  uint64_t size = c->q->cluster_size;
  uint32_t lo, hi;
  if (!qcow2_repair_table (c, ref, c->buf, &lo, &hi))
    return 0;
  if (m->from.n == m->room) {
    uint64_t room = m->room ? m->room * 2 : 1;
    uint8_t *p = realloc (m->bytes, room * size);
    if (p == NULL)
      return img_error_set (err, ENOMEM, _("out of memory"));
    m->bytes = p;
    m->room = room;
  }
  memcpy (m->bytes + m->from.n * size, c->buf, size);
  if (img_vec_push (&m->from, ref->offset) < 0 || img_vec_push (&m->times, ref->times) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  return 0;
}

static int
gather (struct qcow2_checker *c, struct moves *m, struct img_error *err)
{
  struct qcow2 *q = c->q;
  for (size_t i = 0; i < c->n_l2 && (m->from.n + 1) << q->cluster_bits <= MOST_BYTES; i++) {
    const struct qcow2_l2_ref *ref = &c->l2[i];
    if (qcow2_count_get (c, ref->offset >> q->cluster_bits) == ref->times
        || qcow2_check_hole (c, ref->offset) >= ref->offset + q->cluster_size)
      continue;
    if (qcow2_check_read (c, c->buf, q->cluster_size, ref->offset, err) < 0
        || add (c, m, ref, err) < 0)
      return -1;
  }
  return 0;
}

/* ---- L1 tables ---- */

/* What becomes of an L1 entry. */
static uint64_t
moved (const struct qcow2 *q, const struct moves *m, uint64_t entry)
{
  uint64_t offset = entry & QCOW2_OFFSET_MASK;
  size_t lo = 0, hi = m->from.n;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    if (m->from.v[mid] < offset)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (lo == m->from.n || m->from.v[lo] != offset)
    return entry;
  return (m->to + ((uint64_t) lo << q->cluster_bits)) | (m->times.v[lo] == 1 ? QCOW2_COPIED : 0);
}

/* L1: the table at OFFSET as it is in memory, if it is. */
static int
relink (struct qcow2_checker *c, const struct moves *m, uint64_t *l1, uint64_t offset,
        uint32_t size, struct img_error *err)
{
  struct qcow2 *q = c->q;
  uint64_t bytes = (uint64_t) size * 8;
  if (!img_within (offset, bytes, c->file_size))
    return 0; /* entries that nobody wrote; past the counters, too */
  for (uint64_t done = 0, part; done < bytes; done += part) {
    bool changed = false;
    part = img_min (bytes - done, q->cluster_size);
    if (qcow2_count_get (c, (offset + done) >> q->cluster_bits) != 1)
      continue; /* it is something else, too */
    if (qcow2_check_read (c, c->buf, part, offset + done, err) < 0)
      return -1;
    for (uint64_t i = 0; i < part; i += 8) {
      uint64_t entry = be64_get (c->buf + i), now = moved (q, m, entry);
      be64_put (c->buf + i, now);
      changed |= now != entry;
      if (l1 && now != entry)
        l1[(done + i) / 8] = now;
    }
    if (changed && qcow2_repair_write (q, c->buf, part, offset + done, err) < 0)
      return -1;
  }
  return 0;
}

static int
relink_all (struct qcow2_checker *c, const struct moves *m, struct img_error *err)
{
  struct qcow2 *q = c->q;
  struct qcow2_snapshots all;
  if (relink (c, m, q->l1, q->h.l1_offset, q->h.l1_size, err) < 0)
    return -1;
  if (c->snapshots_wrong)
    return 0;
  int r = qcow2_snapshots_read (q, &all, err);
  for (uint32_t i = 0; i < all.n && r == 0; i++)
    r = relink (c, m, NULL, all.v[i].l1_offset, all.v[i].l1_size, err);
  qcow2_snapshots_free (&all);
  return r;
}

int
qcow2_repair_move (struct qcow2_checker *c, struct img_check *out, unsigned flags, bool *changed,
                   struct img_error *err)
{
  struct moves m = { 0 };
  struct img_check silent;
  (void) out, (void) flags;
  if (!c->entries_wrong)
    return 0;
  int r = gather (c, &m, err);
  if (r == 0 && m.from.n > 0) {
    *changed = true;
    r = qcow2_repair_put (c, m.bytes, (uint64_t) m.from.n << c->q->cluster_bits, m.times.v, &m.to,
                          err);
    if (r == 0)
      r = qcow2_repair_look (c, c->q, &silent, err);
    if (r == 0)
      r = relink_all (c, &m, err);
    c->out = NULL;
  }
  free (m.bytes);
  img_vec_free (&m.from);
  img_vec_free (&m.times);
  return r;
}
