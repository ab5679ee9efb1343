/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* compare: are two images the same?
 *
 * The images are dealt in pieces, in order.  A worker walks both sides of its piece, and where
 * neither has data nothing is read; the rest it compares in chunks that fit the cache.  What ends
 * the comparison, a difference or a failure, is an event with an offset: the first in the image
 * counts, whoever finds it, because everything before it is still looked at.  Nothing behind it is
 * begun.
 *
 * With a list wanted, differences are no events: they are put down (compare-list.c) and the walk
 * goes on.
 *
 * Refuses nothing; sizes may differ: past its end an image reads as zero. */
#include <config.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/copy.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/compare-list.h"
#include "core/iszero.h"
#include "core/node.h"
#include "core/pool.h"
#include "core/progress.h"
#include "core/side.h"
#include "core/workers.h"

#define CHUNK (UINT64_C (128) * 1024) /* two of them stay in an L2 cache */
#define PIECES 1024
#define PIECES_CHAIN 128 /* not to wait for each other at the same table of each layer */
#define PIECE_MIN (UINT64_C (1) << 20)
#define PIECE_MAX (UINT64_C (512) << 20)
#define PIECE_LIST (UINT64_C (16) << 20) /* what is found waits in memory for pieces before it */
#define SECTOR UINT64_C (512)
/* What of a block's flags is its allocation status. */
#define STATUS                                                                                \
  (IMG_BLOCK_DATA | IMG_BLOCK_ZERO | IMG_BLOCK_PRESENT | IMG_BLOCK_COMPRESSED | IMG_BLOCK_HOST \
   | IMG_BLOCK_ENCRYPTED)

enum event_kind { EVENT_NONE, EVENT_STATUS, EVENT_CONTENT, EVENT_FAILED };

struct event {
  enum event_kind kind;
  uint64_t offset;
  int image;
  bool status; /* FAILED: the allocation status could not be had */
  struct img_error err;
};

struct job {
  struct img_node *node[2];
  uint64_t common, total; /* of the sizes the smaller one, the larger one */
  bool strict;
  struct img_progress *progress;
  pthread_mutex_t deal;
  uint64_t next, piece; /* with `deal`: what is not dealt; bytes a piece */
  pthread_mutex_t lock; /* around event */
  struct event event;
  _Atomic uint64_t limit; /* nothing from here on matters any more */
  struct compare_list list; /* with `lock`; told: list.tell is set */
  _Atomic uint64_t busy[IMG_WORKERS_MAX]; /* where each worker is at; UINT64_MAX: nowhere */
};

/* A worker on its way through a piece. */
struct hand {
  struct job *job;
  unsigned worker;
  struct img_side side[2];
  uint64_t pos, end;
  uint8_t *buf[2];
};

/* Something to look at: bytes of both sides, NULL where one is known to be zero. */
struct chunk {
  uint64_t offset, length;
  struct img_node *node[2];
  uint64_t at[2];
  bool status_differs; /* to be listed where the bytes are the same */
};

static void
note_event (struct job *job, const struct event *event)
{
  IMG_GUARD (&job->lock);
  if (job->event.kind != EVENT_NONE && job->event.offset <= event->offset)
    return;
  job->event = *event;
  atomic_store (&job->limit, event->offset);
}

static void
note_failure (struct job *job, uint64_t offset, int image, bool status,
              const struct img_error *err)
{
  struct event event = { EVENT_FAILED, offset, image, status, *err };
  note_event (job, &event);
}

/* ---- the list ---- */

/* Puts down a difference; without a list it ends the comparison. */
static void
note_difference (struct job *job, uint64_t offset, uint64_t length, enum img_compare_result kind)
{
  struct img_error err = IMG_ERROR_INIT;
  struct event event = { .kind = kind == IMG_COMPARE_STATUS ? EVENT_STATUS : EVENT_CONTENT,
                         .offset = offset };
  int r;
  IMG_TRACE ("compare_difference", NULL, "%d 0x%" PRIx64, (int) kind, offset);
  if (job->list.tell == NULL) {
    note_event (job, &event);
    return;
  }
  pthread_mutex_lock (&job->lock);
  r = compare_list_add (&job->list, offset, length, kind, &err);
  pthread_mutex_unlock (&job->lock);
  if (r < 0)
    note_failure (job, offset, 0, false, &err);
}

/* All sectors of a chunk: those with bytes that differ, and the others where the status does. */
static void
list_sectors (struct job *job, const struct chunk *chunk, uint8_t *const buf[2])
{
  size_t n = (size_t) chunk->length, step, run = 0;
  bool differ = false, first = true;
  for (size_t at = 0; at < n; at += step) {
    step = img_min (SECTOR - (chunk->offset + at) % SECTOR, n - at);
    bool d = chunk->node[0] && chunk->node[1]
               ? memcmp (buf[0] + at, buf[1] + at, step) != 0
               : !img_is_zero ((chunk->node[0] ? buf[0] : buf[1]) + at, step);
    if (!first && d != differ) {
      if (differ || chunk->status_differs)
        note_difference (job, chunk->offset + run, at - run,
                         differ ? IMG_COMPARE_CONTENT : IMG_COMPARE_STATUS);
      run = at;
    }
    differ = d;
    first = false;
  }
  if (differ || chunk->status_differs)
    note_difference (job, chunk->offset + run, n - run,
                     differ ? IMG_COMPARE_CONTENT : IMG_COMPARE_STATUS);
}

static bool
list_is_long (struct job *job)
{
  IMG_GUARD (&job->lock);
  return compare_list_is_long (&job->list);
}

/* Tells what nothing can come before any more. */
static void
tell_some (struct job *job)
{
  pthread_mutex_lock (&job->deal);
  uint64_t low = img_min (job->next, atomic_load (&job->limit));
  for (unsigned i = 0; i < IMG_WORKERS_MAX; i++)
    low = img_min (low, atomic_load (&job->busy[i]));
  pthread_mutex_unlock (&job->deal);
  IMG_GUARD (&job->lock);
  if (compare_list_is_long (&job->list))
    compare_list_tell (&job->list, low);
}

/* ---- the walk ---- */

static int
seek_side (struct hand *hand, int i)
{
  struct img_error err = IMG_ERROR_INIT;
  if (img_side_seek (&hand->side[i], hand->pos, hand->end, &err) == 0)
    return 0;
  note_failure (hand->job, hand->pos, i, true, &err);
  return -1;
}

/* Does the allocation status count here, and differ? */
static bool
status_differs (const struct hand *hand)
{
  const struct job *job = hand->job;
  return job->strict && hand->pos < job->common
         && (hand->side[0].block.flags & STATUS) != (hand->side[1].block.flags & STATUS);
}

/* 1: *CHUNK is to be compared; 0: the end of the piece, or nothing behind matters. */
static int
next_chunk (struct hand *hand, struct chunk *chunk)
{
  struct job *job = hand->job;
  while (hand->pos < hand->end && hand->pos < atomic_load (&job->limit)) {
    if (seek_side (hand, 0) < 0 || seek_side (hand, 1) < 0)
      return 0;
    const struct img_block *a = &hand->side[0].block, *b = &hand->side[1].block;
    bool status = status_differs (hand);
    if (status && job->list.tell == NULL) {
      note_difference (job, hand->pos, 0, IMG_COMPARE_STATUS);
      return 0;
    }
    uint64_t n = img_min (a->offset + a->length, b->offset + b->length) - hand->pos;
    bool zero[2] = { !img_side_is_data (a), !img_side_is_data (b) };
    if (!zero[0] || !zero[1])
      n = img_min (n, CHUNK - hand->pos % CHUNK);
    *chunk = (struct chunk) { .offset = hand->pos, .length = n, .status_differs = status };
    if (zero[0] && zero[1] && status)
      note_difference (job, hand->pos, n, IMG_COMPARE_STATUS);
    for (int i = 0; i < 2; i++) {
      const struct img_block *block = &hand->side[i].block;
      chunk->node[i] = zero[i] ? NULL : block->node;
      chunk->at[i] = block->host_offset + (hand->pos - block->offset);
    }
    atomic_store (&job->busy[hand->worker], hand->pos);
    hand->pos += n;
    if (!zero[0] || !zero[1])
      return 1;
    img_progress_add (job->progress, n);
  }
  return 0;
}

/* The next piece for HAND.  False: there is none. */
static bool
deal (struct hand *hand)
{
  struct job *job = hand->job;
  IMG_GUARD (&job->deal);
  atomic_store (&job->busy[hand->worker], UINT64_MAX);
  if (job->next >= job->total || job->next >= atomic_load (&job->limit))
    return false;
  hand->pos = job->next;
  hand->end = job->next = img_min (job->next + job->piece, job->total);
  atomic_store (&job->busy[hand->worker], hand->pos);
  img_side_move (&hand->side[0], hand->pos, hand->end);
  img_side_move (&hand->side[1], hand->pos, hand->end);
  return true;
}

/* ---- the bytes ---- */

/* Where two buffers differ; N: nowhere. */
static size_t
first_difference (const uint8_t *a, const uint8_t *b, size_t n)
{
  size_t i = 0;
  if (memcmp (a, b, n) == 0)
    return n;
  while (a[i] == b[i])
    i++;
  return i;
}

static size_t
first_nonzero (const uint8_t *a, size_t n)
{
  size_t i = 0;
  if (img_is_zero (a, n))
    return n;
  while (a[i] == 0)
    i++;
  return i;
}

/* Reads and compares; what it finds is an event. */
static void
look (struct job *job, const struct chunk *chunk, uint8_t *buf[2])
{
  struct img_error err = IMG_ERROR_INIT;
  size_t n = (size_t) chunk->length, at;
  IMG_TRACE ("compare_piece", NULL, "0x%" PRIx64 " %" PRIu64, chunk->offset, chunk->length);
  for (int i = 0; i < 2; i++)
    if (chunk->node[i] && img_pread (chunk->node[i], buf[i], n, chunk->at[i], 0, &err) < 0) {
      note_failure (job, chunk->offset, i, false, &err);
      return;
    }
  if (chunk->node[0] && chunk->node[1])
    at = first_difference (buf[0], buf[1], n);
  else
    at = first_nonzero (chunk->node[0] ? buf[0] : buf[1], n);
  uint64_t offset = chunk->offset + at;
  if (job->list.tell && (at < n || chunk->status_differs))
    list_sectors (job, chunk, buf);
  else if (at < n)
    note_difference (job, offset - offset % SECTOR, 0, IMG_COMPARE_CONTENT);
  img_progress_add (job->progress, n);
}

static int
look_through (struct hand *hand, struct img_error *err)
{
  struct job *job = hand->job;
  struct chunk chunk;
  while (next_chunk (hand, &chunk) > 0) {
    if (img_progress_check (job->progress, err) < 0) {
      atomic_store (&job->limit, 0); /* for the others, too */
      return -1;
    }
    look (job, &chunk, hand->buf);
    if (job->list.tell && list_is_long (job))
      tell_some (job);
  }
  return 0;
}

static int
work (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct job *job = arg;
  struct hand hand = { .job = job, .worker = worker };
  void *p = NULL;
  int r = 0;
  (void) pool;
  if (posix_memalign (&p, 4096, 2 * CHUNK) != 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  IMG_CLEANUP (free) uint8_t *room = p;
  for (int i = 0; i < 2; i++) {
    hand.buf[i] = room + i * CHUNK;
    img_side_init (&hand.side[i], job->node[i]);
  }
  while (r == 0 && deal (&hand))
    r = look_through (&hand, err);
  img_side_release (&hand.side[0]);
  img_side_release (&hand.side[1]);
  return r;
}

/* ---- the result ---- */

static int
conclude (const struct job *job, struct img_compare *result, struct img_error *err)
{
  const struct event *event = &job->event;
  switch (event->kind) {
  case EVENT_FAILED:
    result->failed_image = event->image;
    result->failed_status = event->status;
    *err = event->err;
    return -1;
  case EVENT_STATUS:
  case EVENT_CONTENT:
    result->result = event->kind == EVENT_STATUS ? IMG_COMPARE_STATUS : IMG_COMPARE_CONTENT;
    result->offset = event->offset;
    return 0;
  default:
    if (result->result == IMG_COMPARE_SAME && job->list.first.length > 0) {
      result->result = job->list.first.kind;
      result->offset = job->list.first.offset;
    }
    return 0;
  }
}

static void
init_job (struct job *job, const struct img_compare_opts *opts)
{
  pthread_mutex_init (&job->deal, NULL);
  pthread_mutex_init (&job->lock, NULL);
  atomic_init (&job->limit, UINT64_MAX);
  for (unsigned i = 0; i < IMG_WORKERS_MAX; i++)
    atomic_init (&job->busy[i], UINT64_MAX);
  uint64_t pieces = job->node[0]->backing || job->node[1]->backing ? PIECES_CHAIN : PIECES;
  uint64_t most = opts->differs ? PIECE_LIST : PIECE_MAX;
  for (job->piece = PIECE_MIN; job->piece < most && job->total / job->piece > pieces;)
    job->piece *= 2;
  job->strict = opts->strict;
  job->progress = opts->progress;
  job->list.tell = opts->differs;
  job->list.arg = opts->differs_arg;
}

int
img_compare (struct img_node *a, struct img_node *b, const struct img_compare_opts *opts,
             struct img_compare *result, struct img_error *err)
{
  struct img_compare_opts o = { .struct_size = sizeof o };
  uint64_t size[2] = { atomic_load (&a->size), atomic_load (&b->size) };
  struct job job = {
    .node = { a, b }, .common = img_min (size[0], size[1]), .total = img_max (size[0], size[1]),
  };
  memcpy (&o, opts, img_min (opts->struct_size, sizeof o));
  *result = (struct img_compare) { .result = IMG_COMPARE_SAME };
  result->size_differs = size[0] != size[1];
  if (result->size_differs && o.strict) {
    result->result = IMG_COMPARE_SIZE;
    if (o.differs == NULL)
      return 0;
  }
  init_job (&job, &o);
  img_progress_start (job.progress, job.total);
  unsigned inflight = (unsigned) img_max (img_workers_inflight (a), img_workers_inflight (b));
  IMG_TRACE ("compare_start", NULL, "%u %" PRIu64, o.workers, job.total);
  int r = img_pool_run (img_workers_count (o.workers, inflight), work, &job, err);
  if (job.list.tell)
    compare_list_finish (&job.list, atomic_load (&job.limit));
  if (r == 0)
    r = conclude (&job, result, err);
  pthread_mutex_destroy (&job.deal);
  pthread_mutex_destroy (&job.lock);
  return r;
}
