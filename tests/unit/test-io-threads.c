/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many threads that write to one image, each to its own bytes. */
#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/pool.h"
#include "fake.h"
#include "seed.h"
#include "suite.h"

#define MEM_CAP (8 * 1024 * 1024)

static uint64_t seed;

struct crowd {
  struct img_node *node;
  uint64_t size, share;
  atomic_uint next;
};

/* Each thread owns a slice whose ends lie inside units. */
static int
scribble (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct crowd *crowd = arg;
  (void) pool, (void) worker;
  unsigned number = atomic_fetch_add (&crowd->next, 1);
  uint64_t s = seed + number, start = number * crowd->share;
  uint8_t *own = calloc (1, crowd->share), *back = malloc (crowd->share);
  int r = 0;
  for (int i = 0; i < 200 && r == 0; i++) {
    uint64_t at = rnd_below (&s, crowd->share), n = 1 + rnd_below (&s, crowd->share - at);
    if (rnd_below (&s, 3)) {
      rnd_fill (&s, own + at, n);
      r = img_pwrite (crowd->node, own + at, n, start + at, 0, err);
    } else {
      memset (own + at, 0, n);
      r = img_zero (crowd->node, start + at, n, 0, err);
    }
    if (r == 0)
      r = img_pread (crowd->node, back, crowd->share, start, 0, err);
    if (r == 0 && memcmp (own, back, crowd->share) != 0)
      r = img_error_set (err, EILSEQ, "slice %u differs after step %d", number, i);
  }
  free (own);
  free (back);
  return r;
}

/* Each thread owns a stripe of every unit, all at once: who fills a fresh unit must not undo what
 * another puts into it. */
static int
stripe (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct crowd *crowd = arg;
  uint64_t number = atomic_fetch_add (&crowd->next, 1), width = crowd->share;
  uint8_t own[512];
  (void) pool, (void) worker;
  memset (own, (int) number + 1, sizeof own);
  for (uint64_t at = number * width; at + width <= crowd->size; at += 6 * width)
    if (img_pwrite (crowd->node, own, width, at, 0, err) < 0)
      return -1;
  return 0;
}

static void
check_stripes (const struct crowd *crowd)
{
  struct img_error err = IMG_ERROR_INIT;
  uint8_t *got = malloc (crowd->size);
  uint64_t bad = 0;
  ck_assert_int_eq (img_pread (crowd->node, got, crowd->size, 0, 0, &err), 0);
  for (uint64_t i = 0; i < crowd->size; i++)
    bad += got[i] != i / crowd->share % 6 + 1;
  free (got);
  ck_assert_uint_eq (bad, 0);
}

static void
run_crowd (struct img_node *node, uint64_t size)
{
  struct img_error err = IMG_ERROR_INIT;
  struct crowd striped = { .node = node, .size = size, .share = 41 };
  int r = img_pool_run (6, stripe, &striped, &err);
  ck_assert_msg (r == 0, "%s", err.message);
  check_stripes (&striped);
  ck_assert_int_eq (img_zero (node, 0, size, 0, &err), 0);
  struct crowd crowd = { .node = node, .size = size, .share = size / 6 };
  r = img_pool_run (6, scribble, &crowd, &err);
  ck_assert_msg (r == 0, "%s", err.message);
  if (node->driver->reserve)
    ck_assert_uint_eq (fake_toy_overlaps (node), 0);
  fake_free (node);
}

START_TEST (many_writers)
{
  uint64_t size = 6 * 41 * 122;
  for (unsigned i = 0; i < 4; i++) {
    struct img_node *mem = fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR);
    mem->limits.request_align = i & 2 ? 512 : 1;
    run_crowd (fake_toy_new (mem, NULL, size, i & 1 ? 512 : 4096, i & 1 ? FAKE_PARALLEL : 0),
               size);
    mem = fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR);
    mem->limits.request_align = i & 2 ? 512 : 1;
    run_crowd (fake_encrypt (fake_toy_new (mem, NULL, size, i & 1 ? 512 : 4096,
                                           i & 1 ? FAKE_PARALLEL : 0)),
               size);
    mem = fake_mem_new (size, MEM_CAP, IMG_OPEN_RDWR);
    run_crowd (fake_encrypt (fake_plain_new (mem, 0, size, 0)), size);
    mem = fake_mem_new (size, MEM_CAP, IMG_OPEN_RDWR);
    mem->limits.request_align = i & 2 ? 512 : 1;
    mem->limits.mem_align = i & 1 ? 512 : 0;
    run_crowd (mem, size);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("io-threads");
  TCase *tc = tcase_create ("io-threads");
  seed = test_seed ();
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, many_writers);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
