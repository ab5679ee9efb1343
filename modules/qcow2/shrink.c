/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* shrink.c - makes the guest disk smaller, in one turn (turn.h).
 *
 * L1 entries past the end become 0, with what they referred to; so do entries of the L2 table in
 * which the disk ends.  The cluster in which it ends stays: who grows the disk again zeroes what it
 * has behind the end.  VM state, which stands behind the disk, goes, too; that of snapshots is in
 * their own tables.  What the turn wrote lies at the end of the file; so, when there is room now, a
 * second one moves it to the front, and free space at the end of the file is cut off.  Refuses
 * images with bitmaps, whose size is the disk's.
 */
#include <inttypes.h>

#include "bitmap.h"
#include "turn.h"

/* Entries from the first cluster past the end of the disk on. */
static int
cut (struct qcow2_turn *t, uint8_t *bytes, struct img_error *err)
{
  const struct qcow2 *q = t->q;
  uint64_t end = img_div_up (t->h.size, q->cluster_size) << q->cluster_bits;
  uint32_t first = qcow2_l2_index (q, end);
  int changed = 0;
  if (qcow2_turn_count_entries (t, &t->down, bytes, first, err) < 0)
    return -1;
  for (size_t i = (size_t) first * q->l2_entry_size; i < q->cluster_size; i++) {
    changed |= bytes[i];
    bytes[i] = 0;
  }
  return changed != 0;
}

static int
move_it (struct qcow2_turn *t, uint8_t *bytes, struct img_error *err)
{
  (void) t, (void) bytes, (void) err;
  return 1;
}

/* What is cut counts in T; *LAST: the L1 entry of the table in which the disk will end, if that is
 * not where one begins. */
static int
count_cut (struct qcow2_turn *t, uint64_t size, uint32_t *last, struct img_error *err)
{
  struct qcow2 *q = t->q;
  uint64_t span = 1ull << (q->cluster_bits + q->l2_bits);
  uint32_t keep = (uint32_t) img_div_up (size, span);
  for (uint32_t i = 0; i < keep; i++)
    t->l1[i] = q->l1[i];
  t->h.size = size;
  if (img_div_up (size, q->cluster_size) << q->cluster_bits < keep * span)
    *last = keep - 1;
  return qcow2_turn_count (t, &t->down, q->l1 + keep, q->l1_size - keep, NULL, err);
}

static int
look_at_cut (struct qcow2_turn *t, uint8_t *bytes, struct img_error *err)
{
  return cut (t, bytes, err) < 0 ? -1 : 0;
}

int
qcow2_shrink_judge (struct qcow2 *q, uint64_t size, struct img_error *err)
{
  struct qcow2_turn t;
  uint32_t last = UINT32_MAX;
  int r = qcow2_turn_look (&t, q, q->l1_size, err);
  if (r == 0)
    r = count_cut (&t, size, &last, err);
  if (r == 0 && last != UINT32_MAX) {
    t.look[last] = true;
    r = qcow2_turn_move (&t, look_at_cut, err);
  }
  if (r == 0)
    r = qcow2_turn_judge (&t, err);
  qcow2_turn_release (&t);
  return r;
}

/* LAST: the L1 entry of the table in which the disk ends, or UINT32_MAX. */
static int
settle (struct qcow2 *q, uint32_t last, struct img_error *err)
{
  struct qcow2_turn t;
  uint64_t room = q->writer->scan << q->cluster_bits;
  if (q->writer->scan >= q->writer->next)
    return 0;
  int r = qcow2_turn_init (&t, q, q->l1_size, err);
  for (uint32_t i = 0; r == 0 && i < q->l1_size; i++)
    t.l1[i] = q->l1[i];
  t.above = room;
  if (r == 0 && last != UINT32_MAX && (q->l1[last] & QCOW2_OFFSET_MASK) >= room) {
    t.look[last] = true;
    r = qcow2_turn_move (&t, move_it, err);
  }
  if (r == 0)
    r = qcow2_turn_commit (&t, err);
  qcow2_turn_release (&t);
  return r;
}

/* *H: what the new state has of bitmaps.  *HOW: what became of the new state, when this fails. */
static int
shrink_tables (struct qcow2 *q, const struct qcow2_header *h, uint64_t size, uint32_t *last,
               enum qcow2_edit_end *how, struct img_error *err)
{
  struct qcow2_turn t;
  int r = qcow2_turn_init (&t, q, q->l1_size, err);
  t.h.bitmap_dir_offset = h->bitmap_dir_offset;
  t.h.bitmap_dir_size = h->bitmap_dir_size;
  if (r == 0)
    r = count_cut (&t, size, last, err);
  if (r == 0)
    r = qcow2_turn_judge (&t, err);
  if (r == 0 && *last != UINT32_MAX) {
    t.look[*last] = true;
    r = qcow2_turn_move (&t, cut, err);
  }
  if (r == 0) {
    *how = QCOW2_EDIT_UNSURE;
    r = qcow2_turn_commit (&t, err);
  }
  qcow2_turn_release (&t);
  return r;
}

int
qcow2_shrink (struct qcow2 *q, uint64_t size, struct img_error *err)
{
  struct qcow2_bitmap_edit e;
  enum qcow2_edit_end how = QCOW2_EDIT_UNDONE;
  uint32_t last = UINT32_MAX;
  int r = qcow2_bitmap_edit_begin (q, &e, err);
  struct qcow2_header h = q->h;
  if (r == 0)
    r = qcow2_bitmap_edit_resize (&e, size, &h, err);
  if (r == 0)
    r = shrink_tables (q, &h, size, &last, &how, err);
  qcow2_bitmap_edit_end (&e, r == 0 ? QCOW2_EDIT_DONE : how);
  if (r < 0 || qcow2_write_out (q, err) < 0)
    return -1;
  return settle (q, last, err);
}
