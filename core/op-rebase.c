/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rebase: another backing file, and the image shows what it showed.
 *
 * Owns: the order of steps.  What the image would lose is written into it while its old backing
 * image is still recorded; when that is on stable storage the new name is.
 *
 * Refuses: a new backing image that uses the image, one whose format nobody said. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/copy-job.h"
#include "core/gate.h"
#include "core/open.h"

#define SPARSE 4096

static int
check_loop (struct img_node *node, struct img_node *new, struct img_error *err)
{
  for (; new; new = new->backing)
    if (img_gate_is_file (node, img_gate_file_id (new)))
      return img_error_set (err, ELOOP, _("the image would be its own backing file"));
  return 0;
}

static struct img_node *
open_new (struct img_node *node, const char *name, const char *format,
          const struct img_open_params *params, struct img_error *err)
{
  struct img_open_params p = img_open_params_now (params);
  IMG_CLEANUP (free) char *full = img_gate_resolve (node, name, 0);
  struct img_node *new = NULL;
  uint64_t id[2];

  if (full == NULL) {
    img_error_set (err, EINVAL, _("backing file '%s' is relative to a name that has no place"),
                   name);
    return NULL;
  }
  img_gate_path_id (full, id); /* before its lock is what stands in the way */
  if (img_gate_is_file (node, id)) {
    img_error_set (err, ELOOP, _("the image would be its own backing file"));
    return NULL;
  }
  p.format = format;
  new = img_open (full, &p, err);
  if (new == NULL)
    img_error_prefix (err, _("Could not open new backing file '%s'"), name);
  return new;
}

static int
pin (struct img_node *node, struct img_node *new, const struct img_rebase_opts *opts,
     struct img_error *err)
{
  struct copy_job job = {
    .dst = node, .src = &node, .n_src = 1, .layers = COPY_PIN, .other = new
  };

  if (new && check_loop (node, new, err) < 0)
    return -1;
  if (node->backing == NULL && new == NULL)
    return 0;
  job.opts.sparse = SPARSE;
  job.opts.compress = opts->compress;
  job.opts.workers = opts->workers;
  job.opts.progress = opts->progress;
  job.opts.stats = opts->stats;
  return copy_run (&job, err) < 0 ? -1 : img_flush (node, err);
}

static int
keep_contents (struct img_node *node, const char *name, const char *format,
               const struct img_rebase_opts *opts, struct img_error *err)
{
  struct img_node *new = name ? open_new (node, name, format, opts->backing, err) : NULL;
  int rc;

  if (name && new == NULL)
    return -1;
  if (name && format == NULL) {
    img_error_set (err, EINVAL, _("Backing file specified without backing format"));
    img_error_hint (err, _("Detected format of %s."), img_driver_name (new));
    rc = -1;
  } else {
    rc = pin (node, new, opts, err);
  }
  if (new)
    img_node_drop (new);
  return rc;
}

int
img_rebase (struct img_node *node, const char *name, const char *format,
            const struct img_rebase_opts *opts, struct img_error *err)
{
  struct img_rebase_opts o = { 0 };

  memcpy (&o, opts, img_min (opts->struct_size, sizeof o));
  if (name && *name == '\0')
    name = NULL;
  if (node->driver->set_backing == NULL)
    return img_error_set (err, ENOTSUP, _("%s: the backing file of %s images cannot be changed"),
                          node->filename, node->driver->name);
  if (format && img_driver_find (format, err) == NULL)
    return -1;
  if (o.unsafe && name && format == NULL)
    return img_error_set (err, EINVAL, _("Backing file specified without backing format"));
  if (!o.unsafe && keep_contents (node, name, format, &o, err) < 0)
    return -1;
  return img_set_backing (node, name, name ? format : NULL, err);
}
