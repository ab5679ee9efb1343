/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening images: name or options -> protocol node -> format node.
 *
 * Owns: the order in which a tree is made, and which flags a child gets from its parent.  What an
 * image names goes through the gate (gate.c); what the user names does not.  Backing images are
 * open-chain.c, protocol nodes open-file.c, options open-opts.c. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/driver.h"
#include "core/gate.h"
#include "core/open.h"
#include "core/probe.h"
#include "core/spec.h"

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

/* What a child's flags takes from its parent's.  Discards always reach the file: whether a guest's
 * discard is passed on is decided above it. */
static unsigned
file_flags (unsigned flags)
{
  const unsigned kept = IMG_OPEN_RDWR | IMG_OPEN_NO_IO | IMG_OPEN_CHECK | IMG_OPEN_NEW |
                        IMG_OPEN_SHARE | IMG_OPEN_DIRECT | IMG_OPEN_NO_FLUSH | IMG_OPEN_STABLE;

  return (flags & kept) | IMG_OPEN_UNMAP;
}

static int
no_such_node (const char *key, const char *value, struct img_error *err)
{
  img_error_set (err, EINVAL, _("%s=%s: there is no node of that name"), key, value);
  return img_error_hint (err, _("To open a file write %s.filename=%s."), key, value);
}

/* ---- one image ---- */

/* The node below a format: from the job's name or the options `file.*`. */
static struct img_node *
open_below (const struct img_open_job *job, unsigned flags, struct img_opts *opts,
            struct img_error *err)
{
  struct img_open_job below = *job;
  const char *reference = img_opts_get (opts, "file");
  IMG_CLEANUP (img_opts_free) struct img_opts *sub = NULL;

  if (reference) {
    no_such_node ("file", reference, err);
    return NULL;
  }
  sub = img_opts_take_subtree (opts, "file", err);
  if (sub == NULL)
    return NULL;
  if (job->name == NULL && img_opts_count (sub) == 0) {
    img_error_set (err, EINVAL, _("no file is named: 'file.filename' or 'file.driver' is missing"));
    return NULL;
  }
  below.format = NULL;
  below.flags = file_flags (flags);
  return img_open_file (&below, sub, err);
}

static int
name_node (struct img_node *node, const struct img_node *file, struct img_error *err)
{
  char *json;

  if (file->path) {
    node->path = strdup (file->path);
    if (node->path == NULL)
      return img_error_errno (err, ENOMEM, _("image name"));
  }
  if (img_moves_bytes (file) && strncmp (file->filename, "json:", 5) != 0 &&
      !img_open_needs_json (node))
    return 0;
  json = img_open_json_name (node);
  if (json == NULL)
    return img_error_errno (err, ENOMEM, _("image name"));
  free (node->filename);
  node->filename = json;
  return 0;
}

static int
open_format (struct img_node *node, struct img_opts *opts, struct img_error *err)
{
  const struct img_driver *driver = node->driver;
  struct img_node *file = node->children[0].node;
  bool stable = !(driver->caps & IMG_CAP_PLAIN) || (node->flags & IMG_OPEN_STABLE);

  if ((node->flags & IMG_OPEN_RDWR) && (driver->caps & IMG_CAP_READ_ONLY))
    return img_error_set (err, EACCES, _("format '%s' is for reading only"), driver->name);
  if (img_open_own_opts (node, opts, err) < 0 || name_node (node, file, err) < 0)
    return -1;
  if (img_open_lock (file, stable, err) < 0)
    return -1;
  IMG_TRACE ("node_open", node, "%s 0x%x", driver->name, node->flags);
  return driver->open (node, opts, node->flags, err);
}

/* Takes FILE over, also on failure. */
static struct img_node *
open_over (const struct img_open_job *job, const struct img_driver *driver, struct img_node *file,
           unsigned flags, struct img_opts *opts, struct img_error *err)
{
  struct img_node *node = img_node_new (driver, file->filename, flags, job->context, err);

  if (node == NULL || img_node_add_child (node, "file", file, err) < 0) {
    img_node_free (file, true);
    img_node_free (node, false);
    return NULL;
  }
  node->parent = job->parent;
  node->depth = job->depth;
  if (open_format (node, opts, err) == 0)
    return node;
  img_error_name (node->filename, err);
  img_node_free (node, false);
  return NULL;
}

/* A protocol node on its own, as `-f file` asks for it; or a filter. */
static struct img_node *
open_bare (const struct img_open_job *job, const char *format, unsigned flags,
           struct img_opts *opts, struct img_error *err)
{
  struct img_open_job bare = *job;
  struct img_node *node;

  bare.format = format;
  bare.flags = flags;
  node = img_open_file (&bare, opts, err);
  if (node == NULL || img_open_lock (node, flags & IMG_OPEN_STABLE, err) == 0)
    return node;
  img_node_free (node, true);
  return NULL;
}

static struct img_node *
open_layer (const struct img_open_job *job, const char *format, unsigned flags,
            struct img_opts *opts, struct img_error *err)
{
  const struct img_driver *driver = NULL;
  struct img_node *file;

  if (format) {
    driver = img_driver_find (format, err);
    if (driver == NULL)
      return NULL;
    if (driver->kind != IMG_FORMAT)
      return open_bare (job, format, flags, opts, err);
  }
  file = open_below (job, flags, opts, err);
  if (file == NULL)
    return NULL;
  if (driver == NULL) {
    driver = img_probe (file, err);
    if (driver && (driver->caps & IMG_CAP_PLAIN))
      flags |= IMG_OPEN_PROBED;
  }
  if (driver)
    return open_over (job, driver, file, flags, opts, err);
  img_error_name (file->filename, err);
  img_node_free (file, true);
  return NULL;
}

/* With auto-read-only: what cannot be opened for writing is opened for reading. */
static struct img_node *
open_as_can_be (const struct img_open_job *job, const char *format, unsigned flags,
                bool auto_read_only, struct img_opts *opts, struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *again = img_opts_copy (opts);
  struct img_node *node = open_layer (job, format, flags, opts, err);
  bool denied = node == NULL && (err->code == EACCES || err->code == EPERM || err->code == EROFS);

  if (!auto_read_only || !denied || again == NULL || !(flags & IMG_OPEN_RDWR))
    return node;
  img_error_clear (err);
  return open_layer (job, format, flags & ~(unsigned) IMG_OPEN_RDWR, again, err);
}

struct img_node *
img_open_layer (const struct img_open_job *job, struct img_opts *opts, struct img_error *err)
{
  IMG_CLEANUP (free) char *format = NULL;
  struct img_node *node = NULL;
  unsigned flags = job->flags;
  bool auto_read_only;

  if (img_open_generic (opts, &format, &flags, &auto_read_only, err) < 0)
    ;
  else if (format && job->format && strcmp (format, job->format) != 0)
    img_error_set (err, EINVAL, _("the format is '%s' here and '%s' there"), job->format, format);
  else
    node = open_as_can_be (job, format ? format : job->format, flags, auto_read_only, opts, err);
  if (node == NULL && job->name)
    img_error_name (job->display ? job->display : job->name, err);
  return node;
}

struct img_node *
img_open_text (const struct img_open_job *job, struct img_opts *opts, struct img_error *err)
{
  struct img_open_job by_options = *job;
  struct img_spec spec;
  struct img_node *node = NULL;
  const char *key, *value;
  int rc = 0;

  if (job->name == NULL || job->literal || strncmp (job->name, "json:", 5) != 0)
    return img_open_layer (job, opts, err);
  if (img_spec_parse (&spec, job->name, false, err) < 0)
    return NULL;
  for (size_t i = 0; rc == 0 && i < img_opts_count (spec.opts); i++) {
    img_opts_pair (spec.opts, i, &key, &value);
    if (img_opts_get (opts, key) == NULL)
      rc = img_opts_set (opts, key, value, err);
  }
  img_spec_release (&spec);
  by_options.name = NULL;
  if (rc == 0)
    node = img_open_layer (&by_options, opts, err);
  return node;
}

struct img_node *
img_open_image (const struct img_open_job *job, struct img_opts *opts, struct img_error *err)
{
  struct img_node *top = img_open_layer (job, opts, err);

  if (top == NULL || img_open_below (top, 0, err) == 0)
    return top;
  img_node_free (top, true);
  return NULL;
}

/* ---- more files of an image ---- */

static int
add_or_free (struct img_node *node, const char *name, struct img_node *child,
             struct img_error *err)
{
  int n;

  if (child == NULL)
    return -1;
  n = img_node_add_child (node, name, child, err);
  if (n < 0)
    img_node_free (child, true);
  return n;
}

static struct img_node *
open_child (const struct img_open_job *job, bool probe, struct img_opts *opts,
            struct img_error *err)
{
  struct img_node *child;

  if (job->format || probe)
    return img_open_image (job, opts, err);
  child = img_open_file (job, opts, err);
  if (child == NULL || img_open_lock (child, true, err) == 0)
    return child;
  img_node_free (child, true);
  return NULL;
}

static unsigned
child_gate (const struct img_node *node, unsigned flags)
{
  bool here = (flags & IMG_CHILD_WORKING_DIR) && (node->context->openf & IMG_OPENF_COMPAT);

  return IMG_GATE_LITERAL | (here ? IMG_GATE_WORKING_DIR : 0);
}

bool
img_node_names_child (const struct img_node *node, const char *name)
{
  size_t n = strlen (name);
  const char *key, *value;

  for (size_t i = 0; i < img_opts_count (node->child_opts); i++) {
    img_opts_pair (node->child_opts, i, &key, &value);
    if (strncmp (key, name, n) == 0 && (key[n] == '\0' || key[n] == '.'))
      return true;
  }
  return false;
}

int
img_node_open_child (struct img_node *node, const char *name, const char *filename,
                     const char *format, unsigned flags, struct img_error *err)
{
  struct img_open_job job = { .context = node->context, .parent = node, .literal = true };
  struct img_gate_pass pass = { NULL, true, { 0, 0 } };
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = NULL;
  const char *reference = img_opts_get (node->child_opts, name);
  struct img_node *child;

  if (reference)
    return no_such_node (name, reference, err);
  opts = img_opts_take_subtree (node->child_opts, name, err);
  if (opts == NULL)
    return -1;
  if ((flags & IMG_CHILD_IF_GIVEN) && img_opts_count (opts) == 0)
    return 0;
  job.format = format;
  job.depth = node->depth + 1;
  job.flags = file_flags (node->flags);
  if (flags & IMG_CHILD_READ_ONLY)
    job.flags &= ~(unsigned) (IMG_OPEN_RDWR | IMG_OPEN_NEW);
  if (!img_opts_get (opts, "filename") && !img_opts_get (opts, "driver") &&
      !img_opts_get (opts, "file.filename") && !img_opts_get (opts, "file.driver")) {
    if (filename == NULL)
      return img_error_set (err, EINVAL, _("'%s.filename' must be given"), name);
    if (img_gate_check (node, name, filename, child_gate (node, flags), &pass, err) < 0)
      return -1;
    job.name = pass.name;
  }
  child = open_child (&job, flags & IMG_CHILD_PROBE, opts, err);
  free (pass.name);
  if (child)
    memcpy (child->file_id, pass.file_id, sizeof child->file_id);
  else
    img_error_prefix (err, "%s", name);
  return add_or_free (node, name, child, err);
}

/* ---- the user's face ---- */

static unsigned
open_flags (const struct img_open_params *p)
{
  static const struct {
    unsigned from, to;
  } map[] = {
    { IMG_OPENF_RDWR, IMG_OPEN_RDWR },
    { IMG_OPENF_NO_BACKING, IMG_OPEN_NO_BACKING },
    { IMG_OPENF_INFO, IMG_OPEN_NO_IO | IMG_OPEN_NO_BACKING },
    { IMG_OPENF_CHECK, IMG_OPEN_CHECK },
    { IMG_OPENF_SHARE, IMG_OPEN_SHARE },
    { IMG_OPENF_UNMAP, IMG_OPEN_UNMAP },
    { IMG_OPENF_STABLE, IMG_OPEN_STABLE },
  };
  unsigned flags = 0;

  for (unsigned i = 0; i < sizeof map / sizeof *map; i++)
    if (p->flags & map[i].from)
      flags |= map[i].to;
  if (p->cache == IMG_CACHE_NONE || p->cache == IMG_CACHE_DIRECTSYNC)
    flags |= IMG_OPEN_DIRECT;
  if (p->cache == IMG_CACHE_WRITETHROUGH || p->cache == IMG_CACHE_DIRECTSYNC)
    flags |= IMG_OPEN_WRITETHROUGH;
  if (p->cache == IMG_CACHE_UNSAFE)
    flags |= IMG_OPEN_NO_FLUSH;
  return flags;
}

static int
add_extra (struct img_opts *opts, const struct img_opts *extra, struct img_error *err)
{
  const char *key, *value;

  for (size_t i = 0; extra && i < img_opts_count (extra); i++) {
    img_opts_pair (extra, i, &key, &value);
    if (img_opts_set (opts, key, value, err) < 0)
      return -1;
  }
  return 0;
}

static struct img_node *
open_top (const struct img_spec *spec, const struct img_open_params *p, unsigned more,
          const char *display, struct img_context *context, struct img_error *err)
{
  struct img_open_job job = { .context = context, .display = display, .format = p->format };
  IMG_CLEANUP (img_opts_free) struct img_opts *own = NULL;
  struct img_opts *opts = spec->opts;
  struct img_node *node;

  if (opts == NULL)
    opts = own = img_opts_new ();
  if (opts == NULL) {
    img_error_errno (err, ENOMEM, _("options"));
    return NULL;
  }
  job.name = spec->text;
  job.flags = open_flags (p) | more;
  if (add_extra (opts, p->extra, err) < 0)
    return NULL;
  node = img_open_image (&job, opts, err);
  if (node && p->snapshot && img_open_snapshot (node, p->snapshot, err) < 0) {
    img_error_name (node->filename, err);
    img_node_free (node, true);
    return NULL;
  }
  return node;
}

struct img_node *
img_open_displayed (const char *name, const char *display, const struct img_open_params *params,
                    unsigned more, struct img_error *err)
{
  struct img_context *context = calloc (1, sizeof *context);
  struct img_open_params p = img_open_params_now (params);
  struct img_spec spec;
  struct img_node *node = NULL;

  if (context == NULL) {
    img_error_errno (err, ENOMEM, "%s", name);
    return NULL;
  }
  context->gate = p.gate;
  context->cache = p.cache;
  context->openf = p.flags;
  context->objects = p.objects;
  if (img_spec_parse (&spec, name, p.flags & IMG_OPENF_IMAGE_OPTS, err) == 0) {
    node = open_top (&spec, &p, more, display, context, err);
    img_spec_release (&spec);
  }
  if (node)
    return node;
  img_error_name (display ? display : name, err);
  free (context);
  return NULL;
}

struct img_node *
img_open (const char *name, const struct img_open_params *params, struct img_error *err)
{
  return img_open_displayed (name, NULL, params, 0, err);
}

int
img_cache_parse (const char *text, enum img_cache *mode, struct img_error *err)
{
  static const struct {
    const char *word;
    enum img_cache mode;
  } words[] = {
    { "writeback", IMG_CACHE_WRITEBACK },       { "none", IMG_CACHE_NONE },
    { "off", IMG_CACHE_NONE },                  { "writethrough", IMG_CACHE_WRITETHROUGH },
    { "directsync", IMG_CACHE_DIRECTSYNC },     { "unsafe", IMG_CACHE_UNSAFE },
  };

  for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp (text, words[i].word) == 0) {
      *mode = words[i].mode;
      return 0;
    }
  return img_error_set (err, EINVAL,
                        _("'%s' is not a cache mode: none, writeback, writethrough, directsync or "
                          "unsafe"), text);
}
