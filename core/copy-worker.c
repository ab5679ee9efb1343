/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy-worker: one thread's loop: take a range, fill it, put it. */
#include <config.h>

#include "core/copy-job.h"
#include "core/pool.h"

int
copy_work (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct copy_job *job = arg;
  struct copy_slot *slot;
  int r;
  (void) pool;
  while ((r = copy_order_take (job->order, worker, &slot, err)) > 0) {
    r = copy_fill (job, slot, err);
    if (r == 0)
      r = copy_order_put (job->order, slot, err);
    if (r < 0)
      break;
  }
  if (r < 0)
    copy_order_stop (job->order);
  return r;
}
