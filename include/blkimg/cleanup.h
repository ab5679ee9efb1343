/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/cleanup.h - ownership visible where a variable is declared.
 *
 *   IMG_CLEANUP (free) uint8_t *buf = malloc (n);      -- freed when the scope ends
 *   IMG_CLEANUP_FN (thing_free, struct thing *)        -- once, makes IMG_CLEANUP (thing_free) work
 *   return img_steal (buf);                            -- hands ownership on
 */
#ifndef BLKIMG_CLEANUP_H
#define BLKIMG_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define IMG_CLEANUP(fn) __attribute__ ((cleanup (img_cleanup_##fn)))

#define IMG_CLEANUP_FN(fn, type)          \
  static inline __attribute__ ((unused)) void \
  img_cleanup_##fn (type *p)              \
  {                                       \
    if (*p)                               \
      fn (*p);                            \
  }

/* Takes the pointer out of VAR and leaves NULL behind. */
#define img_steal(var)                  \
  __extension__ ({                      \
    __typeof__ (var) img_stolen = (var); \
    (var) = NULL;                       \
    img_stolen;                         \
  })

static inline __attribute__ ((unused)) void
img_cleanup_free (void *p)
{
  free (*(void **) p);
}

/* For `IMG_CLEANUP (close) int fd = open (...)`; -1 means nothing to close. */
static inline __attribute__ ((unused)) void
img_cleanup_close (int *fd)
{
  if (*fd >= 0)
    close (*fd);
}

static inline __attribute__ ((unused)) void
img_cleanup_unlock (pthread_mutex_t **m)
{
  if (*m)
    pthread_mutex_unlock (*m);
}

static inline __attribute__ ((unused)) pthread_mutex_t *
img_lock_guard (pthread_mutex_t *m)
{
  pthread_mutex_lock (m);
  return m;
}

/* Holds mutex M until the scope ends. */
#define IMG_GUARD(m) IMG_GUARD_AT (m, __LINE__)
#define IMG_GUARD_AT(m, line) IMG_GUARD_NAMED (m, line)
#define IMG_GUARD_NAMED(m, line)                                     \
  __attribute__ ((unused, cleanup (img_cleanup_unlock))) pthread_mutex_t *img_guard_##line = \
    img_lock_guard (m)

#endif
