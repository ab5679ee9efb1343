/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking an image's structure: the driver's work; how a finding is said. */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>

#include <blkimg/i18n.h>

#include "core/node.h"

int
img_check (struct img_node *node, struct img_check *check, unsigned repair, struct img_error *err)
{
  if (node->driver->check == NULL)
    return img_error_set (err, ENOTSUP, _("%s: This image format does not support checks"),
                          node->filename);
  if (repair && !(node->flags & IMG_OPEN_RDWR))
    return img_error_set (err, EACCES, _("%s: a repair needs an image that is open for writing"),
                          node->filename);
  if (node->driver->check (node, check, repair, err) < 0)
    return img_error_name (node->filename, err);
  return 0;
}

int
img_check_progress (const struct img_check *check, uint64_t done, uint64_t total,
                    struct img_error *err)
{
  if (check->struct_size <= offsetof (struct img_check, progress) || check->progress == NULL
      || check->progress (check->progress_arg, done, total))
    return 0;
  return img_error_set (err, ECANCELED, _("cancelled"));
}

void
img_check_say (struct img_check *check, bool corruption, const char *fmt, ...)
{
  char line[1024];
  va_list ap;

  if (check->say == NULL)
    return;
  va_start (ap, fmt);
  if (vsnprintf (line, sizeof line, fmt, ap) < 0)
    line[0] = '\0';
  va_end (ap);
  check->say (check->say_arg, corruption, line);
}
