/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pool.h - idle encoders, decoders, ciphers, buffers: one thread at a time uses each. */
#ifndef POOL_H
#define POOL_H

#include <pthread.h>
#include <stddef.h>

struct idle_pool {
  pthread_mutex_t lock;
  void **idle;
  size_t n, cap;
};
void idle_pool_init (struct idle_pool *pool);
void *idle_pool_take (struct idle_pool *pool); /* NULL: none idle, make one */
/* Gives X back; when there is no room for it, frees it by FREE. */
void idle_pool_put (struct idle_pool *pool, void *x, void (*free) (void *));
void idle_pool_clear (struct idle_pool *pool, void (*free) (void *));

#endif
