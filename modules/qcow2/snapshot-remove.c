/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot-remove.c - removes a snapshot in one turn (spec section "Snapshots").
 *
 * Its tables and clusters lose a reference.  Those that the active state alone refers to then get
 * COPIED there, so their tables move.  The VM state goes with the snapshot: it lies in the same
 * tables.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "snapshot.h"

/* The COPIED flag of what refers to CLUSTER, which had FLAG so far. */
static uint64_t
copied (const struct qcow2_turn *t, uint64_t cluster, uint64_t flag)
{
  if (qcow2_count_get (&t->down, cluster) == 0)
    return flag;
  return qcow2_is_one (&t->down, cluster) ? QCOW2_COPIED : 0;
}

static int
edit (struct qcow2_turn *t, uint8_t *bytes, struct img_error *err)
{
  const struct qcow2 *q = t->q;
  int changed = 0;
  (void) err;
  for (uint8_t *p = bytes, *end = bytes + q->cluster_size; p < end; p += q->l2_entry_size) {
    uint64_t entry = be64_get (p);
    enum qcow2_kind kind = entry ? qcow2_entry_kind (q, entry) : QCOW2_UNALLOCATED;
    uint64_t cluster = (entry & QCOW2_OFFSET_MASK) >> q->cluster_bits;
    if ((kind != QCOW2_NORMAL && kind != QCOW2_ZERO_ALLOC)
        || cluster >> QCOW2_CHUNK_BITS >= t->down.n_chunks)
      continue;
    uint64_t flag = copied (t, cluster, entry & QCOW2_COPIED);
    if (flag == (entry & QCOW2_COPIED))
      continue;
    be64_put (p, entry ^ QCOW2_COPIED);
    changed = 1;
  }
  return changed;
}

/* The active L1 table; tables that a snapshot shares have no entries with COPIED. */
static void
make_l1 (struct qcow2_turn *t)
{
  const struct qcow2 *q = t->q;
  for (uint32_t i = 0; i < q->l1_size; i++) {
    uint64_t offset = q->l1[i] & QCOW2_OFFSET_MASK, cluster = offset >> q->cluster_bits;
    uint64_t flag = q->l1[i] & QCOW2_COPIED;
    if (offset && cluster >> QCOW2_CHUNK_BITS < t->down.n_chunks)
      flag = copied (t, cluster, flag);
    t->l1[i] = offset | (offset ? flag : 0);
    t->look[i] = offset && flag;
  }
}

static int
remove_one (struct qcow2 *q, struct qcow2_snapshots *all, const struct qcow2_snapshot *s,
            struct img_error *err)
{
  struct qcow2_turn t;
  IMG_CLEANUP (free) uint64_t *l1 = NULL;
  int r = qcow2_turn_init (&t, q, q->l1_size, err);
  if (r == 0) {
    l1 = qcow2_turn_load_l1 (&t, s->l1_offset, s->l1_size, err);
    r = l1 ? qcow2_turn_count (&t, &t.down, l1, s->l1_size, NULL, err) : -1;
  }
  if (r == 0)
    r = qcow2_turn_judge (&t, err);
  if (r == 0) {
    make_l1 (&t);
    r = qcow2_turn_move (&t, edit, err);
  }
  if (r == 0)
    r = qcow2_turn_drop (&t, s->l1_offset, (uint64_t) s->l1_size * 8, err);
  if (r == 0)
    r = qcow2_snapshot_cut (&t, all, s, err);
  if (r == 0)
    r = qcow2_turn_commit (&t, err);
  qcow2_turn_release (&t);
  return r;
}

int
qcow2_snapshot_remove (struct img_node *node, const char *id_or_name, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct qcow2_snapshots all;
  const struct qcow2_snapshot *s;
  int r = qcow2_snapshot_find (node, id_or_name, false, &all, &s, err);
  if (r == 0) {
    pthread_rwlock_wrlock (&q->lock);
    r = remove_one (q, &all, s, err);
    pthread_rwlock_unlock (&q->lock);
  }
  qcow2_snapshots_free (&all);
  return r;
}
