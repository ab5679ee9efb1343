/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/rangelock.h - exclusive ranges: who writes part of a unit keeps others out of that unit.
 *
 * Ranges that overlap are granted in the order in which they were asked for, so nobody starves.  A
 * thread holds one range of a lock at a time.
 */
#ifndef CORE_RANGELOCK_H
#define CORE_RANGELOCK_H

#include <stdint.h>

/* One holder's entry, on its stack while it holds or waits. */
struct img_range {
  uint64_t offset, length;
  struct img_range *prev, *next;
};

struct img_rangelock;
struct img_rangelock *img_rangelock_new (void); /* NULL: out of memory */
void img_rangelock_free (struct img_rangelock *lock); /* nobody holds it; NULL allowed */

/* Waits until no earlier holder overlaps [offset, offset + length); length > 0, no wrap. */
void img_rangelock_lock (struct img_rangelock *lock, struct img_range *range, uint64_t offset,
                         uint64_t length);
void img_rangelock_unlock (struct img_rangelock *lock, struct img_range *range);

#endif
