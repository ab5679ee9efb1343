/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aio-native.c - Linux' older asynchronous I/O, io_submit(2), for O_DIRECT. */
#include <config.h>

#include <errno.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "aio.h"

#define EVENTS 64

struct file_native {
  struct file_queue q;
  aio_context_t ctx;
  struct iocb *blocks; /* DEPTH */
  struct iocb **spare; /* those not in flight */
  unsigned n_spare;
};

static void
native_fill (struct iocb *b, const struct file *f, struct img_aio_io *io)
{
  *b = (struct iocb) {
    .aio_data = (uintptr_t) io,
    .aio_lio_opcode = io->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
    .aio_fildes = (uint32_t) f->fd,
    .aio_buf = (uintptr_t) io->buf,
    .aio_nbytes = io->length,
    .aio_offset = (int64_t) io->offset,
  };
}

/* What the kernel does not take (it has no more room, or it is at fault) a thread shall do. */
static void
native_start (struct file_native *e, struct iocb **blocks, unsigned n)
{
  while (n > 0) {
    long took = syscall (SYS_io_submit, e->ctx, (long) n, blocks);
    if (took < 0 && errno == EINTR)
      continue;
    if (took <= 0) {
      file_queue_done (&e->q, (struct img_aio_io *) (uintptr_t) blocks[0]->aio_data, -EAGAIN);
      e->spare[e->n_spare++] = blocks[0];
      took = 1;
    }
    blocks += took;
    n -= (unsigned) took;
  }
}

static void
native_submit (void *queue, struct img_aio_io *const *ios, unsigned n)
{
  struct file_native *e = queue;
  for (unsigned part; n > 0; ios += part, n -= part) {
    struct iocb *blocks[EVENTS];
    part = n < EVENTS ? n : EVENTS;
    for (unsigned i = 0; i < part; i++) {
      blocks[i] = e->spare[--e->n_spare];
      native_fill (blocks[i], e->q.f, ios[i]);
    }
    native_start (e, blocks, part);
  }
}

static unsigned
native_reap (void *queue, struct img_aio_io **done, unsigned max, bool wait)
{
  struct file_native *e = queue;
  struct io_event events[EVENTS];
  long n;
  if (e->n_spare == e->q.depth)
    return 0;
  do
    n = syscall (SYS_io_getevents, e->ctx, wait ? 1L : 0L, (long) (max < EVENTS ? max : EVENTS),
                 events, NULL);
  while (n < 0 && errno == EINTR);
  for (long i = 0; i < n; i++) {
    done[i] = (struct img_aio_io *) (uintptr_t) events[i].data;
    done[i]->result = events[i].res;
    e->spare[e->n_spare++] = (struct iocb *) (uintptr_t) events[i].obj;
  }
  return n > 0 ? (unsigned) n : 0;
}

static void
native_close (void *queue)
{
  struct file_native *e = queue;
  if (e->ctx)
    syscall (SYS_io_destroy, e->ctx);
  free (e->blocks);
  free (e->spare);
  file_queue_free (e);
}

static const struct file_engine native_engine = { native_submit, native_reap, native_close };

void *
file_native_open (const struct file *f, unsigned depth, struct img_error *err)
{
  struct file_native *e = file_queue_new (sizeof *e, &native_engine, f, depth, err);
  if (e == NULL)
    return NULL;
  e->blocks = calloc (depth, sizeof *e->blocks);
  e->spare = calloc (depth, sizeof (struct iocb *));
  if (e->blocks == NULL || e->spare == NULL)
    img_error_set (err, ENOMEM, _("out of memory"));
  else if (syscall (SYS_io_setup, depth, &e->ctx) < 0)
    img_error_errno (err, errno, _("cannot set up native I/O for %u requests"), depth);
  else {
    for (; e->n_spare < depth; e->n_spare++)
      e->spare[e->n_spare] = &e->blocks[e->n_spare];
    return e;
  }
  native_close (e);
  return NULL;
}
