/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* commit: what the upper images of a chain define goes down into one below.
 *
 * Owns: which image that is, and the order of steps.  The base is written where the upper images
 * hide it, so nobody sees a difference until the top is emptied, which is begun when the base is on
 * stable storage.  Images between, and others that use the base, are the caller's business.
 *
 * Refuses: an image that is not in the chain. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/copy-job.h"
#include "core/gate.h"
#include "core/open.h"
#include "core/serial.h"

#define SPARSE 4096

/* ---- the base ---- */

static bool
same_path (const char *a, const char *b)
{
  IMG_CLEANUP (free) char *x = realpath (a, NULL), *y = realpath (b, NULL);

  return x && y && strcmp (x, y) == 0;
}

/* Whether the user may mean UPPER's backing image by NAME: as it is written in UPPER, or relative
 * to it, or to the working folder. */
static bool
is_called (const struct img_node *upper, const char *name)
{
  const struct img_node *below = upper->backing;
  IMG_CLEANUP (free) char *full = NULL;

  if (*name == '\0')
    return false;
  if (strcmp (name, below->filename) == 0
      || (upper->backing_name && strcmp (name, upper->backing_name) == 0))
    return true;
  if (below->path == NULL)
    return false;
  full = img_gate_resolve (upper, name, 0);
  return same_path (name, below->path) || (full && same_path (full, below->path));
}

/* The image right above the base. */
static struct img_node *
find_upper (struct img_node *top, const char *base, struct img_error *err)
{
  if (top->backing == NULL) {
    img_error_set (err, EINVAL, _("Image does not have a backing file"));
    img_error_name (top->filename, err);
    return NULL;
  }
  if (base == NULL)
    return top;
  for (struct img_node *upper = top; upper->backing; upper = upper->backing)
    if (is_called (upper, base))
      return upper;
  img_error_set (err, EINVAL, _("Did not find '%s' in the backing chain of '%s'"), base,
                 top->filename);
  return NULL;
}

/* ---- the steps ---- */

static int
merge (struct img_node *top, struct img_node *base, const struct img_commit_opts *opts,
       struct img_copy_stats *stats, struct img_error *err)
{
  struct copy_job job = {
    .dst = base, .src = &top, .n_src = 1, .layers = COPY_MERGE, .left = base
  };
  uint64_t size = atomic_load (&top->size);
  if (atomic_load (&base->size) < size
      && img_resize (base, size, IMG_PREALLOC_OFF, 0, err) < 0)
    return -1;
  job.opts.sparse = SPARSE;
  job.opts.workers = opts->workers;
  job.opts.rate = opts->rate;
  job.opts.progress = opts->progress;
  job.opts.stats = stats;
  if (copy_run (&job, err) < 0)
    return -1;
  return img_flush (base, err);
}

static int
empty (struct img_node *top, struct img_error *err)
{
  {
    IMG_SERIAL (top);
    if (top->driver->make_empty (top, err) < 0)
      return img_error_name (top->filename, err);
  }
  return img_flush (top, err);
}

int
img_commit (struct img_node *node, const struct img_commit_opts *opts, struct img_commit *result,
            struct img_error *err)
{
  struct img_commit_opts o = { 0 };
  memcpy (&o, opts, img_min (opts->struct_size, sizeof o));
  struct img_node *upper = find_upper (node, o.base, err);
  if (upper == NULL)
    return -1;
  unsigned cache = node->flags & IMG_OPEN_WRITETHROUGH;
  if (img_open_again (upper, IMG_OPEN_RDWR | IMG_OPEN_UNMAP | cache, err) < 0)
    return -1;
  *result = (struct img_commit) { .base = upper->backing->filename };
  if (merge (node, upper->backing, &o, &result->copied, err) < 0)
    return -1;
  result->emptied = !o.drop && o.base == NULL && node->driver->make_empty != NULL;
  return result->emptied ? empty (node, err) : 0;
}
