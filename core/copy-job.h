/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/copy-job.h - what the rooms of the copy engine share.
 *
 *   copy.c         img_copy: what the target can do, start and end
 *   copy-plan.c    deals ranges of the target, in order, from a walk over the sources
 *   copy-pin.c     the same for a source that gets another backing image: where that differs
 *   copy-fill.c    reads a range, finds its zeroes, encodes: a slot full of pieces
 *   copy-place.c   host space for the pieces, their bytes, their commit
 *   copy-order.c   the window of slots that keeps placing in guest order while all else runs
 *                  freely
 *   copy-worker.c  the loop of one thread
 *
 * Offsets are the target's guest bytes unless said otherwise.
 */
#ifndef CORE_COPY_JOB_H
#define CORE_COPY_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include <blkimg/copy.h>
#include <blkimg/vec.h>

#include "core/node.h"
#include "core/rate.h"

struct copy_plan;
struct copy_order;

/* Where some bytes of a range come from. */
struct copy_segment {
  uint64_t offset, length;
  struct img_node *node; /* NULL: they are zero */
  uint64_t at;           /* in `node` */
  /* COPY_PIN: what the other chain shows instead, NULL: zeroes. */
  struct img_node *other;
  uint64_t other_at;
  bool same;             /* COPY_PIN: the same whatever the chain */
};

enum copy_kind {
  COPY_READ,  /* read, look for zeroes, write */
  COPY_ZERO,  /* make it read as zero */
  COPY_SHARE  /* one segment, moved by the kernel */
};

/* One deal: begins on a unit of the target, ends on one or with the copy. */
struct copy_range {
  enum copy_kind kind;
  uint64_t offset, length;
  uint64_t at; /* READ: where its bytes are in the slot's buffers */
  IMG_VEC (struct copy_segment) segments;
};
#define COPY_BATCH 64 /* ranges that are dealt at once */

/* A part of a filled slot that is written in one way. */
struct copy_piece {
  enum { PIECE_PLAIN, PIECE_ENCODED, PIECE_ZERO, PIECE_SHARE } kind;
  uint64_t offset, length;
  const uint8_t *bytes; /* PLAIN, ENCODED */
  uint64_t encoded;     /* ENCODED: how many bytes */
};

/* Ranges on their way through the engine: several, in order, when they are small; a shared one is
 * alone. */
struct copy_slot {
  struct copy_range range[COPY_BATCH];
  unsigned n_ranges;
  uint8_t *buf;     /* guest bytes: job->chunk */
  uint8_t *encoded; /* streams, one behind the other: job->chunk; only with compress */
  uint8_t *other;   /* what the other chain shows: job->chunk; only with COPY_PIN */
  IMG_VEC (struct copy_piece) pieces;
  IMG_VEC (struct img_place) places; /* in order; of drivers with reserve */
  enum { SLOT_FREE, SLOT_FILLING, SLOT_READY, SLOT_PLACED } state; /* copy-order.c's */
};

/* What of the sources is copied. */
enum copy_layers {
  COPY_ALL,     /* what they show */
  COPY_OVERLAY, /* what their own layer defines */
  COPY_MERGE,   /* what the layers above the target, which the one source has below it, define */
  COPY_PIN      /* source and target are one image: what it would not show over `other` */
};

/* Whether the kernel moves data: the first range of it is TRIED, alone, and decides. */
enum copy_sharing { SHARING_NO, SHARING_UNKNOWN, SHARING_TRIED, SHARING_YES };

struct copy_job {
  struct img_node *dst;
  struct img_node *const *src;
  unsigned n_src;
  struct img_copy_opts opts;
  enum copy_layers layers;
  struct img_node *left;  /* shows what is left where it is, if only a part of a unit is; or NULL */
  struct img_node *other; /* COPY_PIN: another backing image for the source; NULL: none */
  uint64_t start, total;  /* of the target: where the first source begins, the last one ends */

  uint64_t unit;   /* the target is written in these */
  uint64_t chunk;  /* most bytes of a range that is read; a multiple of unit */
  uint64_t grain;  /* zeroes are looked for in these */
  bool reserves;   /* the target hands out host space */
  bool zeroed;     /* the target reads as zero, as far as the sources go */
  bool blank;      /* and behind them, too */
  unsigned local_max; /* workers that get ranges of local bytes */
  unsigned batch;     /* most ranges a deal */
  _Atomic int sharing;      /* enum copy_sharing */
  _Atomic bool allocating;  /* img_allocate is still worth asking */
  _Atomic bool stopping;    /* some worker failed */
  struct {
    _Atomic uint64_t data, compressed, streams, shared;
  } done; /* as struct img_copy_stats */

  struct copy_plan *plan;
  struct copy_order *order;
  struct img_rate rate;
  pthread_mutex_t report;   /* around opts.salvaged */
};

/* ---- copy.c ---- */

/* JOB: dst, src, n_src, opts, layers, left and other are set; the rest is zero. */
int copy_run (struct copy_job *job, struct img_error *err);

/* ---- copy-plan.c ---- */

struct copy_plan *copy_plan_new (struct copy_job *job, struct img_error *err);
void copy_plan_free (struct copy_plan *plan);
/* 1: RANGE filled; 0: the end.  One thread at a time. */
int copy_plan_next (struct copy_plan *plan, struct copy_range *range, struct img_error *err);
/* 1: *HANDS is how many workers are of use for what comes next; 0: the end. */
int copy_plan_hands (struct copy_plan *plan, unsigned *hands, struct img_error *err);
/* As copy_plan_next, for a range that is dealt along with one for HANDS workers.  0, too, when what
 * comes next is for another number of them, or the kernel's business. */
int copy_plan_more (struct copy_plan *plan, unsigned hands, struct copy_range *range,
                    struct img_error *err);

/* ---- copy-pin.c ---- */

/* A part of the source, which stays valid until the next one. */
struct copy_pin_block {
  uint64_t offset, length;
  struct img_node *node, *other; /* NULL: zeroes */
  uint64_t at, other_at;
  bool same; /* nothing changes here with the backing image */
};
struct copy_pin;
struct copy_pin *copy_pin_new (struct copy_job *job, struct img_error *err);
void copy_pin_free (struct copy_pin *pin);
/* 1: *BLOCK filled; 0: the end. */
int copy_pin_next (struct copy_pin *pin, struct copy_pin_block *block, struct img_error *err);
/* Reads what the other chain shows of a range of SLOT, LENGTH bytes with what fills its last
 * unit. */
int copy_pin_read (struct copy_job *job, struct copy_slot *slot, const struct copy_range *range,
                   uint64_t length, struct img_error *err);
/* 1: the next run of units that differ, from *FROM on; that becomes its start, *TO its end.  0:
 * there is none. */
int copy_pin_run (const struct copy_job *job, const struct copy_slot *slot,
                  const struct copy_range *range, uint64_t length, uint64_t *from, uint64_t *to);

/* ---- copy-fill.c ---- */

/* The bytes of the ranges, in slot->buf, and the pieces they make. */
int copy_fill (struct copy_job *job, struct copy_slot *slot, struct img_error *err);
/* LENGTH bytes at OFFSET of a segment into BUF, with salvage when that is wanted. */
int copy_read (struct copy_job *job, const struct copy_segment *segment, uint64_t offset,
               uint64_t length, uint8_t *buf, struct img_error *err);

/* ---- copy-place.c ---- */

/* Takes host space for the pieces; in guest order when the order of host space counts. */
int copy_place (struct copy_job *job, struct copy_slot *slot, struct img_error *err);
/* Writes the pieces and commits them.  On failure nothing of the slot stays reserved. */
int copy_write (struct copy_job *job, struct copy_slot *slot, struct img_error *err);

/* ---- copy-order.c ---- */

/* ORDERED: places are handed out in guest order, and N slots are in the window. */
struct copy_order *copy_order_new (struct copy_job *job, bool ordered, unsigned n,
                                   struct img_error *err);
void copy_order_free (struct copy_order *order);
/* 1: *SLOT holds ranges to be filled; 0: no more for WORKER. */
int copy_order_take (struct copy_order *order, unsigned worker, struct copy_slot **slot,
                     struct img_error *err);
/* SLOT is filled: places and writes it and what stands ready behind it, as the order allows. */
int copy_order_put (struct copy_order *order, struct copy_slot *slot, struct img_error *err);
/* Whether the first try to share worked; the deal goes on. */
void copy_order_shared (struct copy_order *order, bool works);
/* Wakes everybody up to go home. */
void copy_order_stop (struct copy_order *order);

/* ---- copy-worker.c ---- */

struct img_pool;
/* img_pool_work of a struct copy_job. */
int copy_work (struct img_pool *pool, unsigned worker, void *job, struct img_error *err);

#endif
