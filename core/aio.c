/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aio: a queue of requests on an image.
 *
 * Each request takes a slot.  When aio-map.c knows the bytes to live in one piece in a protocol
 * that has an engine, and they are aligned as that wants them, the slot goes to the engine's queue,
 * one a protocol node.  Everything else, and what an engine did not do whole, goes to the threads
 * of aio-pool.c, which call img_pread, img_pwrite and img_flush.  Engines and threads cannot be
 * waited for together, so with both at work the threads are waited for, the engines looked at. */
#include <config.h>

#include <limits.h>
#include <string.h>

#include <blkimg/aio.h>
#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/aio-map.h"
#include "core/aio-pool.h"
#include "core/io.h"

#define THREADS_MAX 64
#define BATCH 64
#define DEPTH_MAX (1u << 20)

struct engine {
  struct img_node *node;
  const struct img_aio_ops *ops; /* NULL: it has none */
  void *queue;
  unsigned in_flight;
  unsigned n_batch;
  struct img_aio_io *batch[BATCH];
};

struct slot {
  struct img_aio_job job; /* first, so that a job is its slot */
  struct img_aio_io io;
  struct img_aio_request *request;
  bool allocates;         /* it may */
  struct img_node *node;  /* whose bytes these are, at io.offset */
  struct img_error error;
  struct slot *next;      /* free, or done without anybody's help */
};

struct img_aio {
  struct img_node *node;
  const char *engine_name;
  unsigned depth, in_flight, threads_in_flight;
  unsigned allocating; /* writes that a thread makes to the image as a whole */
  struct img_aio_map reads, writes;
  struct img_aio_pool *pool;
  IMG_VEC (struct engine *) engines;
  struct slot *free, *done;
  struct slot *slots;
};

#define SLOT_OF(pointer) \
  ((struct slot *) (void *) ((char *) (pointer) - offsetof (struct slot, io)))

/* ---- engines ---- */

/* The engine of NODE, opened on first use. */
static struct engine *
engine_of (struct img_aio *aio, struct img_node *node, struct img_error *err)
{
  for (size_t i = 0; i < aio->engines.n; i++)
    if (aio->engines.v[i]->node == node)
      return aio->engines.v[i];
  struct engine *e = calloc (1, sizeof *e);
  if (e == NULL || img_vec_push (&aio->engines, e) < 0) {
    free (e);
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  e->node = node;
  const struct img_aio_ops *ops = node->driver->aio;
  if (ops == NULL)
    return e;
  e->queue = ops->open (node, aio->engine_name, aio->depth, err);
  if (e->queue == NULL) {
    img_io_blame (node, err);
    aio->engines.n--;
    free (e);
    return NULL;
  }
  if (node->driver->threads == IMG_THREADS_PARALLEL)
    e->ops = ops;
  else /* one callback at a time: threads know how to wait for each other */
    ops->close (e->queue);
  return e;
}

static void
engine_push (struct engine *e)
{
  if (e->n_batch > 0)
    e->ops->submit (e->queue, e->batch, e->n_batch);
  e->n_batch = 0;
}

static void
engine_take (struct engine *e, struct slot *slot)
{
  e->in_flight++;
  e->batch[e->n_batch++] = &slot->io;
  if (e->n_batch == BATCH)
    engine_push (e);
}

static bool
fits_engine (const struct engine *e, const struct img_aio_io *io)
{
  const struct img_limits *l = &e->node->limits;
  uint64_t align = img_max (l->request_align, 1), mem = img_max (l->mem_align, 1);
  return e->ops && io->length % align == 0 && io->offset % align == 0
         && (uintptr_t) io->buf % mem == 0 && io->length <= UINT32_MAX / 4
         && (l->max_transfer == 0 || io->length <= l->max_transfer)
         && !(io->write && (e->node->flags & (IMG_OPEN_WRITETHROUGH | IMG_OPEN_DETECT_ZEROES)));
}

/* ---- threads ---- */

static void
run_slot (struct img_aio_job *job)
{
  struct slot *s = (struct slot *) (void *) job;
  struct img_aio_io *io = &s->io;
  int r;
  if (s->request->kind == IMG_AIO_FLUSH)
    r = img_flush (s->node, &s->error);
  else if (io->write)
    r = img_pwrite (s->node, io->buf, io->length, io->offset, 0, &s->error);
  else
    r = img_pread (s->node, io->buf, io->length, io->offset, 0, &s->error);
  s->request->failed = r < 0;
}

/* -1: the slot is still the caller's. */
static int
thread_take (struct img_aio *aio, struct slot *slot, struct img_error *err)
{
  slot->job.run = run_slot;
  if (img_aio_pool_add (aio->pool, &slot->job, err) < 0)
    return -1;
  aio->threads_in_flight++;
  slot->allocates = slot->request->kind == IMG_AIO_WRITE && slot->node == aio->node;
  aio->allocating += slot->allocates;
  return 0;
}

/* ---- submit ---- */

static void
slot_init (struct slot *s, struct img_node *node, struct img_aio_request *q)
{
  s->request = q;
  s->node = node;
  s->io = (struct img_aio_io) { q->kind == IMG_AIO_WRITE, q->buf, q->length, q->offset, 0 };
  q->failed = false;
}

/* The span of a request that can do without a thread; *SPAN NULL: it cannot. */
static int
find_span (struct img_aio *aio, const struct img_aio_request *q, const struct img_aio_span **span,
           struct img_error *err)
{
  const struct img_aio_span *s;
  *span = NULL;
  if (q->kind == IMG_AIO_WRITE && (aio->node->flags & IMG_OPEN_DETECT_ZEROES))
    return 0;
  if (q->kind == IMG_AIO_READ)
    s = img_aio_map_read (&aio->reads, q->offset, err);
  else if (aio->allocating == 0)
    s = img_aio_map_write (&aio->writes, q->offset, err);
  else if ((s = img_aio_map_known (&aio->writes, q->offset)) == NULL)
    return 0; /* those threads may be allocating right now: do not ask the driver */
  if (s == NULL)
    return -1;
  if (s->where != IMG_AIO_SLOWLY && img_within (q->offset - s->offset, q->length, s->length))
    *span = s;
  return 0;
}

/* Done without anybody's help, or failed before it began. */
static void
put_done (struct img_aio *aio, struct slot *s)
{
  s->next = aio->done;
  aio->done = s;
}

static int
start_mapped (struct img_aio *aio, struct slot *s, const struct img_aio_span *span,
              struct img_error *err)
{
  const struct img_aio_request *q = s->request;
  if (span->where == IMG_AIO_ZERO) {
    memset (q->buf, 0, (size_t) q->length);
    put_done (aio, s);
    return 0;
  }
  struct engine *e = engine_of (aio, span->node, err);
  if (e == NULL)
    return -1;
  s->node = span->node;
  s->io.offset = span->host + (q->offset - span->offset);
  if (!fits_engine (e, &s->io))
    return thread_take (aio, s, err);
  engine_take (e, s);
  return 0;
}

static int
start (struct img_aio *aio, struct slot *s, struct img_error *err)
{
  const struct img_aio_request *q = s->request;
  const struct img_aio_span *span;
  if (q->kind == IMG_AIO_FLUSH)
    return thread_take (aio, s, err);
  if (q->kind == IMG_AIO_WRITE ? img_io_may_write (aio->node, q->offset, q->length, err) < 0
                               : img_io_bounds (aio->node, q->offset, q->length, err) < 0)
    return -1;
  if (q->length == 0) {
    put_done (aio, s);
    return 0;
  }
  if (find_span (aio, q, &span, err) < 0)
    return -1;
  return span ? start_mapped (aio, s, span, err) : thread_take (aio, s, err);
}

int
img_aio_submit (struct img_aio *aio, struct img_aio_request *const *requests, unsigned n,
                struct img_error *err)
{
  if (n > aio->depth - aio->in_flight)
    return img_error_set (err, EBUSY, _("%s: more than %u requests at once"), aio->node->filename,
                          aio->depth);
  for (unsigned i = 0; i < n; i++) {
    struct slot *s = aio->free;
    aio->free = s->next;
    aio->in_flight++;
    slot_init (s, aio->node, requests[i]);
    if (start (aio, s, &s->error) < 0) {
      requests[i]->failed = true;
      put_done (aio, s);
    }
  }
  for (size_t i = 0; i < aio->engines.n; i++)
    engine_push (aio->engines.v[i]);
  return 0;
}

/* ---- reap ---- */

static struct img_aio_request *
finish (struct img_aio *aio, struct slot *s, struct img_error *err)
{
  struct img_aio_request *q = s->request;
  if (q->failed)
    *err = s->error;
  aio->in_flight--;
  s->next = aio->free;
  aio->free = s;
  return q;
}

static unsigned
reap_done (struct img_aio *aio, struct img_aio_request **done, unsigned max, struct img_error *err)
{
  unsigned n = 0;
  for (struct slot *s; n < max && (s = aio->done) != NULL;) {
    aio->done = s->next;
    done[n++] = finish (aio, s, err);
  }
  return n;
}

/* What threads have done goes to the list of what is done. */
static void
fetch_threads (struct img_aio *aio, bool wait)
{
  struct img_aio_job *job = img_aio_pool_done (aio->pool, wait), *next;
  for (; job; job = next) {
    struct slot *s = (struct slot *) (void *) job;
    next = job->next;
    aio->threads_in_flight--;
    if (s->allocates) {
      aio->allocating--;
      img_aio_map_forget (&aio->reads);
      img_aio_map_forget (&aio->writes);
    }
    put_done (aio, s);
  }
}

static int
explain (const struct slot *s, int code, struct img_error *err)
{
  const char *name = s->node->filename;
  unsigned long long n = s->io.length, at = s->io.offset;
  if (s->io.write)
    return img_error_errno (err, code, _("%s: cannot write %llu bytes at 0x%llx"), name, n, at);
  return img_error_errno (err, code, _("%s: cannot read %llu bytes at 0x%llx"), name, n, at);
}

/* Whether the engine is through with a request; else a thread goes on where it stopped. */
static bool
settled (struct img_aio *aio, struct slot *s)
{
  struct img_aio_io *io = &s->io;
  int64_t r = io->result;
  if (r == (int64_t) io->length)
    return true;
  if (r == 0 || (r < 0 && r != -EAGAIN && r != -EINTR)) {
    explain (s, r < 0 ? (int) -r : io->write ? ENOSPC : EIO, &s->error);
    s->request->failed = true;
    return true;
  }
  uint64_t part = r > 0 ? img_min ((uint64_t) r, io->length) : 0;
  io->buf = (uint8_t *) io->buf + part;
  io->offset += part;
  io->length -= part;
  if (thread_take (aio, s, &s->error) == 0)
    return false; /* the slot is the thread's from here on */
  s->request->failed = true;
  return true;
}

static unsigned
reap_engine (struct img_aio *aio, struct engine *e, struct img_aio_request **done, unsigned max,
             bool wait, struct img_error *err)
{
  struct img_aio_io *ios[BATCH];
  unsigned kept = 0, n = e->ops->reap (e->queue, ios, (unsigned) img_min (max, BATCH), wait);
  e->in_flight -= n;
  for (unsigned i = 0; i < n; i++) {
    struct slot *s = SLOT_OF (ios[i]);
    if (settled (aio, s))
      done[kept++] = finish (aio, s, err);
  }
  return kept;
}

unsigned
img_aio_reap (struct img_aio *aio, struct img_aio_request **done, unsigned max,
              struct img_error *err)
{
  unsigned n = 0;
  while (n == 0 && aio->in_flight > 0 && max > 0) {
    struct engine *busiest = NULL;
    unsigned engines = 0;
    if (aio->threads_in_flight > 0)
      fetch_threads (aio, false);
    n = reap_done (aio, done, max, err);
    for (size_t i = 0; i < aio->engines.n; i++) {
      struct engine *e = aio->engines.v[i];
      engines += e->in_flight > 0;
      if (e->in_flight > 0 && (busiest == NULL || e->in_flight > busiest->in_flight))
        busiest = e;
    }
    bool only = engines == 1 && aio->threads_in_flight == 0; /* nothing else to wait for */
    for (size_t i = 0; i < aio->engines.n && n < max; i++)
      if (aio->engines.v[i]->in_flight > 0)
        n += reap_engine (aio, aio->engines.v[i], done + n, max - n, n == 0 && only, err);
    if (n > 0)
      break;
    if (aio->threads_in_flight > 0)
      fetch_threads (aio, true);
    else if (busiest && !only && busiest->in_flight > 0)
      n = reap_engine (aio, busiest, done, max, true, err);
  }
  return n;
}

/* ---- life ---- */

struct img_aio *
img_aio_new (struct img_node *node, const char *engine, unsigned depth, struct img_error *err)
{
  if (depth == 0 || depth > DEPTH_MAX) {
    img_error_set (err, EINVAL, _("a queue has room for 1 to %u requests"), DEPTH_MAX);
    return NULL;
  }
  struct img_aio *aio = calloc (1, sizeof *aio);
  if (aio)
    aio->slots = calloc (depth, sizeof *aio->slots);
  if (aio == NULL || aio->slots == NULL) {
    free (aio);
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  aio->node = aio->reads.node = aio->writes.node = node;
  aio->engine_name = engine;
  aio->depth = depth;
  for (unsigned i = depth; i-- > 0;) {
    aio->slots[i].next = aio->free;
    aio->free = &aio->slots[i];
  }
  aio->pool = img_aio_pool_new ((unsigned) img_min (depth, THREADS_MAX), err);
  struct img_node *bottom = node; /* a wrong engine is to be known now */
  while (bottom->n_children > 0)
    bottom = bottom->children[0].node;
  if (aio->pool && engine_of (aio, bottom, err))
    return aio;
  img_aio_free (aio);
  return NULL;
}

void
img_aio_free (struct img_aio *aio)
{
  struct img_aio_request *done[BATCH];
  struct img_error err = IMG_ERROR_INIT;
  if (aio == NULL)
    return;
  while (img_aio_reap (aio, done, BATCH, &err) > 0)
    ;
  img_aio_pool_free (aio->pool);
  for (size_t i = 0; i < aio->engines.n; i++) {
    struct engine *e = aio->engines.v[i];
    if (e->ops)
      e->ops->close (e->queue);
    free (e);
  }
  img_vec_free (&aio->engines);
  img_aio_map_release (&aio->reads);
  img_aio_map_release (&aio->writes);
  free (aio->slots);
  free (aio);
}
