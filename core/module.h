/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/module.h - module folders and shared objects. */
#ifndef CORE_MODULE_H
#define CORE_MODULE_H

#include "core/manifest.h"

/* Appends a manifest, BROKEN ones too, for each module in the folders of BLKIMG_MODULE_PATH, then
 * in the installed one; of modules with equal names the first counts.  In a program with linked-in
 * modules it is those and no others.  -1 only when memory runs out. */
int img_module_scan (struct img_module_list *list, struct img_error *err);
/* Appends BROKEN entries for shared objects that have no manifest beside them. */
int img_module_scan_strays (struct img_module_list *list, struct img_error *err);

/* Loads the shared object of M, which stays for ever, and checks what it says of its ABI.  Not
 * thread-safe, as libltdl is not: the registry holds its lock.  NULL on failure. */
const struct img_module *img_module_load (const struct img_manifest *m, struct img_error *err);

#endif
