/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rangelock: a list of held and waiting ranges in order of arrival.  There are as many entries as
 * threads at work, so a list is enough.  Knows nothing of nodes. */
#include <config.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/module.h>

#include "core/rangelock.h"

struct img_rangelock {
  pthread_mutex_t mutex;
  pthread_cond_t freed;
  struct img_range *first, *last;
  unsigned waiting;
};

struct img_rangelock *
img_rangelock_new (void)
{
  struct img_rangelock *lock = calloc (1, sizeof *lock);
  if (lock == NULL)
    return NULL;
  pthread_mutex_init (&lock->mutex, NULL);
  pthread_cond_init (&lock->freed, NULL);
  return lock;
}

void
img_rangelock_free (struct img_rangelock *lock)
{
  if (lock == NULL)
    return;
  pthread_cond_destroy (&lock->freed);
  pthread_mutex_destroy (&lock->mutex);
  free (lock);
}

/* Whether an entry that came before RANGE overlaps it. */
static bool
must_wait (const struct img_range *range)
{
  for (const struct img_range *r = range->prev; r != NULL; r = r->prev)
    if (r->offset < range->offset + range->length && range->offset < r->offset + r->length)
      return true;
  return false;
}

void
img_rangelock_lock (struct img_rangelock *lock, struct img_range *range, uint64_t offset,
                    uint64_t length)
{
  IMG_TRACE ("range_lock", NULL, "0x%" PRIx64 " %" PRIu64, offset, length);
  IMG_GUARD (&lock->mutex);
  *range = (struct img_range) { offset, length, lock->last, NULL };
  if (lock->last)
    lock->last->next = range;
  else
    lock->first = range;
  lock->last = range;
  lock->waiting++;
  while (must_wait (range))
    pthread_cond_wait (&lock->freed, &lock->mutex);
  lock->waiting--;
}

void
img_rangelock_unlock (struct img_rangelock *lock, struct img_range *range)
{
  IMG_GUARD (&lock->mutex);
  if (range->prev)
    range->prev->next = range->next;
  else
    lock->first = range->next;
  if (range->next)
    range->next->prev = range->prev;
  else
    lock->last = range->prev;
  if (lock->waiting)
    pthread_cond_broadcast (&lock->freed);
}
