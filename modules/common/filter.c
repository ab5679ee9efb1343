/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filter: passing on to child number 0.  Children are flushed by the core. */
#include <errno.h>

#include "filter.h"

int
filter_open_child (struct img_node *node, const char *name, unsigned flags, struct img_error *err)
{
  int n = img_node_open_child (node, name, NULL, NULL, flags, err);

  if (n == 0)
    img_node_set_size (node, img_size (img_child (node, 0)));
  return n < 0 ? -1 : 0;
}

static struct img_extent
as_extent (const struct img_block *b)
{
  struct img_extent e = { b->offset, b->length, b->offset, IMG_EXTENT_DATA, IMG_CHILD_SELF, 0 };

  if (!(b->flags & IMG_BLOCK_PRESENT))
    e.kind = IMG_EXTENT_UNALLOC;
  else if ((b->flags & IMG_BLOCK_ZERO) && !(b->flags & IMG_BLOCK_DATA))
    e.kind = IMG_EXTENT_ZERO;
  return e;
}

int
filter_map_of (struct img_node *child, uint64_t offset, uint64_t length, struct img_extent *ext,
               unsigned n, struct img_error *err)
{
  struct img_walk *walk = img_walk_new (child, offset, length, IMG_WALK_HOLES, err);
  struct img_block block;
  unsigned got = 0;
  int r = walk ? 1 : -1;

  while (r > 0 && got < n) {
    r = img_walk_next (walk, &block, err);
    if (r <= 0)
      break;
    struct img_extent e = as_extent (&block);
    if (got > 0 && ext[got - 1].kind == e.kind)
      ext[got - 1].length += e.length;
    else
      ext[got++] = e;
  }
  img_walk_free (walk);
  return r < 0 ? -1 : (int) got;
}

int
filter_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
            unsigned n, struct img_error *err)
{
  return filter_map_of (img_child (node, 0), offset, length, ext, n, err);
}

int
filter_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
              struct img_error *err)
{
  return img_pread (img_child (node, 0), buf, length, offset, 0, err);
}

int
filter_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
               struct img_error *err)
{
  return img_pwrite (img_child (node, 0), buf, length, offset, 0, err);
}

int
filter_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
             struct img_error *err)
{
  return img_zero (img_child (node, 0), offset, length, flags, err);
}

int
filter_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  return img_discard (img_child (node, 0), offset, length, 0, err);
}

int
filter_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
               struct img_error *err)
{
  struct img_node *child = img_child (node, 0);

  if (img_resize (child, size, prealloc, flags, err) < 0)
    return -1;
  img_node_set_size (node, img_size (child));
  return 0;
}

int
filter_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  (void) node;
  (void) info;
  (void) err;
  return 0;
}
