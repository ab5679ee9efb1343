/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-move.c - L2 tables with entries or flags that cannot be right, in clusters that are
 * something else, too (spec section "Cluster mapping").
 *
 * Owns: mended copies of them in new space, whose refcounts are there before the L1 entries name
 * them.  What else the old cluster is stays as it is.  Refuses: more than a cap at a time, which
 * the next repair goes on with; L1 tables that are something else themselves, which are
 * repair-l1.c's.
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
  uint32_t cluster_bits;
};

/* ---- what ---- */

/* COPIED flags of the table in C->buf will not follow from the refcounts as they will be. */
static bool
has_wrong_flags (const struct qcow2_checker *c, const struct qcow2_l2_ref *ref)
{
  const struct qcow2 *q = c->q;
  if (ref->active == 0 || (q->h.incompat & QCOW2_INCOMPAT_DATA_FILE))
    return false;
  for (uint32_t i = 0; i < 1u << q->l2_bits; i++) {
    uint64_t entry = be64_get (c->buf + (size_t) i * q->l2_entry_size);
    uint64_t host = entry & QCOW2_OFFSET_MASK;
    enum qcow2_kind kind = qcow2_entry_kind (q, entry);
    if ((kind == QCOW2_NORMAL || kind == QCOW2_ZERO_ALLOC)
        && !qcow2_check_past (c, host, q->cluster_size)
        && (qcow2_count_get (c, host >> q->cluster_bits) == 1) != ((entry & QCOW2_COPIED) != 0))
      return true;
  }
  return false;
}

/* The table that REF names, in C->buf, if it needs mending. */
static int
add (struct qcow2_checker *c, struct moves *m, const struct qcow2_l2_ref *ref,
     struct qcow2_zeroes *z, struct img_error *err)
{
  uint64_t size = c->q->cluster_size;
  uint32_t lo, hi;
  if (!qcow2_repair_table (c, ref, c->buf, z, &lo, &hi) && !has_wrong_flags (c, ref))
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
gather (struct qcow2_checker *c, struct moves *m, struct qcow2_zeroes *z, struct img_error *err)
{
  struct qcow2 *q = c->q;
  for (size_t i = 0; i < c->n_l2 && (m->from.n + 1) << q->cluster_bits <= MOST_BYTES; i++) {
    const struct qcow2_l2_ref *ref = &c->l2[i];
    if (qcow2_count_get (c, ref->offset >> q->cluster_bits) == ref->times
        || qcow2_check_hole (c, ref->offset) >= ref->offset + q->cluster_size)
      continue;
    if (qcow2_check_read (c, c->buf, q->cluster_size, ref->offset, err) < 0
        || add (c, m, ref, z, err) < 0)
      return -1;
  }
  return 0;
}

/* ---- L1 tables ---- */

static int
relink (void *arg, struct qcow2_l1_entry *e, struct img_error *err)
{
  const struct moves *m = arg;
  uint64_t offset = e->word & QCOW2_OFFSET_MASK;
  size_t lo = 0, hi = m->from.n;
  (void) err;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    if (m->from.v[mid] < offset)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (lo < m->from.n && m->from.v[lo] == offset)
    e->word = (m->to + ((uint64_t) lo << m->cluster_bits))
              | (m->times.v[lo] == 1 ? QCOW2_COPIED : 0);
  return 0;
}

int
qcow2_repair_move (struct qcow2_checker *c, struct img_check *out, unsigned flags, bool *changed,
                   struct img_error *err)
{
  struct moves m = { .cluster_bits = c->q->cluster_bits };
  struct qcow2_zeroes z = { .made = c->q->h.backing_name == NULL, .out = out };
  struct img_check silent;
  (void) flags;
  int r = gather (c, &m, &z, err);
  if (r == 0 && !z.made) {
    m.from.n = m.times.n = 0;
    r = qcow2_zeroes_make (&z, c, changed, err);
    if (r == 0)
      r = gather (c, &m, &z, err);
  }
  if (r == 0 && m.from.n > 0) {
    *changed = true;
    r = qcow2_repair_put (c, m.bytes, (uint64_t) m.from.n << c->q->cluster_bits, m.times.v, &m.to,
                          err);
    if (r == 0)
      r = qcow2_repair_look (c, c->q, &silent, err);
    if (r == 0)
      r = qcow2_repair_edit_l1 (c, relink, &m, changed, err);
  }
  c->out = NULL;
  qcow2_zeroes_release (&z);
  free (m.bytes);
  img_vec_free (&m.from);
  img_vec_free (&m.times);
  return r;
}
