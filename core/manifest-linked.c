/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a manifest would say of a module that is in memory already: linked in, or part of a test. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "core/manifest.h"

static int
describe_driver (struct img_manifest *m, const struct img_driver *driver)
{
  struct img_manifest_driver *d = calloc (1, sizeof *d);

  if (d == NULL || img_vec_push (&m->drivers, d) < 0) {
    free (d);
    return -1;
  }
  *d = (struct img_manifest_driver) {
    .name = driver->name,
    .kind = driver->kind,
    .threads = driver->threads,
    .caps = driver->caps,
    .schemes = driver->schemes,
    .extensions = driver->extensions,
    .magics = driver->magics,
    .module = m,
  };
  return 0;
}

struct img_manifest *
img_manifest_linked (const char *name, const struct img_module *module)
{
  struct img_manifest *m = calloc (1, sizeof *m);

  if (m == NULL)
    return NULL;
  m->linked_in = module;
  m->abi = module->abi;
  m->name = m->text = strdup (name);
  if (m->text == NULL)
    goto fail;
  for (unsigned i = 0; module->drivers && module->drivers[i]; i++)
    if (describe_driver (m, module->drivers[i]) < 0)
      goto fail;
  for (unsigned i = 0; module->codecs && module->codecs[i]; i++)
    if (img_vec_push (&m->codecs, module->codecs[i]->name) < 0)
      goto fail;
  for (unsigned kind = 0; kind < IMG_N_LIBRARIES; kind++)
    if (img_library_of (module, kind))
      m->libraries[kind] = img_library_of (module, kind)->name;
  return m;
fail:
  img_manifest_free (m);
  return NULL;
}
