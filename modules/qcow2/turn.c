/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn.c - beginning and end of a turn (turn.h): places for what is new, the switch, giving back.
 *
 * What goes to disk, in this order: refcounts of the fresh clusters, in the old blocks (a crash
 * leaves them leaked); all that is new, into them; flush; the header; flush; the refcounts of the
 * tables that were replaced.  When the write of the header fails nobody knows which state
 * the disk has: then the fresh clusters stay taken.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "turn.h"

enum { MARGIN = 1 << 16 }; /* clusters that a turn takes behind the end, besides tables */

static int
init_counts (struct qcow2_turn *t, struct qcow2_checker *c, struct img_error *err)
{
  struct qcow2 *q = t->q;
  uint64_t file = img_div_up (img_size (q->file), q->cluster_size);
  c->q = q;
  c->n_clusters = img_max (file, q->writer->next) + 2 * (uint64_t) t->h.l1_size + MARGIN;
  return qcow2_count_init (c, err);
}

int
qcow2_turn_look (struct qcow2_turn *t, struct qcow2 *q, uint32_t l1_size, struct img_error *err)
{
  *t = (struct qcow2_turn) { .q = q, .h = q->h, .above = UINT64_MAX };
  t->h.l1_size = l1_size;
  if (qcow2_write_out (q, err) < 0)
    return -1;
  t->l1 = calloc ((size_t) l1_size + 1, 8);
  t->look = calloc ((size_t) l1_size + 1, sizeof *t->look);
  t->buf = malloc (QCOW2_TURN_BUF);
  if (t->l1 == NULL || t->look == NULL || t->buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  return init_counts (t, &t->up, err) < 0 ? -1 : init_counts (t, &t->down, err);
}

int
qcow2_turn_init (struct qcow2_turn *t, struct qcow2 *q, uint32_t l1_size, struct img_error *err)
{
  *t = (struct qcow2_turn) { .q = q };
  return qcow2_begin (q, err) < 0 ? -1 : qcow2_turn_look (t, q, l1_size, err);
}

void
qcow2_turn_release (struct qcow2_turn *t)
{
  for (size_t i = t->fresh.n; i > 0; i--)
    qcow2_unalloc (t->q, t->fresh.v[i - 1].cluster, t->fresh.v[i - 1].n);
  qcow2_count_release (&t->up);
  qcow2_count_release (&t->down);
  img_vec_free (&t->fresh);
  img_vec_free (&t->stale);
  img_vec_free (&t->blocks);
  free (t->l1);
  free (t->look);
  free (t->buf);
}

/* ---- places ---- */

static int
took (struct qcow2_turn *t, uint64_t cluster, uint64_t n, uint64_t *offset, struct img_error *err)
{
  struct qcow2_run run = { cluster, n };
  *offset = cluster << t->q->cluster_bits;
  if (img_vec_push (&t->fresh, run) == 0)
    return 0;
  qcow2_unalloc (t->q, cluster, n);
  return img_error_set (err, ENOMEM, _("out of memory"));
}

int
qcow2_turn_take_some (struct qcow2_turn *t, uint64_t *n, uint64_t *offset, struct img_error *err)
{
  uint64_t cluster, want = *n;
  return qcow2_alloc (t->q, want, &cluster, n, err) < 0 ? -1 : took (t, cluster, *n, offset, err);
}

int
qcow2_turn_take (struct qcow2_turn *t, uint64_t n, uint64_t *offset, struct img_error *err)
{
  uint64_t cluster, got = n;
  *offset = 0;
  if (n == 0)
    return 0;
  if (qcow2_alloc (t->q, n, &cluster, &got, err) < 0)
    return -1;
  if (got == n)
    return took (t, cluster, n, offset, err);
  qcow2_unalloc (t->q, cluster, got); /* a gap that is too small */
  return qcow2_alloc_whole (t->q, n, &cluster, err) < 0 ? -1 : took (t, cluster, n, offset, err);
}

int
qcow2_turn_drop (struct qcow2_turn *t, uint64_t offset, uint64_t bytes, struct img_error *err)
{
  struct qcow2_run run = { offset >> t->q->cluster_bits, img_div_up (bytes, t->q->cluster_size) };
  if (run.n > 0 && img_vec_push (&t->stale, run) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  return 0;
}

/* ---- tables of entries of 8 bytes ---- */

int
qcow2_turn_write_l1 (struct qcow2_turn *t, const uint64_t *l1, uint32_t n, uint64_t offset,
                     struct img_error *err)
{
  for (uint64_t done = 0, part; done < n; done += part) {
    part = img_min (n - done, QCOW2_TURN_BUF / 8);
    for (uint64_t i = 0; i < part; i++)
      be64_put (t->buf + i * 8, l1[done + i]);
    if (img_pwrite (t->q->file, t->buf, part * 8, offset + done * 8, 0, err) < 0)
      return -1;
  }
  return 0;
}

/* A place for a refcount table of as many entries as there are now. */
static int
take_reftable (struct qcow2_turn *t, struct img_error *err)
{
  struct qcow2 *q = t->q;
  if (t->blocks.n == 0)
    return 0;
  for (;;) {
    uint64_t bytes = q->writer->reftable_entries * 8;
    t->h.reftable_clusters = (uint32_t) img_div_up (bytes, q->cluster_size);
    if (qcow2_turn_take (t, t->h.reftable_clusters, &t->h.reftable_offset, err) < 0)
      return -1;
    if (bytes == q->writer->reftable_entries * 8)
      return 0;
    /* Taking the place took a longer table: it is too small. */
    if (qcow2_turn_drop (t, t->h.reftable_offset, bytes, err) < 0)
      return -1;
  }
}

/* The refcount table as it is, with the blocks that move at their new places. */
static int
write_reftable (struct qcow2_turn *t, uint64_t *table, struct img_error *err)
{
  struct qcow2_writer *w = t->q->writer;
  memcpy (table, w->reftable, w->reftable_entries * 8);
  for (size_t i = 0; i < t->blocks.n; i++)
    table[t->blocks.v[i].index] = t->blocks.v[i].place;
  return qcow2_turn_write_l1 (t, table, (uint32_t) w->reftable_entries, t->h.reftable_offset, err);
}

/* What the old refcounts are made of goes with them. */
static int
drop_refcounts (struct qcow2_turn *t, struct img_error *err)
{
  struct qcow2 *q = t->q;
  for (size_t i = 0; i < t->blocks.n; i++)
    if (qcow2_turn_drop (t, q->writer->reftable[t->blocks.v[i].index] & QCOW2_REFTABLE_OFFSET_MASK,
                         q->cluster_size, err) < 0)
      return -1;
  return t->blocks.n == 0
           ? 0
           : qcow2_turn_drop (t, q->h.reftable_offset,
                              (uint64_t) q->h.reftable_clusters << q->cluster_bits, err);
}

/* ---- the end ---- */

static int
prepare (struct qcow2_turn *t, struct img_error *err)
{
  struct qcow2 *q = t->q;
  uint64_t bytes = (uint64_t) t->h.l1_size * 8;
  if (qcow2_turn_take (t, img_div_up (bytes, q->cluster_size), &t->h.l1_offset, err) < 0
      || qcow2_turn_take_blocks (t, err) < 0 || take_reftable (t, err) < 0)
    return -1;
  if (t->blocks.n == 0) {
    t->h.reftable_offset = q->h.reftable_offset;
    t->h.reftable_clusters = q->h.reftable_clusters;
  }
  /* From here on nothing is taken any more: the old refcounts are what the new are made from. */
  if (qcow2_write_out (q, err) < 0
      || qcow2_turn_drop (t, q->h.l1_offset, (uint64_t) q->h.l1_size * 8, err) < 0
      || drop_refcounts (t, err) < 0)
    return -1;
  return qcow2_turn_write_l1 (t, t->l1, t->h.l1_size, t->h.l1_offset, err);
}

static void
copy_fields (struct qcow2_header *to, const struct qcow2_header *from)
{
  to->size = from->size;
  to->l1_size = from->l1_size;
  to->l1_offset = from->l1_offset;
  to->reftable_offset = from->reftable_offset;
  to->reftable_clusters = from->reftable_clusters;
  to->n_snapshots = from->n_snapshots;
  to->snapshots_offset = from->snapshots_offset;
  to->bitmap_dir_offset = from->bitmap_dir_offset;
  to->bitmap_dir_size = from->bitmap_dir_size;
}

/* The header is written: what was fresh is part of the image. */
static void
adopt (struct qcow2_turn *t)
{
  struct qcow2 *q = t->q;
  struct qcow2_writer *w = q->writer;
  t->fresh.n = 0;
  for (size_t i = 0; i < t->blocks.n; i++)
    w->reftable[t->blocks.v[i].index] = t->blocks.v[i].place;
  free (q->l1);
  q->l1 = img_steal (t->l1);
  q->l1_size = t->h.l1_size;
  q->last_l1 = UINT64_MAX;
  q->packed_age++;
  w->l1_dirty = (struct qcow2_span) { 0, 0 };
  qcow2_cache_forget_all (q->l2_cache);
  qcow2_cache_forget_all (q->rb_cache);
  qcow2_overlap_free (w->overlap);
  w->overlap = NULL;
  img_node_set_size (q->node, q->h.size);
}

static int
switch_header (struct qcow2_turn *t, struct img_error *err)
{
  struct qcow2 *q = t->q;
  struct qcow2_header old = q->h;
  copy_fields (&q->h, &t->h);
  if (qcow2_header_write (q, q->writer->blank, err) == 0 && qcow2_barrier (q, err) == 0)
    return 0;
  copy_fields (&q->h, &old);
  t->fresh.n = 0; /* the disk may have either state */
  return -1;
}

static int
give_back (struct qcow2_turn *t, struct img_error *err)
{
  struct qcow2 *q = t->q;
  if (qcow2_turn_give_back (t, err) < 0)
    return -1;
  for (size_t i = 0; i < t->stale.n; i++)
    qcow2_free_later (q, t->stale.v[i].cluster, t->stale.v[i].n);
  return qcow2_write_out (q, err) < 0 ? -1 : qcow2_alloc_shorten (q, err);
}

int
qcow2_turn_commit (struct qcow2_turn *t, struct img_error *err)
{
  struct qcow2 *q = t->q;
  if (prepare (t, err) < 0)
    return -1;
  IMG_CLEANUP (free) uint64_t *table = malloc (q->writer->reftable_entries * 8);
  if (table == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (qcow2_turn_write_blocks (t, err) < 0
      || (t->blocks.n > 0 && write_reftable (t, table, err) < 0) || qcow2_barrier (q, err) < 0
      || switch_header (t, err) < 0)
    return -1;
  adopt (t);
  return give_back (t, err);
}
