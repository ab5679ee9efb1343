/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy-order: a window of slots between the plan and the target.
 *
 * Ranges are dealt in guest order, one slot each; the slots form a ring.  They are filled in any
 * order.  Whoever fills one then places what stands ready at the head of the ring, one slot after
 * the other, and writes it; meanwhile the others go on.  So host space is handed out in guest order
 * and nobody waits for anybody, unless the window is full.  Where the order does not show, a slot
 * is placed and written by the thread that filled it.
 *
 * Moving bytes between local files takes two threads, and sharing them one; more would only hand
 * each other the baton.  So the plan says how many hands the next range is worth, the first workers
 * get it, and the others sleep until something else comes, which is compressed or far away.
 *
 * A range may be a few KiB, and each turn through the ring costs some locks: small ones share a
 * slot, as many as its buffer holds.  What does not fit waits in `held` for the next deal.
 *
 * Locks: `deal` around the plan, then `lock` around the ring; neither is held while data moves. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/copy-job.h"
#include "core/progress.h"

#define BUFFER_STEP 4096u
#define BATCH_LENGTH (UINT64_C (256) << 20) /* a cancel waits for no more */

struct copy_order {
  struct copy_job *job;
  bool ordered;
  pthread_mutex_t deal, lock;
  unsigned hands;        /* with `deal`: of the range dealt last */
  struct copy_range held; /* with `deal`: length 0: none */
  pthread_cond_t more;   /* with `deal`: `hands` changed, or the end came */
  pthread_cond_t change; /* with `lock`: a slot became free, a first try ended, stop */
  uint64_t next, head;   /* tickets: the next to deal, the next to place; slot = ticket mod n */
  bool placing, stopped;
  unsigned n;
  struct copy_slot slots[];
};

static int
make_buffer (uint8_t **buf, size_t size, bool wanted)
{
  void *p = NULL;
  if (wanted && posix_memalign (&p, 4096, size) != 0)
    return -1;
  *buf = p;
  return 0;
}

static int
make_buffers (struct copy_order *order)
{
  size_t chunk = (size_t) order->job->chunk;
  for (unsigned i = 0; i < order->n; i++) {
    struct copy_slot *slot = &order->slots[i];
    if (make_buffer (&slot->buf, chunk, true) < 0
        || make_buffer (&slot->encoded, chunk, order->job->opts.compress) < 0
        || make_buffer (&slot->other, chunk, order->job->layers == COPY_PIN) < 0)
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
    pthread_cond_init (&order->more, NULL);
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
    free (slot->other);
    for (unsigned j = 0; j < COPY_BATCH; j++)
      img_vec_free (&slot->range[j].segments);
    img_vec_free (&slot->pieces);
    img_vec_free (&slot->places);
  }
  img_vec_free (&order->held.segments);
  pthread_cond_destroy (&order->more);
  pthread_cond_destroy (&order->change);
  pthread_mutex_destroy (&order->lock);
  pthread_mutex_destroy (&order->deal);
  free (order);
}

void
copy_order_stop (struct copy_order *order)
{
  pthread_mutex_lock (&order->lock);
  order->stopped = true;
  pthread_cond_broadcast (&order->change);
  pthread_mutex_unlock (&order->lock);
  IMG_GUARD (&order->deal);
  pthread_cond_broadcast (&order->more);
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

static void
swap_ranges (struct copy_range *a, struct copy_range *b)
{
  struct copy_range c = *a;
  *a = *b;
  *b = c;
}

/* Bytes of a slot's buffers that RANGE takes. */
static uint64_t
buffer_length (const struct copy_job *job, const struct copy_range *range)
{
  uint64_t step = img_max (job->unit, BUFFER_STEP);
  return range->kind == COPY_READ ? img_div_up (range->length, step) * step : 0;
}

/* The next range as range[0] of SLOT, and what of the following fits beside it.  1, or 0: the
 * end. */
static int
deal (struct copy_order *order, struct copy_slot *slot, unsigned hands, struct img_error *err)
{
  struct copy_job *job = order->job;
  int r = 1;
  swap_ranges (slot->range, &order->held);
  if (slot->range->length == 0)
    r = copy_plan_next (job->plan, slot->range, err);
  order->held.length = slot->range->at = 0;
  slot->n_ranges = 1;
  if (r <= 0 || slot->range->kind == COPY_SHARE)
    return r;
  uint64_t used = buffer_length (job, slot->range), total = slot->range->length;
  while (slot->n_ranges < job->batch && used < job->chunk && total < BATCH_LENGTH) {
    r = copy_plan_more (job->plan, hands, &order->held, err);
    if (r <= 0)
      return r < 0 ? -1 : 1;
    uint64_t more = buffer_length (job, &order->held);
    if (used + more > job->chunk)
      break;
    order->held.at = used;
    used += more;
    total += order->held.length;
    swap_ranges (&slot->range[slot->n_ranges++], &order->held);
    order->held.length = 0;
  }
  return 1;
}

static void
enter (struct copy_order *order, struct copy_slot *slot)
{
  IMG_GUARD (&order->lock);
  order->next++;
  slot->state = SLOT_FILLING;
}

/* As copy_order_take, with `deal`. */
static int
take (struct copy_order *order, unsigned worker, struct copy_slot **slot, struct img_error *err)
{
  struct copy_job *job = order->job;
  unsigned hands;
  for (;;) {
    struct copy_slot *s = wait_slot (order);
    if (s == NULL)
      return 0;
    if (img_progress_check (job->opts.progress, err) < 0)
      return -1;
    int r = 1;
    hands = order->hands;
    if (order->held.length == 0)
      r = copy_plan_hands (job->plan, &hands, err);
    if (r <= 0)
      return r;
    if (worker < hands) {
      r = deal (order, s, hands, err);
      if (r <= 0)
        return r;
      for (unsigned i = 0; i < s->n_ranges; i++)
        IMG_TRACE ("copy_range", job->dst, "%d 0x%" PRIx64 " %" PRIu64, (int) s->range[i].kind,
                   s->range[i].offset, s->range[i].length);
      enter (order, s);
      *slot = s;
    }
    if (hands != order->hands)
      pthread_cond_broadcast (&order->more);
    order->hands = hands;
    if (worker < hands)
      return 1;
    pthread_cond_wait (&order->more, &order->deal);
  }
}

int
copy_order_take (struct copy_order *order, unsigned worker, struct copy_slot **slot,
                 struct img_error *err)
{
  IMG_GUARD (&order->deal);
  int r = take (order, worker, slot, err);
  if (r <= 0)
    pthread_cond_broadcast (&order->more);
  return r;
}

/* ---- putting ---- */

static int
write_slot (struct copy_order *order, struct copy_slot *slot, struct img_error *err)
{
  if (copy_write (order->job, slot, err) < 0)
    return -1;
  for (unsigned i = 0; i < slot->n_ranges; i++)
    img_progress_add (order->job->opts.progress, slot->range[i].length);
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
  if (!order->ordered) {
    if (copy_place (order->job, slot, err) < 0)
      return -1;
    return write_slot (order, slot, err);
  }
  pthread_mutex_lock (&order->lock);
  slot->state = SLOT_READY;
  pthread_mutex_unlock (&order->lock);
  return drain (order, err);
}
