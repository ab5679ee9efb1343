/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests: the text file that describes a module.
 *
 * Owns: reading one of them, and its life; manifest-parse.c knows what it says. */

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

/* The file's text in BUF (MAX_MANIFEST + 1 bytes). */
static int
read_text (int dirfd, const char *name, char *buf, struct img_error *err)
{
  char file[64];
  ssize_t n;

  snprintf (file, sizeof file, "%s.manifest", name);
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
manifest_new (const char *dir, const char *name, const char *text)
{
  struct img_manifest *m = calloc (1, sizeof *m);
  size_t name_size = strlen (name) + 1, text_size = strlen (text) + 1;

  if (m == NULL)
    return NULL;
  m->dir = strdup (dir);
  m->text = malloc (name_size + text_size);
  if (m->dir == NULL || m->text == NULL) {
    img_manifest_free (m);
    return NULL;
  }
  m->name = memcpy (m->text, name, name_size);
  memcpy (m->text + name_size, text, text_size);
  return m;
}

struct img_manifest *
img_manifest_read (int dirfd, const char *dir, const char *name)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_manifest *m;
  char buf[MAX_MANIFEST + 2];
  int rc;

  if (img_name_is_valid (name))
    rc = read_text (dirfd, name, buf, &err);
  else
    rc = img_error_set (&err, EINVAL, _("'%s' is not a valid name for a module"), name);
  m = manifest_new (dir, name, rc == 0 ? buf : "");
  if (m && rc == 0)
    rc = img_manifest_parse (m, m->text + strlen (name) + 1, &err);
  if (m && rc < 0 && err.code == ENOMEM) { /* nothing is wrong with it */
    img_manifest_free (m);
    return NULL;
  }
  if (m && rc < 0)
    img_manifest_break (m, &err);
  return m;
}

struct img_manifest *
img_manifest_missing (const char *dir, const char *name)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_manifest *m = manifest_new (dir, name, "");

  if (m == NULL)
    return NULL;
  img_error_set (&err, ENOENT, _("there is no manifest beside %s/%s.so"), dir, name);
  img_manifest_break (m, &err);
  return m;
}

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
