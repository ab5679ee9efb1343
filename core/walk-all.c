/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* walk-all: a walk by several threads, its blocks in order.
 *
 * It begins as a plain walk: most are short.  One that goes on is cut into pieces, dealt in order.
 * A worker keeps the blocks of its piece in a room, and goes on with the next piece in another one:
 * whoever ends the piece whose turn it is gives away all that stand ready.  A full room waits for
 * its turn and is given then, so memory is bounded by the rooms.  What a border cut is joined
 * again.  A fault is told in its turn: what comes before it, and which it is, does not depend on
 * the number of threads. */
#include <config.h>

#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/pool.h"
#include "core/walk.h"
#include "core/workers.h"

#define ALONE 512 /* blocks before threads are worth it */
#define ROOM 4096  /* blocks */
#define ROOMS 2 /* a worker */
#define WORKERS_MAX 8 /* fn takes turns: more would only wait, each with its room */
#define PIECES 128 /* fewer than L2 tables: workers do not wait at the same ones */
#define PIECE_MIN ((uint64_t) 1 << 20)

/* Blocks of one piece. */
struct room {
  enum { ROOM_FREE, ROOM_FILLING, ROOM_READY } state; /* under the mutex */
  uint64_t number; /* of the piece */
  bool failed;     /* it ends with a fault, */
  struct img_error fault;
  struct img_block held; /* before which this was left */
  unsigned n;
  struct img_block blocks[ROOM];
};

struct all {
  struct img_node *node;
  unsigned flags;
  img_walk_fn *fn;
  void *arg;
  struct img_block held; /* the last one given; may go on.  The giver's. */
  pthread_mutex_t mutex;
  pthread_cond_t turned;
  /* Under the mutex: */
  uint64_t next, end, size; /* what is not dealt, and the size of a piece */
  uint64_t dealt, turn;     /* numbers of pieces */
  unsigned workers;
  bool giving, failed;
  unsigned n_rooms;
  struct room *rooms[ROOMS * WORKERS_MAX]; /* made when first needed */
};

IMG_CLEANUP_FN (img_walk_free, struct img_walk *)

static void
fail (struct all *all)
{
  IMG_GUARD (&all->mutex);
  all->failed = true;
  pthread_cond_broadcast (&all->turned);
}

/* ---- giving, by one at a time, in order ---- */

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

static int
give_room (struct all *all, struct room *room, struct img_error *err)
{
  for (unsigned i = 0; i < room->n; i++)
    if (give (all, &room->blocks[i], err) < 0)
      return -1;
  room->n = 0;
  if (!room->failed)
    return 0;
  if (room->held.length == 0 || give (all, &room->held, err) == 0)
    *err = room->fault;
  return -1;
}

/* The room whose turn it is, if it stands ready and nobody gives: the caller does now. */
static struct room *
begin_giving (struct all *all)
{
  IMG_GUARD (&all->mutex);
  if (all->giving || all->failed)
    return NULL;
  for (unsigned i = 0; i < all->n_rooms; i++)
    if (all->rooms[i]->state == ROOM_READY && all->rooms[i]->number == all->turn) {
      all->giving = true;
      return all->rooms[i];
    }
  return NULL;
}

static void
end_giving (struct all *all, struct room *room)
{
  IMG_GUARD (&all->mutex);
  all->giving = false;
  all->turn++;
  room->state = ROOM_FREE;
  pthread_cond_broadcast (&all->turned);
}

/* ROOM holds the rest of its piece. */
static int
put_room (struct all *all, struct room *room, struct img_error *err)
{
  pthread_mutex_lock (&all->mutex);
  room->state = ROOM_READY;
  pthread_mutex_unlock (&all->mutex);
  while ((room = begin_giving (all)) != NULL) {
    if (give_room (all, room, err) < 0)
      return -1;
    end_giving (all, room);
  }
  return 0;
}

/* ---- filling ---- */

static bool
wait_turn (struct all *all, uint64_t number)
{
  IMG_GUARD (&all->mutex);
  while (!all->failed && all->turn != number)
    pthread_cond_wait (&all->turned, &all->mutex);
  return !all->failed;
}

/* 1: ROOM holds the end of its piece; 0: some other worker failed. */
static int
fill_room (struct all *all, struct room *room, struct img_walk *walk, struct img_error *err)
{
  int more;
  while ((more = img_walk_next (walk, &room->blocks[room->n], &room->fault)) > 0)
    if (++room->n == ROOM) {
      if (!wait_turn (all, room->number))
        return 0;
      if (give_room (all, room, err) < 0)
        return -1;
    }
  room->failed = more < 0;
  if (more < 0)
    room->held = *img_walk_held (walk);
  return 1;
}

/* A room that is free, once there is one; NULL: there is no memory, or it is over. */
static struct room *
find_room (struct all *all, unsigned most, struct img_error *err)
{
  for (;; pthread_cond_wait (&all->turned, &all->mutex)) {
    if (all->failed || all->next == all->end)
      return NULL;
    for (unsigned i = 0; i < all->n_rooms; i++)
      if (all->rooms[i]->state == ROOM_FREE)
        return all->rooms[i];
    if (all->n_rooms < most)
      break;
  }
  struct room *room = malloc (sizeof *room);
  if (room == NULL)
    img_error_set (err, ENOMEM, _("out of memory"));
  else
    all->rooms[all->n_rooms++] = room;
  return room;
}

/* The next piece for WALK, and its room.  NULL: there is none, or a failure is in *ERR. */
static struct room *
deal (struct all *all, struct img_walk *walk, struct img_error *err)
{
  IMG_GUARD (&all->mutex);
  struct room *room = find_room (all, ROOMS * all->workers, err);
  if (room == NULL)
    return NULL;
  uint64_t length = img_min (all->size - all->next % all->size, all->end - all->next);
  img_walk_move (walk, all->next, length);
  room->state = ROOM_FILLING;
  room->number = all->dealt++;
  room->n = 0;
  room->failed = false;
  all->next += length;
  return room;
}

static int
work (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct all *all = arg;
  IMG_CLEANUP (img_walk_free) struct img_walk *walk
    = img_walk_new (all->node, all->end, 0, all->flags, err);
  struct room *room;
  int r = walk ? 1 : -1;
  (void) pool;
  (void) worker;
  while (r > 0 && (room = deal (all, walk, err)) != NULL) {
    r = fill_room (all, room, walk, err);
    if (r > 0 && put_room (all, room, err) < 0)
      r = -1;
  }
  if (r > 0 && err->code != 0)
    r = -1;
  if (r < 0)
    fail (all);
  return r < 0 ? -1 : 0;
}

static int
walk_together (struct all *all, unsigned workers, struct img_error *err)
{
  for (all->size = PIECE_MIN; (all->end - all->next) / all->size > PIECES;)
    all->size *= 2;
  pthread_mutex_init (&all->mutex, NULL);
  pthread_cond_init (&all->turned, NULL);
  all->workers = workers;
  int r = img_pool_run (workers, work, all, err);
  for (unsigned i = 0; i < all->n_rooms; i++)
    free (all->rooms[i]);
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
