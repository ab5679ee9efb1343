/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* share.c - moving bytes inside the kernel: shared blocks where the file system has them (reflink),
 * else copy_file_range.
 *
 * Answers 1, "write it yourself", whenever the kernel says that it cannot do it for these two
 * files; what it says of the medium (EIO, ENOSPC) is an error. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <blkimg/overflow.h>

#include "file.h"

/* Longest piece of one copy_file_range, so that a cancelled copy ends soon. */
#define FILE_COPY_PIECE (UINT64_C (1) << 30)

static int
file_copy_failed (int code, uint64_t offset, struct img_error *err)
{
  switch (code) {
  case EXDEV:
  case EINVAL:
  case EOPNOTSUPP:
  case ENOSYS:
  case ENOTTY:
  case EPERM:
  case ETXTBSY:
  case EBADF:
  case EISDIR:
    return 1;
  default:
    return img_error_errno (err, code, _("cannot copy to 0x%" PRIx64), offset);
  }
}

static int
file_clone (const struct file *to, uint64_t offset, struct file *from, uint64_t src_offset,
            uint64_t length, struct img_error *err)
{
  struct file_clone_range range = { .src_fd = from->fd,
                                    .src_offset = src_offset,
                                    .src_length = length,
                                    .dest_offset = offset };
  int r;

  do
    r = ioctl (to->fd, FICLONERANGE, &range);
  while (r < 0 && errno == EINTR);
  if (r < 0)
    return file_copy_failed (errno, offset, err);
  file_set_lacks (from, FILE_NO_FIEMAP); /* where it was quick (XFS) it no longer is */
  return 0;
}

static int
file_copy (const struct file *to, uint64_t offset, const struct file *from, uint64_t src_offset,
           uint64_t length, struct img_error *err)
{
  off64_t in = (off64_t) src_offset, out = (off64_t) offset;

  while (length > 0) {
    ssize_t n = copy_file_range (from->fd, &in, to->fd, &out, img_min (length, FILE_COPY_PIECE), 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return file_copy_failed (errno, (uint64_t) out, err);
    if (n == 0) /* the end of the source; reading will say so */
      return 1;
    length -= (uint64_t) n;
  }
  return 0;
}

int
file_copy_from (struct img_node *node, uint64_t offset, struct img_node *src, uint64_t src_offset,
                uint64_t length, unsigned flags, struct img_error *err)
{
  const struct file *to = img_node_priv (node);
  struct file *from = img_node_priv (src);

  return flags & IMG_IO_NO_FALLBACK ? file_clone (to, offset, from, src_offset, length, err)
                                    : file_copy (to, offset, from, src_offset, length, err);
}
