/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate: which files an image may make us open.
 *
 * Backing files, data files and extents are named inside images, and images come from strangers.
 * Owns: the one decision on all of them, how a relative name is understood, and the search for
 * loops.  Three policies: LOCAL opens regular files and block devices for images that are files
 * themselves; UNTRUSTED opens nothing; OPEN is for drop-in mode and for those who ask.  Refuses:
 * doubt.  What the user names does not come here. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/driver.h"
#include "core/gate.h"
#include "core/open.h"
#include "core/spec.h"

/* ---- names ---- */

/* Where the folder part of the image's own name ends; NULL: it has none that names can be relative
 * to. */
static const char *
folder_end (const char *path)
{
  const char *url = strstr (path, "://"), *slash = strrchr (path, '/');

  if (url && memchr (path, '/', (size_t) (url - path)) == NULL) {
    const char *root = strchr (url + 3, '/');
    return root ? slash + 1 : NULL;
  }
  return slash ? slash + 1 : path;
}

static char *
beside (const struct img_node *node, const char *name)
{
  const char *end;
  char *full;

  if (*name == '/')
    return strdup (name);
  end = node->path ? folder_end (node->path) : NULL;
  if (end == NULL || asprintf (&full, "%.*s%s", (int) (end - node->path), node->path, name) < 0)
    return NULL;
  return full;
}

char *
img_gate_resolve (const struct img_node *node, const char *name, unsigned flags)
{
  bool local = node->context->gate != IMG_GATE_OPEN, literal = flags & IMG_GATE_LITERAL;

  if (flags & IMG_GATE_WORKING_DIR)
    return strdup (name);
  if (!literal && local && strncmp (name, "file:", 5) == 0)
    return beside (node, name + 5);
  if (!literal && img_spec_scheme_length (name) > 0)
    return strdup (name);
  return beside (node, name);
}

/* ---- loops ---- */

static struct img_node *
lowest (struct img_node *node)
{
  struct img_node *file;

  while ((file = img_child_by_name (node, "file")))
    node = file;
  return node;
}

static void
identify (const struct stat *st, uint64_t id[2])
{
  if (S_ISBLK (st->st_mode)) {
    id[0] = st->st_rdev;
    id[1] = UINT64_MAX;
  } else {
    id[0] = st->st_dev;
    id[1] = st->st_ino;
  }
}

void
img_gate_path_id (const char *path, uint64_t id[2])
{
  struct stat st;

  id[0] = id[1] = 0;
  if (stat (path, &st) == 0)
    identify (&st, id);
}

const uint64_t *
img_gate_file_id (struct img_node *node)
{
  struct img_node *file = lowest (node);

  if (file->file_id[0] == 0 && file->file_id[1] == 0 && img_open_is_local (file) && file->path)
    img_gate_path_id (file->path, file->file_id);
  return file->file_id;
}

bool
img_gate_is_file (struct img_node *node, const uint64_t id[2])
{
  const uint64_t *own = img_gate_file_id (node);

  return own[0] == id[0] && own[1] == id[1] && (id[0] || id[1]);
}

static int
check_loop (struct img_node *node, const char *what, const char *name, const uint64_t id[2],
            struct img_error *err)
{
  if (node->depth >= IMG_MAX_DEPTH)
    return img_error_set (err, ELOOP, _("%s '%s' would be number %d of a chain: no more than %d"
                                      " are allowed"),
                          what, name, IMG_MAX_DEPTH + 1, IMG_MAX_DEPTH);
  for (struct img_node *above = node; above; above = above->parent)
    if (img_gate_is_file (above, id))
      return img_error_set (err, ELOOP, _("%s '%s' is a loop: the image uses itself"), what, name);
  return 0;
}

/* ---- the policies ---- */

static int
refuse (const char *what, const char *name, const char *why, struct img_error *err)
{
  return img_error_set (err, EPERM, _("%s '%s' is not opened: %s"), what, name, why);
}

static int
refuse_unless_open (const char *what, const char *name, const char *why, struct img_error *err)
{
  refuse (what, name, why, err);
  return img_error_hint (err, _("--allow-any-backing opens it, if you trust this image."));
}

static const char *
kind_of_file (const struct stat *st)
{
  switch (st->st_mode & S_IFMT) {
  case S_IFREG:
  case S_IFBLK:
    return NULL;
  case S_IFDIR:
    return _("it is a directory");
  case S_IFIFO:
    return _("it is a FIFO");
  case S_IFSOCK:
    return _("it is a socket");
  default:
    return _("it is a device, but not a disk");
  }
}

static int
check_local (struct img_node *node, const char *what, const char *name, unsigned flags,
             struct img_gate_pass *pass, struct img_error *err)
{
  bool literal = flags & IMG_GATE_LITERAL;
  const char *kind;
  struct stat st;

  if (!literal && strncmp (name, "json:", 5) == 0)
    return refuse_unless_open (what, name, _("it is a json: name"), err);
  if (!literal && img_spec_scheme_length (name) > 0 && strncmp (name, "file:", 5) != 0)
    return refuse_unless_open (what, name, _("it names a protocol"), err);
  if (!img_open_is_local (lowest (node)))
    return refuse_unless_open (what, name, _("the image that names it is not a local file"), err);
  pass->name = img_gate_resolve (node, name, flags);
  if (pass->name == NULL)
    return img_error_errno (err, ENOMEM, "%s '%s'", what, name);
  pass->literal = true;
  if (stat (pass->name, &st) < 0)
    return img_error_errno (err, errno, "%s '%s'", what, pass->name);
  kind = kind_of_file (&st);
  if (kind)
    return refuse (what, pass->name, kind, err);
  identify (&st, pass->file_id);
  return check_loop (node, what, pass->name, pass->file_id, err);
}

static int
check_open (struct img_node *node, const char *what, const char *name, unsigned flags,
            struct img_gate_pass *pass, struct img_error *err)
{
  struct stat st;

  pass->name = img_gate_resolve (node, name, flags);
  if (pass->name == NULL)
    return img_error_set (err, EINVAL, _("%s '%s' is relative to an image that has no place"),
                          what, name);
  pass->literal = flags & IMG_GATE_LITERAL;
  if (img_spec_scheme_length (pass->name) == 0 && stat (pass->name, &st) == 0 &&
      (S_ISREG (st.st_mode) || S_ISBLK (st.st_mode)))
    identify (&st, pass->file_id);
  return check_loop (node, what, pass->name, pass->file_id, err);
}

int
img_gate_check (struct img_node *node, const char *what, const char *name, unsigned flags,
                struct img_gate_pass *pass, struct img_error *err)
{
  int rc;

  *pass = (struct img_gate_pass) { NULL, true, { 0, 0 } };
  IMG_TRACE ("gate_check", node, "%s %s", what, name);
  if (node->context->gate == IMG_GATE_UNTRUSTED) {
    img_error_set (err, EPERM, _("%s '%s' is not opened: the image is not trusted"), what, name);
    return img_error_hint (err, _("Without --untrusted local files are opened."));
  }
  if (node->flags & IMG_OPEN_NO_IO)
    return img_error_set (err, EPERM, _("%s '%s' is not opened where only facts are wanted"), what,
                          name);
  if (node->context->gate == IMG_GATE_OPEN)
    rc = check_open (node, what, name, flags, pass, err);
  else
    rc = check_local (node, what, name, flags, pass, err);
  if (rc < 0) {
    free (pass->name);
    pass->name = NULL;
  }
  return rc;
}

int
img_gate_check_format (struct img_node *node, const char *what, const char *format,
                       struct img_error *err)
{
  const struct img_module_list *list = img_registry (err);
  const struct img_manifest_driver *d;

  if (list == NULL)
    return -1;
  if (format == NULL || node->context->gate == IMG_GATE_OPEN)
    return 0;
  d = img_registry_driver (list, format);
  if (d == NULL || d->kind == IMG_FORMAT || img_open_name_is_local (format))
    return 0;
  img_error_set (err, EPERM, _("%s is not opened: '%s' is not a format"), what, format);
  return img_error_hint (err, _("--allow-any-backing opens it, if you trust this image."));
}
