/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pool.c - idle encoders, decoders and buffers, handed from thread to thread.
 *
 * Owns: the list of idle things.  Knows nothing about what they are, and makes none.
 */
#include <stdlib.h>

#include <blkimg/cleanup.h>

#include "pool.h"

void
idle_pool_init (struct idle_pool *pool)
{
  pthread_mutex_init (&pool->lock, NULL);
  pool->idle = NULL;
  pool->n = pool->cap = 0;
}

void *
idle_pool_take (struct idle_pool *pool)
{
  IMG_GUARD (&pool->lock);
  return pool->n ? pool->idle[--pool->n] : NULL;
}

void
idle_pool_put (struct idle_pool *pool, void *x, void (*free_x) (void *))
{
  pthread_mutex_lock (&pool->lock);
  if (pool->n == pool->cap) {
    size_t cap = pool->cap ? pool->cap * 2 : 8;
    void **p = realloc (pool->idle, cap * sizeof *p);
    if (p) {
      pool->idle = p;
      pool->cap = cap;
    }
  }
  if (pool->n < pool->cap) {
    pool->idle[pool->n++] = x;
    x = NULL;
  }
  pthread_mutex_unlock (&pool->lock);
  if (x)
    free_x (x);
}

void
idle_pool_clear (struct idle_pool *pool, void (*free_x) (void *))
{
  for (size_t i = 0; i < pool->n; i++)
    free_x (pool->idle[i]);
  free (pool->idle);
  pool->idle = NULL;
  pool->n = pool->cap = 0;
  pthread_mutex_destroy (&pool->lock);
}
