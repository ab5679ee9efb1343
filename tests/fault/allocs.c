/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* allocs - a library for LD_PRELOAD that makes one allocation of memory fail.
 *
 *   FAULT=memory:N:ENOMEM[+]   the Nth, with a + every one from then on
 *   FAULT_LOG=FILE             gets a byte when one was made to fail
 *
 * All allocations of a program img-* count, libc's and other libraries' too.  For glibc on 64-bit
 * Linux; a sanitizer that has its own malloc is not affected. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __LP64__ && defined __GLIBC__

void *__libc_malloc (size_t);
void *__libc_calloc (size_t, size_t);
void *__libc_realloc (void *, size_t);
void *__libc_memalign (size_t, size_t);

static atomic_ulong calls;
static unsigned long at;
static bool stays;
static int log_fd = -1;

__attribute__ ((constructor)) static void
read_fault (void)
{
  const char *text = getenv ("FAULT"), *log = getenv ("FAULT_LOG");

  if (text == NULL || strncmp (text, "memory:", 7) != 0
      || strncmp (program_invocation_short_name, "img-", 4) != 0)
    return;
  if (log)
    log_fd = (int) syscall (SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                            0666);
  at = strtoul (text + 7, NULL, 10);
  stays = text[strlen (text) - 1] == '+';
}

static bool
strikes (void)
{
  if (at == 0)
    return false;
  unsigned long n = atomic_fetch_add (&calls, 1) + 1;
  if (n != at && !(stays && n > at))
    return false;
  if (n == at && log_fd >= 0)
    syscall (SYS_write, log_fd, "x", 1);
  errno = ENOMEM;
  return true;
}

void *
malloc (size_t n)
{
  return strikes () ? NULL : __libc_malloc (n);
}

void *
calloc (size_t n, size_t size)
{
  return strikes () ? NULL : __libc_calloc (n, size);
}

void *
realloc (void *p, size_t n)
{
  return strikes () ? NULL : __libc_realloc (p, n);
}

void *
reallocarray (void *p, size_t n, size_t size)
{
  size_t all;
  if (__builtin_mul_overflow (n, size, &all) || strikes ())
    return NULL;
  return __libc_realloc (p, all);
}

void *
aligned_alloc (size_t align, size_t n)
{
  return strikes () ? NULL : __libc_memalign (align, n);
}

int
posix_memalign (void **p, size_t align, size_t n)
{
  void *got = aligned_alloc (align, n);
  if (got)
    *p = got;
  return got ? 0 : ENOMEM;
}

#endif
