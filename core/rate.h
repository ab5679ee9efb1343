/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/rate.h - so many bytes a second, shared by all workers. */
#ifndef CORE_RATE_H
#define CORE_RATE_H

#include <pthread.h>
#include <stdint.h>

#include <blkimg/copy.h>

struct img_rate {
  uint64_t bytes_per_second; /* 0: no limit */
  pthread_mutex_t lock;
  uint64_t next; /* when the next bytes may go, in ns of the monotonic clock */
};

void img_rate_init (struct img_rate *rate, uint64_t bytes_per_second);
void img_rate_release (struct img_rate *rate);
/* Waits until BYTES more may go, or P is cancelled. */
void img_rate_wait (struct img_rate *rate, uint64_t bytes, const struct img_progress *p);

#endif
