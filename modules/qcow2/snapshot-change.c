/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot-change.c - makes a snapshot of the active state, and goes back to one (spec section
 * "Snapshots"), each in one turn (turn.h).
 *
 * Both make two states share all L2 tables and clusters: these gain a reference, and no entry of
 * the active state may have COPIED afterwards.  Tables with such entries move; on create both
 * states refer to the copy.  Refuses: images with data files; more references than the refcounts
 * have bits for; to go back where bitmaps would be wrong then.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

enum { MAX_NAME = 255 }; /* bytes; what others show of it */

/* ---- create ---- */

static int
create (struct qcow2 *q, const struct qcow2_snapshots *all, struct qcow2_snapshot *s,
        struct img_error *err)
{
  struct qcow2_turn t;
  uint64_t bytes = (uint64_t) q->l1_size * 8;
  int r = qcow2_turn_init (&t, q, q->l1_size, err);
  for (uint32_t i = 0; r == 0 && i < q->l1_size; i++)
    t.l1[i] = q->l1[i] & QCOW2_OFFSET_MASK;
  t.shared = true;
  if (r == 0)
    r = qcow2_turn_count (&t, &t.up, t.l1, q->l1_size, t.look, err);
  if (r == 0)
    r = qcow2_turn_judge (&t, err);
  if (r == 0)
    r = qcow2_turn_move (&t, qcow2_turn_uncopied, err);
  if (r == 0)
    r = qcow2_turn_take (&t, img_div_up (bytes, q->cluster_size), &s->l1_offset, err);
  if (r == 0)
    r = qcow2_turn_write_l1 (&t, t.l1, q->l1_size, s->l1_offset, err);
  if (r == 0)
    r = qcow2_snapshot_add (&t, all, s, err);
  if (r == 0)
    r = qcow2_turn_commit (&t, err);
  qcow2_turn_release (&t);
  return r;
}

int
qcow2_snapshot_create (struct img_node *node, const char *name, uint64_t date_sec,
                       uint32_t date_nsec, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct qcow2_snapshots all;
  struct qcow2_snapshot s = { .name = (char *) name, .l1_size = q->l1_size,
                              .disk_size = q->h.size, .date_sec = (uint32_t) date_sec,
                              .date_nsec = date_nsec, .icount = UINT64_MAX };
  int r = qcow2_snapshot_begin (node, &all, err);
  if (r == 0 && all.n >= QCOW2_MAX_SNAPSHOTS)
    r = img_error_set (err, EFBIG, _("the image has %d snapshots, more are not possible"),
                       QCOW2_MAX_SNAPSHOTS);
  if (r == 0 && strlen (name) > MAX_NAME)
    r = img_error_set (err, EINVAL, _("the name of the snapshot has more than %d bytes"), MAX_NAME);
  if (r == 0) {
    pthread_rwlock_wrlock (&q->lock);
    r = create (q, &all, &s, err);
    pthread_rwlock_unlock (&q->lock);
  }
  qcow2_snapshots_free (&all);
  return r;
}

/* ---- apply ---- */

static int
apply (struct qcow2 *q, const struct qcow2_snapshot *s, struct img_error *err)
{
  struct qcow2_turn t;
  IMG_CLEANUP (free) uint64_t *l1 = NULL;
  int r = qcow2_turn_init (&t, q, (uint32_t) img_max (s->l1_size, 1), err);
  if (r == 0) {
    l1 = qcow2_turn_load_l1 (&t, s->l1_offset, s->l1_size, err);
    r = l1 ? 0 : -1;
  }
  for (uint32_t i = 0; r == 0 && i < s->l1_size; i++)
    t.l1[i] = l1[i] & QCOW2_OFFSET_MASK;
  t.h.size = s->disk_size;
  if (r == 0)
    r = qcow2_turn_count (&t, &t.up, t.l1, s->l1_size, t.look, err);
  if (r == 0)
    r = qcow2_turn_count (&t, &t.down, q->l1, q->l1_size, NULL, err);
  if (r == 0)
    r = qcow2_turn_judge (&t, err);
  if (r == 0)
    r = qcow2_turn_move (&t, qcow2_turn_uncopied, err);
  if (r == 0)
    r = qcow2_turn_commit (&t, err);
  qcow2_turn_release (&t);
  return r;
}

int
qcow2_snapshot_apply (struct img_node *node, const char *id_or_name, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct qcow2_snapshots all;
  const struct qcow2_snapshot *s;
  int r = qcow2_snapshot_find (node, id_or_name, true, &all, &s, err);
  if (r == 0 && q->h.has_bitmaps && (q->h.autoclear & QCOW2_AUTOCLEAR_BITMAPS))
    r = img_error_set (err, ENOTSUP, _("an image that has bitmaps cannot go back to a snapshot"));
  if (r == 0) {
    pthread_rwlock_wrlock (&q->lock);
    r = apply (q, s, err);
    pthread_rwlock_unlock (&q->lock);
  }
  qcow2_snapshots_free (&all);
  return r;
}
