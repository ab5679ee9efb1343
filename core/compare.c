/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* compare: are two images the same?
 *
 * Both are walked side by side under one lock; where neither has data nothing is read.  The rest is
 * dealt in pieces that fit the cache, and compared outside the lock.  What ends the comparison, a
 * difference or a failure, is an event with an offset: the first in the image counts, whoever finds
 * it, because everything before it is still looked at.  Nothing behind it is begun.
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
  struct img_side side[2];
  uint64_t pos, total;
  bool strict;
  struct img_progress *progress;
  pthread_mutex_t deal;
  pthread_mutex_t lock; /* around event */
  struct event event;
  _Atomic uint64_t limit; /* nothing from here on matters any more */
  struct compare_list list; /* with `lock`; told: list.tell is set */
  _Atomic uint64_t busy[IMG_WORKERS_MAX]; /* where each worker is at; UINT64_MAX: nowhere */
};

/* Something to look at: bytes of both sides, NULL where one is known to be zero. */
struct piece {
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

/* All sectors of a piece: those with bytes that differ, and the others where the status does. */
static void
list_sectors (struct job *job, const struct piece *piece, uint8_t *const buf[2])
{
  size_t n = (size_t) piece->length, step, run = 0;
  bool differ = false, first = true;
  for (size_t at = 0; at < n; at += step) {
    step = img_min (SECTOR - (piece->offset + at) % SECTOR, n - at);
    bool d = piece->node[0] && piece->node[1]
               ? memcmp (buf[0] + at, buf[1] + at, step) != 0
               : !img_is_zero ((piece->node[0] ? buf[0] : buf[1]) + at, step);
    if (!first && d != differ) {
      if (differ || piece->status_differs)
        note_difference (job, piece->offset + run, at - run,
                         differ ? IMG_COMPARE_CONTENT : IMG_COMPARE_STATUS);
      run = at;
    }
    differ = d;
    first = false;
  }
  if (differ || piece->status_differs)
    note_difference (job, piece->offset + run, n - run,
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
  uint64_t low = img_min (job->pos, atomic_load (&job->limit));
  for (unsigned i = 0; i < IMG_WORKERS_MAX; i++)
    low = img_min (low, atomic_load (&job->busy[i]));
  pthread_mutex_unlock (&job->deal);
  IMG_GUARD (&job->lock);
  if (compare_list_is_long (&job->list))
    compare_list_tell (&job->list, low);
}

/* ---- the walk ---- */

static int
seek_side (struct job *job, int i)
{
  struct img_error err = IMG_ERROR_INIT;
  if (img_side_seek (&job->side[i], job->pos, job->total, &err) == 0)
    return 0;
  note_failure (job, job->pos, i, true, &err);
  return -1;
}

/* Does the allocation status count here, and differ? */
static bool
status_differs (const struct job *job)
{
  return job->strict && (job->side[0].block.flags & STATUS) != (job->side[1].block.flags & STATUS)
         && job->pos < img_min (job->side[0].size, job->side[1].size);
}

/* 1: *PIECE is to be compared; 0: the end. */
static int
deal (struct job *job, unsigned worker, struct piece *piece)
{
  IMG_GUARD (&job->deal);
  while (job->pos < job->total && job->pos < atomic_load (&job->limit)) {
    if (seek_side (job, 0) < 0 || seek_side (job, 1) < 0)
      return 0;
    const struct img_block *a = &job->side[0].block, *b = &job->side[1].block;
    bool status = status_differs (job);
    if (status && job->list.tell == NULL) {
      note_difference (job, job->pos, 0, IMG_COMPARE_STATUS);
      return 0;
    }
    uint64_t n = img_min (a->offset + a->length, b->offset + b->length) - job->pos;
    bool zero[2] = { !img_side_is_data (a), !img_side_is_data (b) };
    if (!zero[0] || !zero[1])
      n = img_min (n, CHUNK - job->pos % CHUNK);
    *piece = (struct piece) { .offset = job->pos, .length = n, .status_differs = status };
    if (zero[0] && zero[1] && status)
      note_difference (job, job->pos, n, IMG_COMPARE_STATUS);
    for (int i = 0; i < 2; i++) {
      const struct img_block *block = &job->side[i].block;
      piece->node[i] = zero[i] ? NULL : block->node;
      piece->at[i] = block->host_offset + (job->pos - block->offset);
    }
    if (!zero[0] || !zero[1])
      atomic_store (&job->busy[worker], job->pos);
    job->pos += n;
    if (!zero[0] || !zero[1])
      return 1;
    img_progress_add (job->progress, n);
  }
  return 0;
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
look (struct job *job, const struct piece *piece, uint8_t *buf[2])
{
  struct img_error err = IMG_ERROR_INIT;
  size_t n = (size_t) piece->length, at;
  IMG_TRACE ("compare_piece", NULL, "0x%" PRIx64 " %" PRIu64, piece->offset, piece->length);
  for (int i = 0; i < 2; i++)
    if (piece->node[i] && img_pread (piece->node[i], buf[i], n, piece->at[i], 0, &err) < 0) {
      note_failure (job, piece->offset, i, false, &err);
      return;
    }
  if (piece->node[0] && piece->node[1])
    at = first_difference (buf[0], buf[1], n);
  else
    at = first_nonzero (piece->node[0] ? buf[0] : buf[1], n);
  uint64_t offset = piece->offset + at;
  if (job->list.tell && (at < n || piece->status_differs))
    list_sectors (job, piece, buf);
  else if (at < n)
    note_difference (job, offset - offset % SECTOR, 0, IMG_COMPARE_CONTENT);
  img_progress_add (job->progress, n);
}

static int
work (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct job *job = arg;
  struct piece piece;
  void *p = NULL;
  (void) pool;
  if (posix_memalign (&p, 4096, 2 * CHUNK) != 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  IMG_CLEANUP (free) uint8_t *room = p;
  uint8_t *buf[2] = { room, room + CHUNK };
  while (deal (job, worker, &piece) > 0) {
    if (img_progress_check (job->progress, err) < 0) {
      atomic_store (&job->limit, 0); /* for the others, too */
      return -1;
    }
    look (job, &piece, buf);
    atomic_store (&job->busy[worker], UINT64_MAX);
    if (job->list.tell && list_is_long (job))
      tell_some (job);
  }
  return 0;
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
    .total = img_max (size[0], size[1]),
  };
  memcpy (&o, opts, img_min (opts->struct_size, sizeof o));
  img_side_init (&job.side[0], a);
  img_side_init (&job.side[1], b);
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
  img_side_release (&job.side[0]);
  img_side_release (&job.side[1]);
  pthread_mutex_destroy (&job.deal);
  pthread_mutex_destroy (&job.lock);
  return r;
}
