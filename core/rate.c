/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rate: every request moves the moment of the next one by the time that its bytes are worth.  Time
 * in which nobody asked is not saved up. */
#include <config.h>

#include <time.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "core/progress.h"
#include "core/rate.h"

#define SECOND UINT64_C (1000000000)
#define NAP (SECOND / 20) /* so that a cancel is noticed */

static uint64_t
now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * SECOND + (uint64_t) t.tv_nsec;
}

void
img_rate_init (struct img_rate *rate, uint64_t bytes_per_second)
{
  rate->bytes_per_second = bytes_per_second;
  rate->next = 0;
  pthread_mutex_init (&rate->lock, NULL);
}

void
img_rate_release (struct img_rate *rate)
{
  pthread_mutex_destroy (&rate->lock);
}

/* When BYTES may go. */
static uint64_t
take_turn (struct img_rate *rate, uint64_t bytes)
{
  double cost = (double) bytes * (double) SECOND / (double) rate->bytes_per_second;
  IMG_GUARD (&rate->lock);
  uint64_t start = img_max (rate->next, now ());
  rate->next = start + (uint64_t) cost;
  return start;
}

void
img_rate_wait (struct img_rate *rate, uint64_t bytes, const struct img_progress *p)
{
  if (rate->bytes_per_second == 0)
    return;
  uint64_t start = take_turn (rate, bytes), t;
  while ((t = now ()) < start && !img_progress_cancelled (p)) {
    uint64_t ns = img_min (start - t, NAP);
    struct timespec nap = { .tv_nsec = (long) ns };
    nanosleep (&nap, NULL);
  }
}
