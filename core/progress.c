/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* progress: three words that a worker writes and a watcher reads, without locks.  Cancelling is one
 * store, so that a signal handler may do it. */
#include <config.h>

#include <stdatomic.h>
#include <stdlib.h>

#include <blkimg/i18n.h>

#include "core/progress.h"

struct img_progress {
  _Atomic uint64_t done, total;
  atomic_bool cancelled;
};

struct img_progress *
img_progress_new (void)
{
  return calloc (1, sizeof (struct img_progress));
}

void
img_progress_free (struct img_progress *p)
{
  free (p);
}

uint64_t
img_progress_done (const struct img_progress *p)
{
  return atomic_load_explicit (&p->done, memory_order_relaxed);
}

uint64_t
img_progress_total (const struct img_progress *p)
{
  return atomic_load_explicit (&p->total, memory_order_relaxed);
}

void
img_progress_cancel (struct img_progress *p)
{
  atomic_store_explicit (&p->cancelled, true, memory_order_relaxed);
}

void
img_progress_start (struct img_progress *p, uint64_t total)
{
  if (p == NULL)
    return;
  atomic_store_explicit (&p->done, 0, memory_order_relaxed);
  atomic_store_explicit (&p->total, total, memory_order_relaxed);
}

void
img_progress_add (struct img_progress *p, uint64_t bytes)
{
  if (p)
    atomic_fetch_add_explicit (&p->done, bytes, memory_order_relaxed);
}

bool
img_progress_tell (void *p, uint64_t done, uint64_t total)
{
  if (p == NULL)
    return true;
  if (img_progress_total (p) != total || img_progress_done (p) > done)
    img_progress_start (p, total);
  img_progress_add (p, done - img_progress_done (p));
  return !img_progress_cancelled (p);
}

bool
img_progress_cancelled (const struct img_progress *p)
{
  return p && atomic_load_explicit (&p->cancelled, memory_order_relaxed);
}

int
img_progress_check (const struct img_progress *p, struct img_error *err)
{
  if (!img_progress_cancelled (p))
    return 0;
  return img_error_set (err, ECANCELED, _("cancelled"));
}
