/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening the lowest node: a file, a device, something behind a network protocol.
 *
 * Owns: which protocol driver a name means, and what messages call the node.  A file name among
 * options is a path and never a `scheme:`, as everybody knows it; only a name that the user typed,
 * or that passed the gate, is looked at for one. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/driver.h"
#include "core/open.h"
#include "core/serial.h"
#include "core/spec.h"

bool
img_open_name_is_local (const char *driver)
{
  static const char *const names[] = { "file", "host_device", "host_cdrom" };

  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp (driver, names[i]) == 0)
      return true;
  return false;
}

bool
img_open_is_local (const struct img_node *file)
{
  while (file->driver->kind == IMG_FILTER && file->n_children > 0)
    file = file->children[0].node;
  return img_open_name_is_local (file->driver->name);
}

/* The driver that NAME asks for. */
static const struct img_driver *
driver_of_name (const char *name, bool literal, struct img_error *err)
{
  size_t n = literal ? 0 : img_spec_scheme_length (name);

  if (n == 0)
    return img_driver_find ("file", err);
  IMG_CLEANUP (free) char *scheme = strndup (name, n);
  if (scheme)
    return img_driver_by_scheme (scheme, err);
  img_error_errno (err, ENOMEM, _("image name"));
  return NULL;
}

/* Has DRIVER turn NAME into options; it may hand the name on to another one. */
static const struct img_driver *
parse_name (const struct img_driver *driver, const char *name, bool literal, struct img_opts *opts,
            struct img_error *err)
{
  IMG_CLEANUP (free) char *dotted = NULL, *other = NULL;
  const struct img_driver *found;

  if (driver->parse_name == NULL) {
    img_error_set (err, EINVAL, _("driver '%s' is opened by options, not by a name"),
                   driver->name);
    return NULL;
  }
  if (literal && img_spec_scheme_length (name) > 0) {
    if (asprintf (&dotted, "./%s", name) < 0) {
      dotted = NULL;
      img_error_errno (err, ENOMEM, _("image name"));
      return NULL;
    }
    name = dotted;
  }
  if (driver->parse_name (name, opts, err) < 0)
    return NULL;
  if (img_opts_get (opts, "driver") == NULL)
    return driver;
  other = strdup (img_opts_get (opts, "driver"));
  if (other == NULL || img_opts_set (opts, "driver", NULL, err) < 0) {
    img_error_errno (err, ENOMEM, _("image name"));
    return NULL;
  }
  found = img_driver_find (other, err);
  if (found && found->kind != IMG_FORMAT)
    return found;
  if (found)
    img_error_set (err, EINVAL, _("'%s' is not a protocol"), other);
  return NULL;
}

/* What messages call a node that was opened by options: its file name, if that says it all. */
static const char *
plain_name (const struct img_driver *driver, const struct img_opts *opts)
{
  return img_open_name_is_local (driver->name) ? img_opts_get (opts, "filename") : NULL;
}

static int
set_path (struct img_node *node, const struct img_opts *opts, const char *name,
          struct img_error *err)
{
  const char *path = plain_name (node->driver, opts);

  if (path == NULL && name && strstr (name, "://"))
    path = name;
  if (path == NULL)
    return 0;
  node->path = strdup (path);
  return node->path ? 0 : img_error_errno (err, ENOMEM, _("image name"));
}

static int
set_json_name (struct img_node *node, struct img_error *err)
{
  char *name = img_open_json_name (node);

  if (name == NULL)
    return img_error_errno (err, ENOMEM, _("image name"));
  free (node->filename);
  node->filename = name;
  return 0;
}

/* A filter is what its children are: names inside an image above it are relative to the first. */
static int
finish_filter (struct img_node *node, bool named, struct img_error *err)
{
  const char *path = node->n_children > 0 ? node->children[0].node->path : NULL;

  if (img_open_leftovers (node, err) < 0 || (!named && set_json_name (node, err) < 0))
    return -1;
  if (node->path == NULL && path && (node->path = strdup (path)) == NULL)
    return img_error_errno (err, ENOMEM, _("image name"));
  return 0;
}

static int
open_node (struct img_node *node, struct img_opts *opts, bool named, struct img_error *err)
{
  bool filter = node->driver->kind == IMG_FILTER;

  if (img_open_own_opts (node, opts, err) < 0)
    return -1;
  if (!filter && (!named || img_open_needs_json (node)) && set_json_name (node, err) < 0)
    return -1;
  if ((node->flags & IMG_OPEN_RDWR) && (node->driver->caps & IMG_CAP_READ_ONLY))
    return img_error_set (err, EACCES, _("driver '%s' is for reading only"), node->driver->name);
  IMG_TRACE ("node_open", node, "%s 0x%x", node->driver->name, node->flags);
  if (node->driver->open (node, opts, node->flags, err) < 0)
    return -1;
  if (!filter || finish_filter (node, named, err) == 0)
    return 0;
  if (node->driver->close)
    node->driver->close (node);
  return -1;
}

static struct img_node *
open_protocol (const struct img_open_job *job, const struct img_driver *driver, unsigned flags,
               struct img_opts *opts, struct img_error *err)
{
  const char *name = job->display;
  struct img_node *node;

  if (name == NULL)
    name = plain_name (driver, opts);
  if (name == NULL)
    name = job->name;
  node = img_node_new (driver, name ? name : driver->name, flags, job->context, err);
  if (node == NULL)
    return NULL;
  node->parent = job->parent;
  node->depth = job->depth;
  if (set_path (node, opts, job->name, err) == 0 && open_node (node, opts, name != NULL, err) == 0)
    return node;
  img_error_name (node->filename, err);
  img_node_free (node, false);
  return NULL;
}

/* The name to look at: the job's, or the `filename` among the options, which is literal. */
static const char *
file_name (const struct img_open_job *job, const struct img_opts *opts, bool *literal)
{
  *literal = job->name == NULL || job->literal;
  return job->name ? job->name : img_opts_get (opts, "filename");
}

static const struct img_driver *
choose_driver (const struct img_open_job *job, const char *format, struct img_opts *opts,
               struct img_error *err)
{
  const struct img_driver *driver;
  bool literal;
  IMG_CLEANUP (free) char *name = NULL;
  const char *given = file_name (job, opts, &literal);

  if (format) {
    driver = img_driver_find (format, err);
    if (driver == NULL || driver->kind == IMG_FORMAT || job->name == NULL)
      return driver;
  } else if (given == NULL) {
    img_error_set (err, EINVAL, _("no file is named: 'file.filename' or 'file.driver' is missing"));
    return NULL;
  } else {
    driver = driver_of_name (given, literal, err);
    if (driver == NULL)
      return NULL;
  }
  name = strdup (given); /* parse_name changes OPTS */
  if (name)
    return parse_name (driver, name, literal, opts, err);
  img_error_errno (err, ENOMEM, _("image name"));
  return NULL;
}

const struct img_driver *
img_open_protocol (const char *name, bool literal, struct img_opts *opts, struct img_error *err)
{
  struct img_open_job job = { .name = name, .literal = literal };

  return choose_driver (&job, NULL, opts, err);
}

struct img_node *
img_open_file (const struct img_open_job *job, struct img_opts *opts, struct img_error *err)
{
  IMG_CLEANUP (free) char *format = NULL;
  const struct img_driver *driver;
  unsigned flags = job->flags;
  bool auto_read_only; /* of the image above: a file alone cannot go back */

  if (img_open_generic (opts, &format, &flags, &auto_read_only, err) == 0) {
    driver = choose_driver (job, format ? format : job->format, opts, err);
    if (driver && driver->kind != IMG_FORMAT)
      return open_protocol (job, driver, flags, opts, err);
    if (driver) {
      struct img_open_job image = *job;
      image.format = driver->name;
      image.flags = flags;
      return img_open_image (&image, opts, err);
    }
  }
  if (job->name)
    img_error_name (job->display ? job->display : job->name, err);
  return NULL;
}

int
img_open_lock (struct img_node *file, bool stable, struct img_error *err)
{
  const unsigned relevant = IMG_OPEN_RDWR | IMG_OPEN_NO_IO | IMG_OPEN_SHARE | IMG_OPEN_NEW;

  if (file->driver->kind != IMG_PROTOCOL)
    return 0; /* a format, whose own file is locked */
  if (stable)
    file->flags |= IMG_OPEN_STABLE;
  if (file->driver->lock == NULL)
    return 0;
  IMG_SERIAL (file);
  IMG_TRACE ("node_lock", file, "0x%x", file->flags);
  if (file->driver->lock (file, file->flags & (relevant | IMG_OPEN_STABLE), err) < 0)
    return img_error_name (file->filename, err);
  return 0;
}
