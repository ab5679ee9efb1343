/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/driver.h - the registry: which drivers there are, and the core's copies of those in use. */
#ifndef CORE_DRIVER_H
#define CORE_DRIVER_H

#include "core/module.h"

/* All modules, read from the folders at the first call; it lives for ever and does not change, but
 * for `state`, `error` and `driver`, which are the registry's.  NULL when memory runs out. */
const struct img_module_list *img_registry (struct img_error *err);
/* What the manifests say of the driver called NAME; NULL: there is none. */
const struct img_manifest_driver *img_registry_driver (const struct img_module_list *list,
                                                       const char *name);
/* The driver that a name beginning with `SCHEME:` asks for, loaded. */
const struct img_driver *img_driver_by_scheme (const char *scheme, struct img_error *err);
/* Loads the module that reads JSON if need be.  Never freed.  Any thread. */
const struct img_json *img_json_find (struct img_error *err);
/* Adds a module that is in memory: a test's own drivers.  Before anything else looks. */
int img_registry_add (const char *name, const struct img_module *module, struct img_error *err);

/* Loads M if it is not.  -1: it is broken; *err says why. */
int img_registry_load (struct img_manifest *m, struct img_error *err);

/* Compares DRIVER, as its module gives it, with what the manifest said, and sees that it has the
 * callbacks that its kind needs. */
int img_driver_check (const struct img_manifest_driver *said, const struct img_driver *driver,
                      struct img_error *err);

#endif
