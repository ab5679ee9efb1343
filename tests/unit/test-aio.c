/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queues: with an engine that is slow, gives back, stops short or fails, and without one. */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/aio.h>

#include "fake.h"
#include "seed.h"
#include "suite.h"

#define SIZE (1024 * 1024)
#define UNIT 4096
#define DEPTH 16

static uint64_t seed;

/* ---- an engine over fake_mem: what each request comes to, in turn ---- */

enum { WHOLE, PART, AGAIN, FAIL };
static struct {
  struct img_node *node;
  struct img_aio_io *queue[DEPTH + 1];
  unsigned n, depth, turn, taken, closed;
  int what[4];
  unsigned n_what;
} engine;

static void *
engine_open (struct img_node *node, const char *name, unsigned depth, struct img_error *err)
{
  if (name && strcmp (name, "none") == 0) {
    img_error_set (err, EINVAL, "there is no I/O engine '%s'", name);
    return NULL;
  }
  engine.node = node;
  engine.depth = depth;
  return &engine;
}

static void
engine_submit (void *queue, struct img_aio_io *const *ios, unsigned n)
{
  (void) queue;
  for (unsigned i = 0; i < n; i++) {
    ck_assert_uint_lt (engine.n, engine.depth);
    engine.queue[engine.n++] = ios[i];
    engine.taken++;
  }
}

static void
serve (struct img_aio_io *io)
{
  int what = engine.what[engine.turn++ % engine.n_what];
  uint8_t *data = fake_mem (engine.node)->data + io->offset;
  uint64_t n = what == PART ? (io->length + 1) / 2 : io->length;
  io->result = what == AGAIN ? -EAGAIN : what == FAIL ? -EIO : (int64_t) n;
  if (what == AGAIN || what == FAIL)
    return;
  if (io->write)
    memcpy (data, io->buf, n);
  else
    memcpy (io->buf, data, n);
}

/* The last first. */
static unsigned
engine_reap (void *queue, struct img_aio_io **done, unsigned max, bool wait)
{
  (void) queue, (void) wait;
  if (engine.n == 0 || max == 0)
    return 0;
  done[0] = engine.queue[--engine.n];
  serve (done[0]);
  return 1;
}

static void
engine_close (void *queue)
{
  (void) queue;
  ck_assert_uint_eq (engine.n, 0);
  engine.closed++;
}

static const struct img_aio_ops engine_ops = {
  sizeof engine_ops, engine_open, engine_submit, engine_reap, engine_close
};

static struct img_node *
file_new (uint64_t size, bool with_engine)
{
  struct img_node *file = fake_mem_new (size, 2 * SIZE, IMG_OPEN_RDWR);
  memset (&engine, 0, sizeof engine);
  engine.what[0] = WHOLE;
  engine.n_what = 1;
  fake_driver (file)->threads = IMG_THREADS_PARALLEL;
  fake_driver (file)->aio = with_engine ? &engine_ops : NULL;
  return file;
}

/* ---- a run: pieces of MODEL written at random, everything read back ---- */

struct load {
  struct img_aio *aio;
  struct img_aio_request requests[DEPTH];
  uint8_t *buf[DEPTH];
  bool busy[DEPTH];
};

static void
finish (struct load *l, unsigned *failed)
{
  struct img_aio_request *done[3];
  struct img_error err = IMG_ERROR_INIT;
  unsigned n = img_aio_reap (l->aio, done, 3, &err);
  ck_assert_uint_gt (n, 0);
  for (unsigned i = 0; i < n; i++) {
    l->busy[done[i] - l->requests] = false;
    *failed += done[i]->failed;
    ck_assert (!done[i]->failed || err.code != 0);
  }
}

/* COUNT requests of up to 3 units; no two that overlap are in flight at once, as slot I keeps to
 * its own stripe. */
static unsigned
run (struct load *l, uint8_t *model, enum img_aio_kind kind, unsigned count)
{
  unsigned failed = 0;
  struct img_error err = IMG_ERROR_INIT;
  uint64_t stripe = SIZE / DEPTH;
  for (unsigned i = 0; i < count; i++) {
    unsigned k = i % DEPTH;
    while (l->busy[k])
      finish (l, &failed);
    uint64_t length = 1 + rnd_below (&seed, 3 * UNIT), at = rnd_below (&seed, stripe - length);
    struct img_aio_request *q = &l->requests[k];
    *q = (struct img_aio_request) { kind, false, l->buf[k], length, k * stripe + at, NULL };
    if (kind == IMG_AIO_WRITE) {
      rnd_fill (&seed, l->buf[k], length);
      memcpy (model + q->offset, l->buf[k], length);
    }
    ck_assert_int_eq (img_aio_submit (l->aio, &q, 1, &err), 0);
    l->busy[k] = true;
  }
  for (unsigned k = 0; k < DEPTH; k++)
    while (l->busy[k])
      finish (l, &failed);
  return failed;
}

static void
check_reads (struct load *l, const uint8_t *model)
{
  struct img_error err = IMG_ERROR_INIT;
  for (uint64_t at = 0; at < SIZE; at += 3 * UNIT) {
    uint64_t n = SIZE - at < 3 * UNIT ? SIZE - at : 3 * UNIT;
    struct img_aio_request q = { IMG_AIO_READ, false, l->buf[0], n, at, NULL }, *p = &q, *done;
    ck_assert_int_eq (img_aio_submit (l->aio, &p, 1, &err), 0);
    ck_assert_uint_eq (img_aio_reap (l->aio, &done, 1, &err), 1);
    ck_assert_msg (!q.failed, "%s", err.message);
    ck_assert_mem_eq (l->buf[0], model + at, n);
  }
}

static void
try_image (struct img_node *node)
{
  struct img_error err = IMG_ERROR_INIT;
  struct load l = { .aio = img_aio_new (node, NULL, DEPTH, &err) };
  uint8_t *model = calloc (1, SIZE);
  ck_assert_msg (l.aio != NULL, "%s", err.message);
  for (unsigned k = 0; k < DEPTH; k++)
    l.buf[k] = malloc (3 * UNIT);
  ck_assert_uint_eq (run (&l, model, IMG_AIO_WRITE, 300), 0);
  check_reads (&l, model);
  ck_assert_uint_eq (run (&l, model, IMG_AIO_WRITE, 300), 0);
  check_reads (&l, model);
  img_aio_free (l.aio);
  for (unsigned k = 0; k < DEPTH; k++)
    free (l.buf[k]);
  free (model);
  fake_free (node);
}

/* ---- tests ---- */

START_TEST (protocol_without_engine)
{
  try_image (file_new (SIZE, false));
}
END_TEST

START_TEST (protocol)
{
  try_image (file_new (SIZE, true));
  ck_assert_uint_gt (engine.taken, 600);
  ck_assert_uint_eq (engine.closed, 1);
}
END_TEST

START_TEST (short_and_refused)
{
  struct img_node *file = file_new (SIZE, true);
  engine.what[1] = PART;
  engine.what[2] = AGAIN;
  engine.n_what = 3;
  try_image (file);
}
END_TEST

START_TEST (format)
{
  struct img_node *file = file_new (0, true);
  try_image (fake_toy_new (file, NULL, SIZE, UNIT, FAKE_PARALLEL));
  ck_assert_uint_gt (engine.taken, 0);
}
END_TEST

START_TEST (serial_format_without_engine)
{
  try_image (fake_toy_new (file_new (0, false), NULL, SIZE, UNIT, 0));
}
END_TEST

START_TEST (failure)
{
  struct img_node *file = file_new (SIZE, true);
  struct img_error err = IMG_ERROR_INIT;
  uint8_t buf[UNIT];
  engine.what[0] = FAIL;
  struct img_aio *aio = img_aio_new (file, NULL, 2, &err);
  struct img_aio_request q = { IMG_AIO_READ, false, buf, UNIT, 4096, NULL }, *p = &q, *done;
  ck_assert_int_eq (img_aio_submit (aio, &p, 1, &err), 0);
  ck_assert_uint_eq (img_aio_reap (aio, &done, 1, &err), 1);
  ck_assert (q.failed && err.code == EIO);
  ck_assert_ptr_nonnull (strstr (err.message, "0x1000"));
  /* past the end */
  img_error_clear (&err);
  q.offset = SIZE - 1;
  ck_assert_int_eq (img_aio_submit (aio, &p, 1, &err), 0);
  ck_assert_uint_eq (img_aio_reap (aio, &done, 1, &err), 1);
  ck_assert (q.failed && err.code == EINVAL);
  ck_assert_uint_eq (img_aio_reap (aio, &done, 1, &err), 0);
  img_aio_free (aio);
  fake_free (file);
}
END_TEST

START_TEST (limits)
{
  struct img_node *file = file_new (SIZE, true);
  struct img_error err = IMG_ERROR_INIT;
  uint8_t buf[2][16];
  ck_assert_ptr_null (img_aio_new (file, "none", 2, &err));
  ck_assert_ptr_null (img_aio_new (file, NULL, 0, &err));
  img_error_clear (&err);
  struct img_aio *aio = img_aio_new (file, NULL, 1, &err);
  struct img_aio_request q[2] = { { IMG_AIO_READ, false, buf[0], 16, 0, NULL },
                                  { IMG_AIO_READ, false, buf[1], 16, 0, NULL } };
  struct img_aio_request *both[2] = { &q[0], &q[1] };
  ck_assert_int_eq (img_aio_submit (aio, both, 2, &err), -1);
  ck_assert_int_eq (err.code, EBUSY);
  ck_assert_uint_eq (engine.taken, 0);
  img_aio_free (aio);
  fake_free (file);
}
END_TEST

START_TEST (flush)
{
  struct img_node *file = file_new (SIZE, true);
  struct img_error err = IMG_ERROR_INIT;
  struct img_aio *aio = img_aio_new (file, NULL, 1, &err);
  struct img_aio_request q = { .kind = IMG_AIO_FLUSH }, *p = &q, *done;
  unsigned before = fake_mem (file)->calls[FAKE_FLUSH];
  ck_assert_int_eq (img_aio_submit (aio, &p, 1, &err), 0);
  ck_assert_uint_eq (img_aio_reap (aio, &done, 1, &err), 1);
  ck_assert_ptr_eq (done, &q);
  ck_assert_uint_eq (fake_mem (file)->calls[FAKE_FLUSH], before + 1);
  img_aio_free (aio);
  fake_free (file);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("aio");
  TCase *tc = tcase_create ("aio");
  seed = test_seed ();
  tcase_add_test (tc, protocol_without_engine);
  tcase_add_test (tc, protocol);
  tcase_add_test (tc, short_and_refused);
  tcase_add_test (tc, format);
  tcase_add_test (tc, serial_format_without_engine);
  tcase_add_test (tc, failure);
  tcase_add_test (tc, limits);
  tcase_add_test (tc, flush);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
