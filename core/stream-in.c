/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream-in: what a file descriptor gives, until its end, into an image that grows as it comes, or
 * to another descriptor.
 *
 * The stream is cut into windows that lie in memory; each is a source of the copy engine, which
 * looks for zeroes, compresses and writes with all its threads while the next window is read.
 * Windows end where whole clusters of any format end, so the bytes that come out do not depend on
 * how the stream arrived.  Over a backing image, clusters that are the same there are left to it.
 * Nothing behind the last byte that is wanted is read.  No driver of a module's, and no name opens
 * a window. */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/copy.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/node.h"
#include "core/progress.h"
#include "core/stream.h"

#define WINDOW ((size_t) 16 << 20)
#define SECTOR 512u /* images over others are so many long */
#define PATIENCE_MS 200 /* how long a cancel may wait for a stream that stands still */

struct window {
  uint8_t *buf;
  size_t want, n; /* n is less than wanted: the end */
  int error;
};

struct job {
  int fd;
  const char *name;
  struct img_copy_opts opts;
  _Atomic bool stop;
  struct window window[2];
  struct window *filling; /* by the thread */
  uint64_t asked;         /* bytes that windows were made for */
  uint8_t *below;         /* what the backing image has in their place; NULL: there is none */
  uint32_t unit;          /* with `below`: what is compared, and left to it, as a whole */
};

/* ---- reading ---- */

/* Nothing is read without need after a cancel: 1 when there is something, or the end. */
static int
wait_for_input (struct job *j)
{
  struct pollfd p = { .fd = j->fd, .events = POLLIN };
  for (;;) {
    int r = poll (&p, 1, PATIENCE_MS);
    if (atomic_load (&j->stop) || img_progress_cancelled (j->opts.progress))
      return 0;
    if (r > 0 || (r < 0 && errno != EINTR))
      return 1;
  }
}

static void *
fill (void *arg)
{
  struct job *j = arg;
  struct window *w = j->filling;
  w->n = 0;
  w->error = 0;
  while (w->n < w->want && wait_for_input (j) > 0) {
    ssize_t r = read (j->fd, w->buf + w->n, w->want - w->n);
    if (r == 0)
      break;
    if (r > 0)
      w->n += (size_t) r;
    else if (errno != EINTR && errno != EAGAIN) {
      w->error = errno;
      break;
    }
  }
  return NULL;
}

/* The other window is the one to be filled now: up to a multiple of WINDOW in the target. */
static void
next_window (struct job *j)
{
  uint64_t at = j->opts.dst_offset + j->asked;
  j->filling = j->filling == &j->window[0] ? &j->window[1] : &j->window[0];
  j->filling->want = (size_t) img_min (WINDOW - at % WINDOW, j->opts.length - j->asked);
  j->asked += j->filling->want;
}

static int
judge (const struct job *j, const struct window *w, struct img_error *err)
{
  if (img_progress_check (j->opts.progress, err) < 0)
    return -1;
  return w->error ? img_error_errno (err, w->error, "%s", j->name) : 0;
}

/* 1: there is less than that. */
static int
skip (struct job *j, struct img_error *err)
{
  struct window *w = j->filling = &j->window[0];
  for (uint64_t left = j->opts.src_offset; left > 0; left -= w->n) {
    w->want = (size_t) img_min (WINDOW, left);
    fill (j);
    if (judge (j, w, err) < 0)
      return -1;
    if (w->n < w->want)
      return 1;
  }
  return 0;
}

/* ---- a window as an image ---- */

struct image {
  const struct window *window;
  const uint8_t *below; /* or NULL */
  uint32_t unit;
};

static int
window_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
              struct img_error *err)
{
  const struct image *image = node->priv;
  (void) err;
  memcpy (buf, image->window->buf + offset, (size_t) length);
  return 0;
}

/* UNALLOC: as it is below. */
static int
window_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
            unsigned n, struct img_error *err)
{
  const struct image *image = node->priv;
  uint64_t end = offset + length, to;
  unsigned k = 0;
  (void) err;
  for (uint64_t at = offset; at < end; at = to) {
    enum img_extent_kind kind = IMG_EXTENT_DATA;
    to = end;
    if (image->below) {
      to = img_min (end, at - at % image->unit + image->unit);
      kind = memcmp (image->window->buf + at, image->below + at, to - at) ? IMG_EXTENT_DATA
                                                                          : IMG_EXTENT_UNALLOC;
    }
    if (k && ext[k - 1].kind == kind)
      ext[k - 1].length += to - at;
    else if (k == n)
      break;
    else
      ext[k++] = (struct img_extent) { at, to - at, at, kind, IMG_CHILD_SELF, 0 };
  }
  return (int) k;
}

static const struct img_driver window_driver = {
  .struct_size = sizeof window_driver,
  .abi = IMG_ABI,
  .kind = IMG_PROTOCOL,
  .threads = IMG_THREADS_PARALLEL,
  .name = "window",
  .priv_size = sizeof (struct image),
  .map = window_map,
  .pread = window_pread,
};

/* ---- writing ---- */

static int
make_room (const struct job *j, struct img_node *dst, uint64_t size, struct img_error *err)
{
  if (size <= img_size (dst))
    return 0;
  if (!(dst->flags & IMG_OPEN_NEW) && !j->opts.grow)
    return img_error_set (err, ENOSPC, _("%s: the stream is longer than the image"),
                          dst->filename);
  return img_resize (dst, size, IMG_PREALLOC_OFF, 0, err);
}

/* What LENGTH bytes would cover, with zeroes behind the end. */
static int
read_below (struct job *j, struct img_node *backing, uint64_t length, uint64_t at,
            struct img_error *err)
{
  uint64_t size = img_size (backing), n = at < size ? img_min (length, size - at) : 0;
  memset (j->below + n, 0, length - n);
  return n ? img_pread (backing, j->below, n, at, 0, err) : 0;
}

static int
put (struct job *j, struct img_node *dst, struct img_node *node, struct window *w, uint64_t done,
     struct img_error *err)
{
  struct img_copy_opts o = j->opts;
  uint64_t at = o.dst_offset + done, n = w->n;
  /* The last sector is whole in the image: what is below must not show behind the stream's end. */
  if (j->below)
    n = img_div_up (n, SECTOR) * SECTOR;
  memset (w->buf + w->n, 0, n - w->n);
  o.src_offset = o.length = 0;
  o.dst_offset = at;
  o.progress = NULL; /* nobody knows how much is to come */
  o.overlay = j->below != NULL;
  *(struct image *) node->priv = (struct image) { w, j->below, j->unit };
  atomic_store (&node->size, n);
  if ((j->below && read_below (j, dst->backing, n, at, err) < 0)
      || make_room (j, dst, at + n, err) < 0 || img_copy (dst, &node, 1, &o, err) < 0)
    return -1;
  img_progress_start (j->opts.progress, done + w->n);
  img_progress_add (j->opts.progress, done + w->n);
  return 0;
}

/* Window after window: one is written while the other is read. */
static int
run (struct job *j, struct img_node *dst, struct img_node *node, uint64_t *bytes,
     struct img_error *err)
{
  int rc = 0;
  next_window (j);
  fill (j);
  while (rc == 0) {
    struct window *w = j->filling;
    bool last = w->n < w->want || j->asked == j->opts.length;
    pthread_t reader;
    if (judge (j, w, err) < 0)
      return -1;
    if (!last)
      next_window (j);
    bool apart = !last && pthread_create (&reader, NULL, fill, j) == 0;
    if (w->n > 0)
      rc = put (j, dst, node, w, *bytes, err);
    *bytes += w->n;
    if (rc < 0)
      atomic_store (&j->stop, true);
    if (apart)
      pthread_join (reader, NULL);
    if (last)
      break;
    if (!apart)
      fill (j);
  }
  return rc;
}

/* ---- all together ---- */

static int
copy (struct job *j, struct img_node *dst, uint64_t *bytes, struct img_error *err)
{
  struct img_context context = { .gate = IMG_GATE_UNTRUSTED };
  int rc = skip (j, err);
  if (rc != 0)
    return rc;
  struct img_node *node = img_node_new (&window_driver, j->name, 0, &context, err);
  rc = node ? run (j, dst, node, bytes, err) : -1;
  img_node_free (node, false);
  /* A new image over another begins with the length of that. */
  uint64_t end = j->opts.dst_offset + *bytes;
  if (rc == 0 && j->below && end < img_size (dst))
    rc = img_resize (dst, end, IMG_PREALLOC_OFF, IMG_RESIZE_SHRINK, err);
  return rc;
}

int
img_copy_from_stream (struct img_node *dst, int fd, const char *name,
                      const struct img_copy_opts *opts, uint64_t *bytes, struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *one = malloc (WINDOW);
  IMG_CLEANUP (free) uint8_t *other = malloc (WINDOW);
  bool over = dst->backing && (dst->flags & IMG_OPEN_NEW); /* an old one may have its own there */
  IMG_CLEANUP (free) uint8_t *below = over ? malloc (WINDOW) : NULL;
  struct job j = { .fd = fd, .name = name, .below = below };
  j.window[0].buf = one;
  j.window[1].buf = other;
  memcpy (&j.opts, opts, img_min (opts->struct_size, sizeof j.opts));
  j.opts.length = j.opts.length ? j.opts.length : UINT64_MAX;
  j.unit = img_max (dst->limits.alloc_unit, SECTOR);
  *bytes = 0;
  if (one == NULL || other == NULL || (over && below == NULL))
    return img_error_errno (err, ENOMEM, "%s", name);
  return copy (&j, dst, bytes, err);
}

int
img_copy_stream (int fd, const char *name, int from, const char *from_name,
                 const struct img_copy_opts *opts, uint64_t *bytes, struct img_error *err)
{
  struct img_context context = { .gate = IMG_GATE_UNTRUSTED };
  struct img_node *dst = img_stream_node (fd, name, &context, err);
  int rc = dst ? img_copy_from_stream (dst, from, from_name, opts, bytes, err) : -1;
  if (rc >= 0 && img_flush (dst, err) < 0)
    rc = -1;
  img_node_free (dst, true);
  return rc;
}
