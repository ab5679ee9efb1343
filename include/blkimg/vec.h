/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/vec.h - a growing array.
 *
 *   IMG_VEC (uint64_t) offsets = IMG_VEC_INIT;
 *   if (img_vec_push (&offsets, x) < 0) ... out of memory; offsets.v[0 .. offsets.n-1] are
 * unchanged
 *   img_vec_free (&offsets);
 */
#ifndef BLKIMG_VEC_H
#define BLKIMG_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define IMG_VEC(type) \
  struct {            \
    type *v;          \
    size_t n, cap;    \
  }
#define IMG_VEC_INIT { NULL, 0, 0 }

/* VP is the address of the array pointer, whatever its type: moved by memcpy, as aliasing rules
 * ask. */
static inline int
img_vec_grow (void *vp, size_t *cap, size_t n, size_t item)
{
  size_t want = *cap ? *cap + *cap / 2 + 1 : 8;
  void *p;
  memcpy (&p, vp, sizeof p);
  if (want < n)
    want = n;
  if (want > SIZE_MAX / item)
    return -1;
  p = realloc (p, want * item);
  if (p == NULL)
    return -1;
  memcpy (vp, &p, sizeof p);
  *cap = want;
  return 0;
}

/* Makes room for N items in all.  0, or -1 when out of memory. */
#define img_vec_reserve(vec, count)                                  \
  ((vec)->v && (count) <= (vec)->cap                                 \
     ? 0 : img_vec_grow (&(vec)->v, &(vec)->cap, (count), sizeof *(vec)->v))

#define img_vec_push(vec, item) \
  (img_vec_reserve ((vec), (vec)->n + 1) < 0 ? -1 : ((vec)->v[(vec)->n++] = (item), 0))

#define img_vec_free(vec) (free ((vec)->v), (vec)->v = NULL, (vec)->n = (vec)->cap = 0)

#endif
