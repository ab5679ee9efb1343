/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Place holder of the copy-me driver until <blkimg/module.h> is there. */

#include <config.h>

const char *img_version (void);

#ifdef IMG_MODULE_PRELOAD
# define img_module_entry template_LTX_img_module_entry
#endif
const void *img_module_entry (void);

const void *
img_module_entry (void)
{
  return img_version ();
}
