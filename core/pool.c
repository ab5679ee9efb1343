/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pool: threads that live for one img_pool_run.  (Those behind a queue live as long as it does:
 * aio-pool.c.  No other place of the core makes threads.) */
#include <config.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/module.h>

#include "core/pool.h"

struct img_pool {
  img_pool_work *work;
  void *arg;
  atomic_bool stopping;
  pthread_mutex_t mutex;
  struct img_error error; /* of the first that failed */
};

struct worker {
  struct img_pool *pool;
  unsigned number;
  pthread_t thread;
};

static void *
run_worker (void *p)
{
  const struct worker *w = p;
  struct img_pool *pool = w->pool;
  struct img_error err = IMG_ERROR_INIT;
  if (pool->work (pool, w->number, pool->arg, &err) < 0) {
    IMG_GUARD (&pool->mutex);
    if (!atomic_load (&pool->stopping))
      pool->error = err;
    atomic_store (&pool->stopping, true);
  }
  return NULL;
}

/* Starts workers 1 .. n-1; signals stay with the threads that were there before. */
static unsigned
start_workers (struct img_pool *pool, struct worker *workers, unsigned n)
{
  sigset_t all, before;
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  unsigned i = 1;
  for (; i < n; i++) {
    workers[i] = (struct worker) { .pool = pool, .number = i };
    if (pthread_create (&workers[i].thread, NULL, run_worker, &workers[i]) != 0)
      break;
  }
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return i;
}

int
img_pool_run (unsigned n, img_pool_work *work, void *arg, struct img_error *err)
{
  if (n == 0)
    n = 1;
  IMG_CLEANUP (free) struct worker *workers = calloc (n, sizeof *workers);
  if (workers == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  struct img_pool pool = { .work = work, .arg = arg, .mutex = PTHREAD_MUTEX_INITIALIZER };
  unsigned started = start_workers (&pool, workers, n);
  IMG_TRACE ("pool_run", NULL, "%u", started);
  workers[0] = (struct worker) { .pool = &pool };
  run_worker (&workers[0]);
  for (unsigned i = 1; i < started; i++)
    pthread_join (workers[i].thread, NULL);
  pthread_mutex_destroy (&pool.mutex);
  if (!atomic_load (&pool.stopping))
    return 0;
  *err = pool.error;
  return -1;
}

bool
img_pool_stopping (const struct img_pool *pool)
{
  return atomic_load_explicit (&pool->stopping, memory_order_relaxed);
}

unsigned
img_pool_cpus (void)
{
  cpu_set_t set;
  if (sched_getaffinity (0, sizeof set, &set) == 0 && CPU_COUNT (&set) > 0)
    return (unsigned) CPU_COUNT (&set);
  long n = sysconf (_SC_NPROCESSORS_ONLN);
  return n > 0 ? (unsigned) n : 1;
}
