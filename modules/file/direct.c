/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* direct.c - what O_DIRECT asks of offsets, lengths and buffers.
 *
 * statx says it (Linux 6.1, STATX_DIOALIGN); before that a device has its sector size, and for a
 * file we try reads of growing alignment.  The core bounces what does not fit. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "file.h"

#define FILE_DIRECT_MIN 512
#define FILE_DIRECT_MAX 65536

/* 1: *OFFSETS and *BUFFERS filled; 0: the kernel does not tell. */
static int
file_direct_told (int fd, uint32_t *offsets, uint32_t *buffers)
{
#ifdef STATX_DIOALIGN
  struct statx sx;

  if (statx (fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0 && (sx.stx_mask & STATX_DIOALIGN)
      && sx.stx_dio_offset_align != 0) {
    *offsets = sx.stx_dio_offset_align;
    *buffers = sx.stx_dio_mem_align;
    return 1;
  }
#endif
  int sector;
  if (ioctl (fd, BLKSSZGET, &sector) == 0 && sector > 0) {
    *offsets = *buffers = (uint32_t) sector;
    return 1;
  }
  return 0;
}

/* The smallest length that can be read from 0; a page where that cannot be found out. */
static uint32_t
file_direct_probe (int fd, uint64_t length)
{
  IMG_CLEANUP (free) void *buf = aligned_alloc (FILE_DIRECT_MAX, FILE_DIRECT_MAX);

  /* At the end of the file some file systems take any length. */
  if (buf == NULL || length < 4096)
    return 4096;
  for (uint32_t align = FILE_DIRECT_MIN; align < FILE_DIRECT_MAX; align *= 2)
    if (pread (fd, buf, align, 0) >= 0 || errno != EINVAL)
      return align;
  return FILE_DIRECT_MAX;
}

int
file_direct_limits (struct img_node *node, uint64_t length, struct img_error *err)
{
  const struct file *f = img_node_priv (node);
  struct img_limits *limits = img_node_limits_mut (node);
  uint32_t offsets, buffers;

  if (!file_direct_told (f->fd, &offsets, &buffers)) {
    offsets = file_direct_probe (f->fd, length);
    buffers = 4096; /* enough wherever offsets fit */
  }
  if (!img_is_pow2 (offsets) || offsets > FILE_DIRECT_MAX || !img_is_pow2 (buffers))
    return img_error_set (err, ENOTSUP, _("direct access needs an alignment of %u, which is not"
                                         " supported"),
                          offsets);
  limits->request_align = offsets;
  limits->mem_align = buffers;
  return 0;
}
