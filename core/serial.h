/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/serial.h - the thread promise: one callback at a time for drivers that declare SERIAL.
 *
 *   IMG_SERIAL (node);
 *   return node->driver->map (node, ...);
 *
 * holds the node's mutex until the scope ends, or nothing for PARALLEL drivers.  Never held while
 * the core itself reads or writes a child.  BLKIMG_DEBUG=serial makes every driver SERIAL (the
 * registry clears `threads` in its copy).
 */
#ifndef CORE_SERIAL_H
#define CORE_SERIAL_H

#include <blkimg/cleanup.h>

#include "core/node.h"

static inline pthread_mutex_t *
img_serial_enter (struct img_node *node)
{
  if (node->driver->threads == IMG_THREADS_PARALLEL)
    return NULL;
  pthread_mutex_lock (&node->serial);
  return &node->serial;
}

#define IMG_SERIAL(node)                                                                     \
  __attribute__ ((unused, cleanup (img_cleanup_unlock))) pthread_mutex_t *img_serial_guard = \
    img_serial_enter (node)

#endif
