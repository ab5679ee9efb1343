/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new image that comes into being whole or not at all.
 *
 * Owns: the name that it has until it is complete, what stands in its place meanwhile, and clearing
 * up.  A local file is made beside its final name and renamed; what stood there stays locked until
 * then, gives its mode and owner on, and stays as it was when we fail.  Devices and servers, and
 * folders that take no new file, are written in place: there a driver's header that comes last is
 * all the protection there is. */

#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/create.h"
#include "core/open.h"
#include "core/optdesc.h"

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

#define MAX_LINKS 40

struct img_target {
  struct img_node *node;
  struct img_node *old;    /* what stands at `final`, locked; or NULL */
  struct img_context old_context;
  char *name;              /* as the user said it */
  char *final;             /* links followed; NULL: in place */
  char *temporary;         /* NULL: in place */
  bool made;               /* in place, and not there before */
  bool sync;
  struct img_create_plan plan;
};

/* ---- names ---- */

/* PATH with symbolic links at its end followed, the last of which may lead to nothing. */
static char *
follow_links (const char *path, struct img_error *err)
{
  char *now = strdup (path), link[4096], *next;
  struct stat st;

  for (unsigned i = 0; now && lstat (now, &st) == 0 && S_ISLNK (st.st_mode); i++) {
    ssize_t n = readlink (now, link, sizeof link - 1);
    const char *slash = strrchr (now, '/');
    if (n < 0 || i == MAX_LINKS) {
      img_error_errno (err, n < 0 ? errno : ELOOP, "%s", now);
      free (now);
      return NULL;
    }
    link[n] = '\0';
    if (asprintf (&next, "%.*s%s", link[0] == '/' || !slash ? 0 : (int) (slash + 1 - now), now,
                  link) < 0)
      next = NULL;
    free (now);
    now = next;
  }
  if (now == NULL)
    img_error_errno (err, ENOMEM, "%s", path);
  return now;
}

/* Makes an empty file beside FINAL, hidden, with a name that nobody has; NULL with errno. */
static char *
make_temporary (const char *final)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  const char *slash = strrchr (final, '/'), *base = slash ? slash + 1 : final;
  unsigned char random[8];
  char *name;
  int fd;

  for (unsigned tries = 0; tries < 100; tries++) {
    char suffix[sizeof random + 1] = "";
    if (getrandom (random, sizeof random, 0) != (ssize_t) sizeof random)
      return NULL;
    for (unsigned i = 0; i < sizeof random; i++)
      suffix[i] = letters[random[i] % (sizeof letters - 1)];
    /* A slash in it, lest what stands before a colon be taken for a protocol. */
    if (asprintf (&name, "%s%.*s.%.200s.%s", slash ? "" : "./", (int) (base - final), final, base,
                  suffix) < 0) {
      errno = ENOMEM;
      return NULL;
    }
    fd = open (name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
      close (fd);
      return name;
    }
    int why = errno;
    free (name);
    errno = why;
    if (why != EEXIST)
      return NULL;
  }
  return NULL;
}

/* ---- what stands there ---- */

/* Opens what stands at t->final for writing, which takes its lock: somebody may be using it. */
static int
hold_old (struct img_target *t, struct img_error *err)
{
  struct img_open_job job = { .context = &t->old_context, .name = t->final, .literal = true };
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = img_opts_new ();

  if (opts == NULL)
    return img_error_errno (err, ENOMEM, "%s", t->name);
  job.display = t->name;
  job.flags = IMG_OPEN_RDWR;
  t->old = img_open_file (&job, opts, err);
  return t->old ? img_open_lock (t->old, true, err) : -1;
}

/* The new file is to be used by those who used the old one. */
static void
inherit (const char *path, const struct stat *old)
{
  struct stat st;

  if (stat (path, &st) < 0)
    return;
  if (st.st_uid != old->st_uid || st.st_gid != old->st_gid)
    if (chown (path, old->st_uid, old->st_gid) < 0 && chown (path, (uid_t) -1, old->st_gid) < 0)
      return; /* whose mode must not be given to strangers */
  (void) chmod (path, old->st_mode & 07777);
}

/* Decides where the image is made: sets t->temporary, or leaves it NULL. */
static int
choose_place (struct img_target *t, struct img_error *err)
{
  const char *path = strncmp (t->name, "file:", 5) == 0 ? t->name + 5 : t->name;
  struct stat st;
  bool there;

  if (strcmp (t->plan.protocol->name, "file") != 0)
    return 0;
  t->final = follow_links (path, err);
  if (t->final == NULL)
    return -1;
  there = stat (t->final, &st) == 0;
  if (!there && errno == EIO)
    return img_error_errno (err, EIO, "%s", t->final);
  t->made = !there;
  if (there && !S_ISREG (st.st_mode))
    return 0;
  if (there && hold_old (t, err) < 0)
    return -1;
  t->temporary = make_temporary (t->final);
  if (t->temporary && there)
    inherit (t->temporary, &st);
  if (t->temporary == NULL && t->old) {
    img_node_free (t->old, true); /* made in place, which takes the lock itself */
    t->old = NULL;
  }
  return 0;
}

/* ---- the target ---- */

static void
target_free (struct img_target *t)
{
  img_node_free (t->old, true);
  img_create_plan_release (&t->plan);
  free (t->temporary);
  free (t->final);
  free (t->name);
  free (t);
}

/* Removes what is not finished. */
static void
remove_all (struct img_target *t)
{
  for (size_t i = 0; i < t->plan.made.n; i++)
    unlink (t->plan.made.v[i]);
  if (t->temporary)
    unlink (t->temporary);
  else if (t->final && t->made)
    unlink (t->final);
  else if (t->final && truncate (t->final, 0) < 0)
    img_debug (NULL, "%s: cannot be cut to nothing", t->final);
}

static bool
ends_with (const char *text, const char *end)
{
  size_t n = strlen (text), m = strlen (end);

  return n >= m && strcmp (text + n - m, end) == 0;
}

/* Which secrets encrypt the new image was said when it was created: opening it takes the same. */
static int
add_secrets (struct img_opts *extra, const struct img_create_plan *plan, struct img_error *err)
{
  const char *key, *value;

  for (size_t i = 0; i < img_opts_count (plan->opts); i++) {
    img_opts_pair (plan->opts, i, &key, &value);
    if (ends_with (key, "key-secret") && img_optdesc_find (plan->driver->open_opts, key) &&
        img_opts_get (extra, key) == NULL && img_opts_set (extra, key, value, err) < 0)
      return -1;
  }
  return 0;
}

static int
open_new (struct img_target *t, const struct img_open_params *open, struct img_error *err)
{
  struct img_open_params p = img_open_params_now (open);
  IMG_CLEANUP (img_opts_free) struct img_opts *extra =
    p.extra ? img_opts_copy (p.extra) : img_opts_new ();

  if (extra == NULL)
    return img_error_errno (err, ENOMEM, _("options"));
  if (add_secrets (extra, &t->plan, err) < 0)
    return -1;
  p.extra = extra;
  p.objects = p.objects ? p.objects : t->plan.objects;
  p.format = t->plan.driver->name;
  p.flags = (p.flags | IMG_OPENF_RDWR) & ~(unsigned) IMG_OPENF_IMAGE_OPTS;
  if (t->plan.flags & IMG_CREATE_COMPAT)
    p.flags |= IMG_OPENF_COMPAT;
  p.gate = IMG_GATE_OPEN; /* all that it names the user named */
  t->sync = p.cache != IMG_CACHE_UNSAFE;
  t->node = img_open_displayed (t->temporary ? t->temporary : t->name, t->name, &p, IMG_OPEN_NEW,
                                err);
  return t->node ? 0 : -1;
}

struct img_target *
img_target_new (const char *name, const struct img_create_params *create,
                const struct img_open_params *open, struct img_error *err)
{
  struct img_target *t = calloc (1, sizeof *t);

  if (t)
    t->name = strdup (name);
  if (t == NULL || t->name == NULL) {
    free (t);
    img_error_errno (err, ENOMEM, "%s", name);
    return NULL;
  }
  if (img_create_plan (&t->plan, name, create, NULL, err) == 0 && choose_place (t, err) == 0) {
    if (img_create_make (&t->plan, name, t->temporary ? t->temporary : name, err) == 0) {
      if (open_new (t, open, err) == 0)
        return t;
      remove_all (t);
    } else if (t->temporary) {
      unlink (t->temporary);
    }
  }
  img_error_name (name, err);
  target_free (t);
  return NULL;
}

struct img_node *
img_target_node (struct img_target *target)
{
  return target->node;
}

static int
sync_folder (const char *folder, struct img_error *err)
{
  IMG_CLEANUP (close) int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* Some file systems cannot sync folders, and a folder may not be readable. */
  if (fd >= 0 && fsync (fd) < 0 && errno == EIO)
    return img_error_errno (err, EIO, "%s", folder);
  return 0;
}

static int
publish (struct img_target *t, struct img_error *err)
{
  if (t->temporary == NULL)
    return 0;
  const char *slash = strrchr (t->final, '/');
  IMG_CLEANUP (free) char *folder = slash ? strndup (t->final, (size_t) (slash + 1 - t->final))
                                          : strdup (".");
  if (folder == NULL)
    return img_error_errno (err, ENOMEM, "%s", t->name);
  if (rename (t->temporary, t->final) < 0)
    return img_error_errno (err, errno, _("%s: cannot rename %s"), t->name, t->temporary);
  if (t->sync && sync_folder (folder, err) < 0)
    return img_error_name (t->name, err);
  return 0;
}

int
img_target_finish (struct img_target *t, struct img_error *err)
{
  IMG_TRACE ("target_finish", NULL, "%s", t->final);
  int rc = img_close (t->node, err);

  if (rc == 0)
    rc = publish (t, err);
  if (rc < 0)
    remove_all (t);
  target_free (t);
  return rc;
}

void
img_target_abort (struct img_target *t)
{
  if (t == NULL)
    return;
  IMG_TRACE ("target_abort", NULL, "%s", t->final);
  img_node_drop (t->node);
  remove_all (t);
  target_free (t);
}
