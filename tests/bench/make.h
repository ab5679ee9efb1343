/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* make.h - what the makers of benchmark images share: how they end, and random numbers that are
 * the same for the same seed. */
#ifndef TESTS_BENCH_MAKE_H
#define TESTS_BENCH_MAKE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t random_state;

static inline void
random_seed (uint64_t seed)
{
  random_state = seed * 0x9e3779b97f4a7c15ull + 1;
}

static inline uint64_t
next_random (void)
{ /* xorshift64*, Marsaglia 2003 / Vigna 2016 */
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 0x2545f4914f6cdd1dull;
}

static inline void
die (const char *what)
{
  perror (what);
  exit (1);
}

#endif
