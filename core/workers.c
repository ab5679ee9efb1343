/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* workers: their number.  They themselves are pool.c's. */
#include <config.h>

#include <stdlib.h>

#include <blkimg/overflow.h>

#include "core/log.h"
#include "core/pool.h"
#include "core/workers.h"

unsigned
img_workers_inflight (const struct img_node *node)
{
  unsigned most = img_moves_bytes (node) ? node->driver->max_inflight : 0;
  for (unsigned i = 0; i < node->n_children; i++) {
    unsigned below = img_workers_inflight (node->children[i].node);
    most = below > most ? below : most;
  }
  return most;
}

unsigned
img_workers_count (unsigned asked, unsigned inflight)
{
  const char *word = img_debug_word ("workers");
  if (word)
    asked = (unsigned) strtoul (word, NULL, 10);
  if (asked == 0)
    asked = (unsigned) img_max (img_pool_cpus (), inflight);
  return (unsigned) img_min (img_max (asked, 1), IMG_WORKERS_MAX);
}

int
img_parallel (unsigned n, img_pool_work *work, void *arg, struct img_error *err)
{
  return img_pool_run ((unsigned) img_min (n, img_workers_count (0, 0)), work, arg, err);
}
