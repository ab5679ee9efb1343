/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-bench-latency: percentiles of many times in little room.
 *
 * Owns: a histogram whose slots are 3 % wide, however long a time is; the longest is kept
 * exactly. */

#include <config.h>

#include "img-bench.h"

static unsigned
slot_of (uint64_t ns)
{
  unsigned shift = 0;

  if (ns >= LATENCY_STEPS)
    shift = 63u - (unsigned) __builtin_clzll (ns) - 5; /* 2^5 steps */
  return shift * LATENCY_STEPS + (unsigned) (ns >> shift);
}

/* The middle of slot I. */
static uint64_t
slot_time (unsigned i)
{
  unsigned shift = i < 2 * LATENCY_STEPS ? 0 : i / LATENCY_STEPS - 1;
  uint64_t start = (uint64_t) (i - shift * LATENCY_STEPS) << shift;

  return start + (((uint64_t) 1 << shift) >> 1);
}

void
latency_add (struct latency *l, uint64_t ns)
{
  l->count[slot_of (ns)]++;
  l->n++;
  l->sum += ns;
  if (ns > l->max)
    l->max = ns;
}

uint64_t
latency_percentile (const struct latency *l, double percent)
{
  uint64_t want = (uint64_t) ((double) l->n * percent / 100 + 0.5), seen = 0;

  for (unsigned i = 0; i < LATENCY_SLOTS; i++) {
    seen += l->count[i];
    if (seen >= want && seen > 0)
      return slot_time (i) < l->max ? slot_time (i) : l->max;
  }
  return l->max;
}
