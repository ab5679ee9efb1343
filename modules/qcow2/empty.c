/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* empty.c - all of the image is unallocated again.
 *
 * What the tables referred to loses that reference, all in one turn (turn.h); snapshots keep what
 * is theirs.  Space in a data file is given back by the data file.  Refuses: raw data files, whose
 * contents are the disk whatever the tables say.
 */
#include "turn.h"

static int
empty (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_turn t;
  int r = qcow2_turn_init (&t, q, q->l1_size, err);
  if (r == 0)
    r = qcow2_turn_count (&t, &t.down, q->l1, q->l1_size, NULL, err);
  if (r == 0)
    r = qcow2_turn_judge (&t, err);
  if (r == 0)
    r = qcow2_turn_commit (&t, err);
  qcow2_turn_release (&t);
  return r;
}

int
qcow2_make_empty (struct img_node *node, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  if (q->writer == NULL)
    return img_error_set (err, EROFS, _("the image is not open for writing"));
  if (q->raw_data)
    return img_error_set (err, ENOTSUP, _("an image with a raw data file cannot be emptied"));
  pthread_rwlock_wrlock (&q->lock);
  int r = empty (q, err);
  pthread_rwlock_unlock (&q->lock);
  if (r == 0 && q->data != q->file)
    r = img_discard (q->data, 0, img_size (q->data), 0, err);
  return r;
}
