/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aio-uring.c - io_uring: two rings shared with the kernel, io_uring(7).
 *
 * We write the tail of the submission ring and the head of the completion ring, the kernel the
 * other two; what they point past is handed over by release and acquire.  Requests are started by
 * the call that waits for completions. */
#include <config.h>

#include "aio.h"

#if HAVE_LINUX_IO_URING_H

#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Since Linux 6.1: completions are worked off when we ask for them, not by interrupting us. */
#ifdef IORING_SETUP_DEFER_TASKRUN
#define URING_DEFER (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#else
#define URING_DEFER 0
#endif

struct file_uring {
  struct file_queue q;
  int fd;
  unsigned pending, in_flight;      /* written to the ring but not started; all */
  bool deferred;
  void *rings, *entries;            /* as mapped */
  size_t rings_size, entries_size;
  unsigned *sq_tail, sq_mask, sq_next; /* sq_next: our copy of the tail */
  struct io_uring_sqe *sqes;
  unsigned *cq_head, *cq_tail, cq_mask;
  struct io_uring_cqe *cqes;
};

static int
uring_enter (struct file_uring *e, unsigned wait)
{
  unsigned flags = wait || e->deferred ? IORING_ENTER_GETEVENTS : 0;
  return (int) syscall (SYS_io_uring_enter, e->fd, e->pending, wait, flags, NULL, (size_t) 0);
}

/* The kernel will not have them: a thread shall do it. */
static void
uring_give_back (struct file_uring *e)
{
  for (; e->pending > 0; e->pending--, e->in_flight--) {
    const struct io_uring_sqe *s = &e->sqes[--e->sq_next & e->sq_mask];
    file_queue_done (&e->q, (struct img_aio_io *) (uintptr_t) s->user_data, -EAGAIN);
  }
  __atomic_store_n (e->sq_tail, e->sq_next, __ATOMIC_RELEASE);
}

/* Starts what is pending and, if asked to, waits for a completion. */
static void
uring_go (struct file_uring *e, unsigned wait)
{
  int n = uring_enter (e, wait);
  if (n >= 0)
    e->pending -= (unsigned) n < e->pending ? (unsigned) n : e->pending;
  else if (errno != EINTR && errno != EAGAIN && errno != EBUSY)
    uring_give_back (e);
}

static void
uring_submit (void *queue, struct img_aio_io *const *ios, unsigned n)
{
  struct file_uring *e = queue;
  for (unsigned i = 0; i < n; i++) {
    struct io_uring_sqe *s = &e->sqes[e->sq_next++ & e->sq_mask];
    memset (s, 0, sizeof *s);
    s->opcode = ios[i]->write ? IORING_OP_WRITE : IORING_OP_READ;
    s->fd = e->q.f->fd;
    s->addr = (uintptr_t) ios[i]->buf;
    s->len = (uint32_t) ios[i]->length;
    s->off = ios[i]->offset;
    s->user_data = (uintptr_t) ios[i];
  }
  __atomic_store_n (e->sq_tail, e->sq_next, __ATOMIC_RELEASE);
  e->pending += n;
  e->in_flight += n;
  if (e->pending >= e->q.batch)
    uring_go (e, 0);
}

static unsigned
uring_collect (struct file_uring *e, struct img_aio_io **done, unsigned max)
{
  unsigned head = *e->cq_head, n = 0;
  unsigned tail = __atomic_load_n (e->cq_tail, __ATOMIC_ACQUIRE);
  for (; n < max && head != tail; head++, n++) {
    const struct io_uring_cqe *c = &e->cqes[head & e->cq_mask];
    done[n] = (struct img_aio_io *) (uintptr_t) c->user_data;
    done[n]->result = c->res;
  }
  __atomic_store_n (e->cq_head, head, __ATOMIC_RELEASE);
  e->in_flight -= n;
  return n;
}

static unsigned
uring_reap (void *queue, struct img_aio_io **done, unsigned max, bool wait)
{
  struct file_uring *e = queue;
  unsigned n = 0;
  while (n == 0 && e->in_flight > 0) {
    if (e->pending == 0 && (n = uring_collect (e, done, max)) > 0)
      break;
    uring_go (e, wait);
    n = uring_collect (e, done, max);
    if (n == 0)
      n = file_queue_take (&e->q, done, max);
    if (!wait)
      break;
  }
  return n > 0 ? n : file_queue_take (&e->q, done, max);
}

static void
uring_close (void *queue)
{
  struct file_uring *e = queue;
  if (e->entries != MAP_FAILED)
    munmap (e->entries, e->entries_size);
  if (e->rings != MAP_FAILED)
    munmap (e->rings, e->rings_size);
  if (e->fd >= 0)
    close (e->fd);
  file_queue_free (e);
}

static const struct file_engine uring_engine = { uring_submit, uring_reap, uring_close };

static int
uring_map (struct file_uring *e, const struct io_uring_params *p, struct img_error *err)
{
  size_t sq = p->sq_off.array + p->sq_entries * sizeof (unsigned);
  size_t cq = p->cq_off.cqes + p->cq_entries * sizeof (struct io_uring_cqe);
  if (!(p->features & IORING_FEAT_SINGLE_MMAP)) /* before Linux 5.4 */
    return img_error_errno (err, ENOSYS, _("cannot set up io_uring"));
  e->rings_size = sq > cq ? sq : cq;
  e->entries_size = p->sq_entries * sizeof (struct io_uring_sqe);
  e->rings = mmap (NULL, e->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, e->fd,
                   IORING_OFF_SQ_RING);
  e->entries = mmap (NULL, e->entries_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                     e->fd, IORING_OFF_SQES);
  if (e->rings == MAP_FAILED || e->entries == MAP_FAILED)
    return img_error_errno (err, errno, _("cannot set up io_uring"));
  uint8_t *r = e->rings;
  unsigned *array = (unsigned *) (void *) (r + p->sq_off.array);
  for (unsigned i = 0; i < p->sq_entries; i++)
    array[i] = i;
  e->sqes = e->entries;
  e->sq_tail = (unsigned *) (void *) (r + p->sq_off.tail);
  e->sq_mask = p->sq_entries - 1;
  e->sq_next = *e->sq_tail;
  e->cq_head = (unsigned *) (void *) (r + p->cq_off.head);
  e->cq_tail = (unsigned *) (void *) (r + p->cq_off.tail);
  e->cq_mask = p->cq_entries - 1;
  e->cqes = (struct io_uring_cqe *) (void *) (r + p->cq_off.cqes);
  return 0;
}

void *
file_uring_open (const struct file *f, unsigned depth, struct img_error *err)
{
  struct io_uring_params p = { .flags = URING_DEFER };
  struct file_uring *e = file_queue_new (sizeof *e, &uring_engine, f, depth, err);
  if (e == NULL)
    return NULL;
  e->rings = e->entries = MAP_FAILED;
  e->fd = (int) syscall (SYS_io_uring_setup, depth, &p);
  e->deferred = e->fd >= 0 && URING_DEFER != 0;
  if (e->fd < 0 && errno == EINVAL && URING_DEFER != 0) {
    p = (struct io_uring_params) { .flags = 0 };
    e->fd = (int) syscall (SYS_io_uring_setup, depth, &p);
  }
  if (e->fd < 0)
    img_error_errno (err, errno, _("cannot set up io_uring"));
  else if (uring_map (e, &p, err) == 0)
    return e;
  uring_close (e);
  return NULL;
}

#else

void *
file_uring_open (const struct file *f, unsigned depth, struct img_error *err)
{
  (void) f, (void) depth;
  img_error_set (err, ENOTSUP, _("io_uring was not built in"));
  return NULL;
}

#endif
