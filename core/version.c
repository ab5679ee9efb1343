/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The version of the library that is running, which need not be the one compiled against. */

#include <config.h>

#include <blkimg/blkimg.h>

const char *
img_version (void)
{
  return PACKAGE_VERSION;
}
