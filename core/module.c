/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Module folders, and loading with libltdl.
 *
 * Owns: the search path, which names may be opened, the loader.  Names of drivers come from inside
 * images, so nothing is ever opened by a bare name, which libltdl would look for in the system's
 * folders: only DIR/NAME.so (or the .la of a build tree), and only when the folder was listed and
 * had a manifest for that name.  Refuses: unloading; BLKIMG_MODULE_PATH in setuid programs. */

#include <config.h>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ltdl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/log.h"
#include "core/module.h"

IMG_CLEANUP_FN (closedir, DIR *)

struct names {
  IMG_VEC (char *) list;
};

static void
names_clear (struct names *names)
{
  for (size_t i = 0; i < names->list.n; i++)
    free (names->list.v[i]);
  img_vec_free (&names->list);
}

static int
no_memory (struct img_error *err)
{
  return img_error_errno (err, ENOMEM, _("list of modules"));
}

static int
append (struct img_module_list *list, struct img_manifest *m, struct img_error *err)
{
  if (m && img_vec_push (&list->modules, m) == 0)
    return 0;
  img_manifest_free (m);
  return no_memory (err);
}

/* ---- folders ---- */

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* The entries of DIR that end in SUFFIX, without it, sorted: readdir's order is nobody's. */
static int
list_folder (DIR *dir, const char *suffix, struct names *names, struct img_error *err)
{
  size_t suffix_len = strlen (suffix);
  struct dirent *entry;

  while ((entry = readdir (dir))) {
    size_t len = strlen (entry->d_name);
    if (len <= suffix_len || strcmp (entry->d_name + len - suffix_len, suffix) != 0)
      continue;
    char *name = strndup (entry->d_name, len - suffix_len);
    if (name == NULL || img_vec_push (&names->list, name) < 0) {
      free (name);
      return no_memory (err);
    }
  }
  if (names->list.n > 1)
    qsort (names->list.v, names->list.n, sizeof *names->list.v, compare_names);
  return 0;
}

typedef int take_fn (struct img_module_list *list, int fd, const char *dir,
                     const struct names *names, struct img_error *err);

static int
scan_folder (struct img_module_list *list, const char *dir, const char *suffix, take_fn *take,
             struct img_error *err)
{
  IMG_CLEANUP (closedir) DIR *handle = opendir (dir);
  struct names names = { IMG_VEC_INIT };
  int rc;

  if (handle == NULL)
    return 0;
  rc = list_folder (handle, suffix, &names, err);
  if (rc == 0)
    rc = take (list, dirfd (handle), dir, &names, err);
  names_clear (&names);
  return rc;
}

static int
scan_path (struct img_module_list *list, const char *suffix, take_fn *take, struct img_error *err)
{
  const char *path = secure_getenv ("BLKIMG_MODULE_PATH");

  while (path && *path) {
    const char *end = strchrnul (path, ':');
    IMG_CLEANUP (free) char *dir = strndup (path, (size_t) (end - path));
    if (dir == NULL)
      return no_memory (err);
    if (*dir && scan_folder (list, dir, suffix, take, err) < 0)
      return -1;
    path = *end ? end + 1 : end;
  }
  return scan_folder (list, IMG_MODULEDIR, suffix, take, err);
}

/* A module's own manifest counts more than what the folder's common file says of it. */
static int
take_manifests (struct img_module_list *list, int fd, const char *dir, const struct names *names,
                struct img_error *err)
{
  for (size_t i = 0; i < names->list.n; i++)
    if (!img_module_list_has (list, names->list.v[i]) &&
        append (list, img_manifest_read (fd, dir, names->list.v[i]), err) < 0)
      return -1;
  return img_manifest_read_many (fd, dir, list) < 0 ? no_memory (err) : 0;
}

int
img_module_scan (struct img_module_list *list, struct img_error *err)
{
  return scan_path (list, ".manifest", take_manifests, err);
}

static int
take_strays (struct img_module_list *list, int fd, const char *dir, const struct names *names,
             struct img_error *err)
{
  (void) fd;
  for (size_t i = 0; i < names->list.n; i++)
    if (!img_module_list_has (list, names->list.v[i]) &&
        append (list, img_manifest_missing (dir, names->list.v[i]), err) < 0)
      return -1;
  return 0;
}

int
img_module_scan_strays (struct img_module_list *list, struct img_error *err)
{
  return scan_path (list, ".so", take_strays, err);
}

/* ---- libltdl ---- */

/* What dlopen said last; libltdl would say "file not found" for an undefined symbol.  Guarded by
 * the registry's lock, as all of libltdl is. */
static char dl_text[512];

static lt_module
open_now (lt_user_data data, const char *filename, lt_dladvise advise)
{
  void *handle;

  (void) data;
  (void) advise;
  handle = dlopen (filename, RTLD_NOW | RTLD_LOCAL);
  /* libltdl tries several folders for a .la: what counts is the file that is there. */
  if (handle == NULL && (dl_text[0] == '\0' || access (filename, F_OK) == 0))
    snprintf (dl_text, sizeof dl_text, "%s", dlerror ());
  return handle;
}

/* Puts our loader in the place of the stock one, which binds lazily: a module with an undefined
 * symbol would load and end the program later. */
static int
init_loader (struct img_error *err)
{
  static lt_dlvtable loader;
  const lt_dlvtable *stock;

  if (loader.name)
    return 0;
  if (lt_dlinit () != 0)
    return img_error_set (err, ENOEXEC, _("libltdl: %s"), lt_dlerror ());
  stock = lt_dlloader_find ("lt_dlopen");
  if (stock == NULL)
    return img_error_set (err, ENOEXEC, _("libltdl has no loader for shared objects"));
  loader = *stock;
  loader.module_open = open_now;
  loader.priority = LT_DLLOADER_PREPEND;
  if (lt_dlloader_remove ("lt_dlopen") == NULL)
    loader.name = "blkimg";
  if (lt_dlloader_add (&loader) != 0) {
    loader.name = NULL;
    return img_error_set (err, ENOEXEC, _("libltdl: %s"), lt_dlerror ());
  }
  return 0;
}

static lt_dlhandle
open_object (const struct img_manifest *m, struct img_error *err)
{
  static const char *const suffixes[] = { ".so", ".la" };

  for (unsigned i = 0; i < 2; i++) {
    IMG_CLEANUP (free) char *path = NULL;
    if (asprintf (&path, "%s/%s%s", m->dir, m->name, suffixes[i]) < 0) {
      path = NULL;
      no_memory (err);
      return NULL;
    }
    if (access (path, R_OK) != 0)
      continue;
    dl_text[0] = '\0';
    lt_dlhandle handle = lt_dlopen (path);
    if (handle == NULL)
      img_error_set (err, ENOEXEC, "%s", dl_text[0] ? dl_text : lt_dlerror ());
    return handle;
  }
  img_error_set (err, ENOENT, _("there is no %s.so in %s"), m->name, m->dir);
  return NULL;
}

static int
check_abi (const struct img_module *module, struct img_error *err)
{
  if (module == NULL)
    return img_error_set (err, ENOEXEC, _("its entry function returns nothing"));
  if (module->struct_size < offsetof (struct img_module, crypto))
    return img_error_set (err, ENOEXEC, _("its description is only %zu bytes"),
                          module->struct_size);
  if (module->abi != IMG_ABI)
    return img_error_set (err, ENOEXEC, _("made for module ABI %u, but this is %u"), module->abi,
                          IMG_ABI);
  return 0;
}

const struct img_module *
img_module_load (const struct img_manifest *m, struct img_error *err)
{
  const struct img_module *(*entry) (void);
  const struct img_module *module;
  lt_dlhandle handle;
  void *symbol;

  if (init_loader (err) < 0)
    return NULL;
  handle = open_object (m, err);
  if (handle == NULL)
    return NULL;
  lt_dlmakeresident (handle);
  symbol = lt_dlsym (handle, "img_module_entry");
  if (symbol == NULL) {
    img_error_set (err, ENOEXEC, _("it has no function img_module_entry: not a module of blkimg"));
    return NULL;
  }
  memcpy (&entry, &symbol, sizeof entry);
  module = entry ();
  IMG_TRACE ("module_load", NULL, "%s %s", m->name, m->dir);
  return check_abi (module, err) < 0 ? NULL : module;
}
