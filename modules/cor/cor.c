/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy-on-read: a filter over an image with a backing file.  What is read from the backing file is
 * written into the image, so that it need not be asked for again.
 *
 * Reads that copy and all writes exclude each other: else a copy could undo a write. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "filter.h"

enum { COR_PIECE = 1 << 20 };

struct cor {
  pthread_mutex_t lock;
};

static int
cor_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
          struct img_error *err)
{
  struct cor *c = img_node_priv (node);

  (void) opts;
  if (!(flags & IMG_OPEN_RDWR))
    return img_error_set (err, EACCES, _("copy-on-read needs an image that is open for writing"));
  if (filter_open_child (node, "file", 0, err) < 0)
    return -1;
  pthread_mutex_init (&c->lock, NULL);
  return 0;
}

static void
cor_close (struct img_node *node)
{
  struct cor *c = img_node_priv (node);

  pthread_mutex_destroy (&c->lock);
}

/* One run of what the backing file has. */
static int
copy_up (struct img_node *child, const struct img_block *b, uint8_t *buf, struct img_error *err)
{
  uint64_t n;

  if ((b->flags & IMG_BLOCK_ZERO) && !(b->flags & IMG_BLOCK_DATA))
    return img_zero (child, b->offset, b->length, IMG_IO_UNMAP, err);
  for (uint64_t at = 0; at < b->length; at += n) {
    n = img_min (COR_PIECE, b->length - at);
    if (img_pread (child, buf, n, b->offset + at, 0, err) < 0
        || img_pwrite (child, buf, n, b->offset + at, 0, err) < 0)
      return -1;
  }
  return 0;
}

/* Whole clusters that hold part of [offset, offset + length) and are the backing file's. */
static int
copy_range_up (struct img_node *child, uint64_t offset, uint64_t length, struct img_error *err)
{
  uint64_t unit = img_max (img_node_limits (child)->alloc_unit, 1);
  uint64_t from = offset - offset % unit;
  uint64_t end = img_min (img_div_up (offset + length, unit) * unit, img_size (child));
  IMG_CLEANUP (free) uint8_t *buf = malloc (COR_PIECE);
  struct img_walk *walk = img_walk_new (child, from, end - from, 0, err);
  struct img_block block;
  int r = walk ? 1 : -1;

  if (buf == NULL)
    r = img_error_set (err, ENOMEM, _("out of memory"));
  while (r > 0) {
    r = img_walk_next (walk, &block, err);
    if (r > 0 && block.depth > 0 && (block.flags & IMG_BLOCK_PRESENT)
        && copy_up (child, &block, buf, err) < 0)
      r = -1;
  }
  img_walk_free (walk);
  return r;
}

static int
cor_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
           struct img_error *err)
{
  struct cor *c = img_node_priv (node);
  struct img_node *child = img_child (node, 0);

  if (img_backing (child)) {
    IMG_GUARD (&c->lock);
    if (copy_range_up (child, offset, length, err) < 0)
      return -1;
  }
  return filter_pread (node, buf, length, offset, err);
}

static int
cor_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
            struct img_error *err)
{
  struct cor *c = img_node_priv (node);
  IMG_GUARD (&c->lock);

  return filter_pwrite (node, buf, length, offset, err);
}

static int
cor_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
          struct img_error *err)
{
  struct cor *c = img_node_priv (node);
  IMG_GUARD (&c->lock);

  return filter_zero (node, offset, length, flags, err);
}

static int
cor_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  struct cor *c = img_node_priv (node);
  IMG_GUARD (&c->lock);

  return filter_discard (node, offset, length, err);
}

static const struct img_driver cor_driver = {
  .struct_size = sizeof cor_driver,
  .abi = IMG_ABI,
  .kind = IMG_FILTER,
  .threads = IMG_THREADS_PARALLEL,
  .name = "copy-on-read",
  .longname = N_("copies what is read from the backing file"),
  .priv_size = sizeof (struct cor),
  .open = cor_open,
  .close = cor_close,
  .get_info = filter_get_info,
  .map = filter_map,
  .pread = cor_pread,
  .pwrite = cor_pwrite,
  .zero = cor_zero,
  .discard = cor_discard,
  .resize = filter_resize,
};

static const struct img_driver *const cor_drivers[] = { &cor_driver, NULL };

static const struct img_module cor_module = {
  .struct_size = sizeof cor_module,
  .abi = IMG_ABI,
  .drivers = cor_drivers,
};

IMG_MODULE_ENTRY (cor_module)
