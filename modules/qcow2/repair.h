/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair.h - what the parts of the repair share.
 *
 * repair.c says what is done in which order: repair-dirs.c the snapshot table and the bitmap
 * directory, repair-l1.c L1 tables as a whole, repair-entries.c entries of L1 and L2 tables,
 * repair-move.c those of L2 tables that are something else, too, repair-split.c what has more
 * references than can be counted, repair-refcount.c refcounts in their blocks; repair-rebuild.c
 * makes all refcounts anew, repair-zero.c what reads as zero, repair-walk.c goes
 * through L1 tables.
 *
 * Order on disk.  What is new gets its refcounts before anything refers to it; entries lose
 * references, which leaves leaks; then refcounts go up, then down, then COPIED flags follow, the
 * header's bits last; the file is flushed between the steps.  So another repair mends what is left
 * of one that was interrupted.  Nothing is written to a cluster that is referred to as something
 * else, too: tables are moved.
 */
#ifndef QCOW2_REPAIR_H
#define QCOW2_REPAIR_H

#include <blkimg/vec.h>

#include "check.h"

/* IMG_REPAIR_* that no user gives: entries stay as they are. */
#define QCOW2_REPAIR_REFCOUNTS 0x10000u

/* As img_check with FLAGS, IMG_REPAIR_*. */
int qcow2_repair (struct qcow2 *q, struct img_check *out, unsigned flags, struct img_error *err);
/* An image that was not closed cleanly gets its refcounts in order; fails when more is wrong. */
int qcow2_repair_dirty (struct qcow2 *q, struct img_error *err);

/* As img_pwrite to the image file, which grows when need be. */
int qcow2_repair_write (struct qcow2 *q, const void *buf, uint64_t length, uint64_t offset,
                        struct img_error *err);

/* The passes again, without a word; fails where something cannot be read. */
int qcow2_repair_look (struct qcow2_checker *c, struct qcow2 *q, struct img_check *silent,
                       struct img_error *err);

/* ---- repair-zero.c: what reads as zero where entries cannot say it ---- */

struct qcow2_zeroes {
  bool made; /* before, the functions below count; afterwards they give */
  IMG_VEC (uint32_t) times; /* clusters of zeroes for single entries: references of each */
  uint64_t next; /* the first of them that was not begun */
  uint32_t left; /* references that the one before may still have */
  uint64_t n_tables, next_table;
  uint64_t clusters, tables; /* file offsets */
  struct img_check *out;     /* is told what is lost */
  uint64_t lost, lost_end, n_said;
};
/* Version 2: an L2 entry, in a table that TIMES L1 entries name, ACTIVE ones too.  0: none. */
uint64_t qcow2_zeroes_entry (struct qcow2_zeroes *z, const struct qcow2 *q, uint32_t times,
                             bool active);
/* The offset of an L2 table.  0: none. */
uint64_t qcow2_zeroes_table (struct qcow2_zeroes *z, const struct qcow2 *q);
/* Makes what was counted.  C has been looked at again. */
int qcow2_zeroes_make (struct qcow2_zeroes *z, struct qcow2_checker *c, bool *changed,
                       struct img_error *err);
/* In the second walk: what was at GUEST is lost. */
void qcow2_zeroes_lost (struct qcow2_zeroes *z, const struct qcow2 *q, uint64_t guest,
                        uint64_t length);
void qcow2_zeroes_release (struct qcow2_zeroes *z);

/* ---- C has been through the passes ---- */

/* Entry number INDEX of an L1 table, not 0; those before USED are for the disk. */
struct qcow2_l1_entry {
  uint64_t word, index, used;
  bool active;
};
/* Changes e->word, perhaps. */
typedef int qcow2_l1_edit (void *arg, struct qcow2_l1_entry *e, struct img_error *err);
/* Shows EDIT all entries; *CHANGED: some are others now.  Clusters of tables that are something
 * else, too, are left out. */
int qcow2_repair_edit_l1 (struct qcow2_checker *c, qcow2_l1_edit *edit, void *arg, bool *changed,
                          struct img_error *err);

/* A step of IMG_REPAIR_ERRORS.  OUT is told what is lost.  *CHANGED: the counts of C do not hold
 * any more. */
typedef int qcow2_repair_step (struct qcow2_checker *c, struct img_check *out, unsigned flags,
                               bool *changed, struct img_error *err);

/* Snapshots and bitmaps that cannot be used are dropped as FLAGS say; snapshots that lack fields
 * get them. */
qcow2_repair_step qcow2_repair_dirs;
/* L1 tables that are lost, or something else, too, go to new space. */
qcow2_repair_step qcow2_repair_l1;
/* Entries that cannot be right are made right, or read as zero when nobody could read them. */
qcow2_repair_step qcow2_repair_entries;
/* The same for L2 tables whose clusters are something else, too: they go to new space. */
qcow2_repair_step qcow2_repair_move;
/* Clusters with more references than a refcount can count, or than the header's may have, are
 * copied for those that are too many. */
qcow2_repair_step qcow2_repair_split;
/* What then still has too many belongs to bitmaps, which are dropped if FLAGS say so. */
qcow2_repair_step qcow2_repair_drop_excess;

/* The entries of the L2 table at BYTES, which REF names.  1: bytes *LO to *HI changed; 0. */
int qcow2_repair_table (struct qcow2_checker *c, const struct qcow2_l2_ref *ref, uint8_t *bytes,
                        struct qcow2_zeroes *z, uint32_t *lo, uint32_t *hi);
/* N clusters of new space, at *OFFSET, which nothing counts yet and nothing refers to. */
int qcow2_repair_take (struct qcow2_checker *c, uint64_t n, uint64_t *offset,
                       struct img_error *err);
/* What is written there by now gets its refcounts: TIMES of each cluster, NULL: 1.  C is to be
 * looked at again. */
int qcow2_repair_own (struct qcow2_checker *c, uint64_t offset, uint64_t n, const uint32_t *times,
                      struct img_error *err);
/* Both, for BYTES. */
int qcow2_repair_put (struct qcow2_checker *c, const void *bytes, uint64_t length,
                      const uint32_t *times, uint64_t *offset, struct img_error *err);
/* The snapshot table becomes those of ALL that are not `dropped`, in new space.  C is to be looked
 * at again. */
int qcow2_repair_snapshots (struct qcow2_checker *c, const struct qcow2_snapshots *all,
                            struct img_error *err);
/* Makes the stored refcounts what was counted; without IMG_REPAIR_ERRORS none goes up. */
int qcow2_repair_refcounts (struct qcow2_checker *c, unsigned flags, struct img_error *err);
/* Writes all refcounts to new space and lets the header point there. */
int qcow2_repair_rebuild (struct qcow2_checker *c, struct img_error *err);
/* How many references CLUSTER may have; whether there is one with more. */
uint64_t qcow2_repair_most (const struct qcow2_checker *c, uint64_t cluster);
bool qcow2_repair_excess (const struct qcow2_checker *c);
/* Clusters [*FIRST, *FIRST + N) at the end of the file, which nothing refers to. */
int qcow2_repair_place (struct qcow2_checker *c, uint64_t n, uint64_t *first,
                        struct img_error *err);
/* What the stored refcount of CLUSTER, now STORED, should be. */
uint64_t qcow2_repair_target (const struct qcow2_checker *c, uint64_t cluster, uint64_t stored);

#endif
