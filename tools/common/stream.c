/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which names are streams. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "common/stream.h"
#include "common/tool.h"

bool
stream_is_stdio (const char *name)
{
  return !tool_compat () && strcmp (name, "-") == 0;
}

const char *
stream_input_name (void)
{
  return _("standard input");
}

const char *
stream_output_name (const char *name)
{
  return stream_is_stdio (name) ? _("standard output") : name;
}

/* Waits for a reader if it is a FIFO. */
static int
open_device (const char *name, struct progress *watch, struct img_error *err)
{
  int fd = -1, rc = 0;

  if (!progress_unwatch (watch))
    rc = img_error_set (err, ECANCELED, _("interrupted"));
  else if ((fd = open (name, O_WRONLY | O_CLOEXEC | O_NOCTTY)) < 0)
    rc = img_error_errno (err, errno, "%s", name);
  progress_rewatch (watch);
  return rc < 0 ? -1 : fd;
}

int
stream_open_output (const char *name, struct progress *watch, int *fd, struct img_error *err)
{
  struct stat st;

  if (tool_compat ())
    return 0;
  if (stream_is_stdio (name)) {
    *fd = STDOUT_FILENO;
  } else if (strcmp (name, "/dev/stdout") != 0 &&
             (stat (name, &st) < 0 || !(S_ISFIFO (st.st_mode) || S_ISCHR (st.st_mode)))) {
    return 0;
  } else {
    *fd = open_device (name, watch, err);
    if (*fd < 0)
      return -1;
  }
  if (!isatty (*fd))
    return 1;
  stream_close_output (name, *fd, err);
  return img_error_set (err, EINVAL, _("%s: an image is not for a terminal"),
                        stream_output_name (name));
}

int
stream_close_output (const char *name, int fd, struct img_error *err)
{
  if (fd == STDOUT_FILENO)
    return 0;
  return close (fd) < 0 ? img_error_errno (err, errno, "%s", name) : 0;
}

int
stream_write_zeroes (const char *name, int fd, uint64_t n, struct img_error *err)
{
  static const char zeroes[4096];

  while (n > 0) {
    ssize_t r = write (fd, zeroes, (size_t) img_min (n, sizeof zeroes));
    if (r < 0 && errno != EINTR)
      return img_error_errno (err, errno, "%s", stream_output_name (name));
    n -= r > 0 ? (uint64_t) r : 0;
  }
  return 0;
}
