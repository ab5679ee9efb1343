/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/pool.h - N workers over one function, then joined.  The first failure in time wins. */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include <stdbool.h>

#include <blkimg/error.h>

struct img_pool;

/* WORKER is 0 .. n-1.  Returns 0 when there is no more to do, -1 with *err on failure.  Workers
 * that wait for each other must look at img_pool_stopping and be woken by the one that fails. */
typedef int img_pool_work (struct img_pool *pool, unsigned worker, void *arg,
                           struct img_error *err);

/* Runs WORK in N threads (one of them the caller's) and waits for all.  Fewer run when the system
 * has no more threads, so the share of a worker must not be fixed beforehand. */
int img_pool_run (unsigned n, img_pool_work *work, void *arg, struct img_error *err);
/* Some worker failed: return 0 soon. */
bool img_pool_stopping (const struct img_pool *pool);
/* Processors that this process may use, >= 1. */
unsigned img_pool_cpus (void);

#endif
