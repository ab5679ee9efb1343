/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aio.c - which engine a queue has, and what all engines do alike.
 *
 * The engines talk to the kernel by its own interface (aio_abi.h, io_uring.h), which is all that
 * libaio and liburing would be used for here: so no command that opens a file loads them. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/overflow.h>

#include "aio.h"

/* In the order of enum file_aio. */
const char *const file_aio_words[] = { "threads", "native", "io_uring", NULL };

int
file_aio_check (const struct file *f, enum file_aio aio, struct img_error *err)
{
  if (aio != FILE_AIO_NATIVE || (f->flags & IMG_OPEN_DIRECT))
    return 0;
  return img_error_set (err, EINVAL, _("aio=native was specified, but it requires cache.direct=on, "
                                       "which was not specified."));
}

static int
file_aio_of (const struct file *f, const char *word, enum file_aio *aio, struct img_error *err)
{
  *aio = f->aio;
  for (unsigned i = 0; word && file_aio_words[i]; i++)
    if (strcmp (word, file_aio_words[i]) == 0) {
      *aio = (enum file_aio) i;
      return file_aio_check (f, *aio, err);
    }
  return word ? img_error_set (err, EINVAL, _("there is no I/O engine '%s'"), word) : 0;
}

static void *
file_aio_open (struct img_node *node, const char *word, unsigned depth, struct img_error *err)
{
  const struct file *f = img_node_priv (node);
  enum file_aio aio;
  if (file_aio_of (f, word, &aio, err) < 0)
    return NULL;
  switch (aio) {
  case FILE_AIO_NATIVE:
    return file_native_open (f, depth, err);
  case FILE_AIO_URING:
    return file_uring_open (f, depth, err);
  default:
    return file_inline_open (f, depth, err);
  }
}

static void
file_aio_submit (void *queue, struct img_aio_io *const *ios, unsigned n)
{
  const struct file_queue *q = queue;
  for (unsigned part; n > 0; ios += part, n -= part) {
    part = n < q->batch ? n : q->batch;
    q->engine->submit (queue, ios, part);
  }
}

static unsigned
file_aio_reap (void *queue, struct img_aio_io **done, unsigned max, bool wait)
{
  struct file_queue *q = queue;
  unsigned n = file_queue_take (q, done, max);
  return n > 0 ? n : q->engine->reap (queue, done, max, wait);
}

static void
file_aio_close (void *queue)
{
  const struct file_queue *q = queue;
  q->engine->close (queue);
}

const struct img_aio_ops file_aio_ops = {
  .struct_size = sizeof (struct img_aio_ops),
  .open = file_aio_open,
  .submit = file_aio_submit,
  .reap = file_aio_reap,
  .close = file_aio_close,
};

/* ---- what queues share ---- */

void *
file_queue_new (size_t size, const struct file_engine *engine, const struct file *f,
                unsigned depth, struct img_error *err)
{
  struct file_queue *q = calloc (1, size);
  if (q)
    q->done = calloc (depth, sizeof *q->done);
  if (q == NULL || q->done == NULL) {
    free (q);
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  q->engine = engine;
  q->f = f;
  q->depth = depth;
  q->batch = f->aio_batch ? f->aio_batch : UINT32_MAX;
  return q;
}

void
file_queue_free (void *queue)
{
  struct file_queue *q = queue;
  free (q->done);
  free (q);
}

void
file_queue_done (struct file_queue *q, struct img_aio_io *io, int64_t result)
{
  io->result = result;
  q->done[q->n_done++] = io;
}

unsigned
file_queue_take (struct file_queue *q, struct img_aio_io **done, unsigned max)
{
  unsigned n = q->n_done < max ? q->n_done : max;
  memcpy (done, q->done, n * sizeof *done);
  q->n_done -= n;
  memmove (q->done, q->done + n, q->n_done * sizeof *done);
  return n;
}
