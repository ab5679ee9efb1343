/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy-range: bytes that move between two files without passing through us.  Follows both sides
 * down to their protocols as long as they only say "the same bytes, over there"; a destination that
 * allocates is its caller's business (reserve, then copy into the place). */
#include <config.h>

#include <inttypes.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/io.h"
#include "core/serial.h"

/* Moves *NODE, *OFFSET down to the protocol and shortens *LENGTH to what lies there in one run.  1:
 * there is no such place. */
static int
descend (struct img_node **node, uint64_t *offset, uint64_t *length, bool to_write,
         struct img_error *err)
{
  while (!img_moves_bytes (*node)) {
    struct img_extent ext;
    uint64_t data, zero;
    if (to_write && ((*node)->driver->reserve || ((*node)->flags & IMG_OPEN_PROBED)))
      return 1;
    if (img_map (*node, *offset, *length, &ext, 1, err) < 0)
      return -1;
    if (ext.kind != IMG_EXTENT_DATA || (ext.flags & IMG_EXTENT_ENCRYPTED))
      return 1;
    *node = (*node)->children[ext.child].node;
    *offset = ext.host_offset;
    img_io_host_span (*node, ext.host_offset, ext.length, 1, &data, &zero);
    *length = data;
    if (data == 0)
      return 1;
  }
  return 0;
}

static int
copy_run (struct img_node *dst, uint64_t dst_offset, struct img_node *src, uint64_t src_offset,
          uint64_t length, unsigned flags, struct img_error *err)
{
  const struct img_driver *driver = dst->driver;
  /* SERIAL drivers: two nodes would have to be held at once. */
  if (driver != src->driver || driver->copy_from == NULL
      || driver->threads != IMG_THREADS_PARALLEL)
    return 1;
  struct img_error why = IMG_ERROR_INIT;
  int r = driver->copy_from (dst, dst_offset, src, src_offset, length, flags, &why);
  if (r >= 0)
    return r;
  if (why.code == ENOTSUP)
    return 1;
  *err = why;
  return img_io_blame (dst, err);
}

int
img_copy_range (struct img_node *dst, uint64_t dst_offset, struct img_node *src,
                uint64_t src_offset, uint64_t length, unsigned flags, struct img_error *err)
{
  IMG_TRACE ("node_copy_range", dst, "%s 0x%" PRIx64 " 0x%" PRIx64 " %" PRIu64, src->filename,
             src_offset, dst_offset, length);
  if (img_io_may_write (dst, dst_offset, length, err) < 0
      || img_io_bounds (src, src_offset, length, err) < 0)
    return -1;
  uint64_t n;
  for (; length > 0; dst_offset += n, src_offset += n, length -= n) {
    struct img_node *from = src, *to = dst;
    uint64_t from_offset = src_offset, to_offset = dst_offset;
    n = length;
    int r = descend (&from, &from_offset, &n, false, err);
    if (r == 0)
      r = descend (&to, &to_offset, &n, true, err);
    if (r == 0)
      r = copy_run (to, to_offset, from, from_offset, n, flags, err);
    if (r != 0)
      return r;
  }
  return img_io_settle (dst, err);
}
