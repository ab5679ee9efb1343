/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preload.h - how a library for LD_PRELOAD sees files being opened.  The one who includes it says
 * what is to happen before (-1 with errno: the call fails) and afterwards (FD may be -1). */
#ifndef FAULT_PRELOAD_H
#define FAULT_PRELOAD_H

#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

int before_open (const char *path, int flags);
int opened (const char *path, int flags, int fd);

#define OPEN(name)                                                     \
  int name (const char *, int, ...);                                   \
  int name (const char *path, int flags, ...)                          \
  {                                                                    \
    va_list ap;                                                        \
    va_start (ap, flags);                                              \
    mode_t mode = flags & O_CREAT ? va_arg (ap, mode_t) : 0;           \
    va_end (ap);                                                       \
    if (before_open (path, flags) < 0)                                 \
      return -1;                                                       \
    return opened (path, flags, (int) syscall (SYS_openat, AT_FDCWD,   \
                   path, flags | O_LARGEFILE, mode));                  \
  }
OPEN (open)
OPEN (open64)

int __open_2 (const char *, int);
int
__open_2 (const char *path, int flags)
{
  return open (path, flags);
}

#endif
