/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* record - a library for LD_PRELOAD that logs what a program does to its images: for replay.c.
 *
 *   RECORD=FILE    where the log goes (log.h)
 *
 * Files that were opened by a relative name count: what a test works on.  A call and its log entry
 * are one step, so that the log has the order in which the kernel saw the calls.  Copies inside the
 * kernel are refused, for the bytes would not pass by here.  For 64-bit Linux. */
#define _GNU_SOURCE 1
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/crash/log.h"
#include "tests/fault/preload.h"

#ifdef __LP64__

enum { FDS = 4096, NAMES = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static int file_of[FDS]; /* number of the file plus 1; 0: not watched */
static char *names[NAMES];

static void
put (const void *bytes, size_t n)
{
  if (syscall (SYS_write, log_fd, bytes, n) != (long) n)
    abort ();
}

static void
entry (uint32_t kind, int file, uint64_t offset, uint64_t length, const void *bytes)
{
  struct log_entry e = { kind, (uint32_t) file, offset, length };

  put (&e, sizeof e);
  if (bytes)
    put (bytes, length);
}

static int
watched (int fd)
{
  return log_fd >= 0 && fd >= 0 && fd < FDS ? file_of[fd] - 1 : -1;
}

/* ---- open, close ---- */

int
before_open (const char *path, int flags)
{
  (void) path;
  (void) flags;
  return 0;
}

static int
number_of (const char *path)
{
  const char *log = getenv ("RECORD");
  int i = 0;

  if (log_fd < 0 && log)
    log_fd = (int) syscall (SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0666);
  while (i < NAMES && names[i] && strcmp (names[i], path) != 0)
    i++;
  if (log_fd < 0 || i == NAMES)
    return -1;
  if (names[i] == NULL) {
    names[i] = strdup (path);
    entry (LOG_FILE, i, 0, strlen (path), path);
  }
  return i;
}

int
opened (const char *path, int flags, int fd)
{
  struct stat st;

  if (fd < 0 || fd >= FDS)
    return fd;
  file_of[fd] = 0;
  if (path[0] == '/' || (flags & O_ACCMODE) == O_RDONLY || fstat (fd, &st) < 0
      || !S_ISREG (st.st_mode))
    return fd;
  pthread_mutex_lock (&lock);
  file_of[fd] = number_of (path) + 1;
  if ((flags & O_TRUNC) && file_of[fd])
    entry (LOG_SIZE, file_of[fd] - 1, 0, 0, NULL);
  pthread_mutex_unlock (&lock);
  return fd;
}

int
close (int fd)
{
  if (fd >= 0 && fd < FDS)
    file_of[fd] = 0;
  return (int) syscall (SYS_close, fd);
}

/* ---- changes ---- */

ssize_t
pwrite (int fd, const void *buf, size_t n, off64_t at)
{
  int file = watched (fd);

  if (file < 0)
    return syscall (SYS_pwrite64, fd, buf, n, at);
  pthread_mutex_lock (&lock);
  ssize_t done = syscall (SYS_pwrite64, fd, buf, n, at);
  int code = errno;
  if (done > 0)
    entry (LOG_WRITE, file, (uint64_t) at, (uint64_t) done, buf);
  pthread_mutex_unlock (&lock);
  errno = code;
  return done;
}

ssize_t
pwrite64 (int fd, const void *buf, size_t n, off64_t at)
{
  return pwrite (fd, buf, n, at);
}

int
ftruncate (int fd, off64_t size)
{
  int file = watched (fd);

  if (file < 0)
    return (int) syscall (SYS_ftruncate, fd, size);
  pthread_mutex_lock (&lock);
  int r = (int) syscall (SYS_ftruncate, fd, size);
  int code = errno;
  if (r == 0)
    entry (LOG_SIZE, file, (uint64_t) size, 0, NULL);
  pthread_mutex_unlock (&lock);
  errno = code;
  return r;
}

int
ftruncate64 (int fd, off64_t size)
{
  return ftruncate (fd, size);
}

/* Under the lock: what a successful fallocate did. */
static void
allocated (int fd, int file, int mode, uint64_t at, uint64_t n)
{
  struct stat st;

  if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
    entry (LOG_ZERO, file, at, n, NULL);
  if (!(mode & FALLOC_FL_KEEP_SIZE) && fstat (fd, &st) == 0 && (uint64_t) st.st_size == at + n)
    entry (LOG_SIZE, file, at + n, 0, NULL);
}

int
fallocate (int fd, int mode, off64_t at, off64_t n)
{
  int file = watched (fd);

  if (file < 0)
    return (int) syscall (SYS_fallocate, fd, mode, at, n);
  pthread_mutex_lock (&lock);
  int r = (int) syscall (SYS_fallocate, fd, mode, at, n);
  int code = errno;
  if (r == 0)
    allocated (fd, file, mode, (uint64_t) at, (uint64_t) n);
  pthread_mutex_unlock (&lock);
  errno = code;
  return r;
}

int
fallocate64 (int fd, int mode, off64_t at, off64_t n)
{
  return fallocate (fd, mode, at, n);
}

int
posix_fallocate (int fd, off64_t at, off64_t n)
{
  return fallocate (fd, 0, at, n) < 0 ? errno : 0;
}

int
posix_fallocate64 (int fd, off64_t at, off64_t n)
{
  return posix_fallocate (fd, at, n);
}

/* ---- flushes ---- */

/* Noted before the call: what comes while it runs is not under its protection. */
static int
flush (int fd, long call)
{
  int file = watched (fd);

  if (file >= 0) {
    pthread_mutex_lock (&lock);
    entry (LOG_FLUSH, file, 0, 0, NULL);
    pthread_mutex_unlock (&lock);
  }
  return (int) syscall (call, fd);
}

int
fsync (int fd)
{
  return flush (fd, SYS_fsync);
}

int
fdatasync (int fd)
{
  return flush (fd, SYS_fdatasync);
}

/* ---- copies inside the kernel ---- */

ssize_t
copy_file_range (int from, off64_t *from_at, int to, off64_t *to_at, size_t n, unsigned flags)
{
  if (watched (to) < 0)
    return syscall (SYS_copy_file_range, from, from_at, to, to_at, n, flags);
  errno = EOPNOTSUPP;
  return -1;
}

int ioctl (int, unsigned long, ...);
int
ioctl (int fd, unsigned long request, ...)
{
  va_list ap;
  va_start (ap, request);
  void *arg = va_arg (ap, void *);
  va_end (ap);
  if (request == FICLONERANGE && watched (fd) >= 0) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return (int) syscall (SYS_ioctl, fd, request, arg);
}

#endif
