/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn.h - from one state of an image to another by one write of the header.
 *
 * Snapshots, shrinking and emptying change the refcounts of very many clusters and the flags of
 * very many entries.  All that changes is written to fresh places: L2 tables, the L1 table, the
 * snapshot table, refcount blocks, the refcount table; then the header, whose fields lie in one
 * sector, points to all of them at once; then what is not referred to any more is given back.  A
 * crash leaves the state before or the state after, and clusters that leak.
 *
 * A turn: init; count what gains and loses references; judge; move tables; commit; release.
 * Nothing of the state in memory changes before the header is written.  turn.c says how it ends,
 * turn-walk.c goes through tables, turn-refcount.c through refcount blocks.
 */
#ifndef QCOW2_TURN_H
#define QCOW2_TURN_H

#include "check.h"
#include "write.h"

/* A refcount block and where its new copy is, a file offset. */
struct qcow2_block_move {
  uint64_t index, place;
};

struct qcow2_turn {
  struct qcow2 *q;
  struct qcow2_header h; /* sizes, L1 and snapshot table of the new state; shares q->h's memory */
  uint64_t *l1;          /* of the new state, h.l1_size entries, host order */
  bool *look;            /* per entry of it: its L2 table has entries that may have to change */
  uint64_t above;        /* refcount blocks at this file offset and behind move anyway */
  bool shared;           /* an L2 table that moves is referred to twice (active and snapshot) */
  struct qcow2_checker up, down; /* references that clusters gain and lose; check-count.c */
  uint8_t *buf;                  /* QCOW2_TURN_BUF bytes */
  IMG_VEC (struct qcow2_run) fresh; /* taken for the new state */
  IMG_VEC (struct qcow2_run) stale; /* given back afterwards */
  IMG_VEC (struct qcow2_block_move) blocks; /* refcount blocks that change, ascending */
};

enum { QCOW2_TURN_BUF = 2 << 20 /* holds the largest cluster */ };

/* ---- turn.c ---- */

/* Writes out what is not on disk.  L1_SIZE: entries of the new L1 table, all 0.  Release it in any
 * case. */
int qcow2_turn_init (struct qcow2_turn *t, struct qcow2 *q, uint32_t l1_size,
                     struct img_error *err);
/* The same for a turn that only counts and judges: nothing changes. */
int qcow2_turn_look (struct qcow2_turn *t, struct qcow2 *q, uint32_t l1_size,
                     struct img_error *err);
/* What an uncommitted turn took is free again. */
void qcow2_turn_release (struct qcow2_turn *t);
/* N adjoining fresh clusters: their file offset. */
int qcow2_turn_take (struct qcow2_turn *t, uint64_t n, uint64_t *offset, struct img_error *err);
/* Up to N. */
int qcow2_turn_take_some (struct qcow2_turn *t, uint64_t *n, uint64_t *offset,
                          struct img_error *err);
/* What lies in BYTES at OFFSET, a table of the old state alone, is given back afterwards. */
int qcow2_turn_drop (struct qcow2_turn *t, uint64_t offset, uint64_t bytes,
                     struct img_error *err);
/* Puts N entries at OFFSET. */
int qcow2_turn_write_l1 (struct qcow2_turn *t, const uint64_t *l1, uint32_t n, uint64_t offset,
                         struct img_error *err);
/* Writes the rest, switches, gives back.  The new state has reached the disk. */
int qcow2_turn_commit (struct qcow2_turn *t, struct img_error *err);

/* ---- turn-walk.c ---- */

/* The L1 table with N entries at OFFSET, or NULL. */
uint64_t *qcow2_turn_load_l1 (struct qcow2_turn *t, uint64_t offset, uint32_t n,
                              struct img_error *err);
/* Counts in C (up or down) what the N entries of an L1 table refer to: L2 tables, clusters.
 * Refuses tables that are wrong.  LOOK, if not NULL: notes which tables have COPIED entries. */
int qcow2_turn_count (struct qcow2_turn *t, struct qcow2_checker *c, const uint64_t *l1, uint32_t n,
                      bool *look, struct img_error *err);
/* Counts entries [FIRST, end) of an L2 table. */
int qcow2_turn_count_entries (struct qcow2_turn *t, struct qcow2_checker *c, const uint8_t *bytes,
                              uint32_t first, struct img_error *err);

/* Changes an L2 table of the new state.  1: it did; 0: nothing to change. */
typedef int qcow2_turn_edit (struct qcow2_turn *t, uint8_t *bytes, struct img_error *err);
/* Lets EDIT see the tables that t->look names.  Those that it changes move to fresh places; t->l1
 * and the counts say so afterwards. */
int qcow2_turn_move (struct qcow2_turn *t, qcow2_turn_edit *edit, struct img_error *err);
/* An edit: no entry has COPIED. */
int qcow2_turn_uncopied (struct qcow2_turn *t, uint8_t *bytes, struct img_error *err);

/* ---- turn-refcount.c ---- */

/* Can the refcounts change as counted?  Notes in t->down which of them become one. */
int qcow2_turn_judge (struct qcow2_turn *t, struct img_error *err);
/* Takes places for new copies of the refcount blocks that change. */
int qcow2_turn_take_blocks (struct qcow2_turn *t, struct img_error *err);
/* Writes these copies. */
int qcow2_turn_write_blocks (struct qcow2_turn *t, struct img_error *err);
/* After the switch: clusters whose last reference went away are free. */
int qcow2_turn_give_back (struct qcow2_turn *t, struct img_error *err);

#endif
