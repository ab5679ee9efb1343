/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream-in: what a file descriptor gives, until its end, into an image that grows as it comes.
 *
 * The stream is cut into windows that lie in memory; each is a source of the copy engine, which
 * looks for zeroes, compresses and writes with all its threads while the next window is read.
 * Windows are whole clusters of any format, so the bytes that come out do not depend on how the
 * stream arrived.  No driver of a module's, and no name opens a window.
 *
 * Refuses targets with a backing image: what would be left to it is not known. */
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

#define WINDOW ((size_t) 16 << 20)
#define PATIENCE_MS 200 /* how long a cancel may wait for a stream that stands still */

struct window {
  uint8_t *buf;
  size_t n; /* less than WINDOW: the end */
  int error;
};

struct job {
  int fd;
  const struct img_progress *progress;
  _Atomic bool stop;
  struct window window[2];
  struct window *filling; /* by the thread */
};

/* ---- reading ---- */

/* Nothing is read without need after a cancel: 1 when there is something, or the end. */
static int
wait_for_input (struct job *j)
{
  struct pollfd p = { .fd = j->fd, .events = POLLIN };
  for (;;) {
    int r = poll (&p, 1, PATIENCE_MS);
    if (atomic_load (&j->stop) || img_progress_cancelled (j->progress))
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
  while (w->n < WINDOW && wait_for_input (j) > 0) {
    ssize_t r = read (j->fd, w->buf + w->n, WINDOW - w->n);
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

/* ---- a window as an image ---- */

static int
window_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
              struct img_error *err)
{
  const struct window *const *w = node->priv;
  (void) err;
  memcpy (buf, (*w)->buf + offset, (size_t) length);
  return 0;
}

static const struct img_driver window_driver = {
  .struct_size = sizeof window_driver,
  .abi = IMG_ABI,
  .kind = IMG_PROTOCOL,
  .threads = IMG_THREADS_PARALLEL,
  .name = "window",
  .priv_size = sizeof (struct window *),
  .pread = window_pread,
};

/* ---- writing ---- */

static int
make_room (struct img_node *dst, uint64_t size, struct img_error *err)
{
  if (size <= img_size (dst))
    return 0;
  if (!(dst->flags & IMG_OPEN_NEW))
    return img_error_set (err, ENOSPC, _("%s: the stream is longer than the image"),
                          dst->filename);
  return img_resize (dst, size, IMG_PREALLOC_OFF, 0, err);
}

static int
put (struct img_node *dst, struct img_node *node, struct window *w, uint64_t at,
     const struct img_copy_opts *opts, struct img_error *err)
{
  struct img_copy_opts o = { .struct_size = sizeof o };
  memcpy (&o, opts, img_min (opts->struct_size, sizeof o));
  o.dst_offset = at;
  o.progress = NULL; /* nobody knows how much is to come */
  memcpy (node->priv, &w, sizeof w);
  atomic_store (&node->size, w->n);
  if (make_room (dst, at + w->n, err) < 0 || img_copy (dst, &node, 1, &o, err) < 0)
    return -1;
  img_progress_start (opts->progress, at + w->n);
  img_progress_add (opts->progress, at + w->n);
  return 0;
}

static int
judge (const struct job *j, const struct window *w, const char *name, struct img_error *err)
{
  if (img_progress_check (j->progress, err) < 0)
    return -1;
  return w->error ? img_error_errno (err, w->error, "%s", name) : 0;
}

/* Window after window: one is written while the other is read. */
static int
run (struct job *j, struct img_node *dst, struct img_node *node, const char *name,
     const struct img_copy_opts *opts, uint64_t *bytes, struct img_error *err)
{
  int rc = 0;
  *bytes = 0;
  j->filling = &j->window[0];
  fill (j);
  while (rc == 0) {
    struct window *w = j->filling;
    bool last = w->n < WINDOW;
    pthread_t reader;
    if (judge (j, w, name, err) < 0)
      return -1;
    j->filling = w == &j->window[0] ? &j->window[1] : &j->window[0];
    bool apart = !last && pthread_create (&reader, NULL, fill, j) == 0;
    if (w->n > 0)
      rc = put (dst, node, w, *bytes, opts, err);
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

int
img_copy_from_stream (struct img_node *dst, int fd, const char *name,
                      const struct img_copy_opts *opts, uint64_t *bytes, struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *one = malloc (WINDOW);
  IMG_CLEANUP (free) uint8_t *other = malloc (WINDOW);
  struct job j = { .fd = fd, .progress = opts->progress };
  struct img_context context = { .gate = IMG_GATE_UNTRUSTED };
  if (one == NULL || other == NULL)
    return img_error_errno (err, ENOMEM, "%s", name);
  if (dst->backing)
    return img_error_set (err, ENOTSUP, _("%s: a stream does not go over a backing file"),
                          dst->filename);
  j.window[0].buf = one;
  j.window[1].buf = other;
  struct img_node *node = img_node_new (&window_driver, name, 0, &context, err);
  int rc = node ? run (&j, dst, node, name, opts, bytes, err) : -1;
  img_node_free (node, false);
  return rc;
}
