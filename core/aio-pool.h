/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/aio-pool.h - threads that do what waits, one job after the other. */
#ifndef CORE_AIO_POOL_H
#define CORE_AIO_POOL_H

#include <stdbool.h>

#include <blkimg/error.h>

/* In front of what the job is about. */
struct img_aio_job {
  struct img_aio_job *next;
  void (*run) (struct img_aio_job *job); /* in one of the threads */
};

struct img_aio_pool;
/* Threads start when there are jobs for them, MAX at most. */
struct img_aio_pool *img_aio_pool_new (unsigned max, struct img_error *err);
/* Jobs are taken in this order. -1: there is not one thread to be had. */
int img_aio_pool_add (struct img_aio_pool *pool, struct img_aio_job *job, struct img_error *err);
/* All jobs that are done, oldest first, linked by next; WAIT: waits for one. */
struct img_aio_job *img_aio_pool_done (struct img_aio_pool *pool, bool wait);
/* No job is left.  NULL allowed. */
void img_aio_pool_free (struct img_aio_pool *pool);

#endif
