/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pool and the range lock: what threads share. */
#include <config.h>

#include <check.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/pool.h"
#include "core/rangelock.h"
#include "seed.h"
#include "suite.h"

struct job {
  atomic_uint next, done, seen;
  unsigned n, fail_at;
};

static int
take (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct job *job = arg;
  atomic_fetch_or (&job->seen, 1u << worker);
  while (!img_pool_stopping (pool)) {
    unsigned i = atomic_fetch_add (&job->next, 1);
    if (i >= job->n)
      return 0;
    if (i == job->fail_at)
      return img_error_set (err, ENOSPC, "number %u", i);
    atomic_fetch_add (&job->done, 1);
  }
  return 0;
}

START_TEST (all_is_done)
{
  for (unsigned n = 0; n <= 16; n++) {
    struct job job = { .n = 1000, .fail_at = UINT_MAX };
    struct img_error err = IMG_ERROR_INIT;
    ck_assert_int_eq (img_pool_run (n, take, &job, &err), 0);
    ck_assert_uint_eq (atomic_load (&job.done), 1000);
    ck_assert_uint_eq (atomic_load (&job.seen), (1u << (n ? n : 1)) - 1);
    ck_assert_int_eq (err.code, 0);
  }
}
END_TEST

START_TEST (failure_stops_and_is_told)
{
  for (unsigned n = 1; n <= 8; n++) {
    struct job job = { .n = UINT_MAX, .fail_at = 500 };
    struct img_error err = IMG_ERROR_INIT;
    ck_assert_int_eq (img_pool_run (n, take, &job, &err), -1);
    ck_assert_int_eq (err.code, ENOSPC);
    ck_assert_str_eq (err.message, "number 500");
  }
}
END_TEST

static int
no_signals (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  sigset_t set;
  (void) pool, (void) arg;
  pthread_sigmask (SIG_SETMASK, NULL, &set);
  if (sigismember (&set, SIGUSR1) != (worker != 0))
    return img_error_set (err, EINVAL, "worker %u", worker);
  return 0;
}

START_TEST (signals_stay_with_the_caller)
{
  struct img_error err = IMG_ERROR_INIT;
  ck_assert_int_eq (img_pool_run (4, no_signals, NULL, &err), 0);
}
END_TEST

START_TEST (there_is_a_cpu)
{
  ck_assert_uint_ge (img_pool_cpus (), 1);
}
END_TEST

/* Plain bytes, no atomics: TSan sees a lock that does not hold, and so do the sums. */
#define CELLS 64
struct cells {
  struct img_rangelock *lock;
  unsigned count[CELLS];
  atomic_uint seed, total;
};

static int
lock_some (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct cells *cells = arg;
  (void) pool, (void) worker, (void) err;
  uint64_t s = atomic_fetch_add (&cells->seed, 1);
  for (int i = 0; i < 2000; i++) {
    uint64_t at = rnd_below (&s, CELLS), n = 1 + rnd_below (&s, CELLS - at);
    struct img_range range;
    img_rangelock_lock (cells->lock, &range, at, n);
    for (uint64_t c = at; c < at + n; c++)
      cells->count[c]++;
    img_rangelock_unlock (cells->lock, &range);
    atomic_fetch_add (&cells->total, (unsigned) n);
  }
  return 0;
}

START_TEST (ranges_exclude_each_other)
{
  struct cells cells = { .lock = img_rangelock_new () };
  struct img_error err = IMG_ERROR_INIT;
  atomic_store (&cells.seed, (unsigned) test_seed ());
  ck_assert_int_eq (img_pool_run (8, lock_some, &cells, &err), 0);
  unsigned sum = 0;
  for (int i = 0; i < CELLS; i++)
    sum += cells.count[i];
  ck_assert_uint_eq (sum, atomic_load (&cells.total));
  img_rangelock_free (cells.lock);
  img_rangelock_free (NULL);
}
END_TEST

/* Two holders whose ranges do not overlap hold at the same time: each waits for the other. */
struct pair {
  struct img_rangelock *lock;
  atomic_uint inside;
};

static int
meet (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct pair *pair = arg;
  (void) pool, (void) err;
  struct img_range range;
  img_rangelock_lock (pair->lock, &range, worker * 10, 10);
  atomic_fetch_add (&pair->inside, 1);
  while (atomic_load (&pair->inside) < 2)
    usleep (100);
  img_rangelock_unlock (pair->lock, &range);
  return 0;
}

START_TEST (neighbours_do_not_wait)
{
  struct pair pair = { .lock = img_rangelock_new () };
  struct img_error err = IMG_ERROR_INIT;
  ck_assert_int_eq (img_pool_run (2, meet, &pair, &err), 0);
  img_rangelock_free (pair.lock);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("pool");
  TCase *tc = tcase_create ("pool");
  tcase_add_test (tc, all_is_done);
  tcase_add_test (tc, failure_stops_and_is_told);
  tcase_add_test (tc, signals_stay_with_the_caller);
  tcase_add_test (tc, there_is_a_cpu);
  tcase_add_test (tc, ranges_exclude_each_other);
  tcase_add_test (tc, neighbours_do_not_wait);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
