/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bitmap.h - what the files of persistent dirty bitmaps share (spec section "Bitmaps").
 *
 * bitmap.c reads the directory; bitmap-bits.c is the contents of one bitmap; bitmap-edit.c another
 * directory in the place of the old one; bitmap-ops.c the driver's operations, made of these;
 * bitmap-record.c marks what the guest writes while the image is open.
 *
 * Two ways of writing.  An edit never overwrites what is on disk: new clusters, a new directory,
 * one write of the header, only then is the old given back.  The recorder, which has told the disk
 * that its bitmaps are in use, writes them in place.
 */
#ifndef QCOW2_BITMAP_H
#define QCOW2_BITMAP_H

#include "write.h"

enum {
  QCOW2_BITMAP_ENTRY = 24, /* bytes of a directory entry before extra data and name */
  QCOW2_BITMAP_MAX_NAME = 1023,
  QCOW2_BITMAP_MIN_GRANULARITY = 9, /* bits */
  QCOW2_BITMAP_MAX_GRANULARITY = 31,
  QCOW2_BITMAP_MAX_BYTES = 512 << 20, /* of contents */
  QCOW2_BITMAP_DIRTY_TRACKING = 1     /* type */
};

typedef IMG_VEC (struct qcow2_run) qcow2_runs;

/* ---- contents ---- */

struct qcow2_bits {
  struct qcow2 *q;
  uint64_t size;             /* of the disk, bytes */
  uint32_t granularity_bits, n; /* n: entries of the table */
  uint64_t *table;           /* host order: 0, 1 (all ones), or where the cluster is */
  uint8_t **chunk;           /* what a cluster holds, in memory; NULL: as the table says */
  bool *changed;             /* the chunk is not on disk */
  uint32_t resident;         /* chunks */
  struct qcow2_span table_dirty;
  uint8_t *scratch;          /* the cluster that was read last, for chunk number scratch_of */
  uint32_t scratch_of;
};

/* Entries that a table needs; 0 with false: more than a bitmap may take. */
bool qcow2_bits_entries (const struct qcow2 *q, uint64_t size, uint32_t granularity_bits,
                         uint32_t *n);
/* An empty one for a disk of SIZE bytes. */
struct qcow2_bits *qcow2_bits_new (struct qcow2 *q, uint64_t size, uint32_t granularity_bits,
                                   struct img_error *err);
/* What the image has for B. */
struct qcow2_bits *qcow2_bits_open (struct qcow2 *q, const struct qcow2_bitmap *b,
                                    struct img_error *err);
void qcow2_bits_free (struct qcow2_bits *bits); /* NULL allowed */
IMG_CLEANUP_FN (qcow2_bits_free, struct qcow2_bits *)
/* Marks a range; what passes the end of the disk is left out. */
int qcow2_bits_set (struct qcow2_bits *bits, uint64_t offset, uint64_t length,
                    struct img_error *err);
/* Chunk I in memory, to be changed; NULL: *err. */
uint8_t *qcow2_bits_own (struct qcow2_bits *bits, uint32_t i, struct img_error *err);
/* As img_bitmap_ops.next. */
int qcow2_bits_next (struct qcow2_bits *bits, uint64_t from, uint64_t *start, uint64_t *length,
                     struct img_error *err);
/* Puts changed chunks on disk: in place where they have a cluster, else in a new one.  Changes the
 * table in memory only.  FRESH, if not NULL: what was taken. */
int qcow2_bits_write (struct qcow2_bits *bits, qcow2_runs *fresh, struct img_error *err);
/* Writes table entries that changed to the table at OFFSET. */
int qcow2_bits_write_table (struct qcow2_bits *bits, uint64_t offset, struct img_error *err);
/* Chunks that are on disk are not kept in memory. */
void qcow2_bits_trim (struct qcow2_bits *bits);

/* ---- the directory ---- */

uint32_t qcow2_bitmap_hash (const char *name);
/* Quick where names are asked for in their order, or the last one again. */
struct qcow2_bitmap *qcow2_bitmap_find (struct qcow2_bitmaps *all, const char *name);
void qcow2_bitmap_clear (struct qcow2_bitmap *b); /* frees what it holds */
/* Made by a program that may have lost changes, or of a kind that we cannot use. */
bool qcow2_bitmap_usable (const struct qcow2_bitmap *b);
int qcow2_bitmap_refuse (const struct qcow2_bitmap *b, struct img_error *err); /* -1 */

/* The bytes of a directory with ALL; NULL: *err. */
uint8_t *qcow2_bitmaps_encode (const struct qcow2_bitmaps *all, uint64_t *bytes,
                               struct img_error *err);

struct qcow2_bitmap_edit {
  struct qcow2 *q;
  struct qcow2_bitmaps all;
  qcow2_runs old;   /* given back when the header has changed */
  qcow2_runs fresh; /* given back when it has not */
};
/* These with q->lock held exclusively.  Begin: stops recording and reads the directory. */
int qcow2_bitmap_edit_begin (struct qcow2 *q, struct qcow2_bitmap_edit *e, struct img_error *err);
/* Another entry at the end. */
struct qcow2_bitmap *qcow2_bitmap_edit_append (struct qcow2_bitmap_edit *e, const char *name,
                                               struct img_error *err);
/* BITS, all in memory or empty, become the contents of B; those it had are given back.  B is as it
 * was when this fails. */
int qcow2_bitmap_edit_store (struct qcow2_bitmap_edit *e, struct qcow2_bitmap *b,
                             struct qcow2_bits *bits, struct img_error *err);
/* Table and clusters of B will be given back. */
int qcow2_bitmap_edit_release (struct qcow2_bitmap_edit *e, const struct qcow2_bitmap *b,
                               struct img_error *err);
/* A change that fails within an edit leaves the runs as they were before it. */
struct qcow2_edit_mark {
  size_t old, fresh;
};
struct qcow2_edit_mark qcow2_bitmap_edit_mark (const struct qcow2_bitmap_edit *e);
void qcow2_bitmap_edit_rewind (struct qcow2_bitmap_edit *e, struct qcow2_edit_mark mark);
/* Writes what tables there are to write, and the directory, to a new place, and *H gets it. */
int qcow2_bitmap_edit_place (struct qcow2_bitmap_edit *e, struct qcow2_header *h,
                             struct img_error *err);
enum qcow2_edit_end {
  QCOW2_EDIT_DONE,   /* the header has it */
  QCOW2_EDIT_UNSURE, /* it may have */
  QCOW2_EDIT_UNDONE
};
/* Always, once begin was called. */
void qcow2_bitmap_edit_end (struct qcow2_bitmap_edit *e, enum qcow2_edit_end how);
/* Place, one write of the header, end, and the old is given back. */
int qcow2_bitmap_edit_commit (struct qcow2_bitmap_edit *e, struct img_error *err);

/* Can they be remade for a disk of SIZE bytes?  Before any edit. */
int qcow2_bitmaps_judge (struct qcow2 *q, uint64_t size, struct img_error *err);
/* All bitmaps are remade for a disk of SIZE bytes; *H, in which the caller puts the new size, has
 * the new directory.  End E afterwards. */
int qcow2_bitmap_edit_resize (struct qcow2_bitmap_edit *e, uint64_t size, struct qcow2_header *h,
                              struct img_error *err);

/* ---- recording ---- */

/* What was recorded is on disk, and the bitmaps there are not in use any more; the next change
 * begins anew.  Needs q->lock exclusively. */
int qcow2_record_store (struct qcow2 *q, struct img_error *err);
/* The same, and nothing is kept in memory: the directory will change. */
int qcow2_record_stop (struct qcow2 *q, struct img_error *err);
void qcow2_record_free (struct qcow2_record *r);

#endif
