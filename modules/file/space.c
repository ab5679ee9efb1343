/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* space.c - zeroing, giving back and taking space without moving bytes.
 *
 * Each way is tried until it turns out that the file system or device has it not; what is left
 * over the core writes out.  The length of a file never changes here. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "file.h"

/* Not an error of the medium: this way does not exist here. */
static bool
file_not_here (int code)
{
  return code == EOPNOTSUPP || code == ENOSYS || code == ENOTTY || code == EINVAL || code == EPERM
         || code == EBUSY || code == ENODEV;
}

/* 0 done; 1 this way (WHAT) does not exist here; -1. */
static int
file_fallocate (struct file *f, unsigned what, int mode, uint64_t offset, uint64_t length,
                struct img_error *err)
{
  int r;

  if (file_lacks (f, what))
    return 1;
  do
    r = fallocate (f->fd, mode, (off_t) offset, (off_t) length);
  while (r < 0 && errno == EINTR);
  if (r == 0)
    return 0;
  if (!file_not_here (errno))
    return img_error_errno (err, errno, _("cannot change the allocation of %" PRIu64
                                          " bytes at 0x%" PRIx64), length, offset);
  if (errno != EBUSY && errno != EINVAL)
    file_set_lacks (f, what);
  return 1;
}

/* As file_fallocate. */
static int
file_device_range (struct file *f, unsigned what, unsigned long request, uint64_t offset,
                   uint64_t length, struct img_error *err)
{
  uint64_t range[2] = { offset, length };
  int r;

  if (file_lacks (f, what))
    return 1;
  do
    r = ioctl (f->fd, request, range);
  while (r < 0 && errno == EINTR);
  if (r == 0)
    return 0;
  if (!file_not_here (errno))
    return img_error_errno (err, errno, _("the device cannot zero or discard %" PRIu64
                                          " bytes at 0x%" PRIx64), length, offset);
  if (errno != EBUSY && errno != EINVAL)
    file_set_lacks (f, what);
  return 1;
}

/* Zeroes that stay allocated.  As file_fallocate. */
static int
file_zero_kept (struct file *f, uint64_t offset, uint64_t length, struct img_error *err)
{
  int r = file_fallocate (f, FILE_NO_ZERO, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset,
                          length, err);

  /* Where ZERO_RANGE is missing: given back and taken again. */
  if (r == 1)
    r = file_fallocate (f, FILE_NO_PUNCH, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                        length, err);
  if (r == 0 && file_lacks (f, FILE_NO_ZERO))
    return file_fallocate (f, FILE_NO_TAKE, FALLOC_FL_KEEP_SIZE, offset, length, err) < 0 ? -1 : 0;
  return r;
}

int
file_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
           struct img_error *err)
{
  struct file *f = img_node_priv (node);
  int r = 1;

  /* On a device this fails rather than have the kernel write zeroes: quick or not at all. */
  if (flags & IMG_IO_UNMAP)
    r = file_fallocate (f, FILE_NO_PUNCH, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                        length, err);
  if (r == 1 && !f->device)
    r = file_zero_kept (f, offset, length, err);
  if (r == 1 && f->device && !(flags & IMG_IO_NO_FALLBACK))
    r = file_device_range (f, FILE_NO_BLKZERO, BLKZEROOUT, offset, length, err);
  if (r == 1)
    return img_error_set (err, ENOTSUP, _("zeroes have to be written here"));
  return r;
}

int
file_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  struct file *f = img_node_priv (node);
  int r = f->device
            ? file_device_range (f, FILE_NO_DISCARD, BLKDISCARD, offset, length, err)
            : file_fallocate (f, FILE_NO_PUNCH, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                              length, err);

  if (r == 1)
    return img_error_set (err, ENOTSUP, _("space cannot be given back here"));
  return r;
}

int
file_allocate (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  struct file *f = img_node_priv (node);

  if (f->device)
    return 1;
  return file_fallocate (f, FILE_NO_TAKE, FALLOC_FL_KEEP_SIZE, offset, length, err);
}
