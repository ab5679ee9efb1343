/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-bench-run: keeps a queue of requests full until all are done.
 *
 * Owns: the order of requests, flushes between them, the clock.  It is read once for what is
 * started together and once for what is found done together: that is what a program with such a
 * queue would see, and costs next to nothing. */

#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <blkimg/aio.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "img-bench.h"

#define BATCH 256

struct unit {
  struct img_aio_request request;
  uint64_t started;
  struct unit *next;
};

struct run {
  struct bench *b;
  struct img_aio *aio;
  uint8_t *buffers;
  struct unit *units, *spare;
  struct img_aio_request flush;
  bool flushing, flush_due;
  uint64_t issued, position, image_size;
  unsigned in_flight; /* without the flush */
};

static uint64_t
now (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

/* ---- starting ---- */

/* Whether something must be waited for before the next request. */
static bool
must_wait (struct run *r, struct img_error *err, int *failed)
{
  struct img_aio_request *flush = &r->flush;

  if (r->flush_due && !r->flushing && (r->b->no_drain || r->in_flight == 0)) {
    r->flush = (struct img_aio_request) { .kind = IMG_AIO_FLUSH };
    r->flush_due = false;
    r->flushing = true;
    *failed = img_aio_submit (r->aio, &flush, 1, err);
  }
  return *failed < 0 || r->flush_due || (r->flushing && !r->b->no_drain);
}

static struct img_aio_request *
next_request (struct run *r)
{
  const struct bench *b = r->b;
  struct unit *u = r->spare;

  r->spare = u->next;
  u->request.offset = r->position;
  r->position += b->step;
  if (r->position >= r->image_size && r->image_size > 0)
    r->position %= r->image_size;
  r->issued++;
  r->in_flight++;
  r->flush_due = b->flush_interval > 0 && r->issued % b->flush_interval == 0;
  return &u->request;
}

static int
start (struct run *r, struct img_error *err)
{
  struct img_aio_request *requests[BATCH];
  unsigned n = 0;
  int failed = 0;

  while (n < BATCH && r->spare && r->issued < r->b->count && !must_wait (r, err, &failed))
    requests[n++] = next_request (r);
  if (r->issued == r->b->count && failed == 0)
    must_wait (r, err, &failed); /* the last flush */
  uint64_t t = now ();
  for (unsigned i = 0; i < n; i++)
    ((struct unit *) requests[i]->user)->started = t;
  if (n > 0 && failed == 0)
    failed = img_aio_submit (r->aio, requests, n, err);
  return failed;
}

/* ---- finishing ---- */

static int
finish (struct run *r, struct img_error *err)
{
  struct img_aio_request *done[BATCH];
  unsigned n = img_aio_reap (r->aio, done, BATCH, err);
  uint64_t t = now ();

  for (unsigned i = 0; i < n; i++) {
    struct unit *u = done[i]->user;
    if (done[i]->failed)
      return -1;
    if (u == NULL) {
      r->flushing = false;
      continue;
    }
    latency_add (&r->b->latency, t - u->started);
    u->next = r->spare;
    r->spare = u;
    r->in_flight--;
  }
  return 0;
}

static int
loop (struct run *r, struct img_error *err)
{
  uint64_t begin = now ();

  for (;;) {
    if (start (r, err) < 0)
      return -1;
    if (r->in_flight == 0 && !r->flushing && r->issued == r->b->count)
      break;
    if (finish (r, err) < 0)
      return -1;
  }
  r->b->seconds = (double) (now () - begin) / 1e9;
  return 0;
}

/* ---- room ---- */

static int
prepare (struct run *r, struct img_node *node, struct img_error *err)
{
  const struct bench *b = r->b;
  uint64_t each, all;
  void *p = NULL;

  r->units = calloc (b->depth, sizeof *r->units);
  /* whole pages each, as the disk may want it */
  if (r->units == NULL || !img_round_up (b->size, 4096, &each) || !img_mul (each, b->depth, &all) ||
      all > SIZE_MAX || posix_memalign (&p, 4096, img_max (all, 4096)) != 0)
    return img_error_set (err, ENOMEM, _("there is not enough memory for %u buffers of %llu bytes"),
                          b->depth, (unsigned long long) b->size);
  r->buffers = p;
  if (b->write)
    memset (r->buffers, b->pattern, (size_t) all);
  for (unsigned i = b->depth; i-- > 0;) {
    struct unit *u = &r->units[i];
    u->request = (struct img_aio_request) {
      .kind = b->write ? IMG_AIO_WRITE : IMG_AIO_READ,
      .buf = r->buffers + i * each, .length = b->size, .user = u
    };
    u->next = r->spare;
    r->spare = u;
  }
  r->position = b->offset;
  r->image_size = img_size (node);
  r->aio = img_aio_new (node, b->engine, b->depth + 1, err);
  return r->aio ? 0 : -1;
}

int
bench_run (struct bench *b, struct img_node *node, struct img_error *err)
{
  struct run r = { .b = b };
  int status = prepare (&r, node, err);

  if (status == 0 && b->ready)
    b->ready (b);
  if (status == 0)
    status = loop (&r, err);
  img_aio_free (r.aio);
  free (r.buffers);
  free (r.units);
  return status;
}
