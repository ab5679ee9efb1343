/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aio-pool: the threads behind a queue.  Unlike pool.c's they outlive a call and wait for work; one
 * more is started when a job finds all of them busy. */
#include <config.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/aio-pool.h"

struct list {
  struct img_aio_job *first, **last;
};

struct img_aio_pool {
  pthread_mutex_t mutex;
  pthread_cond_t work, ready; /* for the threads; for who waits for them */
  struct list todo, done;
  unsigned max, n, idle, waiting; /* threads; jobs that nobody has taken */
  bool stop;
  pthread_t threads[];
};

static void
list_add (struct list *list, struct img_aio_job *job)
{
  job->next = NULL;
  *list->last = job;
  list->last = &job->next;
}

static void
list_clear (struct list *list)
{
  list->first = NULL;
  list->last = &list->first;
}

static void *
work (void *arg)
{
  struct img_aio_pool *pool = arg;
  pthread_mutex_lock (&pool->mutex);
  for (;;) {
    struct img_aio_job *job = pool->todo.first;
    if (job == NULL && pool->stop)
      break;
    if (job == NULL) {
      pool->idle++;
      pthread_cond_wait (&pool->work, &pool->mutex);
      pool->idle--;
      continue;
    }
    pool->todo.first = job->next;
    if (job->next == NULL)
      list_clear (&pool->todo);
    pool->waiting--;
    pthread_mutex_unlock (&pool->mutex);
    job->run (job);
    pthread_mutex_lock (&pool->mutex);
    if (pool->done.first == NULL)
      pthread_cond_signal (&pool->ready);
    list_add (&pool->done, job);
  }
  pthread_mutex_unlock (&pool->mutex);
  return NULL;
}

struct img_aio_pool *
img_aio_pool_new (unsigned max, struct img_error *err)
{
  struct img_aio_pool *pool = calloc (1, sizeof *pool + max * sizeof pool->threads[0]);
  if (pool == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  pthread_mutex_init (&pool->mutex, NULL);
  pthread_cond_init (&pool->work, NULL);
  pthread_cond_init (&pool->ready, NULL);
  list_clear (&pool->todo);
  list_clear (&pool->done);
  pool->max = max;
  return pool;
}

/* Signals stay with the threads that were there before. */
static int
start_thread (struct img_aio_pool *pool)
{
  sigset_t all, before;
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  int r = pthread_create (&pool->threads[pool->n], NULL, work, pool);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  pool->n += r == 0;
  return r;
}

int
img_aio_pool_add (struct img_aio_pool *pool, struct img_aio_job *job, struct img_error *err)
{
  IMG_GUARD (&pool->mutex);
  int r = pool->waiting >= pool->idle && pool->n < pool->max ? start_thread (pool) : 0;
  if (pool->n == 0)
    return img_error_errno (err, r, _("cannot start a thread"));
  list_add (&pool->todo, job);
  pool->waiting++;
  if (pool->idle > 0)
    pthread_cond_signal (&pool->work);
  return 0;
}

struct img_aio_job *
img_aio_pool_done (struct img_aio_pool *pool, bool wait)
{
  IMG_GUARD (&pool->mutex);
  while (wait && pool->done.first == NULL)
    pthread_cond_wait (&pool->ready, &pool->mutex);
  struct img_aio_job *jobs = pool->done.first;
  list_clear (&pool->done);
  return jobs;
}

void
img_aio_pool_free (struct img_aio_pool *pool)
{
  if (pool == NULL)
    return;
  pthread_mutex_lock (&pool->mutex);
  pool->stop = true;
  pthread_cond_broadcast (&pool->work);
  pthread_mutex_unlock (&pool->mutex);
  for (unsigned i = 0; i < pool->n; i++)
    pthread_join (pool->threads[i], NULL);
  pthread_cond_destroy (&pool->work);
  pthread_cond_destroy (&pool->ready);
  pthread_mutex_destroy (&pool->mutex);
  free (pool);
}
