/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests: the text that describes a module.
 *
 * Owns: reading a file of one or of many, and their life; manifest-parse.c knows what they say. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/manifest.h"

#define MAX_MANIFEST 16384

/* The text of FILE in BUF (MAX_MANIFEST + 1 bytes). */
static int
read_text (int dirfd, const char *file, char *buf, struct img_error *err)
{
  ssize_t n;

  /* O_NONBLOCK: a FIFO by that name must not hold up every command. */
  IMG_CLEANUP (close) int fd = openat (dirfd, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return img_error_errno (err, errno, "%s", file);
  n = read (fd, buf, MAX_MANIFEST + 1);
  if (n < 0)
    return img_error_errno (err, errno, "%s", file);
  if (n > MAX_MANIFEST)
    return img_error_set (err, EFBIG, _("%s: it is longer than %d bytes"), file, MAX_MANIFEST);
  buf[n] = '\0';
  if (strlen (buf) != (size_t) n)
    return img_error_set (err, EINVAL, _("%s: it is not text"), file);
  return 0;
}

/* NAME in DIR, with a copy of TEXT after the name. */
static struct img_manifest *
manifest_new (const char *dir, const char *name, const char *text, size_t text_len)
{
  struct img_manifest *m = calloc (1, sizeof *m);
  size_t name_size = strlen (name) + 1;

  if (m == NULL)
    return NULL;
  m->dir = strdup (dir);
  m->text = malloc (name_size + text_len + 1);
  if (m->dir == NULL || m->text == NULL) {
    img_manifest_free (m);
    return NULL;
  }
  m->name = memcpy (m->text, name, name_size);
  memcpy (m->text + name_size, text, text_len);
  m->text[name_size + text_len] = '\0';
  return m;
}

/* What TEXT says of NAME; TEXT NULL: *err says why there is none. */
static struct img_manifest *
understand (const char *dir, const char *name, const char *text, size_t text_len,
            struct img_error *err)
{
  struct img_manifest *m = manifest_new (dir, name, text ? text : "", text ? text_len : 0);

  if (m == NULL)
    return NULL;
  if (text && img_manifest_parse (m, m->text + strlen (name) + 1, err) == 0)
    return m;
  if (err->code == ENOMEM) { /* nothing is wrong with it */
    img_manifest_free (m);
    return NULL;
  }
  img_manifest_break (m, err);
  return m;
}

struct img_manifest *
img_manifest_read (int dirfd, const char *dir, const char *name)
{
  struct img_error err = IMG_ERROR_INIT;
  char buf[MAX_MANIFEST + 2], file[64];
  int rc;

  snprintf (file, sizeof file, "%s.manifest", name);
  if (img_name_is_valid (name))
    rc = read_text (dirfd, file, buf, &err);
  else
    rc = img_error_set (&err, EINVAL, _("'%s' is not a valid name for a module"), name);
  return understand (dir, name, rc == 0 ? buf : NULL, rc == 0 ? strlen (buf) : 0, &err);
}

struct img_manifest *
img_manifest_missing (const char *dir, const char *name)
{
  struct img_error err = IMG_ERROR_INIT;

  img_error_set (&err, ENOENT, _("there is no manifest beside %s/%s.so"), dir, name);
  return understand (dir, name, NULL, 0, &err);
}

/* ---- a file of many ---- */

static int
add (struct img_module_list *list, struct img_manifest *m)
{
  if (m && img_vec_push (&list->modules, m) == 0)
    return 0;
  img_manifest_free (m);
  return -1;
}

/* One manifest of LEN bytes at TEXT. */
static int
add_one (struct img_module_list *list, const char *dir, const char *text, size_t len)
{
  struct img_error err = IMG_ERROR_INIT;
  char name[64] = PACKAGE;

  if (strncmp (text, "module ", 7) == 0)
    snprintf (name, sizeof name, "%.*s", (int) strcspn (text + 7, "\n"), text + 7);
  if (img_module_list_has (list, name))
    return 0;
  if (img_name_is_valid (name))
    return add (list, understand (dir, name, text, len, &err));
  img_error_set (&err, EINVAL, _("'%s' is not a valid name for a module"), name);
  return add (list, understand (dir, name, NULL, 0, &err));
}

int
img_manifest_read_many (int dirfd, const char *dir, struct img_module_list *list)
{
  struct img_error err = IMG_ERROR_INIT;
  char buf[MAX_MANIFEST + 2];
  const char *next;

  if (read_text (dirfd, IMG_MANIFESTS, buf, &err) < 0)
    return err.code == ENOENT ? 0 : add (list, understand (dir, PACKAGE, NULL, 0, &err));
  for (const char *text = buf; *text; text = next) {
    next = strstr (text, "\nmodule ");
    next = next ? next + 1 : strchr (text, '\0');
    if (add_one (list, dir, text, (size_t) (next - text)) < 0)
      return -1;
  }
  return 0;
}

/* ---- life ---- */

static void
free_drivers (struct img_manifest *m)
{
  for (size_t i = 0; i < m->drivers.n; i++) {
    struct img_manifest_driver *d = m->drivers.v[i];
    if (!m->linked_in) {
      free ((void *) d->schemes);
      free ((void *) d->extensions);
      free ((void *) d->magics);
    }
    free (d);
  }
  m->drivers.n = 0;
}

void
img_manifest_break (struct img_manifest *m, const struct img_error *err)
{
  free (m->error);
  m->error = strdup (err->message);
  m->state = IMG_MANIFEST_BROKEN;
}

void
img_manifest_free (struct img_manifest *m)
{
  if (m == NULL)
    return;
  free_drivers (m);
  img_vec_free (&m->drivers);
  img_vec_free (&m->codecs);
  free (m->dir);
  free (m->error);
  free (m->text);
  free (m);
}

bool
img_module_list_has (const struct img_module_list *list, const char *name)
{
  for (size_t i = 0; i < list->modules.n; i++)
    if (strcmp (list->modules.v[i]->name, name) == 0)
      return true;
  return false;
}

void
img_module_list_clear (struct img_module_list *list)
{
  for (size_t i = 0; i < list->modules.n; i++)
    img_manifest_free (list->modules.v[i]);
  img_vec_free (&list->modules);
}
