/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making new images.
 *
 * Owns: the new file, the extra files that a format wants beside it, and their removal when
 * something fails.  What stood there before is taken over, not removed: its place was the user's
 * choice.  What the image shall be is create-plan.c. */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>
#include <blkimg/vec.h>

#include "core/create.h"
#include "core/driver.h"
#include "core/gate.h"
#include "core/open.h"

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

struct extra {
  char *path;
  struct img_node *node;
  bool made; /* by us: to be removed on failure */
};

/* What the core knows of a creation; a driver sees the first member. */
struct work {
  struct img_create pub;
  struct img_context context;
  IMG_VEC (struct extra) extras;
};

/* ---- one file ---- */

static bool
is_there (const char *path)
{
  struct stat st;

  return lstat (path, &st) == 0;
}

/* Has PROTOCOL make NAME; *MADE says whether there is a file now that was not there before. */
static int
make_file (const struct img_driver *protocol, const char *name, uint64_t size,
           enum img_prealloc prealloc, struct img_opts *opts, bool *made, struct img_error *err)
{
  struct img_create c = { .struct_size = sizeof c, .filename = name, .size = size };
  bool local = strcmp (protocol->name, "file") == 0;
  const char *path = strncmp (name, "file:", 5) == 0 ? name + 5 : name;

  c.opts = opts;
  c.prealloc = prealloc;
  *made = false;
  if (protocol->create == NULL)
    return 0; /* a server's: it is there or opening it fails */
  *made = local && !is_there (path);
  if (protocol->create (&c, err) == 0)
    return 0;
  *made = false;
  return img_error_name (name, err);
}

static struct img_node *
open_file (struct work *work, const char *path, const char *display, bool literal, unsigned flags,
           struct img_error *err)
{
  struct img_open_job job = { .context = &work->context, .name = path, .display = display };
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = img_opts_new ();

  if (opts == NULL) {
    img_error_errno (err, ENOMEM, "%s", path);
    return NULL;
  }
  job.literal = literal;
  job.flags = IMG_OPEN_RDWR | IMG_OPEN_UNMAP | flags;
  return img_open_file (&job, opts, err);
}

static void
remove_file (const char *name)
{
  unlink (strncmp (name, "file:", 5) == 0 ? name + 5 : name);
}

/* ---- extra files ---- */

/* Where FILENAME is: beside the image, whatever the folder we work in, but for what drop-in mode
 * asks. */
static char *
extra_path (const struct work *work, const char *filename, unsigned flags)
{
  struct img_node place = { .context = (struct img_context *) &work->context };
  bool local = img_open_is_local (work->pub.file);
  char *path;

  if ((flags & IMG_EXTRA_WORKING_DIR) && (work->pub.flags & IMG_CREATE_COMPAT))
    return strdup (filename);
  place.path = (char *) work->pub.filename;
  if (local && strncmp (place.path, "file:", 5) == 0)
    place.path += 5;
  path = local || *filename == '/' ? img_gate_resolve (&place, filename, IMG_GATE_LITERAL) : NULL;
  return path;
}

static bool
same_as_image (const struct work *work, const char *path)
{
  struct stat one, other;

  return work->pub.file->path && stat (work->pub.file->path, &one) == 0 &&
         stat (path, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static int
make_extra (const char *path, uint64_t size, enum img_prealloc prealloc, bool *made,
            const struct img_driver **driver, struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *name_opts = img_opts_new ();
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = img_opts_new ();

  if (name_opts == NULL || opts == NULL)
    return img_error_errno (err, ENOMEM, "%s", path);
  *driver = img_open_protocol (path, true, name_opts, err);
  if (*driver == NULL ||
      img_opts_check (opts, (*driver)->create_opts, (*driver)->name, err) < 0)
    return -1;
  return make_file (*driver, path, size, prealloc, opts, made, err);
}

/* Fills in what is open at X->path. */
static int
open_extra (struct work *work, struct extra *x, uint64_t size, bool fresh, struct img_error *err)
{
  x->node = open_file (work, x->path, NULL, true, fresh ? IMG_OPEN_NEW : 0, err);
  if (x->node == NULL)
    return -1;
  if (img_open_lock (x->node, true, err) < 0)
    return -1;
  if (img_size (x->node) < size)
    return img_error_set (err, EINVAL, _("%s: it is too small: %llu bytes are needed"), x->path,
                          (unsigned long long) size);
  if (!fresh || strcmp (x->node->driver->name, "file") == 0 || size == 0)
    return 0;
  return img_zero (x->node, 0, size, IMG_IO_UNMAP, err);
}

struct img_node *
img_create_extra (struct img_create *c, const char *filename, uint64_t size,
                  enum img_prealloc prealloc, unsigned flags, struct img_error *err)
{
  struct work *work = (struct work *) c;
  struct extra x = { extra_path (work, filename, flags), NULL, false };
  bool keep = flags & IMG_EXTRA_KEEP;
  const struct img_driver *driver;

  if (x.path == NULL) {
    img_error_set (err, EINVAL, _("'%s' has no place beside '%s'"), filename, c->filename);
    return NULL;
  }
  if (same_as_image (work, x.path)) {
    img_error_set (err, EINVAL, _("'%s' is the new image itself"), filename);
  } else if ((keep || make_extra (x.path, size, prealloc, &x.made, &driver, err) == 0) &&
             open_extra (work, &x, size, !keep, err) == 0) {
    if (img_vec_push (&work->extras, x) == 0)
      return x.node;
    img_error_errno (err, ENOMEM, "%s", x.path);
  }
  img_node_free (x.node, true);
  if (x.made)
    remove_file (x.path);
  free (x.path);
  return NULL;
}

/* Closes the extra files; those that we made are removed when the creation failed, and else told
 * to MADE. */
static int
finish_extras (struct work *work, struct img_create_plan *plan, bool failed, struct img_error *err)
{
  int rc = img_vec_reserve (&plan->made, work->extras.n);

  if (rc < 0)
    img_error_errno (err, ENOMEM, "%s", work->pub.filename);

  for (size_t i = 0; i < work->extras.n; i++) {
    struct extra *x = &work->extras.v[i];
    if (!failed && rc == 0 && plan->sync)
      rc = img_flush (x->node, err);
    img_node_free (x->node, true);
  }
  for (size_t i = 0; i < work->extras.n; i++) {
    struct extra *x = &work->extras.v[i];
    if (x->made && !failed && rc == 0) {
      plan->made.v[plan->made.n++] = img_steal (x->path);
    } else if (x->made) {
      remove_file (x->path);
    }
    free (x->path);
  }
  img_vec_free (&work->extras);
  return rc;
}

/* ---- the image ---- */

/* A server's space that nobody made: what stands at its start must not be taken for the image. */
static int
clear_start (struct img_node *file, struct img_error *err)
{
  uint64_t n = img_min (img_size (file), 512);

  return n ? img_zero (file, 0, n, 0, err) : 0;
}

static int
fill_file (struct work *work, struct img_create_plan *plan, struct img_error *err)
{
  struct img_node *file = work->pub.file;
  int rc;

  if (img_open_lock (file, !(plan->driver->caps & IMG_CAP_PLAIN), err) < 0)
    return -1;
  if (plan->protocol->create == NULL && clear_start (file, err) < 0)
    return -1;
  rc = plan->driver->create (&work->pub, err);
  if (rc < 0)
    img_error_name (work->pub.filename, err);
  else if (plan->sync) /* before the extras, which go when it fails */
    rc = img_flush (file, err);
  if (finish_extras (work, plan, rc < 0, rc < 0 ? &(struct img_error) IMG_ERROR_INIT : err) < 0)
    rc = -1;
  return rc;
}

int
img_create_make (struct img_create_plan *plan, const char *name, const char *path,
                 struct img_error *err)
{
  struct work work = { .context = { .gate = IMG_GATE_OPEN, .objects = plan->objects } };
  bool plain = plan->driver->caps & IMG_CAP_PLAIN, made;
  int rc;

  IMG_TRACE ("image_create", NULL, "%s %s %" PRIu64, path, plan->driver->name, plan->size);

  if (plan->driver == plan->protocol)
    return make_file (plan->driver, path, plan->size, plan->prealloc, plan->opts, &made, err);
  /* A plain file is as long as the image, which a device must be told before it is touched. */
  if (make_file (plan->protocol, path, plain ? plan->size : 0,
                 plain ? plan->prealloc : IMG_PREALLOC_OFF, plan->protocol_opts, &made, err) < 0)
    return img_error_name (name, err);
  work.pub = (struct img_create) { .struct_size = sizeof work.pub, .filename = name };
  work.pub.size = plan->size;
  work.pub.opts = plan->opts;
  work.pub.flags = plan->flags;
  work.pub.prealloc = plan->prealloc;
  work.pub.file = open_file (&work, path, name, false, IMG_OPEN_NEW, err);
  rc = work.pub.file ? fill_file (&work, plan, err) : -1;
  img_node_free (work.pub.file, true);
  if (rc < 0 && made)
    remove_file (path);
  return rc < 0 ? img_error_name (name, err) : 0;
}

int
img_create (const char *name, const struct img_create_params *params, char **summary,
            struct img_error *err)
{
  struct img_create_plan plan;
  int rc = img_create_plan (&plan, name, params, summary, err);

  plan.sync = true;
  if (rc == 0)
    rc = img_create_make (&plan, name, name, err);
  img_create_plan_release (&plan);
  return rc;
}
