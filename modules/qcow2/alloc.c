/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* alloc.c - who gets which host cluster.
 *
 * New clusters come from gaps that were free before or became free, in ascending order, one
 * refcount block looked at a call; where that finds none, from the end of the file, so that no
 * call ever searches the whole image.  In a new image all is handed out in ascending order,
 * whatever is freed.  The end needs new refcount blocks now and then; each one lies in the first
 * cluster that it counts, or behind a run of adjoining clusters that needed several.
 *
 * The file is made longer in big steps before its new part is used (appending doubles the work
 * of some file systems) and cut back by qcow2_alloc_trim.  Refuses: offsets that entries cannot
 * hold.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "write.h"

enum { MIN_STEP = 1 << 20, MAX_STEP = 64 << 20 };

/* ---- the file's length ---- */

int
qcow2_alloc_grow (struct qcow2 *q, uint64_t clusters, struct img_error *err)
{
  uint64_t size = img_size (q->file), end, step;
  struct img_error why = IMG_ERROR_INIT;
  if (!img_shl (clusters, q->cluster_bits, &end) || end - 1 > QCOW2_OFFSET_MASK)
    return img_error_set (err, EFBIG, _("the image file cannot be that large"));
  if (end <= size)
    return 0;
  step = img_max (MIN_STEP, img_min (MAX_STEP, end / 8)) & ~(q->cluster_size - 1);
  q->writer->grown = true;
  if (img_resize (q->file, end + step, IMG_PREALLOC_OFF, 0, &why) == 0)
    return 0;
  return img_resize (q->file, end, IMG_PREALLOC_OFF, 0, err);
}

int
qcow2_alloc_trim (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t used = img_max (w->floor, w->next << q->cluster_bits);
  if (!w->grown)
    return 0;
  if (img_size (q->file) > used
      && img_resize (q->file, used, IMG_PREALLOC_OFF, IMG_RESIZE_SHRINK, err) < 0)
    return -1;
  w->grown = false;
  return 0;
}

/* ---- the end of what is used ---- */

/* Clusters of block number INDEX up to the last that is used; 0: none is. */
static int
used_of_block (struct qcow2 *q, uint64_t index, uint64_t *used, struct img_error *err)
{
  struct qcow2_table *t;
  *used = 0;
  if (qcow2_refblock_get (q, index << q->rb_bits, &t, err) < 0)
    return -1;
  if (t == NULL)
    return 0;
  uint64_t n = 1ull << q->rb_bits;
  while (n > 0 && qcow2_refcount_in (t->bytes, n - 1, q->h.refcount_order) == 0)
    n--;
  qcow2_cache_put (q->rb_cache, t);
  *used = n;
  return 0;
}

static int
find_next (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t used = 0;
  w->next = 1; /* never the header */
  for (uint64_t i = w->reftable_entries; i > 0 && used == 0; i--) {
    if (w->reftable[i - 1] == 0)
      continue;
    if (used_of_block (q, i - 1, &used, err) < 0)
      return -1;
    if (used > 0)
      w->next = ((i - 1) << q->rb_bits) + used;
  }
  return 0;
}

int
qcow2_alloc_open (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  w->floor = img_size (q->file);
  if (find_next (q, err) < 0)
    return -1;
  w->scan = 1;
  w->high = img_max (w->next, img_div_up (w->floor, q->cluster_size));
  return 0;
}

static void
set_next (struct qcow2_writer *w, uint64_t next)
{
  w->next = next;
  w->high = img_max (w->high, next);
}

/* ---- gaps ---- */

/* A run of at most WANT free clusters at *CLUSTER or behind, before END, all in one block.
 * Returns its length; *CLUSTER is END when there is none. */
static uint64_t
find_free (const struct qcow2 *q, const uint8_t *block, uint64_t *cluster, uint64_t end,
           uint64_t want)
{
  uint64_t mask = (1ull << q->rb_bits) - 1, n = 0;
  while (*cluster < end && qcow2_refcount_in (block, *cluster & mask, q->h.refcount_order) != 0)
    ++*cluster;
  while (n < want && *cluster + n < end
         && qcow2_refcount_in (block, (*cluster + n) & mask, q->h.refcount_order) == 0)
    n++;
  return n;
}

/* *N is 0 when the block that is looked at this time has none. */
static int
alloc_gap (struct qcow2 *q, uint64_t want, uint64_t *cluster, uint64_t *n, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  struct qcow2_table *t = NULL;
  uint64_t end = 0;
  *n = 0;
  while (t == NULL) {
    if (w->scan >= w->next || (q->flags & IMG_OPEN_NEW))
      return 0;
    end = img_min (((w->scan >> q->rb_bits) + 1) << q->rb_bits, w->next);
    if (qcow2_refblock_get (q, w->scan, &t, err) < 0)
      return -1;
    if (t == NULL) /* nothing was ever there: leave it so */
      w->scan = end;
  }
  *cluster = w->scan;
  *n = find_free (q, t->bytes, cluster, end, want);
  w->scan = *cluster; /* END when there is none */
  qcow2_cache_put (q->rb_cache, t);
  if (*n == 0)
    return 0;
  if (qcow2_alloc_grow (q, *cluster + *n, err) < 0 || qcow2_refcount_inc (q, *cluster, *n, err) < 0)
    return -1;
  w->scan += *n;
  return 0;
}

/* ---- the end ---- */

/* Makes refcount block number INDEX in CLUSTER, which is free.  Its own count is not set. */
static int
make_block (struct qcow2 *q, uint64_t index, uint64_t cluster, struct img_error *err)
{
  struct qcow2_table *t = qcow2_cache_make (q->rb_cache, cluster << q->cluster_bits, err);
  if (t == NULL)
    return -1;
  qcow2_cache_put (q->rb_cache, t);
  if (qcow2_overlap_add (q, cluster, true, err) < 0) {
    qcow2_cache_forget (q->rb_cache, cluster << q->cluster_bits, q->cluster_size);
    return -1;
  }
  qcow2_reftable_set (q, index, cluster << q->cluster_bits);
  return 0;
}

static void
unmake_block (struct qcow2 *q, uint64_t index)
{
  qcow2_cache_forget (q->rb_cache, q->writer->reftable[index], q->cluster_size);
  qcow2_overlap_remove (q, q->writer->reftable[index] >> q->cluster_bits);
  qcow2_reftable_set (q, index, 0);
}

/* The block that counts w->next is there afterwards, w->next behind it if it had to be made. */
static int
block_at_end (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t index;
  do { /* the table may move to where we are */
    index = w->next >> q->rb_bits;
    if (qcow2_reftable_need (q, index, err) < 0)
      return -1;
  } while (index != w->next >> q->rb_bits);
  if (w->reftable[index] != 0)
    return 0;
  if (qcow2_alloc_grow (q, w->next + 1, err) < 0 || make_block (q, index, w->next, err) < 0)
    return -1;
  if (qcow2_refcount_inc (q, w->next, 1, err) < 0) {
    unmake_block (q, index);
    return -1;
  }
  set_next (w, w->next + 1);
  return 0;
}

static int
alloc_end (struct qcow2 *q, uint64_t want, uint64_t *cluster, uint64_t *n, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  struct qcow2_table *t;
  for (*n = 0; *n == 0; set_next (w, *cluster + *n)) {
    if (block_at_end (q, err) < 0 || qcow2_refblock_get (q, w->next, &t, err) < 0)
      return -1;
    uint64_t end = ((w->next >> q->rb_bits) + 1) << q->rb_bits;
    *cluster = w->next;
    if (t == NULL)
      return img_error_set (err, ERANGE, _("no refcount block counts the cluster at 0x%" PRIx64),
                            *cluster << q->cluster_bits);
    *n = find_free (q, t->bytes, cluster, end, want);
    qcow2_cache_put (q->rb_cache, t);
    if (*n > 0
        && (qcow2_alloc_grow (q, *cluster + *n, err) < 0
            || qcow2_refcount_inc (q, *cluster, *n, err) < 0))
      return -1;
  }
  return 0;
}

int
qcow2_alloc (struct qcow2 *q, uint64_t want, uint64_t *cluster, uint64_t *n,
             struct img_error *err)
{
  img_event (q->file, "cluster_alloc");
  if (alloc_gap (q, want, cluster, n, err) < 0
      || (*n == 0 && alloc_end (q, want, cluster, n, err) < 0))
    return -1;
  IMG_TRACE ("qcow2_alloc", q->node, "0x%" PRIx64 " %" PRIu64, *cluster << q->cluster_bits, *n);
  /* What a wrong refcount called free stays taken now. */
  return qcow2_overlap_check (q, *cluster, *n, false, err);
}

/* ---- adjoining clusters ---- */

/* Blocks that N clusters at FIRST lack, those of the blocks behind them included. */
static uint64_t
lacking (const struct qcow2 *q, uint64_t first, uint64_t n, uint64_t *last)
{
  const struct qcow2_writer *w = q->writer;
  uint64_t blocks = 0, count;
  for (;; blocks = count) {
    count = 0;
    *last = (first + n + blocks - 1) >> q->rb_bits;
    for (uint64_t i = first >> q->rb_bits; i <= *last; i++)
      count += i >= w->reftable_entries || w->reftable[i] == 0;
    if (count == blocks)
      return blocks;
  }
}

/* Makes the blocks up to number LAST that are not there, from CLUSTER on.  All or nothing. */
static int
make_blocks (struct qcow2 *q, uint64_t first, uint64_t last, uint64_t cluster,
             struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t from = cluster, i;
  for (i = first; i <= last; i++)
    if (w->reftable[i] == 0 && make_block (q, i, cluster++, err) < 0)
      break;
  if (i > last)
    return 0;
  while (i-- > first)
    if (w->reftable[i] >> q->cluster_bits >= from && w->reftable[i] >> q->cluster_bits < cluster)
      unmake_block (q, i);
  return -1;
}

int
qcow2_alloc_whole (struct qcow2 *q, uint64_t n, uint64_t *cluster, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t last, blocks = lacking (q, w->next, n, &last);
  while (last >= w->reftable_entries) {
    if (qcow2_reftable_need (q, last, err) < 0)
      return -1;
    blocks = lacking (q, w->next, n, &last);
  }
  *cluster = w->next;
  if (qcow2_alloc_grow (q, *cluster + n + blocks, err) < 0
      || make_blocks (q, *cluster >> q->rb_bits, last, *cluster + n, err) < 0)
    return -1;
  if (qcow2_refcount_inc (q, *cluster, n + blocks, err) < 0) {
    for (uint64_t i = *cluster >> q->rb_bits; i <= last; i++)
      if (w->reftable[i] >> q->cluster_bits >= *cluster + n)
        unmake_block (q, i);
    return -1;
  }
  set_next (w, w->next + n + blocks);
  return 0;
}

/* ---- giving back ---- */

void
qcow2_free_later (struct qcow2 *q, uint64_t cluster, uint64_t n)
{
  struct qcow2_writer *w = q->writer;
  struct qcow2_run run = { cluster, n };
  IMG_TRACE ("qcow2_free", q->node, "0x%" PRIx64 " %" PRIu64, cluster << q->cluster_bits, n);
  if (w->later.n > 0) {
    struct qcow2_run *last = &w->later.v[w->later.n - 1];
    if (last->cluster + last->n == cluster) {
      last->n += n;
      return;
    }
  }
  if (img_vec_push (&w->later, run) < 0)
    img_debug (q->node, "out of memory: %" PRIu64 " clusters leak", n);
}

/* [FIRST, END) are free.  A hint for the file: what fails is space that it keeps.  To see that
 * there is a hole already is much cheaper than to make one. */
static void
discard_run (struct qcow2 *q, uint64_t first, uint64_t end)
{
  struct img_error ignored = IMG_ERROR_INIT;
  struct img_extent ext;
  uint64_t at = first << q->cluster_bits, length = (end - first) << q->cluster_bits;
  if (first >= end || !(q->flags & IMG_OPEN_UNMAP)
      || (img_within (at, length, img_size (q->file))
          && img_map (q->file, at, length, &ext, 1, &ignored) > 0 && ext.kind == IMG_EXTENT_ZERO
          && ext.length == length))
    return;
  img_discard (q->file, at, length, IMG_IO_NO_FALLBACK, &ignored);
}

void
qcow2_alloc_freed (struct qcow2 *q, uint64_t cluster, uint64_t n)
{
  struct qcow2_writer *w = q->writer;
  if (n == 0)
    return;
  w->scan = img_min (w->scan, cluster);
  if (w->pack >> q->cluster_bits >= cluster && w->pack >> q->cluster_bits < cluster + n)
    w->pack = 0;
  discard_run (q, cluster, cluster + n);
}

int
qcow2_alloc_shorten (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t old = w->next;
  if (find_next (q, err) < 0) {
    w->next = old;
    return -1;
  }
  w->scan = img_min (w->scan, w->next);
  w->floor = img_min (w->floor, w->next << q->cluster_bits);
  w->grown = true;
  return qcow2_alloc_trim (q, err);
}

/* CLUSTER lost a reference.  1: it is free now. */
static int
forget_free (struct qcow2 *q, uint64_t cluster, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  struct qcow2_table *t;
  if (qcow2_refblock_get (q, cluster, &t, err) < 0)
    return -1;
  uint64_t index = cluster & ((1ull << q->rb_bits) - 1);
  uint64_t left = qcow2_refcount_in (t->bytes, index, q->h.refcount_order);
  qcow2_cache_put (q->rb_cache, t);
  if (left > 0)
    return 0;
  w->scan = img_min (w->scan, cluster);
  if (w->pack >> q->cluster_bits == cluster)
    w->pack = 0;
  qcow2_cache_forget (q->l2_cache, cluster << q->cluster_bits, q->cluster_size);
  qcow2_overlap_remove (q, cluster);
  return 1;
}

/* All or nothing, but for space that stays taken. */
static int
drop (struct qcow2 *q, uint64_t cluster, uint64_t n, struct img_error *err)
{
  uint64_t first = cluster, end = cluster + n;
  if (qcow2_refcount_dec (q, cluster, n, err) < 0)
    return -1;
  for (; cluster < end; cluster++) {
    int r = forget_free (q, cluster, err);
    if (r < 0)
      return -1;
    if (r == 0) {
      discard_run (q, first, cluster);
      first = cluster + 1;
    }
  }
  discard_run (q, first, end);
  if (end == q->writer->next)
    q->writer->next = first;
  return 0;
}

void
qcow2_unalloc (struct qcow2 *q, uint64_t cluster, uint64_t n)
{
  struct img_error ignored = IMG_ERROR_INIT;
  struct qcow2_writer *w = q->writer;
  if (n == 0 || drop (q, cluster, n, &ignored) < 0)
    return;
  /* New images take space at the end only: there it is as if it had never been given out. */
  if ((q->flags & IMG_OPEN_NEW) && cluster + n == w->next)
    w->next = cluster;
}

static int
by_cluster (const void *a, const void *b)
{
  const struct qcow2_run *x = a, *y = b;
  return x->cluster < y->cluster ? -1 : x->cluster > y->cluster;
}

/* Runs that adjoin become one.  A cluster that stands there twice loses two references. */
static void
merge_later (struct qcow2_writer *w)
{
  size_t n = 0;
  qsort (w->later.v, w->later.n, sizeof *w->later.v, by_cluster);
  for (size_t i = 1; i < w->later.n; i++)
    if (w->later.v[n].cluster + w->later.v[n].n == w->later.v[i].cluster)
      w->later.v[n].n += w->later.v[i].n;
    else
      w->later.v[++n] = w->later.v[i];
  w->later.n = n + 1;
}

int
qcow2_free_now (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  if (w->later.n > 0) {
    img_event (q->file, "cluster_free");
    merge_later (w);
  }
  while (w->later.n > 0) {
    struct qcow2_run run = w->later.v[w->later.n - 1];
    int r = drop (q, run.cluster, run.n, err);
    if (r == 0 || err->code == ERANGE) /* the image is wrong: trying again would not help */
      w->later.n--;
    if (r < 0)
      return -1;
  }
  return 0;
}
