/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* write.h - what the writing files of this driver share.
 *
 * refcount.c the refcounts and their table; alloc.c who gets which host cluster; l2.c tables
 * that may be changed, entries that change; write.c and write-sub.c reserve, commit, abandon;
 * pack.c places of compressed clusters; encode.c their making; overlap.c
 * what must not be overwritten; zero.c zeroes and discards;
 * resize.c; flush.c what goes to disk in which order; writer.c begin and end of it all.
 *
 * All of this runs with q->lock held exclusively.  What was referred to on disk is given back in
 * two steps: it stands in `later` until nothing on disk refers to it, only then its refcount
 * goes down.
 */
#ifndef QCOW2_WRITE_H
#define QCOW2_WRITE_H

#include <blkimg/vec.h>

#include "qcow2.h"

struct qcow2_run {
  uint64_t cluster, n; /* host clusters */
};

struct qcow2_encoding; /* encode.c */
struct qcow2_overlap;  /* overlap.c */
struct qcow2_record;   /* bitmap-record.c */

/* Entries [lo, hi) of a table of 8-byte entries are not on disk; none when they are equal. */
struct qcow2_span {
  uint64_t lo, hi;
};

struct qcow2_writer {
  /* refcount.c */
  uint64_t *reftable;        /* host order */
  uint64_t reftable_entries; /* room in the table */
  struct qcow2_span reftable_dirty;
  bool reftable_moved;       /* the header on disk points to the old one */

  /* alloc.c */
  uint64_t next;  /* cluster: here and behind all is free */
  uint64_t high;  /* cluster: here and behind nothing was ever used, and the file reads as zero */
  uint64_t scan;  /* cluster: whatever is free before it is not looked for */
  uint64_t floor; /* bytes: the file's length when we came */
  bool grown;     /* the file is longer than what is used of it */
  IMG_VEC (struct qcow2_run) later;

  uint64_t pack; /* pack.c: byte where the next compressed cluster goes; 0: nowhere in particular */

  struct qcow2_overlap *overlap; /* made on first use */

  struct qcow2_span l1_dirty; /* l2.c */

  bool begun; /* writer.c: what must happen before the first change has happened */
  bool blank; /* the file has no magic at present */

  int level; /* encode.c: 0 = the codec's default */
  struct qcow2_encoding *encoding;

  _Atomic int recording; /* bitmap-record.c */
  struct qcow2_record *record;
};

/* ---- refcount.c ---- */

/* The refcount at INDEX of a block; bits wide: 1 << ORDER. */
uint64_t qcow2_refcount_in (const uint8_t *block, uint64_t index, uint32_t order);
void qcow2_refcount_put (uint8_t *block, uint64_t index, uint32_t order, uint64_t value);

int qcow2_reftable_load (struct qcow2 *q, struct img_error *err);
/* Makes room for refcount block number INDEX in the table; may move it. */
int qcow2_reftable_need (struct qcow2 *q, uint64_t index, struct img_error *err);
void qcow2_reftable_set (struct qcow2 *q, uint64_t index, uint64_t offset);
/* Writes what changed in the table.  No flush. */
int qcow2_reftable_write (struct qcow2 *q, struct img_error *err);
/* Pins the refcount block that counts CLUSTER: *block, NULL when there is none. */
int qcow2_refblock_get (struct qcow2 *q, uint64_t cluster, struct qcow2_table **block,
                        struct img_error *err);
/* One more, one less for each of N clusters.  All or nothing.  ERANGE: a count is at its end. */
int qcow2_refcount_inc (struct qcow2 *q, uint64_t cluster, uint64_t n, struct img_error *err);
int qcow2_refcount_dec (struct qcow2 *q, uint64_t cluster, uint64_t n, struct img_error *err);

/* ---- alloc.c ---- */

/* Where the used part of the file ends, by its refcounts. */
int qcow2_alloc_open (struct qcow2 *q, struct img_error *err);
/* The file has at least that many clusters afterwards. */
int qcow2_alloc_grow (struct qcow2 *q, uint64_t clusters, struct img_error *err);
/* Up to WANT adjoining clusters, refcount 1: *n of them at *cluster. */
int qcow2_alloc (struct qcow2 *q, uint64_t want, uint64_t *cluster, uint64_t *n,
                 struct img_error *err);
/* N adjoining clusters. */
int qcow2_alloc_whole (struct qcow2 *q, uint64_t n, uint64_t *cluster, struct img_error *err);
/* Gives back what nothing on disk ever referred to.  What cannot be given back leaks. */
void qcow2_unalloc (struct qcow2 *q, uint64_t cluster, uint64_t n);
/* Gives back once nothing on disk refers to it. */
void qcow2_free_later (struct qcow2 *q, uint64_t cluster, uint64_t n);
/* Nothing on disk refers to what is in `later`. */
int qcow2_free_now (struct qcow2 *q, struct img_error *err);
/* Cuts off what the file has been made longer than needed. */
int qcow2_alloc_trim (struct qcow2 *q, struct img_error *err);
/* N clusters became free otherwise than through these functions, and nothing refers to them. */
void qcow2_alloc_freed (struct qcow2 *q, uint64_t cluster, uint64_t n);
/* Much was freed: cuts off what is free at the end of the file. */
int qcow2_alloc_shorten (struct qcow2 *q, struct img_error *err);

/* ---- l2.c ---- */

/* The cluster that holds GUEST gets an L2 table of its own, if it has none: made, or copied from
 * one that a snapshot shares. */
int qcow2_l2_own (struct qcow2 *q, uint64_t guest, struct img_error *err);
/* qcow2_l2_own, then pins the slice. */
int qcow2_l2_change (struct qcow2 *q, uint64_t guest, struct qcow2_table **table,
                     struct img_error *err);
/* What ENTRY refers to loses a reference, later. */
void qcow2_entry_release (struct qcow2 *q, uint64_t entry);
/* Sets the entry at P.  BITMAP: of extended entries, else ignored. */
void qcow2_entry_put (const struct qcow2 *q, uint8_t *p, uint64_t entry, uint64_t bitmap);
/* A host cluster that only this entry refers to. */
bool qcow2_entry_owned (const struct qcow2 *q, uint64_t entry);
/* Reading unallocated clusters gives other bytes than zero, perhaps. */
bool qcow2_backed (const struct qcow2 *q);
/* Writes L1 entries that changed.  No flush. */
int qcow2_l1_write (struct qcow2 *q, struct img_error *err);

#define QCOW2_ALL_ALLOCATED 0xffffffffull         /* bitmaps of extended entries */
#define QCOW2_ALL_ZERO 0xffffffff00000000ull

/* ---- write.c ---- */

/* Whether an entry for GUEST may send a write of whole clusters to HOST. */
int qcow2_judge_host (struct qcow2 *q, uint64_t guest, uint64_t host, uint64_t length,
                      struct img_error *err);

/* ---- zero.c ---- */

/* Under the lock, in version 3: all clusters from OFFSET to END read as zero whatever stands below,
 * behind the end of the disk too. */
int qcow2_hide (struct qcow2 *q, uint64_t offset, uint64_t end, struct img_error *err);

/* ---- write-sub.c ---- */

/* The cluster that holds GUEST gets a host cluster of its own without a change of what it reads
 * as; its entry is at index I of the slice. */
int qcow2_sub_own (struct qcow2 *q, struct qcow2_table *table, uint32_t i, uint64_t guest,
                   struct img_error *err);
/* A place for the subclusters from OFFSET on, in one cluster. */
int qcow2_sub_reserve (struct qcow2 *q, uint64_t offset, uint64_t length, struct img_place *place,
                       struct img_error *err);

/* ---- pack.c ---- */

int qcow2_pack_reserve (struct qcow2 *q, uint64_t offset, uint64_t encoded,
                        struct img_place *place, struct img_error *err);
/* The entry that refers to the place. */
uint64_t qcow2_pack_entry (const struct qcow2 *q, const struct img_place *place);
void qcow2_pack_abandon (struct qcow2 *q, const struct img_place *place);

/* ---- overlap.c ---- */

/* Whether N clusters that are about to be written hold no metadata.  AS_TABLE: they should be L2
 * tables. */
int qcow2_overlap_check (struct qcow2 *q, uint64_t cluster, uint64_t n, bool as_table,
                         struct img_error *err);
/* CLUSTER is an L2 table or a refcount block from now on; is free. */
int qcow2_overlap_add (struct qcow2 *q, uint64_t cluster, bool refblock, struct img_error *err);
void qcow2_overlap_remove (struct qcow2 *q, uint64_t cluster);
void qcow2_overlap_free (struct qcow2_overlap *o);

/* ---- encode.c ---- */

void qcow2_encoding_free (struct qcow2_encoding *e);

/* ---- writer.c ---- */

/* Before any change. */
int qcow2_begin (struct qcow2 *q, struct img_error *err);

/* ---- shrink.c ---- */

/* SIZE is less than the size. */
int qcow2_shrink (struct qcow2 *q, uint64_t size, struct img_error *err);
/* Can it be, bitmaps aside?  As costly as shrinking. */
int qcow2_shrink_judge (struct qcow2 *q, uint64_t size, struct img_error *err);

/* ---- flush.c ---- */

/* Entry I is not on disk. */
void qcow2_span_add (struct qcow2_span *span, uint64_t i);
bool qcow2_span_is_empty (const struct qcow2_span *span);
/* Writes what SPAN says of TABLE (host order), which is at OFFSET of the file; then SPAN is empty.
 * EVENT: what it is, for img_event, or NULL. */
int qcow2_span_write (struct qcow2 *q, struct qcow2_span *span, const uint64_t *table,
                      uint64_t offset, const char *event, struct img_error *err);

/* Writes all metadata, in an order that leaves leaks at worst wherever it ends. */
int qcow2_write_out (struct qcow2 *q, struct img_error *err);
/* The same when the caches are full of changes. */
int qcow2_relieve (struct qcow2 *q, struct img_error *err);
/* What was written so far reaches the disk before what comes; not where nobody asks for that. */
int qcow2_barrier (struct qcow2 *q, struct img_error *err);

#endif
