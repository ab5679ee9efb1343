/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* extents.c - where a file has data and where it has holes.
 *
 * SEEK_DATA and SEEK_HOLE, one call an extent: where one ends, the other kind begins.  Where many
 * extents are asked for, fiemap.c is tried first.  What is not known is data: block devices, file
 * systems without holes, a file that changes meanwhile. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include <blkimg/overflow.h>

#include "file.h"

#define FIEMAP_MIN 16 /* extents asked for */

enum file_seek { FILE_SEEK_OK, FILE_SEEK_END, FILE_SEEK_UNKNOWN, FILE_SEEK_FAILED };

/* The next byte at or after POS that is data, or not (WHENCE). */
static enum file_seek
file_seek (struct file *f, uint64_t pos, int whence, uint64_t *next)
{
  off_t at = lseek (f->fd, (off_t) pos, whence);

  if (at < 0 && errno == ENXIO) /* no data up to the end, or past the end */
    return FILE_SEEK_END;
  if (at < 0 && errno == EIO)
    return FILE_SEEK_FAILED;
  if (at < 0)
    file_set_lacks (f, FILE_NO_SEEK);
  if (at < 0 || (uint64_t) at < pos)
    return FILE_SEEK_UNKNOWN;
  *next = (uint64_t) at;
  return FILE_SEEK_OK;
}

/* Where the run of one kind ends (*NEXT) that begins at POS.  *DATA is what it is taken for, and
 * becomes what it is; *NEXT equal to POS: it is the other kind, so ask again. */
static int
file_run_end (struct file *f, uint64_t pos, uint64_t end, bool *data, uint64_t *next,
              struct img_error *err)
{
  *next = end;
  switch (file_seek (f, pos, *data ? SEEK_HOLE : SEEK_DATA, next)) {
  case FILE_SEEK_OK:
    *next = img_min (*next, end);
    return 0;
  case FILE_SEEK_END:
    *data = false;
    return 0;
  case FILE_SEEK_FAILED:
    return img_error_errno (err, EIO, _("cannot look for data at 0x%" PRIx64), pos);
  default:
    *data = true;
    return 0;
  }
}

int
file_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
          unsigned n, struct img_error *err)
{
  struct file *f = img_node_priv (node);
  uint64_t pos = offset, end = offset + length;
  bool data = false;
  unsigned count = 0, turns = 0;

  if (f->device || file_lacks (f, FILE_NO_SEEK)) {
    *ext = (struct img_extent) { offset, length, offset, IMG_EXTENT_DATA, IMG_CHILD_SELF, 0 };
    return 1;
  }
  if (n >= FIEMAP_MIN && (count = file_fiemap (f, offset, length, ext, n)) > 0)
    return (int) count;
  while (pos < end && count < n) {
    uint64_t next;
    if (file_run_end (f, pos, end, &data, &next, err) < 0)
      return -1;
    /* Neither data nor a hole begins here: somebody writes to it while we look. */
    if (next == pos && ++turns > 1) {
      data = true;
      next = end;
    }
    if (next > pos) {
      ext[count++] = (struct img_extent) { pos, next - pos, pos,
                                           data ? IMG_EXTENT_DATA : IMG_EXTENT_ZERO,
                                           IMG_CHILD_SELF, data ? 0 : IMG_EXTENT_HOST };
      turns = 0;
    }
    pos = next;
    data = !data;
  }
  return (int) count;
}
