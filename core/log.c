/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines for developers, on standard error, when BLKIMG_DEBUG asks for them.
 *
 * Owns: reading BLKIMG_DEBUG.  This is the only place of the core that prints, and it does so only
 * when told; what users must learn travels in struct img_error. */

#include <config.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/node.h"

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

bool
img_debug_on (void)
{
  static atomic_int state; /* 0: not asked yet, 1: off, 2: on */
  int now = atomic_load_explicit (&state, memory_order_relaxed);

  if (now == 0) {
    now = img_debug_word ("trace") ? 2 : 1;
    atomic_store_explicit (&state, now, memory_order_relaxed);
  }
  return now == 2;
}

void
img_debug (const struct img_node *node, const char *fmt, ...)
{
  va_list ap;
  char line[512];

  if (!img_debug_on ())
    return;
  va_start (ap, fmt);
  if (vsnprintf (line, sizeof line, fmt, ap) < 0)
    line[0] = '\0';
  va_end (ap);
  if (node)
    fprintf (stderr, "blkimg: %s: %s: %s\n", node->driver->name, node->filename, line);
  else
    fprintf (stderr, "blkimg: %s\n", line);
}
