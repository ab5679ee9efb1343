/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* resize.c - the length of a file, and taking space for what is new in it. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "file.h"

#define FILE_ZERO_BUFFER (UINT64_C (256) << 10)

static int
file_write_zeroes (int fd, uint64_t offset, uint64_t end, struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *zeroes = calloc (1, FILE_ZERO_BUFFER);

  if (zeroes == NULL)
    return img_error_errno (err, ENOMEM, _("cannot preallocate"));
  while (offset < end) {
    uint64_t part = img_min (FILE_ZERO_BUFFER - offset % FILE_ZERO_BUFFER, end - offset);
    ssize_t n = pwrite (fd, zeroes, part, (off_t) offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return img_error_errno (err, n < 0 ? errno : ENOSPC, _("cannot preallocate"));
    offset += (uint64_t) n;
  }
  if (fdatasync (fd) < 0)
    return img_error_errno (err, errno, _("cannot preallocate"));
  return 0;
}

/* posix_fallocate writes where the file system cannot do it. */
static int
file_take (int fd, uint64_t offset, uint64_t length, struct img_error *err)
{
  int code;

  do
    code = posix_fallocate (fd, (off_t) offset, (off_t) length);
  while (code == EINTR);
  return code == 0 ? 0 : img_error_errno (err, code, _("cannot preallocate"));
}

/* Takes space for [OLD, SIZE) of FD, which is SIZE bytes long already.  Neither needs to be a
 * multiple of anything, so O_DIRECT rests meanwhile: nobody else uses FD. */
static int
file_preallocate (int fd, uint64_t old, uint64_t size, enum img_prealloc prealloc,
                  struct img_error *err)
{
  int mode = fcntl (fd, F_GETFL);
  int r;

  if (mode < 0 || ((mode & O_DIRECT) && fcntl (fd, F_SETFL, mode & ~O_DIRECT) < 0))
    return img_error_errno (err, errno, _("cannot preallocate"));
  r = prealloc == IMG_PREALLOC_FULL ? file_write_zeroes (fd, old, size, err)
                                    : file_take (fd, old, size - old, err);
  if ((mode & O_DIRECT) && fcntl (fd, F_SETFL, mode) < 0 && r == 0)
    return img_error_errno (err, errno, _("cannot preallocate"));
  return r;
}

int
file_set_length (int fd, uint64_t old, uint64_t size, enum img_prealloc prealloc,
                 struct img_error *err)
{
  if (prealloc == IMG_PREALLOC_METADATA)
    return img_error_set (err, ENOTSUP, _("Unsupported preallocation mode: metadata"));
  if (size > INT64_MAX)
    return img_error_errno (err, EFBIG, _("cannot make the file %" PRIu64 " bytes long"), size);
  if (size != old && ftruncate (fd, (off_t) size) < 0)
    return img_error_errno (err, errno, _("cannot make the file %" PRIu64 " bytes long"), size);
  if (size <= old || prealloc == IMG_PREALLOC_OFF)
    return 0;
  if (file_preallocate (fd, old, size, prealloc, err) == 0)
    return 0;
  /* What was taken goes with the length. */
  if (ftruncate (fd, (off_t) old) < 0)
    return img_error_prefix (err, _("cannot undo the change of length"));
  return -1;
}

static int
file_resize_device (struct img_node *node, uint64_t size, enum img_prealloc prealloc,
                    struct img_error *err)
{
  const struct file *f = img_node_priv (node);
  uint64_t length;

  if (prealloc != IMG_PREALLOC_OFF)
    return img_error_set (err, ENOTSUP, _("a device has all its space: no preallocation"));
  if (file_length (f->fd, &length, err) < 0)
    return -1;
  if (size > length)
    return img_error_set (err, EINVAL, _("%" PRIu64 " bytes do not fit: the device has %" PRIu64),
                          size, length);
  img_node_set_size (node, length);
  return 0;
}

int
file_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
             struct img_error *err)
{
  struct file *f = img_node_priv (node);
  struct file_locks held = f->locks, resizing = held;
  struct img_error ignored = IMG_ERROR_INIT;
  uint64_t old;
  int r = -1;

  (void) flags;
  if (f->device)
    return file_resize_device (node, size, prealloc, err);
  resizing.perm |= FILE_PERM_RESIZE;
  if (f->locking != FILE_LOCKING_OFF
      && file_lock_change (f->fd, &f->locks, resizing, img_filename (node), err) < 0)
    return -1;
  if (file_length (f->fd, &old, err) == 0
      && file_set_length (f->fd, old, size, prealloc, err) == 0) {
    img_node_set_size (node, size);
    r = 0;
  }
  /* Giving locks up cannot fail. */
  if (f->locking != FILE_LOCKING_OFF)
    file_lock_change (f->fd, &f->locks, held, img_filename (node), &ignored);
  return r;
}
