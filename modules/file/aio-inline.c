/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aio-inline.c - the engine `threads`: what needs no waiting is done on the spot.
 *
 * A read of what the page cache has, and a write to it, take less time than handing them to another
 * thread.  What is not in the cache (RWF_NOWAIT says so), goes around it (O_DIRECT) or is long
 * enough to be worth another processor is given back for the core's threads. */
#include <config.h>

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "aio.h"

#define INLINE_MAX (128 * 1024)

struct file_inline {
  struct file_queue q;
  bool waits; /* the file system cannot tell what is in the cache */
};

static int64_t
try_io (struct file_inline *e, const struct img_aio_io *io)
{
  const struct file *f = e->q.f;
  ssize_t n;
  if ((f->flags & IMG_OPEN_DIRECT) || io->length > INLINE_MAX)
    return -EAGAIN;
  if (io->write) {
    n = pwrite (f->fd, io->buf, io->length, (off_t) io->offset);
  } else {
    struct iovec v = { io->buf, io->length };
    if (e->waits)
      return -EAGAIN;
    n = preadv2 (f->fd, &v, 1, (off_t) io->offset, RWF_NOWAIT);
    e->waits = n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS);
  }
  return n < 0 ? -errno : n;
}

static void
inline_submit (void *queue, struct img_aio_io *const *ios, unsigned n)
{
  struct file_inline *e = queue;
  for (unsigned i = 0; i < n; i++)
    file_queue_done (&e->q, ios[i], try_io (e, ios[i]));
}

static unsigned
inline_reap (void *queue, struct img_aio_io **done, unsigned max, bool wait)
{
  (void) queue, (void) done, (void) max, (void) wait;
  return 0; /* what was submitted is done */
}

static const struct file_engine inline_engine = { inline_submit, inline_reap, file_queue_free };

void *
file_inline_open (const struct file *f, unsigned depth, struct img_error *err)
{
  return file_queue_new (sizeof (struct file_inline), &inline_engine, f, depth, err);
}
