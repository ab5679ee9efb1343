/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io.c - bytes in and out, one system call a request as long as the kernel does it whole.
 *
 * Owns: short transfers, EINTR, the end of the file, flushing.  Refuses to read what is not there:
 * a file that became shorter under us is an error, not zeroes.  Alignment is the core's
 * business. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/overflow.h>

#include "file.h"

/* Linux moves no more than this in one call. */
#define FILE_MAX_TRANSFER UINT64_C (0x7ffff000)

/* What O_DIRECT asks for beyond the last byte is padding; anything before it should be there. */
static int
file_read_end (struct img_node *node, uint8_t *buf, uint64_t length, uint64_t offset,
               struct img_error *err)
{
  if (offset < img_size (node))
    return img_error_set (err, EIO, _("the file ends at 0x%" PRIx64 ", before what is to be read"),
                          offset);
  memset (buf, 0, length);
  return 0;
}

int
file_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
            struct img_error *err)
{
  const struct file *f = img_node_priv (node);
  uint32_t align = img_node_limits (node)->request_align;
  uint8_t *p = buf;

  while (length > 0) {
    ssize_t n = pread (f->fd, p, img_min (length, FILE_MAX_TRANSFER), (off_t) offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return img_error_errno (err, errno, _("cannot read %" PRIu64 " bytes at 0x%" PRIx64), length,
                              offset);
    p += n;
    offset += (uint64_t) n;
    length -= (uint64_t) n;
    /* With O_DIRECT a part of a block is the file's last; going on there would be EINVAL. */
    if (length > 0 && (n == 0 || (uint64_t) n % align != 0))
      return file_read_end (node, p, length, offset, err);
  }
  return 0;
}

int
file_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
             struct img_error *err)
{
  struct file *f = img_node_priv (node);
  const uint8_t *p = buf;

  if ((f->flags & IMG_OPEN_DIRECT) && offset + length > img_size (node))
    atomic_store_explicit (&f->padded, true, memory_order_relaxed);
  while (length > 0) {
    ssize_t n = pwrite (f->fd, p, img_min (length, FILE_MAX_TRANSFER), (off_t) offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return img_error_errno (err, n < 0 ? errno : ENOSPC,
                              _("cannot write %" PRIu64 " bytes at 0x%" PRIx64), length, offset);
    p += n;
    offset += (uint64_t) n;
    length -= (uint64_t) n;
  }
  return 0;
}

/* After a failed fdatasync Linux forgets which pages were lost and the next call succeeds, so the
 * failure is remembered here. */
int
file_flush (struct img_node *node, struct img_error *err)
{
  struct file *f = img_node_priv (node);
  int lost = atomic_load (&f->lost);

  if (lost == 0 && fdatasync (f->fd) < 0) {
    lost = errno;
    if (lost == EINVAL || lost == EROFS) /* there is nothing to sync here */
      return 0;
    atomic_store (&f->lost, lost);
  }
  if (lost != 0)
    return img_error_errno (err, lost, _("cannot flush what was written to stable storage"));
  return 0;
}
