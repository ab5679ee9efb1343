/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn-refcount.c - refcounts that change together (spec section "Host cluster management").
 *
 * Owns: applying the counts of a turn, one refcount block after the other, each once.  Refuses
 * refcounts that would be below zero or too large for their width, before anything is written.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "turn.h"

enum { GROUP = 64 }; /* clusters looked at together */

static bool
any (const struct qcow2_turn *t, uint64_t first, uint64_t n)
{
  return qcow2_count_any (&t->up, first, n) || qcow2_count_any (&t->down, first, n);
}

/* The first group at or behind CLUSTER, before END, in which something changes; END: none. */
static uint64_t
next_group (const struct qcow2_turn *t, uint64_t cluster, uint64_t end)
{
  while (cluster < end) {
    uint64_t n = cluster % QCOW2_CHUNK == 0 && end - cluster >= QCOW2_CHUNK ? QCOW2_CHUNK : GROUP;
    n = img_min (n, end - cluster);
    if (any (t, cluster, n)) {
      if (n <= GROUP)
        return cluster;
      n = GROUP;
      if (any (t, cluster, n))
        return cluster;
    }
    cluster += n;
  }
  return end;
}

/* What the refcount VALUE of CLUSTER becomes. */
static int
changed (const struct qcow2_turn *t, uint64_t cluster, uint64_t *value, struct img_error *err)
{
  const struct qcow2 *q = t->q;
  uint64_t up = qcow2_count_get (&t->up, cluster), down = qcow2_count_get (&t->down, cluster);
  uint64_t most = q->h.refcount_order == 6 ? UINT64_MAX : (1ull << (1u << q->h.refcount_order)) - 1;
  if (up == 0 && down == 0)
    return 0;
  if (*value == 0 || !img_add (*value, up, value) || *value < down)
    return img_error_set (err, ERANGE, _("the image is corrupt: the cluster at 0x%" PRIx64 " has"
                                         " more references than its refcount says"),
                          cluster << q->cluster_bits);
  *value -= down;
  if (*value > most)
    return img_error_set (err, ERANGE, _("the refcount of the cluster at 0x%" PRIx64 " would be"
                                         " larger than %u bits can hold"),
                          cluster << q->cluster_bits, 1u << q->h.refcount_order);
  return 0;
}

/* ---- before ---- */

static int
judge_group (struct qcow2_turn *t, const uint8_t *block, uint64_t first, uint64_t n,
             struct img_error *err)
{
  uint64_t mask = (1ull << t->q->rb_bits) - 1, ones = 0;
  for (uint64_t i = 0; i < n; i++) {
    uint64_t value = qcow2_refcount_in (block, (first + i) & mask, t->q->h.refcount_order);
    if (changed (t, first + i, &value, err) < 0)
      return -1;
    ones |= (uint64_t) (value == 1) << i;
  }
  return qcow2_ones_set (&t->down, first, ones, err);
}

/* Refcount block number INDEX. */
static int
judge_block (struct qcow2_turn *t, uint64_t index, struct img_error *err)
{
  uint64_t first = index << t->q->rb_bits, end = first + (1ull << t->q->rb_bits);
  struct qcow2_table *block = NULL;
  int r = 0;
  for (uint64_t at = next_group (t, first, end); at < end && r == 0;
       at = next_group (t, at + GROUP, end)) {
    if (block == NULL && qcow2_refblock_get (t->q, first, &block, err) < 0)
      return -1;
    if (block == NULL)
      return img_error_set (err, ERANGE, _("no refcount block counts the cluster at 0x%" PRIx64),
                            at << t->q->cluster_bits);
    r = judge_group (t, block->bytes, at, img_min (GROUP, end - at), err);
  }
  if (block)
    qcow2_cache_put (t->q->rb_cache, block);
  return r;
}

int
qcow2_turn_judge (struct qcow2_turn *t, struct img_error *err)
{
  for (uint64_t i = 0; i < t->q->writer->reftable_entries; i++)
    if (judge_block (t, i, err) < 0)
      return -1;
  uint64_t end = t->q->writer->reftable_entries << t->q->rb_bits;
  uint64_t most = t->up.n_chunks << QCOW2_CHUNK_BITS;
  if (end < most && next_group (t, end, most) < most)
    return img_error_set (err, ERANGE, _("the refcount table is too small for the file"));
  return 0;
}

/* ---- new copies ---- */

int
qcow2_turn_take_blocks (struct qcow2_turn *t, struct img_error *err)
{
  uint64_t per = 1ull << t->q->rb_bits, n = 0;
  for (uint64_t i = 0; i < t->q->writer->reftable_entries; i++) {
    struct qcow2_block_move move = { .index = i };
    uint64_t old = t->q->writer->reftable[i];
    if ((next_group (t, i * per, (i + 1) * per) < (i + 1) * per || (old && old >= t->above))
        && img_vec_push (&t->blocks, move) < 0)
      return img_error_set (err, ENOMEM, _("out of memory"));
  }
  for (size_t i = 0; i < t->blocks.n; i += n) {
    uint64_t place;
    n = t->blocks.n - i;
    if (qcow2_turn_take_some (t, &n, &place, err) < 0)
      return -1;
    for (uint64_t k = 0; k < n; k++)
      t->blocks.v[i + k].place = place + (k << t->q->cluster_bits);
  }
  return 0;
}

/* BYTES become the new refcounts of block number INDEX. */
static int
change_block (struct qcow2_turn *t, uint64_t index, uint8_t *bytes, struct img_error *err)
{
  const struct qcow2 *q = t->q;
  uint64_t first = index << q->rb_bits, end = first + (1ull << q->rb_bits);
  struct qcow2_table *block;
  if (qcow2_refblock_get (t->q, first, &block, err) < 0)
    return -1;
  if (block == NULL)
    return img_error_set (err, ERANGE, _("no refcount block counts the cluster at 0x%" PRIx64),
                          first << q->cluster_bits);
  memcpy (bytes, block->bytes, q->cluster_size);
  qcow2_cache_put (q->rb_cache, block);
  for (uint64_t at = next_group (t, first, end); at < end; at = next_group (t, at + GROUP, end))
    for (uint64_t c = at; c < end && c < at + GROUP; c++) {
      uint64_t value = qcow2_refcount_in (bytes, c - first, q->h.refcount_order);
      if (changed (t, c, &value, err) < 0)
        return -1;
      qcow2_refcount_put (bytes, c - first, q->h.refcount_order, value);
    }
  return 0;
}

int
qcow2_turn_write_blocks (struct qcow2_turn *t, struct img_error *err)
{
  unsigned bits = t->q->cluster_bits;
  size_t max = QCOW2_TURN_BUF >> bits, n;
  for (size_t i = 0; i < t->blocks.n; i += n) {
    const struct qcow2_block_move *move = &t->blocks.v[i];
    for (n = 0; n < max && i + n < t->blocks.n
                && move[n].place == move->place + ((uint64_t) n << bits); n++)
      if (change_block (t, move[n].index, t->buf + (n << bits), err) < 0)
        return -1;
    if (img_pwrite (t->q->file, t->buf, (uint64_t) n << bits, move->place, 0, err) < 0)
      return -1;
  }
  return 0;
}

/* ---- afterwards ---- */

/* Clusters that were in use and are free now, of refcount block number INDEX. */
static int
give_back_block (struct qcow2_turn *t, uint64_t index, struct img_error *err)
{
  struct qcow2 *q = t->q;
  uint64_t first = index << q->rb_bits, end = first + (1ull << q->rb_bits), n = 0, start = 0;
  struct qcow2_table *block;
  if (qcow2_refblock_get (q, first, &block, err) < 0)
    return -1;
  for (uint64_t at = first; block && (at = next_group (t, at, end)) < end; at += GROUP)
    for (uint64_t c = at; c < end && c < at + GROUP; c++) {
      if (qcow2_count_get (&t->down, c) == 0
          || qcow2_refcount_in (block->bytes, c - first, q->h.refcount_order) > 0)
        continue;
      if (start + n != c) {
        qcow2_alloc_freed (q, start, n);
        start = c;
        n = 0;
      }
      n++;
    }
  qcow2_alloc_freed (q, start, n);
  if (block)
    qcow2_cache_put (q->rb_cache, block);
  return 0;
}

int
qcow2_turn_give_back (struct qcow2_turn *t, struct img_error *err)
{
  for (size_t i = 0; i < t->blocks.n; i++)
    if (give_back_block (t, t->blocks.v[i].index, err) < 0)
      return -1;
  return 0;
}
