/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* faults - a library for LD_PRELOAD that makes one system call on an image fail.
 *
 *   FAULT=KIND:N:WHAT[+]   the Nth call of KIND, with a + every one from then on
 *   FAULT_LOG=FILE         gets one byte for each call that was made to fail
 *
 * KIND: open read write flush truncate allocate seek copy rename stat lock ioctl recv send.
 * WHAT: an error (EIO ENOSPC EINTR ENOTSUP EACCES ENOLCK ECONNRESET), SHORT (half of what was asked
 * for) or EOF (nothing).
 * recv and send: on any socket, whose connection is gone then.  Else only files count that were
 * opened or named by a relative name: what a test works on, not the program's own modules; and, of
 * programs img-*, standard input and output.  Making a temporary file or folder is `open`.
 * Calls are counted over all threads.  For 64-bit Linux: the calls go to the kernel directly. */
#define _GNU_SOURCE 1
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/fault/preload.h"

#ifdef __LP64__

#define FDS 4096
enum { SHORT = -1, ENDS = -2 };

static const struct { const char *name; int code; } whats[] = {
  { "EIO", EIO },         { "ENOSPC", ENOSPC }, { "EINTR", EINTR }, { "ENOTSUP", EOPNOTSUPP },
  { "EACCES", EACCES },   { "SHORT", SHORT },   { "EOF", ENDS },      { "ENOLCK", ENOLCK },
  { "ECONNRESET", ECONNRESET },
};

static atomic_bool watched[FDS];
static atomic_uint calls;

static struct {
  char kind[16];
  unsigned at;
  int code;
  bool on, stays;
} fault;

__attribute__ ((constructor)) static void
read_fault (void)
{
  const char *text = getenv ("FAULT"), *rest = text ? strchr (text, ':') : NULL;
  char *end;
  if (rest == NULL || (size_t) (rest - text) >= sizeof fault.kind)
    return;
  if (strncmp (program_invocation_short_name, "img-", 4) == 0)
    watched[STDIN_FILENO] = watched[STDOUT_FILENO] = true;
  memcpy (fault.kind, text, (size_t) (rest - text));
  fault.at = (unsigned) strtoul (rest + 1, &end, 10);
  for (size_t i = 0; *end == ':' && i < sizeof whats / sizeof *whats; i++) {
    size_t n = strlen (whats[i].name);
    if (strncmp (end + 1, whats[i].name, n) == 0) {
      fault.code = whats[i].code;
      fault.stays = end[1 + n] == '+';
      fault.on = fault.at > 0;
    }
  }
}

/* Whether this call of KIND is to fail. */
static bool
strikes (const char *kind)
{
  if (!fault.on || strcmp (kind, fault.kind) != 0)
    return false;
  unsigned n = atomic_fetch_add (&calls, 1) + 1;
  if (n != fault.at && !(fault.stays && n > fault.at))
    return false;
  const char *log = getenv ("FAULT_LOG");
  int flags = O_WRONLY | O_APPEND | O_CREAT;
  int fd = log ? (int) syscall (SYS_openat, AT_FDCWD, log, flags, 0666) : -1;
  if (fd >= 0) {
    syscall (SYS_write, fd, "x", 1);
    syscall (SYS_close, fd);
  }
  return true;
}

/* Whoever reads on there gets nothing anyway. */
static bool
at_end (int fd)
{
  struct stat st;
  off64_t at = syscall (SYS_lseek, fd, 0, SEEK_CUR);
  return at > 0 && syscall (SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) == 0 && at >= st.st_size;
}

static bool
strikes_fd (const char *kind, int fd)
{
  return fd >= 0 && fd < FDS && atomic_load (&watched[fd])
         && !(fault.code == ENDS && at_end (fd)) && strikes (kind);
}

/* An error of this call: -1 with errno; SHORT and EOF have no meaning for it and are EIO. */
static int
fail (void)
{
  errno = fault.code > 0 ? fault.code : EIO;
  return -1;
}

/* How a transfer of N bytes goes: -1, or how many bytes of it are done. */
static ssize_t
cut (size_t n)
{
  if (fault.code > 0)
    return fail ();
  return fault.code == SHORT && n > 1 ? (ssize_t) (n / 2) : 0;
}

/* ---- open, close ---- */

int
before_open (const char *path, int flags)
{
  return path[0] != '/' && !(flags & O_DIRECTORY) && strikes ("open") ? fail () : 0;
}

int
opened (const char *path, int flags, int fd)
{
  (void) flags;
  if (fd >= 0 && fd < FDS)
    atomic_store (&watched[fd], path[0] != '/');
  return fd;
}

int
close (int fd)
{
  if (fd >= 0 && fd < FDS)
    atomic_store (&watched[fd], false);
  return (int) syscall (SYS_close, fd);
}

/* libc opens it past us. */
int
mkstemp (char *path)
{
  size_t n = strlen (path);
  if (before_open (path, 0) < 0)
    return -1;
  for (unsigned i = 0; i < 1000 && n >= 6; i++) {
    snprintf (path + n - 6, 7, "%06u", i);
    int fd = (int) syscall (SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd >= 0 || errno != EEXIST)
      return opened (path, 0, fd);
  }
  return -1;
}

int
mkstemp64 (char *path)
{
  return mkstemp (path);
}

int
mkdir (const char *path, mode_t mode)
{
  return before_open (path, 0) < 0 ? -1 : (int) syscall (SYS_mkdirat, AT_FDCWD, path, mode);
}

char *
mkdtemp (char *path)
{
  size_t n = strlen (path);
  for (unsigned i = 0; i < 1000 && n >= 6; i++) {
    snprintf (path + n - 6, 7, "%06u", i);
    if (mkdir (path, 0700) == 0)
      return path;
    if (errno != EEXIST)
      break;
  }
  return NULL;
}

/* ---- data ---- */

#define MOVES(op, name, args, call)                     \
  ssize_t name args;                                    \
  ssize_t name args                                     \
  {                                                     \
    if (strikes_fd (op, fd)) {                          \
      ssize_t r = cut (n);                              \
      if (r <= 0)                                       \
        return r;                                       \
      n = (size_t) r;                                   \
    }                                                   \
    return syscall call;                                \
  }
MOVES ("read", read, (int fd, void *buf, size_t n), (SYS_read, fd, buf, n))
MOVES ("read", __read_chk, (int fd, void *buf, size_t n, size_t room),
       (SYS_read, fd, buf, n < room ? n : room))
MOVES ("read", pread, (int fd, void *buf, size_t n, off64_t at), (SYS_pread64, fd, buf, n, at))
MOVES ("read", pread64, (int fd, void *buf, size_t n, off64_t at), (SYS_pread64, fd, buf, n, at))
MOVES ("read", __pread_chk, (int fd, void *buf, size_t n, off64_t at, size_t room),
       (SYS_pread64, fd, buf, n < room ? n : room, at))
MOVES ("read", __pread64_chk, (int fd, void *buf, size_t n, off64_t at, size_t room),
       (SYS_pread64, fd, buf, n < room ? n : room, at))

/* Of a vector that is cut short only the first part is looked at. */
#define PREADV(name)                                                                        \
  ssize_t name (int, const struct iovec *, int, off64_t, int);                              \
  ssize_t name (int fd, const struct iovec *v, int n, off64_t at, int flags)                \
  {                                                                                         \
    if (strikes_fd ("read", fd))                                                            \
      return fault.code == SHORT ? preadv_short (fd, v, at, flags) : cut (1);               \
    return syscall (SYS_preadv2, fd, v, n, at, 0, flags);                                   \
  }
static ssize_t
preadv_short (int fd, const struct iovec *v, off64_t at, int flags)
{
  struct iovec half = { v->iov_base, (v->iov_len + 1) / 2 };
  return syscall (SYS_preadv2, fd, &half, 1, at, 0, flags);
}
PREADV (preadv2)
PREADV (preadv64v2)

MOVES ("write", write, (int fd, const void *buf, size_t n), (SYS_write, fd, buf, n))
MOVES ("write", pwrite, (int fd, const void *buf, size_t n, off64_t at),
       (SYS_pwrite64, fd, buf, n, at))
MOVES ("write", pwrite64, (int fd, const void *buf, size_t n, off64_t at),
       (SYS_pwrite64, fd, buf, n, at))

/* ---- streams of libc ---- */

/* They call the kernel past us, but for those whose calls we make. */
static ssize_t
cookie_read (void *cookie, char *buf, size_t n)
{
  return read ((int) (intptr_t) cookie, buf, n);
}

static ssize_t
cookie_write (void *cookie, const char *buf, size_t n)
{
  return write ((int) (intptr_t) cookie, buf, n);
}

static int
cookie_seek (void *cookie, off64_t *at, int whence)
{
  *at = lseek64 ((int) (intptr_t) cookie, *at, whence);
  return *at < 0 ? -1 : 0;
}

static int
cookie_close (void *cookie)
{
  return close ((int) (intptr_t) cookie);
}

FILE *
fdopen (int fd, const char *mode)
{
  cookie_io_functions_t calls_of = { cookie_read, cookie_write, cookie_seek, cookie_close };
  return fopencookie ((void *) (intptr_t) fd, mode, calls_of);
}

/* ---- the rest ---- */

#define SIMPLE(kind, name, args, call)                              \
  int name args;                                                    \
  int name args                                                     \
  {                                                                 \
    return strikes_fd (kind, fd) ? fail () : (int) syscall call;    \
  }
SIMPLE ("flush", fsync, (int fd), (SYS_fsync, fd))
SIMPLE ("flush", fdatasync, (int fd), (SYS_fdatasync, fd))
SIMPLE ("truncate", ftruncate, (int fd, off64_t size), (SYS_ftruncate, fd, size))
SIMPLE ("truncate", ftruncate64, (int fd, off64_t size), (SYS_ftruncate, fd, size))
SIMPLE ("allocate", fallocate, (int fd, int mode, off64_t at, off64_t n),
        (SYS_fallocate, fd, mode, at, n))
SIMPLE ("allocate", fallocate64, (int fd, int mode, off64_t at, off64_t n),
        (SYS_fallocate, fd, mode, at, n))

/* These return the error. */
int
posix_fallocate (int fd, off64_t at, off64_t n)
{
  if (strikes_fd ("allocate", fd))
    return fault.code > 0 ? fault.code : EIO;
  return syscall (SYS_fallocate, fd, 0, at, n) < 0 ? errno : 0;
}

int
posix_fallocate64 (int fd, off64_t at, off64_t n)
{
  return posix_fallocate (fd, at, n);
}

off64_t
lseek64 (int fd, off64_t at, int whence)
{
  if (strikes_fd ("seek", fd))
    return fail ();
  return syscall (SYS_lseek, fd, at, whence);
}

off_t
lseek (int fd, off_t at, int whence)
{
  return lseek64 (fd, at, whence);
}

ssize_t
copy_file_range (int from, off64_t *from_at, int to, off64_t *to_at, size_t n, unsigned flags)
{
  if (strikes_fd ("copy", to)) {
    ssize_t r = cut (n);
    if (r <= 0)
      return r;
    n = (size_t) r;
  }
  return syscall (SYS_copy_file_range, from, from_at, to, to_at, n, flags);
}

int
rename (const char *from, const char *to)
{
  if (strikes ("rename"))
    return fail ();
  return (int) syscall (SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- connections ---- */

/* How the transfer of N bytes goes, as cut; what breaks stays broken. */
static ssize_t
cut_socket (int fd, size_t n)
{
  ssize_t r = cut (n);
  if (r <= 0)
    syscall (SYS_shutdown, fd, SHUT_RDWR);
  return r;
}

ssize_t
recv (int fd, void *buf, size_t n, int flags)
{
  ssize_t r = strikes ("recv") ? cut_socket (fd, n) : (ssize_t) n;
  return r <= 0 ? r : syscall (SYS_recvfrom, fd, buf, (size_t) r, flags, NULL, NULL);
}

ssize_t
send (int fd, const void *buf, size_t n, int flags)
{
  ssize_t r = strikes ("send") ? cut_socket (fd, n) : (ssize_t) n;
  return r <= 0 ? r : syscall (SYS_sendto, fd, buf, (size_t) r, flags, NULL, 0);
}

/* ---- facts and locks ---- */

int
fstat (int fd, struct stat *st)
{
  return strikes_fd ("stat", fd) ? fail ()
                                 : (int) syscall (SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
}

#define STAT(name, flags)                                                         \
  int name (const char *path, struct stat *st)                                    \
  {                                                                               \
    if (path[0] != '/' && strikes ("stat"))                                       \
      return fail ();                                                             \
    return (int) syscall (SYS_newfstatat, AT_FDCWD, path, st, flags);             \
  }
STAT (stat, 0)
STAT (lstat, AT_SYMLINK_NOFOLLOW)

/* Asking for flags of the descriptor has no reason to fail. */
int
fcntl (int fd, int command, ...)
{
  va_list ap;
  va_start (ap, command);
  void *arg = va_arg (ap, void *);
  va_end (ap);
  if ((command == F_OFD_SETLK || command == F_OFD_GETLK) && strikes_fd ("lock", fd))
    return fail ();
  return (int) syscall (SYS_fcntl, fd, command, arg);
}

int
ioctl (int fd, unsigned long request, ...)
{
  va_list ap;
  va_start (ap, request);
  void *arg = va_arg (ap, void *);
  va_end (ap);
  return strikes_fd ("ioctl", fd) ? fail () : (int) syscall (SYS_ioctl, fd, request, arg);
}

#endif
