/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* walk-all: a walk by several threads, its blocks in order.
 *
 * It begins as a plain walk: most are short.  One that goes on is cut into pieces, dealt in order.
 * A worker keeps the blocks of its piece until all before it are given away; a full room waits for
 * that, too, so memory is one room a worker.  What a border cut is joined again.  A fault is told
 * in its turn: what comes before it, and which it is, does not depend on the number of threads. */
#include <config.h>

#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/pool.h"
#include "core/walk.h"
#include "core/workers.h"

#define ALONE 4096 /* blocks before threads are worth it */
#define ROOM 4096  /* blocks a worker */
#define WORKERS_MAX 8 /* fn takes turns: more would only wait, each with its room */
#define PIECES 256
#define PIECE_MIN ((uint64_t) 1 << 20)

struct all {
  struct img_node *node;
  unsigned flags;
  img_walk_fn *fn;
  void *arg;
  struct img_block held; /* the last one given; may go on.  Its turn's. */
  pthread_mutex_t mutex;
  pthread_cond_t turned;
  /* Under the mutex: */
  uint64_t next, end, size; /* what is not dealt, and the size of a piece */
  uint64_t dealt, turn;     /* numbers of pieces */
  bool failed;
};

struct hand {
  struct all *all;
  struct img_walk *walk;
  uint64_t number; /* of the piece */
  unsigned n;
  struct img_block room[ROOM];
};

IMG_CLEANUP_FN (img_walk_free, struct img_walk *)

static void
fail (struct all *all)
{
  IMG_GUARD (&all->mutex);
  all->failed = true;
  pthread_cond_broadcast (&all->turned);
}

static bool
wait_turn (struct all *all, uint64_t number)
{
  IMG_GUARD (&all->mutex);
  while (!all->failed && all->turn != number)
    pthread_cond_wait (&all->turned, &all->mutex);
  return !all->failed;
}

/* In its turn. */
static int
give (struct all *all, const struct img_block *b, struct img_error *err)
{
  struct img_block *held = &all->held;
  if (held->length > 0 && img_block_joins (held, b)) {
    held->length += b->length;
    return 0;
  }
  if (held->length > 0 && all->fn (all->arg, held, err) < 0)
    return -1;
  *held = *b;
  return 0;
}

/* 1 given; 0: some other worker failed. */
static int
give_room (struct hand *hand, struct img_error *err)
{
  if (!wait_turn (hand->all, hand->number))
    return 0;
  for (unsigned i = 0; i < hand->n; i++)
    if (give (hand->all, &hand->room[i], err) < 0)
      return -1;
  hand->n = 0;
  return 1;
}

/* The hand's piece.  As give_room. */
static int
walk_piece (struct hand *hand, struct img_error *err)
{
  struct img_error fault = IMG_ERROR_INIT;
  int more = 1, given = 1;
  while (given > 0 && more > 0) {
    more = img_walk_next (hand->walk, &hand->room[hand->n], &fault);
    if (more > 0 && ++hand->n < ROOM)
      continue;
    given = give_room (hand, err);
  }
  if (given <= 0 || more == 0)
    return given;
  const struct img_block *held = img_walk_held (hand->walk);
  if (held->length == 0 || give (hand->all, held, err) == 0)
    *err = fault;
  return -1;
}

/* The next piece for HAND.  False: there is none. */
static bool
deal (struct all *all, struct hand *hand)
{
  IMG_GUARD (&all->mutex);
  if (all->failed || all->next == all->end)
    return false;
  uint64_t length = img_min (all->size - all->next % all->size, all->end - all->next);
  img_walk_move (hand->walk, all->next, length);
  hand->number = all->dealt++;
  all->next += length;
  return true;
}

static int
work (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct all *all = arg;
  IMG_CLEANUP (free) struct hand *hand = malloc (sizeof *hand);
  IMG_CLEANUP (img_walk_free) struct img_walk *walk
    = img_walk_new (all->node, all->end, 0, all->flags, err);
  int given = hand && walk ? 1 : -1;
  (void) pool;
  (void) worker;
  if (hand == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
  } else {
    hand->all = all;
    hand->walk = walk;
    hand->n = 0;
  }
  while (given > 0 && deal (all, hand)) {
    given = walk_piece (hand, err);
    if (given > 0) {
      IMG_GUARD (&all->mutex);
      all->turn++;
      pthread_cond_broadcast (&all->turned);
    }
  }
  if (given < 0)
    fail (all);
  return given < 0 ? -1 : 0;
}

static int
walk_together (struct all *all, unsigned workers, struct img_error *err)
{
  for (all->size = PIECE_MIN; (all->end - all->next) / all->size > PIECES;)
    all->size *= 2;
  pthread_mutex_init (&all->mutex, NULL);
  pthread_cond_init (&all->turned, NULL);
  int r = img_pool_run (workers, work, all, err);
  pthread_cond_destroy (&all->turned);
  pthread_mutex_destroy (&all->mutex);
  return r < 0 || all->held.length == 0 ? r : all->fn (all->arg, &all->held, err);
}

int
img_walk_all (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
              img_walk_fn *fn, void *arg, struct img_error *err)
{
  struct all all = {
    .node = node, .flags = flags, .fn = fn, .arg = arg, .next = offset, .end = offset + length
  };
  unsigned workers = img_workers_count (0, img_workers_inflight (node));
  struct img_block b;
  int r = 1;
  IMG_CLEANUP (img_walk_free) struct img_walk *walk
    = img_walk_new (node, offset, length, flags, err);
  if (walk == NULL)
    return -1;
  for (unsigned n = 0; workers == 1 || n < ALONE; n++) {
    r = img_walk_next (walk, &b, err);
    if (r <= 0 || fn (arg, &b, err) < 0)
      return r > 0 ? -1 : r;
    all.next = b.offset + b.length;
  }
  return walk_together (&all, workers < WORKERS_MAX ? workers : WORKERS_MAX, err);
}
