/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aio.h - what the engines of asynchronous I/O share.  A queue begins with a struct file_queue. */
#ifndef FILE_AIO_H
#define FILE_AIO_H

#include "file.h"

struct file_engine {
  void (*submit) (void *queue, struct img_aio_io *const *ios, unsigned n);
  unsigned (*reap) (void *queue, struct img_aio_io **done, unsigned max, bool wait);
  void (*close) (void *queue);
};

struct file_queue {
  const struct file_engine *engine;
  const struct file *f;
  unsigned depth, batch; /* requests in flight, requests that go out at once */
  unsigned n_done;       /* done here: DEPTH of them at most */
  struct img_aio_io **done;
};

/* A queue of SIZE bytes, the first a file_queue; *err when there is no memory. */
void *file_queue_new (size_t size, const struct file_engine *engine, const struct file *f,
                      unsigned depth, struct img_error *err);
void file_queue_free (void *queue);
/* Puts IO on the list of what is done; takes up to MAX from it. */
void file_queue_done (struct file_queue *q, struct img_aio_io *io, int64_t result);
unsigned file_queue_take (struct file_queue *q, struct img_aio_io **done, unsigned max);

void *file_inline_open (const struct file *f, unsigned depth, struct img_error *err);
void *file_native_open (const struct file *f, unsigned depth, struct img_error *err);
void *file_uring_open (const struct file *f, unsigned depth, struct img_error *err);

#endif
