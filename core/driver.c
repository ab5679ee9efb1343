/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The registry of drivers, codecs and what encrypts.
 *
 * Owns: the list of modules, when one is loaded, and the core's copies of the drivers' structs: of
 * full size, whatever size the module was built with, so that callbacks it does not know are NULL.
 * One lock guards all of it, libltdl too.  A module is taken whole or not at all.  Refuses: drivers
 * that its manifest did not announce. */

#include <config.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/blkimg.h>
#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/driver.h"
#include "core/log.h"

static struct {
  pthread_mutex_t lock;
  bool scanned;
  struct img_module_list list;
  IMG_VEC (const struct img_codec *) codecs; /* of loaded modules */
  const struct img_library_head *libraries[IMG_N_LIBRARIES]; /* of the first module that has it */
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int
no_memory (struct img_error *err)
{
  return img_error_errno (err, ENOMEM, _("list of drivers"));
}

/* ---- what there is ---- */

static const struct img_manifest_driver *
find_driver (const struct img_module_list *list, const char *name)
{
  for (size_t i = 0; i < list->modules.n; i++) {
    const struct img_manifest *m = list->modules.v[i];
    for (size_t k = 0; m->state != IMG_MANIFEST_BROKEN && k < m->drivers.n; k++)
      if (strcmp (m->drivers.v[k]->name, name) == 0)
        return m->drivers.v[k];
  }
  return NULL;
}

/* A name that two modules claim belongs to the first; the second module is not used at all. */
static void
refuse_doubles (const struct img_module_list *list)
{
  for (size_t i = 1; i < list->modules.n; i++) {
    struct img_manifest *m = list->modules.v[i];
    for (size_t k = 0; k < m->drivers.n && m->state != IMG_MANIFEST_BROKEN; k++) {
      struct img_error err = IMG_ERROR_INIT;
      const struct img_manifest_driver *first = find_driver (list, m->drivers.v[k]->name);
      if (first == m->drivers.v[k])
        continue;
      img_error_set (&err, EEXIST, _("module '%s' has a driver '%s' already"), first->module->name,
                     first->name);
      img_manifest_break (m, &err);
    }
  }
}

static int
scan (struct img_error *err)
{
  if (registry.scanned)
    return 0;
  if (img_module_scan (&registry.list, err) < 0)
    return -1;
  refuse_doubles (&registry.list);
  registry.scanned = true;
  return 0;
}

const struct img_module_list *
img_registry (struct img_error *err)
{
  IMG_GUARD (&registry.lock);

  return scan (err) < 0 ? NULL : &registry.list;
}

const struct img_manifest_driver *
img_registry_driver (const struct img_module_list *list, const char *name)
{
  IMG_GUARD (&registry.lock);

  return find_driver (list, name);
}

int
img_registry_add (const char *name, const struct img_module *module, struct img_error *err)
{
  IMG_GUARD (&registry.lock);
  struct img_manifest *m = img_manifest_linked (name, module);

  if (m && img_vec_push (&registry.list.modules, m) == 0)
    return 0;
  img_manifest_free (m);
  return no_memory (err);
}

/* ---- loading ---- */

static struct img_driver *
copy_driver (const struct img_driver *from)
{
  struct img_driver *copy = calloc (1, sizeof *copy);
  size_t size = from->struct_size < sizeof *copy ? from->struct_size : sizeof *copy;

  if (copy == NULL)
    return NULL;
  memcpy (copy, from, size);
  copy->struct_size = sizeof *copy;
  if (img_debug_word ("serial"))
    copy->threads = IMG_THREADS_SERIAL;
  return copy;
}

static const struct img_driver *
announced (const struct img_driver *const *drivers, const char *name)
{
  for (unsigned i = 0; drivers && drivers[i]; i++)
    if (strcmp (drivers[i]->name, name) == 0)
      return drivers[i];
  return NULL;
}

static int
check_drivers (const struct img_manifest *m, const struct img_module *module, struct img_error *err)
{
  size_t n = 0;

  for (size_t i = 0; i < m->drivers.n; i++) {
    const struct img_driver *driver = announced (module->drivers, m->drivers.v[i]->name);
    if (driver == NULL)
      return img_error_set (err, ENOEXEC, _("it lacks driver '%s' of its manifest"),
                            m->drivers.v[i]->name);
    if (img_driver_check (m->drivers.v[i], driver, err) < 0)
      return img_error_prefix (err, _("driver '%s'"), driver->name);
  }
  while (module->drivers && module->drivers[n])
    n++;
  if (n != m->drivers.n)
    return img_error_set (err, ENOEXEC, _("it has drivers that its manifest does not name"));
  return 0;
}

static int
check_codecs (const struct img_manifest *m, const struct img_module *module, struct img_error *err)
{
  size_t n = 0;

  for (; module->codecs && module->codecs[n]; n++) {
    const struct img_codec *codec = module->codecs[n];
    if (codec->struct_size < sizeof *codec || codec->abi != IMG_ABI)
      return img_error_set (err, ENOEXEC, _("a codec was made for another module ABI"));
    if (n >= m->codecs.n || strcmp (m->codecs.v[n], codec->name) != 0)
      return img_error_set (err, ENOEXEC, _("codec '%s' is not in its manifest"), codec->name);
  }
  if (n != m->codecs.n)
    return img_error_set (err, ENOEXEC, _("it lacks codec '%s' of its manifest"), m->codecs.v[n]);
  return 0;
}

static int
check_libraries (const struct img_manifest *m, const struct img_module *module,
                 struct img_error *err)
{
  for (unsigned kind = 0; kind < IMG_N_LIBRARIES; kind++) {
    const struct img_library_head *library = img_library_of (module, kind);
    const char *name = m->libraries[kind];
    if ((library == NULL) != (name == NULL) || (library && strcmp (library->name, name) != 0))
      return img_error_set (err, ENOEXEC,
                            _("'%s' in its manifest differs from what the module says"),
                            img_library_word (kind));
    if (library && !img_library_fits (library, kind))
      return img_error_set (err, ENOEXEC, _("its %s was made for another module ABI"), name);
  }
  return 0;
}

static int
take_module (struct img_manifest *m, struct img_error *err)
{
  const struct img_module *module = m->linked_in ? m->linked_in : img_module_load (m, err);

  if (module == NULL || check_drivers (m, module, err) < 0 || check_codecs (m, module, err) < 0 ||
      check_libraries (m, module, err) < 0)
    return -1;
  if (img_vec_reserve (&registry.codecs, registry.codecs.n + m->codecs.n) < 0)
    return no_memory (err);
  for (size_t i = 0; i < m->drivers.n; i++) {
    m->drivers.v[i]->driver = copy_driver (announced (module->drivers, m->drivers.v[i]->name));
    if (m->drivers.v[i]->driver == NULL)
      return no_memory (err);
  }
  for (size_t i = 0; i < m->codecs.n; i++)
    registry.codecs.v[registry.codecs.n++] = module->codecs[i];
  for (unsigned kind = 0; kind < IMG_N_LIBRARIES; kind++)
    if (registry.libraries[kind] == NULL)
      registry.libraries[kind] = img_library_of (module, kind);
  return 0;
}

static int
load (struct img_manifest *m, struct img_error *err)
{
  if (m->state == IMG_MANIFEST_READ) {
    if (take_module (m, err) < 0)
      img_manifest_break (m, err);
    else
      m->state = IMG_MANIFEST_LOADED;
  }
  if (m->state == IMG_MANIFEST_BROKEN)
    return img_error_set (err, ENOEXEC, _("module '%s' cannot be used: %s"), m->name,
                          m->error ? m->error : strerror (ENOMEM));
  return 0;
}

int
img_registry_load (struct img_manifest *m, struct img_error *err)
{
  IMG_GUARD (&registry.lock);

  return load (m, err);
}

/* ---- finding ---- */

static bool
names_driver (const struct img_manifest *m, const char *name)
{
  for (size_t i = 0; i < m->drivers.n; i++)
    if (strcmp (m->drivers.v[i]->name, name) == 0)
      return true;
  return strcmp (m->name, name) == 0;
}

/* The module that cannot be used but has, or would have, what somebody asks for. */
static struct img_manifest *
broken_module (const char *name)
{
  for (size_t i = 0; i < registry.list.modules.n; i++) {
    struct img_manifest *m = registry.list.modules.v[i];
    if (m->state == IMG_MANIFEST_BROKEN && names_driver (m, name))
      return m;
  }
  return NULL;
}

const struct img_driver *
img_driver_find (const char *name, struct img_error *err)
{
  IMG_GUARD (&registry.lock);
  const struct img_manifest_driver *d;
  struct img_manifest *broken;

  if (scan (err) < 0)
    return NULL;
  d = find_driver (&registry.list, name);
  if (d)
    return load (d->module, err) < 0 ? NULL : d->driver;
  broken = broken_module (name);
  if (broken)
    load (broken, err);
  else
    img_error_set (err, ENOENT, _("Unknown driver '%s'"), name);
  return NULL;
}

static bool
has_scheme (const struct img_manifest_driver *d, const char *scheme)
{
  for (unsigned i = 0; d->schemes && d->schemes[i]; i++)
    if (strcmp (d->schemes[i], scheme) == 0)
      return true;
  return false;
}

const struct img_driver *
img_driver_by_scheme (const char *scheme, struct img_error *err)
{
  IMG_GUARD (&registry.lock);

  if (scan (err) < 0)
    return NULL;
  for (size_t i = 0; i < registry.list.modules.n; i++) {
    struct img_manifest *m = registry.list.modules.v[i];
    for (size_t k = 0; k < m->drivers.n && m->state != IMG_MANIFEST_BROKEN; k++)
      if (has_scheme (m->drivers.v[k], scheme))
        return load (m, err) < 0 ? NULL : m->drivers.v[k]->driver;
  }
  img_error_set (err, EPROTONOSUPPORT, _("Unknown protocol '%s'"), scheme);
  img_error_hint (err, _("For a file of that name write './%s:...'."), scheme);
  return NULL;
}

static const struct img_codec *
loaded_codec (const char *name)
{
  for (size_t i = 0; i < registry.codecs.n; i++)
    if (strcmp (registry.codecs.v[i]->name, name) == 0)
      return registry.codecs.v[i];
  return NULL;
}

static struct img_manifest *
module_of_codec (const char *name)
{
  for (size_t i = 0; i < registry.list.modules.n; i++) {
    struct img_manifest *m = registry.list.modules.v[i];
    for (size_t k = 0; k < m->codecs.n && m->state != IMG_MANIFEST_BROKEN; k++)
      if (strcmp (m->codecs.v[k], name) == 0)
        return m;
  }
  return NULL;
}

const struct img_codec *
img_codec_find (const char *name, struct img_error *err)
{
  IMG_GUARD (&registry.lock);
  struct img_manifest *m;

  if (scan (err) < 0)
    return NULL;
  if (loaded_codec (name))
    return loaded_codec (name);
  m = module_of_codec (name);
  if (m == NULL)
    m = broken_module (name);
  if (m == NULL)
    img_error_set (err, ENOENT, _("Unknown codec '%s'"), name);
  else if (load (m, err) == 0)
    return loaded_codec (name);
  return NULL;
}

/* The library of that kind; MISSING is the error where no module has it. */
static const struct img_library_head *
find_library (enum img_library kind, const char *missing, struct img_error *err)
{
  IMG_GUARD (&registry.lock);
  struct img_error first = IMG_ERROR_INIT;

  if (scan (err) < 0)
    return NULL;
  for (size_t i = 0; registry.libraries[kind] == NULL && i < registry.list.modules.n; i++) {
    struct img_manifest *m = registry.list.modules.v[i];
    if (m->libraries[kind] && load (m, err) < 0 && first.code == 0)
      first = *err;
  }
  if (registry.libraries[kind] == NULL && first.code)
    *err = first;
  else if (registry.libraries[kind] == NULL)
    img_error_set (err, ENOENT, "%s", missing);
  return registry.libraries[kind];
}

const struct img_crypto *
img_crypto_find (struct img_error *err)
{
  return (const struct img_crypto *) find_library (
    IMG_LIBRARY_CRYPTO, _("no installed module can encrypt or decrypt"), err);
}

const struct img_json *
img_json_find (struct img_error *err)
{
  return (const struct img_json *) find_library (
    IMG_LIBRARY_JSON, _("no installed module can read JSON"), err);
}

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

const char **
img_driver_names (struct img_error *err)
{
  IMG_GUARD (&registry.lock);
  const char **names;
  size_t n = 0;

  if (scan (err) < 0)
    return NULL;
  for (size_t i = 0; i < registry.list.modules.n; i++)
    n += registry.list.modules.v[i]->drivers.n;
  names = calloc (n + 1, sizeof *names);
  if (names == NULL) {
    no_memory (err);
    return NULL;
  }
  n = 0;
  for (size_t i = 0; i < registry.list.modules.n; i++) {
    const struct img_manifest *m = registry.list.modules.v[i];
    for (size_t k = 0; k < m->drivers.n && m->state != IMG_MANIFEST_BROKEN; k++)
      names[n++] = m->drivers.v[k]->name;
  }
  if (n > 1)
    qsort (names, n, sizeof *names, compare_names);
  return names;
}
