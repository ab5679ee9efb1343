/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy-order: a window of slots between the plan and the target.
 *
 * Ranges are dealt in guest order, one slot each; the slots form a ring.  They are filled in any
 * order.  Whoever fills one then places what stands ready at the head of the ring, one slot after
 * the other, and writes it; meanwhile the others go on.  So host space is handed out in guest order
 * and nobody waits for anybody, unless the window is full.  Where the order does not show, a slot
 * is placed and written by the thread that filled it.
 *
 * Locks: `deal` around the plan, then `lock` around the ring; neither is held while data moves. */
#include <config.h>

#include <stdlib.h>

#include <blkimg/cleanup.h>

#include "core/copy-job.h"
#include "core/i18n.h"
#include "core/progress.h"

struct copy_order {
  struct copy_job *job;
  bool ordered;
  pthread_mutex_t deal, lock;
  pthread_cond_t change; /* a slot became free, a first try ended, a local range was done, stop */
  uint64_t next, head;   /* tickets: the next to deal, the next to place; slot = ticket mod n */
  bool placing, stopped;
  unsigned local;        /* ranges with `local` being worked on */
  unsigned n;
  struct copy_slot slots[];
};

static int
make_buffers (struct copy_order *order)
{
  size_t chunk = (size_t) order->job->chunk;
  for (unsigned i = 0; i < order->n; i++) {
    void *p = NULL, *q = NULL;
    if (posix_memalign (&p, 4096, chunk) == 0)
      order->slots[i].buf = p;
    if (order->job->opts.compress && posix_memalign (&q, 4096, chunk) == 0)
      order->slots[i].encoded = q;
    if (p == NULL || (order->job->opts.compress && q == NULL))
      return -1;
  }
  return 0;
}

struct copy_order *
copy_order_new (struct copy_job *job, bool ordered, unsigned n, struct img_error *err)
{
  struct copy_order *order = calloc (1, sizeof *order + n * sizeof order->slots[0]);
  if (order) {
    order->job = job;
    order->ordered = ordered;
    order->n = n;
    pthread_mutex_init (&order->deal, NULL);
    pthread_mutex_init (&order->lock, NULL);
    pthread_cond_init (&order->change, NULL);
  }
  if (order == NULL || make_buffers (order) < 0) {
    copy_order_free (order);
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  return order;
}

void
copy_order_free (struct copy_order *order)
{
  if (order == NULL)
    return;
  for (unsigned i = 0; i < order->n; i++) {
    struct copy_slot *slot = &order->slots[i];
    free (slot->buf);
    free (slot->encoded);
    img_vec_free (&slot->range.segments);
    img_vec_free (&slot->pieces);
    img_vec_free (&slot->places);
  }
  pthread_cond_destroy (&order->change);
  pthread_mutex_destroy (&order->lock);
  pthread_mutex_destroy (&order->deal);
  free (order);
}

void
copy_order_stop (struct copy_order *order)
{
  IMG_GUARD (&order->lock);
  order->stopped = true;
  pthread_cond_broadcast (&order->change);
}

void
copy_order_shared (struct copy_order *order, bool works)
{
  IMG_GUARD (&order->lock);
  atomic_store (&order->job->sharing, works ? SHARING_YES : SHARING_NO);
  pthread_cond_broadcast (&order->change);
}

/* ---- taking ---- */

static struct copy_slot *
find_slot (struct copy_order *order)
{
  if (order->ordered) {
    struct copy_slot *slot = &order->slots[order->next % order->n];
    return slot->state == SLOT_FREE ? slot : NULL;
  }
  for (unsigned i = 0; i < order->n; i++)
    if (order->slots[i].state == SLOT_FREE)
      return &order->slots[i];
  return NULL;
}

/* The slot for the next range, once there is one and the deal is open.  NULL: stopped. */
static struct copy_slot *
wait_slot (struct copy_order *order)
{
  struct copy_slot *slot = NULL;
  IMG_GUARD (&order->lock);
  while (!order->stopped
         && ((slot = find_slot (order)) == NULL
             || atomic_load (&order->job->sharing) == SHARING_TRIED))
    pthread_cond_wait (&order->change, &order->lock);
  return order->stopped ? NULL : slot;
}

/* Makes SLOT, dealt, part of the ring, once its kind of work may begin. */
static void
enter (struct copy_order *order, struct copy_slot *slot)
{
  unsigned max = order->job->local_max;
  IMG_GUARD (&order->lock);
  while (slot->range.local && max && order->local >= max && !order->stopped)
    pthread_cond_wait (&order->change, &order->lock);
  order->local += slot->range.local;
  order->next++;
  slot->state = SLOT_FILLING;
}

int
copy_order_take (struct copy_order *order, struct copy_slot **slot, struct img_error *err)
{
  IMG_GUARD (&order->deal);
  struct copy_slot *s = wait_slot (order);
  if (s == NULL)
    return 0;
  if (img_progress_check (order->job->opts.progress, err) < 0)
    return -1;
  int r = copy_plan_next (order->job->plan, &s->range, err);
  if (r <= 0)
    return r;
  enter (order, s);
  *slot = s;
  return 1;
}

/* ---- putting ---- */

static int
write_slot (struct copy_order *order, struct copy_slot *slot, struct img_error *err)
{
  if (copy_write (order->job, slot, err) < 0)
    return -1;
  img_progress_add (order->job->opts.progress, slot->range.length);
  IMG_GUARD (&order->lock);
  slot->state = SLOT_FREE;
  pthread_cond_broadcast (&order->change);
  return 0;
}

/* The slot at the head, if it is ready and nobody places: the caller does now. */
static struct copy_slot *
begin_placing (struct copy_order *order)
{
  IMG_GUARD (&order->lock);
  struct copy_slot *slot = &order->slots[order->head % order->n];
  if (order->stopped || order->placing || slot->state != SLOT_READY)
    return NULL;
  order->placing = true;
  return slot;
}

static void
end_placing (struct copy_order *order, struct copy_slot *slot)
{
  IMG_GUARD (&order->lock);
  order->placing = false;
  order->head++;
  slot->state = SLOT_PLACED;
}

static int
drain (struct copy_order *order, struct img_error *err)
{
  struct copy_slot *slot;
  while ((slot = begin_placing (order)) != NULL) {
    if (copy_place (order->job, slot, err) < 0)
      return -1;
    end_placing (order, slot);
    if (write_slot (order, slot, err) < 0)
      return -1;
  }
  return 0;
}

int
copy_order_put (struct copy_order *order, struct copy_slot *slot, struct img_error *err)
{
  bool local = slot->range.local;
  int r;
  if (order->ordered) {
    pthread_mutex_lock (&order->lock);
    slot->state = SLOT_READY;
    pthread_mutex_unlock (&order->lock);
    r = drain (order, err);
  } else {
    r = copy_place (order->job, slot, err);
    if (r == 0)
      r = write_slot (order, slot, err);
  }
  if (local && order->job->local_max) {
    IMG_GUARD (&order->lock);
    order->local--;
    pthread_cond_broadcast (&order->change);
  }
  return r;
}
