/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-refcount.c - stored refcounts become what was counted (spec section "Host cluster
 * management").
 *
 * Owns: the blocks that are there, changed in place: first those up that are too low, and when that
 * is on disk those down that are too high.  Where a block is missing or cannot be trusted all
 * refcounts are made anew, by repair-rebuild.c.  And new space for what is moved.  Refuses: counts
 * that their width cannot hold, which repair-split.c leaves none of; those get the largest number
 * there is.
 */
#include <stdlib.h>
#include <string.h>

#include "repair.h"
#include "write.h"

uint64_t
qcow2_repair_target (const struct qcow2_checker *c, uint64_t cluster, uint64_t stored)
{
  unsigned order = c->q->h.refcount_order;
  uint64_t max = order == 6 ? UINT64_MAX : (UINT64_C (1) << (1u << order)) - 1;
  uint64_t counted = img_min (qcow2_count_get (c, cluster), max);
  return c->incomplete ? img_max (counted, stored) : counted;
}

static uint64_t
limit (const struct qcow2_checker *c)
{
  return img_max (c->n_clusters, c->end);
}

/* References to clusters whose refcounts have no block. */
static bool
lacks_blocks (const struct qcow2_checker *c)
{
  uint64_t per_block = UINT64_C (1) << c->q->rb_bits;
  for (uint64_t first = 0, n; first < limit (c); first += n) {
    uint64_t i = first >> c->q->rb_bits;
    n = img_min (per_block, limit (c) - first);
    if (i < c->n_reftable && qcow2_check_usable (c, c->reftable[i]))
      continue;
    for (uint64_t j = first; j < first + n; j++)
      if (qcow2_count_get (c, j))
        return true;
  }
  return false;
}

/* The N refcounts of clusters from FIRST on, in BLOCK: up, or down.  True: *LO to *HI changed. */
static bool
patch (const struct qcow2_checker *c, uint8_t *block, uint64_t first, uint64_t n, bool up,
       uint64_t *lo, uint64_t *hi)
{
  unsigned order = c->q->h.refcount_order;
  *hi = 0;
  for (uint64_t i = 0; i < n; i++) {
    uint64_t stored = qcow2_refcount_in (block, i, order);
    uint64_t target = qcow2_repair_target (c, first + i, stored);
    if (up ? target <= stored : target >= stored)
      continue;
    qcow2_refcount_put (block, i, order, target);
    if (*hi == 0)
      *lo = i;
    *hi = i + 1;
  }
  return *hi > 0;
}

/* One direction, over all blocks. */
static int
go (struct qcow2_checker *c, bool up, struct img_error *err)
{
  struct qcow2 *q = c->q;
  unsigned order = q->h.refcount_order;
  for (uint64_t i = 0; i < c->n_reftable && i << q->rb_bits < limit (c); i++) {
    uint64_t first = i << q->rb_bits, offset = c->reftable[i], lo, hi;
    uint64_t n = img_min (UINT64_C (1) << q->rb_bits, limit (c) - first);
    if (!qcow2_check_usable (c, offset))
      continue;
    if (qcow2_check_read (c, c->buf, q->cluster_size, offset, err) < 0)
      return -1;
    if (!patch (c, c->buf, first, n, up, &lo, &hi))
      continue;
    lo = (lo << order) / 8 & ~UINT64_C (511); /* in whole sectors */
    hi = img_min ((img_div_up (hi << order, 8) + 511) & ~UINT64_C (511), q->cluster_size);
    if (qcow2_repair_write (q, c->buf + lo, hi - lo, offset + lo, err) < 0)
      return -1;
  }
  return 0;
}

int
qcow2_repair_refcounts (struct qcow2_checker *c, unsigned flags, struct img_error *err)
{
  bool all = flags & IMG_REPAIR_ERRORS;
  if (c->structure_wrong || (all && c->low && lacks_blocks (c)))
    return all ? qcow2_repair_rebuild (c, err) : 0;
  if (all && c->low && (go (c, true, err) < 0 || qcow2_barrier (c->q, err) < 0))
    return -1;
  return c->incomplete ? 0 : go (c, false, err);
}

/* ---- new space ---- */

int
qcow2_repair_take (struct qcow2_checker *c, uint64_t n, uint64_t *offset, struct img_error *err)
{
  struct qcow2 *q = c->q;
  uint64_t first;
  if (qcow2_repair_place (c, n, &first, err) < 0)
    return -1;
  *offset = first << q->cluster_bits;
  return img_resize (q->file, *offset + (n << q->cluster_bits), IMG_PREALLOC_OFF, 0, err);
}

int
qcow2_repair_own (struct qcow2_checker *c, uint64_t offset, uint64_t n, const uint32_t *times,
                  struct img_error *err)
{
  struct img_check silent;
  uint64_t first = offset >> c->q->cluster_bits;
  if (qcow2_barrier (c->q, err) < 0 || qcow2_repair_look (c, c->q, &silent, err) < 0)
    return -1;
  for (uint64_t i = 0; i < n; i++)
    if (qcow2_count_add (c, first + i, 1, times ? times[i] : 1, err) < 0)
      return -1;
  c->end = img_max (c->end, first + n);
  c->low = c->incomplete = true; /* nothing goes down yet */
  int r = qcow2_repair_refcounts (c, IMG_REPAIR_ERRORS, err);
  c->out = NULL;
  return r < 0 ? -1 : qcow2_barrier (c->q, err);
}

int
qcow2_repair_put (struct qcow2_checker *c, const void *bytes, uint64_t length,
                  const uint32_t *times, uint64_t *offset, struct img_error *err)
{
  uint64_t n = img_div_up (length, c->q->cluster_size);
  *offset = 0;
  if (n == 0)
    return 0;
  if (qcow2_repair_take (c, n, offset, err) < 0
      || img_pwrite (c->q->file, bytes, length, *offset, 0, err) < 0)
    return -1;
  return qcow2_repair_own (c, *offset, n, times, err);
}

/* ---- more references than a refcount can count ---- */

uint64_t
qcow2_repair_most (const struct qcow2_checker *c, uint64_t cluster)
{
  unsigned order = c->q->h.refcount_order;
  if (cluster == 0) /* the header */
    return 1;
  return order == 6 ? UINT64_MAX : (UINT64_C (1) << (1u << order)) - 1;
}

bool
qcow2_repair_excess (const struct qcow2_checker *c)
{
  if (!c->low && qcow2_count_get (c, 0) <= 1) /* no more than what is stored */
    return false;
  for (uint64_t i = 0; i < limit (c); i++) {
    if (c->chunks[i >> QCOW2_CHUNK_BITS].counts == NULL)
      i |= QCOW2_CHUNK - 1;
    else if (qcow2_count_get (c, i) > qcow2_repair_most (c, i))
      return true;
  }
  return false;
}
