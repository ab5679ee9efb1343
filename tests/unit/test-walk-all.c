/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walks by several threads: what one thread would give. */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include <blkimg/overflow.h>

#include "fake.h"
#include "seed.h"
#include "suite.h"

#define MEM_CAP (64 * 1024 * 1024)
#define UNIT 512

static uint64_t seed;

struct taken {
  struct img_block *v;
  size_t n, max; /* fails when it has MAX */
};

static int
take (void *arg, const struct img_block *b, struct img_error *err)
{
  struct taken *t = arg;
  if (t->n == t->max)
    return img_error_set (err, ECANCELED, "enough");
  t->v[t->n++] = *b;
  return 0;
}

static _Atomic uint64_t fault_at;
static int (*toy_map) (struct img_node *, uint64_t, uint64_t, struct img_extent *, unsigned,
                       struct img_error *);

static int
faulty_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
            unsigned n, struct img_error *err)
{
  uint64_t at = atomic_load (&fault_at);
  if (offset <= at && at < offset + length) {
    if (offset == at)
      return img_error_set (err, EILSEQ, "fault at %llu", (unsigned long long) at);
    length = at - offset;
  }
  return toy_map (node, offset, length, ext, n, err);
}

/* The same blocks, the same fault, whatever the number of threads. */
static void
compare_walks (struct img_node *node, uint64_t offset, uint64_t length, size_t enough)
{
  struct img_error err = IMG_ERROR_INIT, err2 = IMG_ERROR_INIT;
  struct taken t[2] = { { .max = enough }, { .max = enough } };
  struct img_walk *walk = img_walk_new (node, offset, length, 0, &err);
  struct img_block b;
  int r, r2;
  t[0].v = calloc (enough, sizeof b);
  t[1].v = calloc (enough, sizeof b);
  ck_assert (walk && t[0].v && t[1].v);
  while ((r = img_walk_next (walk, &b, &err)) > 0 && (r = take (&t[0], &b, &err)) == 0)
    ;
  img_walk_free (walk);
  r2 = img_walk_all (node, offset, length, 0, take, &t[1], &err2);
  ck_assert_int_eq (r, r2);
  ck_assert_str_eq (r < 0 ? err.message : "", r2 < 0 ? err2.message : "");
  ck_assert_uint_eq (t[0].n, t[1].n);
  ck_assert_mem_eq (t[0].v, t[1].v, t[0].n * sizeof b);
  free (t[0].v);
  free (t[1].v);
}

START_TEST (walks_together)
{
  uint64_t s = seed, units = 40000, size = units * UNIT;
  struct img_node *top = NULL;
  setenv ("BLKIMG_DEBUG", "workers=5", 1);
  for (unsigned i = 0; i < 4; i++) {
    top = fake_toy_new (fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR), top, size, UNIT, 0);
    for (uint64_t u = 0, n; u < units; u += 1 + n) { /* some runs go over the pieces' borders */
      n = rnd_below (&s, 30) ? rnd_below (&s, 4) : rnd_below (&s, 100);
      fake_toy_fill (top, u, img_min (n, units - u));
    }
    toy_map = fake_driver (top)->map;
    fake_driver (top)->map = faulty_map;
  }
  atomic_store (&fault_at, UINT64_MAX);
  compare_walks (top, 0, size, units);
  compare_walks (top, 12345, size - 23456, units);
  compare_walks (top, 0, size, 9000);
  for (int round = 0; round < 30; round++) {
    atomic_store (&fault_at, rnd_below (&s, 2) ? rnd_below (&s, size)
                                               : (1 + rnd_below (&s, size >> 20)) << 20);
    compare_walks (top, 0, size, units);
  }
  unsetenv ("BLKIMG_DEBUG");
  fake_free (top);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("walk-all");
  TCase *tc = tcase_create ("walk-all");
  seed = test_seed ();
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, walks_together);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
