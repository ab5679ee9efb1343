/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns: reading BLKIMG_DEBUG. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "core/log.h"

const char *
img_debug_word (const char *key)
{
  const char *p = secure_getenv ("BLKIMG_DEBUG");
  size_t len = strlen (key);

  for (; p; p = strchr (p, ',')) {
    if (*p == ',')
      p++;
    if (strncmp (p, key, len) != 0)
      continue;
    if (p[len] == '=')
      return p + len + 1;
    if (p[len] == '\0' || p[len] == ',')
      return p + len;
  }
  return NULL;
}
