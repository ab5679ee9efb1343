/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template: the driver to copy.  Its drivers come with the core that loads them. */

#include <blkimg/module.h>

static const struct img_module template_module = {
  .struct_size = sizeof template_module,
  .abi = IMG_ABI,
};

IMG_MODULE_ENTRY (template_module)
