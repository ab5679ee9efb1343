/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/unit/seed.h - random numbers that can be had again: BLKIMG_TEST_SEED, else the time; the
 * seed is printed. */
#ifndef TESTS_SEED_H
#define TESTS_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t
rnd (uint64_t *state)
{
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static inline uint64_t
rnd_below (uint64_t *state, uint64_t n)
{
  return rnd (state) % n;
}

static inline void
rnd_fill (uint64_t *state, void *buf, size_t n)
{
  uint8_t *p = buf;
  for (; n > 0; p += 8, n -= n < 8 ? n : 8) {
    uint64_t x = rnd (state);
    memcpy (p, &x, n < 8 ? n : 8);
  }
}

static inline uint64_t
test_seed (void)
{
  const char *s = getenv ("BLKIMG_TEST_SEED");
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  uint64_t seed = s ? strtoull (s, NULL, 10)
                    : ((uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec) % 1000000007u;
  printf ("# seed %llu\n", (unsigned long long) seed);
  fflush (stdout);
  return seed;
}

#endif
