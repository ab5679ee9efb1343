/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* iszero: zero detection.  Every variant ORs one stride of words together and looks once a stride;
 * data is nearly always recognised by its first bytes, before any loop. */
#include <config.h>

#include <stdint.h>
#include <string.h>

#if defined __x86_64__
#include <immintrin.h>
/* The compiler's way asks the processor once more as each program starts, and each question takes
 * long in a virtual machine; the C library (glibc 2.33) knows the answer. */
#if __has_include (<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#define HAS_AVX2 CPU_FEATURE_ACTIVE (AVX2)
#else
#define HAS_AVX2 __builtin_cpu_supports ("avx2")
#endif
#endif

#include <blkimg/overflow.h>

#include "core/iszero.h"

/* Any SIZE, no alignment asked; also the tails of the others. */
static bool
zero_words (const uint8_t *p, size_t size)
{
  for (; size >= 64; p += 64, size -= 64) {
    uint64_t w[8];
    memcpy (w, p, sizeof w);
    if ((w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7]) != 0)
      return false;
  }
  for (; size >= 8; p += 8, size -= 8) {
    uint64_t w;
    memcpy (&w, p, sizeof w);
    if (w != 0)
      return false;
  }
  uint8_t rest = 0;
  while (size--)
    rest |= *p++;
  return rest == 0;
}

#if defined __x86_64__
static bool
zero_sse2 (const uint8_t *p, size_t size)
{
  const __m128i zero = _mm_setzero_si128 ();
  for (; size >= 64; p += 64, size -= 64) {
    const __m128i *v = (const __m128i *) (const void *) p;
    __m128i a = _mm_or_si128 (_mm_loadu_si128 (v), _mm_loadu_si128 (v + 1));
    __m128i b = _mm_or_si128 (_mm_loadu_si128 (v + 2), _mm_loadu_si128 (v + 3));
    if (_mm_movemask_epi8 (_mm_cmpeq_epi8 (_mm_or_si128 (a, b), zero)) != 0xffff)
      return false;
  }
  return zero_words (p, size);
}

__attribute__ ((target ("avx2"))) static bool
zero_avx2 (const uint8_t *p, size_t size)
{
  for (; size >= 128; p += 128, size -= 128) {
    const __m256i *v = (const __m256i *) (const void *) p;
    __m256i a = _mm256_or_si256 (_mm256_loadu_si256 (v), _mm256_loadu_si256 (v + 1));
    __m256i b = _mm256_or_si256 (_mm256_loadu_si256 (v + 2), _mm256_loadu_si256 (v + 3));
    a = _mm256_or_si256 (a, b);
    if (!_mm256_testz_si256 (a, a))
      return false;
  }
  return zero_words (p, size);
}
#endif

bool
img_is_zero (const void *buf, size_t size)
{
  const uint8_t *p = buf;
  /* A block of data differs from zero here, at once. */
  if (!zero_words (p, size < 64 ? size : 64))
    return false;
  if (size <= 64)
    return true;
#if defined __x86_64__
  if (HAS_AVX2)
    return zero_avx2 (p, size);
  return zero_sse2 (p, size);
#else
  return zero_words (p, size);
#endif
}

size_t
img_zero_run (const void *buf, size_t size, size_t grain, bool *zero)
{
  const uint8_t *p = buf;
  size_t done = (size_t) img_min (grain, size);
  *zero = img_is_zero (p, done);
  while (done < size) {
    size_t n = (size_t) img_min (grain, size - done);
    if (img_is_zero (p + done, n) != *zero)
      break;
    done += n;
  }
  return done;
}
