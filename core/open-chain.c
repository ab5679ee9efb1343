/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies below an image: its backing image, and internal snapshots.
 *
 * Owns: how the user's `backing` options and the name inside the image go together.  Backing images
 * are opened for reading only. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/driver.h"
#include "core/gate.h"
#include "core/open.h"

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)
IMG_CLEANUP_FN (img_value_free, struct img_value *)

/* ---- backing ---- */

/* 1: the user wants none, whatever the image says. */
static int
user_says_none (struct img_node *node, struct img_error *err)
{
  const char *value = node->child_opts ? img_opts_get (node->child_opts, "backing") : NULL;

  if (value == NULL)
    return 0;
  if (*value == '\0' || strcmp (value, "null") == 0)
    return img_opts_set (node->child_opts, "backing", NULL, err) < 0 ? -1 : 1;
  img_error_set (err, EINVAL, _("backing=%s: there is no node of that name"), value);
  return img_error_hint (err, _("To open a file write backing.file.filename=%s."), value);
}

/* The options name the file themselves, so what the image says does not count. */
static bool
names_a_file (const struct img_opts *opts)
{
  static const char *const keys[] = { "file", "filename", "file.filename", "file.driver" };
  const char *driver = img_opts_get (opts, "driver");
  struct img_error ignored = IMG_ERROR_INIT;
  const struct img_module_list *list = driver ? img_registry (&ignored) : NULL;
  const struct img_manifest_driver *d = list ? img_registry_driver (list, driver) : NULL;

  if (d && d->kind != IMG_FORMAT)
    return true;
  for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
    if (img_opts_get (opts, keys[i]))
      return true;
  return false;
}

static int
attach (struct img_node *node, struct img_node *below, const struct img_gate_pass *pass,
        struct img_error *err)
{
  struct img_node *file = below;

  if (img_node_add_child (node, "backing", below, err) < 0) {
    img_node_free (below, true);
    return -1;
  }
  node->backing = below;
  while (img_child_by_name (file, "file"))
    file = img_child_by_name (file, "file");
  memcpy (file->file_id, pass->file_id, sizeof file->file_id);
  return 1;
}

static int
open_backing (struct img_node *node, struct img_opts *opts, unsigned more, struct img_error *err)
{
  const unsigned kept = IMG_OPEN_SHARE | IMG_OPEN_DIRECT | IMG_OPEN_NO_FLUSH | IMG_OPEN_STABLE;
  struct img_open_job job = { .context = node->context, .parent = node };
  struct img_gate_pass pass = { NULL, true, { 0, 0 } };
  struct img_node *below;

  if (node->depth >= IMG_MAX_DEPTH)
    return img_error_set (err, ELOOP, _("more than %d backing images"), IMG_MAX_DEPTH);
  job.flags = (node->flags & kept) | more;
  job.depth = node->depth + 1;
  if (!names_a_file (opts)) {
    if (node->backing_name == NULL)
      return img_error_set (err, EINVAL, _("it has no backing file for the 'backing' options"));
    if (!img_opts_get (opts, "driver"))
      job.format = node->backing_format;
    if (img_gate_check_format (node, _("backing file"), job.format, err) < 0 ||
        img_gate_check (node, _("backing file"), node->backing_name, 0, &pass, err) < 0)
      return -1;
    job.name = pass.name;
    job.literal = pass.literal;
  }
  below = img_open_text (&job, opts, err);
  free (pass.name);
  if (below == NULL)
    return img_error_prefix (err, _("backing file"));
  return attach (node, below, &pass, err);
}

/* What the user said of the backing image; kept, as it may be opened again. */
static struct img_opts *
backing_opts (struct img_node *node, struct img_error *err)
{
  struct img_opts *copy;

  if (node->backing_opts == NULL)
    node->backing_opts = img_opts_take_subtree (node->child_opts, "backing", err);
  if (node->backing_opts == NULL)
    return NULL;
  copy = img_opts_copy (node->backing_opts);
  if (copy == NULL)
    img_error_errno (err, ENOMEM, _("backing file"));
  return copy;
}

int
img_open_backing (struct img_node *node, unsigned more, struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = NULL;
  int none;

  if (node->driver->kind == IMG_PROTOCOL || !(node->driver->caps & IMG_CAP_BACKING))
    return 0;
  if (node->flags & IMG_OPEN_NO_IO)
    return 0; /* img_info_chain may ask again */
  none = user_says_none (node, err);
  if (none)
    return none < 0 ? -1 : 0;
  opts = backing_opts (node, err);
  if (opts == NULL)
    return -1;
  if (node->flags & IMG_OPEN_NO_BACKING)
    return 0;
  if (img_opts_count (opts) == 0 && node->backing_name == NULL)
    return 0;
  return open_backing (node, opts, more, err);
}

int
img_open_below (struct img_node *node, unsigned more, struct img_error *err)
{
  int rc = 1;

  /* A loop and not recursion: a chain is as long as its images say. */
  while (node && rc == 1) {
    rc = img_open_backing (node, more, err);
    more = 0;
    if (rc >= 0)
      rc = img_open_leftovers (node, err) < 0 ? -1 : rc;
    if (rc < 0)
      img_error_name (node->filename, err);
    node = node->backing;
  }
  return rc < 0 ? -1 : 0;
}

int
img_open_again (struct img_node *node, unsigned more, struct img_error *err)
{
  struct img_child *last = node->children + node->n_children - 1;

  /* Drivers know their children by number: only the last one can go. */
  if (node->backing == NULL || last->node != node->backing)
    return img_error_set (err, EINVAL, _("%s: its backing image cannot be opened anew"),
                          node->filename);
  img_node_free (last->node, true);
  free (last->name);
  node->n_children--;
  node->backing = NULL;
  if (img_open_below (node, more, err) < 0)
    return -1;
  if (node->backing)
    return 0;
  return img_error_set (err, EINVAL, _("%s: it has no backing image any more"), node->filename);
}

/* ---- snapshots ---- */

static bool
has_id (const struct img_value *list, const char *id)
{
  for (size_t i = 0; i < img_value_count (list); i++) {
    const char *other = img_value_string (img_value_get (img_value_at (list, i), "id"));
    if (other && strcmp (other, id) == 0)
      return true;
  }
  return false;
}

/* What the user calls ID_OR_NAME: an ID, if there is one. */
static int
select_either (struct img_node *node, const char *text, struct img_error *err)
{
  const struct img_snapshot_ops *ops = node->driver->snapshot;
  IMG_CLEANUP (img_value_free) struct img_value *list = img_value_array ();

  if (list == NULL)
    return img_error_errno (err, ENOMEM, _("snapshots"));
  if (ops->list (node, list, err) < 0)
    return -1;
  if (has_id (list, text))
    return ops->select (node, text, NULL, err);
  return ops->select (node, NULL, text, err);
}

int
img_open_snapshot (struct img_node *node, const char *snapshot, struct img_error *err)
{
  static const struct img_optdesc table[] = {
    { "snapshot.id", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
    { "snapshot.name", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
    IMG_OPT_END
  };
  const struct img_snapshot_ops *ops = node->driver->snapshot;
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = NULL;

  if (ops == NULL || ops->list == NULL || ops->select == NULL)
    return img_error_set (err, ENOTSUP, _("format '%s' has no internal snapshots"),
                          node->driver->name);
  if (node->flags & IMG_OPEN_RDWR)
    return img_error_set (err, EINVAL, _("snapshots are for reading only"));
  if (strncmp (snapshot, "snapshot.", 9) != 0)
    return select_either (node, snapshot, err);
  opts = img_opts_new ();
  if (opts == NULL)
    return img_error_errno (err, ENOMEM, _("snapshots"));
  if (img_opts_parse (opts, snapshot, NULL, err) < 0 ||
      img_opts_check (opts, table, _("a snapshot"), err) < 0)
    return -1;
  return ops->select (node, img_opts_get (opts, "snapshot.id"),
                      img_opts_get (opts, "snapshot.name"), err);
}
