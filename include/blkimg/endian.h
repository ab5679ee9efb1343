/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/endian.h - on-disk integers, read from and written to bytes (never by casting a
 * struct). */
#ifndef BLKIMG_ENDIAN_H
#define BLKIMG_ENDIAN_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define IMG_LE(bits, x) (x)
#define IMG_BE(bits, x) __builtin_bswap##bits (x)
#else
#define IMG_LE(bits, x) __builtin_bswap##bits (x)
#define IMG_BE(bits, x) (x)
#endif

#define IMG_DEFINE_ENDIAN(bits)                      \
  static inline uint##bits##_t                       \
  be##bits##_get (const void *p)                     \
  {                                                  \
    uint##bits##_t x;                                \
    memcpy (&x, p, sizeof x);                        \
    return IMG_BE (bits, x);                         \
  }                                                  \
  static inline uint##bits##_t                       \
  le##bits##_get (const void *p)                     \
  {                                                  \
    uint##bits##_t x;                                \
    memcpy (&x, p, sizeof x);                        \
    return IMG_LE (bits, x);                         \
  }                                                  \
  static inline void                                 \
  be##bits##_put (void *p, uint##bits##_t x)         \
  {                                                  \
    x = IMG_BE (bits, x);                            \
    memcpy (p, &x, sizeof x);                        \
  }                                                  \
  static inline void                                 \
  le##bits##_put (void *p, uint##bits##_t x)         \
  {                                                  \
    x = IMG_LE (bits, x);                            \
    memcpy (p, &x, sizeof x);                        \
  }

IMG_DEFINE_ENDIAN (16)
IMG_DEFINE_ENDIAN (32)
IMG_DEFINE_ENDIAN (64)

#endif
