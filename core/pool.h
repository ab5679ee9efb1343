/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/pool.h - N workers over one function, then joined.  The first failure in time wins. */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include <stdbool.h>

#include <blkimg/module.h>

/* Workers (img_pool_work) that wait for each other must look at img_pool_stopping and be woken by
 * the one that fails. */

/* Runs WORK in N threads (one of them the caller's) and waits for all.  Fewer run when the system
 * has no more threads, so the share of a worker must not be fixed beforehand. */
int img_pool_run (unsigned n, img_pool_work *work, void *arg, struct img_error *err);
/* Some worker failed: return 0 soon. */
bool img_pool_stopping (const struct img_pool *pool);
/* Processors that this process may use, >= 1. */
unsigned img_pool_cpus (void);

#endif
