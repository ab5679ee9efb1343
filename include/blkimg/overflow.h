/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/overflow.h - arithmetic on numbers that a file gave us.
 *
 * Each returns true when the exact result fits and was stored in *r; on false *r is unchanged.
 *   if (!img_add (offset, length, &end) || end > file_size) return img_error_set (...);
 */
#ifndef BLKIMG_OVERFLOW_H
#define BLKIMG_OVERFLOW_H

#include <stdbool.h>
#include <stdint.h>

static inline bool
img_add (uint64_t a, uint64_t b, uint64_t *r)
{
  uint64_t x;
  if (__builtin_add_overflow (a, b, &x))
    return false;
  *r = x;
  return true;
}

static inline bool
img_mul (uint64_t a, uint64_t b, uint64_t *r)
{
  uint64_t x;
  if (__builtin_mul_overflow (a, b, &x))
    return false;
  *r = x;
  return true;
}

/* a << bits, exact. */
static inline bool
img_shl (uint64_t a, unsigned bits, uint64_t *r)
{
  if (bits >= 64 || (a << bits) >> bits != a)
    return false;
  *r = a << bits;
  return true;
}

/* Rounds up to a multiple of unit (> 0, any number), exact. */
static inline bool
img_round_up (uint64_t a, uint64_t unit, uint64_t *r)
{
  uint64_t rest = a % unit;
  if (rest == 0) {
    *r = a;
    return true;
  }
  return img_add (a, unit - rest, r);
}

static inline uint64_t
img_div_up (uint64_t a, uint64_t unit)
{
  return a / unit + (a % unit != 0);
}

/* True when [offset, offset + length) lies inside [0, size). */
static inline bool
img_within (uint64_t offset, uint64_t length, uint64_t size)
{
  return offset <= size && length <= size - offset;
}

static inline bool
img_is_pow2 (uint64_t x)
{
  return x != 0 && (x & (x - 1)) == 0;
}

static inline uint64_t
img_min (uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static inline uint64_t
img_max (uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

#endif
