/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check.h - what the parts of the check share.
 *
 * The check is three passes, each over large reads in file order:
 *   1. check-refcount.c reads the refcount table and all refcount blocks, and notes which clusters
 *      have a stored refcount of exactly one (the COPIED flag depends on it);
 *   2. check-refs.c, check-l2.c and check-dirs.c walk all that refers to clusters (header, L1 and
 *      L2 tables of the active state and of snapshots, directories, bitmaps) and count references;
 *   3. check-refcount.c reads the refcount blocks again and compares.
 * Only when pass 2 saw a wrong COPIED flag, check-copied.c walks once more to name the places, or
 * to mend them.  What else repair.h does begins with what the passes left here.
 *
 * Memory is three bits a host cluster where no cluster has more than three references.
 */
#ifndef QCOW2_CHECK_H
#define QCOW2_CHECK_H

#include "qcow2.h"

enum {
  QCOW2_CHUNK_BITS = 15, /* clusters a chunk of counters */
  QCOW2_CHUNK = 1 << QCOW2_CHUNK_BITS,
  QCOW2_CHECK_BUF = 1 << 20
};

#define QCOW2_RESERVED (~(QCOW2_OFFSET_MASK | QCOW2_COPIED | QCOW2_ZERO)) /* of L2 entries */

/* Counters of a chunk of clusters, 2 to 64 bits each, as the largest count asks for. */
struct qcow2_chunk {
  uint64_t *counts; /* NULL: all zero */
  uint64_t *ones;   /* a bit a cluster: its stored refcount is 1; NULL: none */
  uint8_t bits;
};

/* An L2 table, and how many L1 entries refer to it. */
struct qcow2_l2_ref {
  uint64_t offset;
  uint32_t times;  /* by all L1 tables */
  uint32_t active; /* index plus 1 in the active L1 table; 0: snapshots only */
};

/* Clusters past the end of the file, but not far, that something refers to. */
struct qcow2_past {
  uint64_t first, n;
};

struct qcow2_checker {
  struct qcow2 *q;
  struct img_check *out;
  uint64_t file_size, n_clusters; /* host clusters; the last may be cut off */
  uint64_t *reftable;             /* host order */
  uint32_t n_reftable;
  uint8_t *buf; /* QCOW2_CHECK_BUF bytes, for reads */

  struct qcow2_chunk *chunks; /* check-count.c */
  uint64_t n_chunks, memory, allowance;
  uint64_t end; /* behind the last cluster with a refcount or a reference */

  struct qcow2_l2_ref *l2; /* check-refs.c: sorted by offset, each once */
  size_t n_l2, cap_l2;
  bool copied_wrong;
  uint64_t n_said;

  /* for a repair */
  bool entries_wrong;   /* an L1 or L2 entry is not what it should be */
  bool structure_wrong; /* refcount table or blocks cannot be mended in place */
  bool incomplete;      /* not all references could be followed: what seems leaked may not be */
  bool failed;          /* and that because of a read error */
  bool snapshots_short; /* entries of the snapshot table lack fields */
  bool snapshots_wrong, bitmaps_wrong;
  uint8_t *bitmap_broken; /* a byte each; NULL: none is */
  bool low;             /* a refcount is below the number of references */
  struct qcow2_past *past;
  size_t n_past; /* QCOW2_MAX_PAST: perhaps there are more */
  unsigned mend; /* check-copied.c: IMG_REPAIR_* */
  uint64_t mended;
};
enum {
  QCOW2_MAX_PAST = 4096,
  QCOW2_MAX_NEW = 1 << 22 /* clusters that a repair may put behind the end of the file */
};

/* ---- check.c ---- */

/* One finding: counted, and said. */
void qcow2_check_error (struct qcow2_checker *c, const char *fmt, ...) IMG_PRINTF (2, 3);
void qcow2_check_leak (struct qcow2_checker *c, const char *fmt, ...) IMG_PRINTF (2, 3);
/* So much was said that findings are only counted from now on. */
bool qcow2_check_silent (const struct qcow2_checker *c);
/* Something could not be looked at: counts an internal error, says what *err says, clears *err. */
void qcow2_check_failed (struct qcow2_checker *c, struct img_error *err);
/* Some references are not known, for the reason *err. */
void qcow2_check_unknown (struct qcow2_checker *c, const struct img_error *err);
/* A checker of Q that reports to OUT; release it in any case. */
void qcow2_checker_init (struct qcow2_checker *c, struct qcow2 *q, struct img_check *out);
void qcow2_checker_release (struct qcow2_checker *c);
/* The three passes. */
int qcow2_check_run (struct qcow2_checker *c, struct img_error *err);
/* As img_pread, with zeroes for what lies behind the end of the file. */
int qcow2_check_read (struct qcow2_checker *c, void *buf, uint64_t length, uint64_t offset,
                      struct img_error *err);
/* Where the hole at OFFSET ends; OFFSET itself when there is none or nobody knows. */
uint64_t qcow2_check_hole (struct qcow2_checker *c, uint64_t offset);

/* ---- check-count.c ---- */

int qcow2_count_init (struct qcow2_checker *c, struct img_error *err);
void qcow2_count_release (struct qcow2_checker *c);
/* N clusters from FIRST have TIMES references more. */
int qcow2_count_add (struct qcow2_checker *c, uint64_t first, uint64_t n, uint64_t times,
                     struct img_error *err);
uint64_t qcow2_count_get (const struct qcow2_checker *c, uint64_t cluster);
/* Any of N clusters from FIRST, multiples of 64 in one chunk, has references. */
bool qcow2_count_any (const struct qcow2_checker *c, uint64_t first, uint64_t n);
/* References to the clusters of a byte range.  One that passes the end of the file by a cluster or
 * more is a finding, and not counted. */
int qcow2_count_region (struct qcow2_checker *c, uint64_t offset, uint64_t length, uint64_t times,
                        struct img_error *err);
/* Whether a byte range passes the end of the file by a cluster or more. */
bool qcow2_check_past (const struct qcow2_checker *c, uint64_t offset, uint64_t length);
/* Whether some of its clusters are not in the file at all. */
bool qcow2_check_lost (const struct qcow2_checker *c, uint64_t offset, uint64_t length);
/* As qcow2_count_region, for a table that cannot do without any of its clusters. */
int qcow2_count_table (struct qcow2_checker *c, uint64_t offset, uint64_t length, uint64_t times,
                       struct img_error *err);
/* Clusters past the end of the file are referred to. */
void qcow2_count_past (struct qcow2_checker *c, uint64_t first, uint64_t n);
/* The clusters of BITS, 64 from FIRST (a multiple of 64) on, have a stored refcount of 1. */
int qcow2_ones_set (struct qcow2_checker *c, uint64_t first, uint64_t bits, struct img_error *err);
bool qcow2_is_one (const struct qcow2_checker *c, uint64_t cluster);
/* True when for all N clusters from FIRST "the stored refcount is 1" is WANT, and known. */
bool qcow2_ones_are (const struct qcow2_checker *c, uint64_t first, uint64_t n, bool want);

/* ---- check-refcount.c ---- */

int qcow2_check_load_refcounts (struct qcow2_checker *c, struct img_error *err);
/* Counts the references to refcount table and blocks, and judges the table. */
int qcow2_check_reftable (struct qcow2_checker *c, struct img_error *err);
int qcow2_check_compare (struct qcow2_checker *c, struct img_error *err);
/* A block that can be read: the table's entry is in order and inside the file. */
bool qcow2_check_usable (const struct qcow2_checker *c, uint64_t entry);
/* Takes back what qcow2_check_reftable counted. */
int qcow2_check_uncount (struct qcow2_checker *c, struct img_error *err);
/* The stored refcount of one cluster, for messages. */
uint64_t qcow2_check_stored (struct qcow2_checker *c, uint64_t cluster);

/* ---- check-refs.c, check-l2.c, check-dirs.c, check-copied.c ---- */

/* Pass 2. */
int qcow2_check_refs (struct qcow2_checker *c, struct img_error *err);
/* Counts an L1 table, TIMES times, and collects the L2 tables that it names. */
int qcow2_check_l1 (struct qcow2_checker *c, uint64_t offset, uint32_t size, bool active,
                    uint32_t times, struct img_error *err);
/* The entries of one L2 table, TABLE (cluster_size bytes).  True in *EMPTY: there was none. */
int qcow2_check_l2 (struct qcow2_checker *c, const struct qcow2_l2_ref *ref, const uint8_t *table,
                    bool *empty, struct img_error *err);
int qcow2_check_snapshots (struct qcow2_checker *c, struct img_error *err);
/* Order, for qsort, of pointers to snapshots: 0 where the L1 table is the same. */
int qcow2_snapshots_by_l1 (const void *a, const void *b);
int qcow2_check_bitmaps (struct qcow2_checker *c, struct img_error *err);
/* Names wrong COPIED flags; with c->mend corrects and counts them, where nothing else lies in the
 * table. */
int qcow2_check_copied (struct qcow2_checker *c, struct img_error *err);

#endif
