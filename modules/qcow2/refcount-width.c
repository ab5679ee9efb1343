/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* refcount-width.c - the same refcounts in another width (spec section "Host cluster management").
 *
 * All new refcount blocks and the new table go to one run of fresh clusters, counted in the old
 * structure like any other; they are written whole, in order.  One write of the header switches;
 * the old blocks and table, which the new ones count, are given back after that.  A crash leaves
 * the old structure or the new one, and the other one leaked.  Refuses: counts that the new width
 * cannot hold, tables larger than readers accept.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "amend.h"
#include "bitmap.h"

struct widening {
  struct qcow2 *q;
  uint32_t order;
  unsigned rb_bits;       /* of the new blocks */
  uint8_t *used;          /* per new block: there is something to count */
  uint64_t n, blocks;     /* entries of `used`; how many are set */
  uint64_t table_clusters, first; /* the fresh run: the table, then the blocks */
  uint64_t *table;        /* host order */
  const struct img_amend *amend;
};

static void
report (const struct widening *w, uint64_t done, uint64_t total)
{
  if (w->amend->progress)
    w->amend->progress (w->amend->progress_arg, done, total);
}

static int
need (struct widening *w, uint64_t cluster, struct img_error *err)
{
  uint64_t i = cluster >> w->rb_bits;
  if (i >= QCOW2_MAX_REFTABLE_BYTES / 8)
    return img_error_set (err, EFBIG, _("the image needs a larger refcount table than readers"
                                        " accept (clusters are too small)"));
  if (i >= w->n) {
    uint64_t n = i + i / 2 + 64;
    uint8_t *p = realloc (w->used, n);
    if (p == NULL)
      return img_error_set (err, ENOMEM, _("out of memory"));
    memset (p + w->n, 0, n - w->n);
    w->used = p;
    w->n = n;
  }
  w->blocks += !w->used[i];
  w->used[i] = 1;
  return 0;
}

/* Clusters that the block of FIRST counts: which new blocks are there to be? */
static int
judge_block (struct widening *w, const uint8_t *block, uint64_t first, struct img_error *err)
{
  struct qcow2 *q = w->q;
  uint64_t most = w->order == 6 ? UINT64_MAX : (1ull << (1u << w->order)) - 1;
  for (uint64_t i = 0; i < 1ull << q->rb_bits; i++) {
    uint64_t count = qcow2_refcount_in (block, i, q->h.refcount_order);
    if (count > most)
      return img_error_set (err, ERANGE, _("Cannot decrease refcount entry width to %u bits:"
                                           " Cluster at offset 0x%" PRIx64 " has a refcount of %"
                                           PRIu64),
                            1u << w->order, (first + i) << q->cluster_bits, count);
    if (count && need (w, first + i, err) < 0)
      return -1;
  }
  return 0;
}

static int
judge_all (struct widening *w, struct img_error *err)
{
  struct qcow2 *q = w->q;
  struct qcow2_table *t;
  for (uint64_t i = 0; i < q->writer->reftable_entries; i++) {
    if (qcow2_refblock_get (q, i << q->rb_bits, &t, err) < 0)
      return -1;
    if (t == NULL)
      continue;
    int r = judge_block (w, t->bytes, i << q->rb_bits, err);
    qcow2_cache_put (q->rb_cache, t);
    if (r < 0)
      return -1;
  }
  return 0;
}

/* Takes the run, and counts what it takes in as well. */
static int
take (struct widening *w, struct img_error *err)
{
  struct qcow2 *q = w->q;
  for (uint64_t n = w->blocks + 1;;) {
    if (qcow2_alloc_whole (q, n, &w->first, err) < 0)
      return -1;
    int r = 0;
    for (uint64_t c = w->first; r == 0 && c < q->writer->next; c++)
      r = need (w, c, err);
    while (w->n > 0 && !w->used[w->n - 1])
      w->n--;
    w->table_clusters = img_div_up (w->n * 8, q->cluster_size);
    if (r == 0 && w->table_clusters + w->blocks <= n) {
      w->table = calloc (w->table_clusters, q->cluster_size);
      r = w->table ? 0 : img_error_set (err, ENOMEM, _("out of memory"));
      /* What is too much goes back. */
      if (r == 0) {
        qcow2_unalloc (q, w->first + w->table_clusters + w->blocks,
                       n - w->table_clusters - w->blocks);
        return 0;
      }
    }
    qcow2_unalloc (q, w->first, n);
    if (r < 0)
      return -1;
    n = w->table_clusters + w->blocks + 8;
  }
}

/* ---- writing ---- */

/* The counts of one new block, from the old. */
static int
fill (struct widening *w, uint64_t index, uint8_t *block, struct img_error *err)
{
  struct qcow2 *q = w->q;
  uint64_t first = index << w->rb_bits, n = 1ull << w->rb_bits, step = 1ull << q->rb_bits, part;
  struct qcow2_table *t;
  memset (block, 0, q->cluster_size);
  for (uint64_t i = 0; i < n; i += part) {
    uint64_t into = (first + i) & (step - 1);
    part = img_min (n - i, step - into);
    if (qcow2_refblock_get (q, first + i, &t, err) < 0)
      return -1;
    if (t == NULL)
      continue;
    for (uint64_t k = 0; k < part; k++) {
      uint64_t count = qcow2_refcount_in (t->bytes, into + k, q->h.refcount_order);
      if (count)
        qcow2_refcount_put (block, i + k, w->order, count);
    }
    qcow2_cache_put (q->rb_cache, t);
  }
  return 0;
}

static int
write_blocks (struct widening *w, struct img_error *err)
{
  enum { PIECE = 2 << 20 };
  struct qcow2 *q = w->q;
  uint64_t at = w->first + w->table_clusters, per = PIECE >> q->cluster_bits, held = 0, done = 0;
  IMG_CLEANUP (free) uint8_t *buf = malloc (PIECE);
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint64_t i = 0; i < w->n; i++) {
    if (!w->used[i])
      continue;
    if (fill (w, i, buf + (held << q->cluster_bits), err) < 0)
      return -1;
    w->table[i] = (at + held++) << q->cluster_bits;
    if (held < per && ++done < w->blocks)
      continue;
    if (img_pwrite (q->file, buf, held << q->cluster_bits, at << q->cluster_bits, 0, err) < 0)
      return -1;
    at += held;
    held = 0;
    report (w, i, w->n);
  }
  if (held && img_pwrite (q->file, buf, held << q->cluster_bits, at << q->cluster_bits, 0, err) < 0)
    return -1;
  return 0;
}

static int
write_table (struct widening *w, struct img_error *err)
{
  struct qcow2 *q = w->q;
  uint64_t bytes = w->table_clusters << q->cluster_bits;
  IMG_CLEANUP (free) uint8_t *buf = calloc (1, bytes);
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint64_t i = 0; i < w->n; i++)
    be64_put (buf + i * 8, w->table[i]);
  return img_pwrite (q->file, buf, bytes, w->first << q->cluster_bits, 0, err);
}

/* ---- the switch ---- */

/* The state in memory follows the header; then the old structure goes. */
static int
adopt (struct widening *w, const struct qcow2_header *old, struct img_error *err)
{
  struct qcow2 *q = w->q;
  struct qcow2_writer *wr = q->writer;
  IMG_CLEANUP (free) uint64_t *blocks = img_steal (wr->reftable);
  uint64_t n = wr->reftable_entries;
  wr->reftable = img_steal (w->table);
  wr->reftable_entries = w->table_clusters << q->cluster_bits >> 3;
  wr->reftable_dirty = (struct qcow2_span) { 0, 0 };
  wr->scan = 1;
  q->rb_bits = w->rb_bits;
  qcow2_cache_forget_all (q->rb_cache);
  qcow2_overlap_free (wr->overlap);
  wr->overlap = NULL;
  for (uint64_t i = 0; i < n; i++)
    if (blocks[i] & QCOW2_REFTABLE_OFFSET_MASK)
      qcow2_free_later (q, (blocks[i] & QCOW2_REFTABLE_OFFSET_MASK) >> q->cluster_bits, 1);
  qcow2_free_later (q, old->reftable_offset >> q->cluster_bits, old->reftable_clusters);
  return qcow2_write_out (q, err);
}

static int
change (struct widening *w, struct img_error *err)
{
  struct qcow2 *q = w->q;
  if (judge_all (w, err) < 0 || take (w, err) < 0)
    return -1;
  /* From here on the old counts stay as they are. */
  struct qcow2_header h, old;
  int r = qcow2_write_out (q, err);
  if (r == 0)
    r = write_blocks (w, err);
  if (r == 0)
    r = write_table (w, err);
  if (r < 0) {
    qcow2_unalloc (q, w->first, w->table_clusters + w->blocks);
    return -1;
  }
  h = old = q->h;
  h.refcount_order = w->order;
  h.reftable_offset = w->first << q->cluster_bits;
  h.reftable_clusters = (uint32_t) w->table_clusters;
  return qcow2_header_switch (q, &h, err) < 0 ? -1 : adopt (w, &old, err);
}

int
qcow2_refcount_width (struct qcow2 *q, uint32_t order, const struct img_amend *amend,
                      struct img_error *err)
{
  struct widening w = { .q = q, .order = order, .amend = amend };
  w.rb_bits = q->cluster_bits + 3 - order;
  if (qcow2_record_stop (q, err) < 0 || qcow2_begin (q, err) < 0 || qcow2_write_out (q, err) < 0)
    return -1;
  int r = change (&w, err);
  free (w.used);
  free (w.table);
  return r;
}

int
qcow2_refcount_width_judge (struct qcow2 *q, uint32_t order, struct img_error *err)
{
  struct widening w = { .q = q, .order = order };
  w.rb_bits = q->cluster_bits + 3 - order;
  int r = judge_all (&w, err);
  free (w.used);
  return r;
}
