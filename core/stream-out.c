/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream-out: images written once, from front to back, to a file descriptor.
 *
 * Two drivers that no module has and no name opens.  `stream` is the descriptor as a protocol: what
 * is skipped is written as zeroes, going back is an error.  `layout` is a format that the driver of
 * the real one laid out beforehand (img_driver.layout, from a first pass over the map): runs of
 * data behind the tables that are written already.  What the first pass saw as zero has no place;
 * bytes for it are dropped if they are zero, and else a source has changed.  The copy engine keeps
 * the order (`sequential` of the node).
 *
 * Refuses formats that can be neither plain nor laid out. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/copy.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>
#include <blkimg/vec.h>

#include "core/create.h"
#include "core/io.h"
#include "core/iszero.h"
#include "core/stream.h"

/* ---- the descriptor ---- */

struct stream {
  int fd;
  uint64_t pos;
};

static int
put (struct stream *s, const uint8_t *buf, uint64_t length, struct img_error *err)
{
  while (length > 0) {
    ssize_t n = write (s->fd, buf, (size_t) img_min (length, 1u << 20));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return img_error_errno (err, errno, _("writing at offset 0x%llx"),
                              (unsigned long long) s->pos);
    buf += n;
    length -= (uint64_t) n;
    s->pos += (uint64_t) n;
  }
  return 0;
}

static int
put_zeroes (struct stream *s, uint64_t to, struct img_error *err)
{
  while (s->pos < to)
    if (put (s, img_zeroes, img_min (to - s->pos, IMG_ZEROES), err) < 0)
      return -1;
  return 0;
}

static int
stream_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
               struct img_error *err)
{
  struct stream *s = node->priv;
  if (offset < s->pos)
    return img_error_set (err, ESPIPE, _("cannot go back to offset 0x%llx"),
                          (unsigned long long) offset);
  return put_zeroes (s, offset, err) < 0 ? -1 : put (s, buf, length, err);
}

static int
stream_flush (struct img_node *node, struct img_error *err)
{
  return put_zeroes (node->priv, atomic_load (&node->size), err);
}

static int
stream_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
               struct img_error *err)
{
  (void) node;
  (void) size;
  (void) prealloc;
  (void) flags;
  (void) err;
  return 0;
}

static const struct img_driver stream_driver = {
  .struct_size = sizeof stream_driver,
  .abi = IMG_ABI,
  .kind = IMG_PROTOCOL,
  .caps = IMG_CAP_ZERO_INIT,
  .name = "stream",
  .priv_size = sizeof (struct stream),
  .pwrite = stream_pwrite,
  .resize = stream_resize,
  .flush = stream_flush,
};

struct img_node *
img_stream_node (int fd, const char *name, struct img_context *context, struct img_error *err)
{
  struct img_node *node = img_node_new (&stream_driver, name, IMG_OPEN_RDWR | IMG_OPEN_NEW,
                                        context, err);
  if (node) {
    node->sequential = true;
    ((struct stream *) node->priv)->fd = fd;
  }
  return node;
}

/* ---- data behind tables ---- */

struct layout {
  struct img_extent *runs;
  size_t n;
};

static int
layout_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
            unsigned n, struct img_error *err)
{
  struct layout *l = node->priv;
  size_t low = 0, high = l->n; /* the first run that ends behind OFFSET */
  uint64_t end = offset + length;
  unsigned k = 0;
  (void) err;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (l->runs[mid].offset + l->runs[mid].length > offset)
      high = mid;
    else
      low = mid + 1;
  }
  for (; k < n && offset < end; k++, offset += ext[k - 1].length) {
    const struct img_extent *run = low < l->n ? &l->runs[low] : NULL;
    if (run && run->offset <= offset) {
      uint64_t into = offset - run->offset;
      ext[k] = (struct img_extent) { offset, img_min (run->length - into, end - offset),
                                     run->host_offset + into, IMG_EXTENT_DATA, 0, 0 };
      low++;
    } else {
      uint64_t to = run ? img_min (run->offset, end) : end;
      ext[k] = (struct img_extent) { offset, to - offset, 0, IMG_EXTENT_SPECIAL, 0, 0 };
    }
  }
  return (int) k;
}

static int
layout_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
               struct img_error *err)
{
  (void) node;
  if (img_is_zero (buf, (size_t) length))
    return 0;
  return img_error_set (err, EIO, _("there are data at offset 0x%llx now: a source has changed"),
                        (unsigned long long) offset);
}

static void
layout_close (struct img_node *node)
{
  struct layout *l = node->priv;
  free (l->runs);
}

static const struct img_driver layout_driver = {
  .struct_size = sizeof layout_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .caps = IMG_CAP_ZERO_INIT,
  .name = "layout",
  .priv_size = sizeof (struct layout),
  .close = layout_close,
  .map = layout_map,
  .pwrite = layout_pwrite,
};

/* ---- the first pass ---- */

struct job {
  struct img_context context;
  const char *name;
  struct img_node *const *src;
  unsigned n_src;
  const struct img_copy_opts *opts;
  struct img_create_plan plan;
  IMG_VEC (struct img_extent) data;
};

static int
add_data (struct job *j, uint64_t offset, uint64_t length, struct img_error *err)
{
  struct img_extent *last = j->data.n ? &j->data.v[j->data.n - 1] : NULL;
  struct img_extent ext = { .offset = offset, .length = length, .kind = IMG_EXTENT_DATA };
  if (length == 0)
    return 0;
  if (last && last->offset + last->length == offset)
    last->length += length;
  else if (img_vec_push (&j->data, ext) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  return 0;
}

/* Where NODE, which begins at BASE, has data; of one source it may be a part that is wanted. */
static int
find_data (struct job *j, struct img_node *node, uint64_t base, struct img_error *err)
{
  struct img_block b;
  uint64_t size = img_size (node), from = j->opts->src_offset;
  uint64_t n = j->opts->length ? j->opts->length : size - img_min (size, from);
  struct img_walk *walk = img_walk_new (node, from, n, IMG_WALK_HOLES, err);
  int r = walk ? 1 : -1;
  while (r > 0 && (r = img_walk_next (walk, &b, err)) > 0)
    if ((b.flags & (IMG_BLOCK_DATA | IMG_BLOCK_ZERO)) == IMG_BLOCK_DATA
        && add_data (j, base - from + b.offset, b.length, err) < 0)
      r = -1;
  img_walk_free (walk);
  return r;
}

static int
find_all_data (struct job *j, struct img_error *err)
{
  uint64_t base = j->opts->dst_offset;
  if (j->opts->sparse == 0) /* zeroes are to be written, too */
    return add_data (j, 0, j->plan.size, err);
  for (unsigned i = 0; i < j->n_src; i++) {
    if (find_data (j, j->src[i], base, err) < 0)
      return -1;
    base += img_size (j->src[i]);
  }
  return 0;
}

/* Has the format's driver write what comes first; the node for the data, which owns FILE. */
static struct img_node *
lay_out (struct job *j, struct img_node *file, struct img_error *err)
{
  struct img_layout layout = { .struct_size = sizeof layout };
  struct img_create c = { .struct_size = sizeof c, .filename = j->name, .file = file };
  c.size = j->plan.size;
  c.opts = j->plan.opts;
  c.flags = j->plan.flags;
  if (find_all_data (j, err) < 0)
    return NULL;
  layout.data = j->data.v;
  layout.n_data = j->data.n;
  if (j->plan.driver->layout (&c, &layout, err) < 0)
    return NULL;
  struct img_node *node = img_node_new (&layout_driver, j->name, IMG_OPEN_RDWR | IMG_OPEN_NEW,
                                        &j->context, err);
  if (node == NULL || img_node_add_child (node, "file", file, err) < 0) {
    free (layout.runs);
    img_node_free (node, false);
    return NULL;
  }
  node->sequential = true;
  atomic_store (&node->size, j->plan.size);
  *(struct layout *) node->priv = (struct layout) { layout.runs, layout.n_runs };
  return node;
}

/* ---- all together ---- */

static int
judge (const struct job *j, struct img_error *err)
{
  const struct img_driver *driver = j->plan.driver;
  if (!(driver->caps & IMG_CAP_PLAIN) && driver->layout == NULL)
    return img_error_set (err, ENOTSUP, _("the %s format cannot be written as a stream"),
                          driver->name);
  if (j->opts->compress)
    return img_error_set (err, ENOTSUP, _("a stream cannot be compressed: its sizes have to be"
                                          " known beforehand"));
  if (j->plan.prealloc != IMG_PREALLOC_OFF)
    return img_error_set (err, ENOTSUP, _("the option '%s' does not go with a stream"),
                          "preallocation");
  return 0;
}

static int
write_image (struct job *j, int fd, struct img_error *err)
{
  struct img_node *file = img_stream_node (fd, j->name, &j->context, err), *dst = file;
  if (file == NULL)
    return -1;
  atomic_store (&file->size, j->plan.size);
  if (!(j->plan.driver->caps & IMG_CAP_PLAIN) && (dst = lay_out (j, file, err)) == NULL) {
    img_node_free (file, false);
    return -1;
  }
  int r = img_copy (dst, j->src, j->n_src, j->opts, err);
  if (r == 0)
    r = img_flush (dst, err);
  img_node_free (dst, true);
  return r;
}

int
img_copy_to_stream (int fd, const char *name, const struct img_create_params *create,
                    struct img_node *const *src, unsigned n_src, const struct img_copy_opts *opts,
                    struct img_error *err)
{
  struct job j = { .context = { .gate = IMG_GATE_UNTRUSTED }, .name = name };
  j.src = src;
  j.n_src = n_src;
  j.opts = opts;
  int r = img_create_plan (&j.plan, name, create, NULL, err);
  if (r == 0)
    r = judge (&j, err);
  if (r == 0)
    r = write_image (&j, fd, err);
  img_vec_free (&j.data);
  img_create_plan_release (&j.plan);
  return r < 0 ? img_error_name (name, err) : 0;
}
