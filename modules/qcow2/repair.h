/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair.h - what the parts of the repair share.
 *
 * repair.c says what is done in which order, repair-entries.c mends entries of L1 and L2 tables,
 * repair-move.c those of L2 tables that are something else, too, repair-dirs.c the snapshot table
 * and the bitmap directory, repair-refcount.c refcounts in their blocks, repair-rebuild.c makes all
 * refcounts anew.
 *
 * Order on disk.  Entries lose references first, which leaves leaks; then refcounts go up, then
 * down, then COPIED flags follow, the header's bits last; the file is flushed between the steps.
 * So another repair mends what is left of one that was interrupted.  Nothing is written to a
 * cluster that is referred to as something else, too: L2 tables are moved, other faults stay.
 */
#ifndef QCOW2_REPAIR_H
#define QCOW2_REPAIR_H

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

/* The passes again, without a word. */
int qcow2_repair_look (struct qcow2_checker *c, struct qcow2 *q, struct img_check *silent,
                       struct img_error *err);

/* ---- C has been through the passes ---- */

/* A step of IMG_REPAIR_ERRORS.  OUT is told what is lost.  *CHANGED: the counts of C do not hold any
 * more. */
typedef int qcow2_repair_step (struct qcow2_checker *c, struct img_check *out, unsigned flags,
                               bool *changed, struct img_error *err);

/* Snapshots and bitmaps that cannot be used are dropped as FLAGS say; snapshots that lack fields
 * get them. */
qcow2_repair_step qcow2_repair_dirs;
/* Entries that cannot be right are made right, or read as zero when nobody could read them. */
qcow2_repair_step qcow2_repair_entries;
/* The same for L2 tables whose clusters are something else, too: they go to new space. */
qcow2_repair_step qcow2_repair_move;

/* The entries of the L2 table at BYTES, which REF names.  1: bytes *LO to *HI changed; 0. */
int qcow2_repair_table (struct qcow2_checker *c, const struct qcow2_l2_ref *ref, uint8_t *bytes,
                        uint32_t *lo, uint32_t *hi);
/* BYTES go to new space, at *OFFSET, with refcounts: TIMES of each cluster, NULL: 1.  C is to be
 * looked at again. */
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
/* Clusters [*FIRST, *FIRST + N) at the end of the file, which nothing refers to. */
int qcow2_repair_place (struct qcow2_checker *c, uint64_t n, uint64_t *first,
                        struct img_error *err);
/* What the stored refcount of CLUSTER, now STORED, should be. */
uint64_t qcow2_repair_target (const struct qcow2_checker *c, uint64_t cluster, uint64_t stored);

#endif
