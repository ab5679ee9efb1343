/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-rebuild.c - refcount table and blocks made anew from what was counted (spec section "Host
 * cluster management").
 *
 * Owns: the new blocks and the table behind them at the end of the file, where nothing was, and
 * the one write to the header that puts them in the place of the old ones.  The old ones are not
 * touched; their clusters are free afterwards.  Refuses: tables larger than readers accept.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "repair.h"
#include "write.h"

struct rebuild {
  struct qcow2_checker *c;
  uint64_t limit;    /* clusters that were counted */
  uint8_t *needed;   /* of the blocks for these */
  uint64_t n_needed; /* bytes there */
  uint64_t first, n_blocks, n_table; /* clusters: where all goes, and how many */
  uint64_t *table;   /* host order */
};

/* ---- where ---- */

static int
by_first (const void *a, const void *b)
{
  const struct qcow2_past *x = a, *y = b;
  return x->first < y->first ? -1 : x->first > y->first;
}

int
qcow2_repair_place (struct qcow2_checker *c, uint64_t n, uint64_t *first, struct img_error *err)
{
  *first = img_max (c->n_clusters, c->end);
  if (c->n_past == QCOW2_MAX_PAST)
    return img_error_set (err, EINVAL, _("too many references point past the end of the file"));
  if (c->n_past)
    qsort (c->past, c->n_past, sizeof *c->past, by_first);
  for (size_t i = 0; i < c->n_past; i++)
    if (c->past[i].first < *first + n && c->past[i].first + c->past[i].n > *first)
      *first = c->past[i].first + c->past[i].n;
  if (*first + n > (QCOW2_OFFSET_MASK >> c->q->cluster_bits)
      || *first + n > c->n_clusters + QCOW2_MAX_NEW)
    return img_error_set (err, EFBIG, _("the image file cannot be that large"));
  return 0;
}

/* Which blocks there must be for what was counted. */
static int
find_needed (struct rebuild *r, struct img_error *err)
{
  const struct qcow2_checker *c = r->c;
  r->n_needed = img_div_up (r->limit, UINT64_C (1) << c->q->rb_bits);
  r->needed = calloc (1, r->n_needed + 1);
  if (r->needed == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint64_t k = 0; k < r->limit; k++) {
    uint64_t i = k >> c->q->rb_bits;
    if (qcow2_count_get (c, k)
        || (c->incomplete && i < c->n_reftable && qcow2_check_usable (c, c->reftable[i])))
      r->needed[i] = 1;
    if (r->needed[i]) /* on to the next */
      k |= (UINT64_C (1) << c->q->rb_bits) - 1;
  }
  return 0;
}

static bool
is_needed (const struct rebuild *r, uint64_t i)
{
  unsigned bits = r->c->q->rb_bits;
  uint64_t end = r->first + r->n_blocks + r->n_table;
  return (i < r->n_needed && r->needed[i]) || (i >= r->first >> bits && i <= (end - 1) >> bits);
}

/* How much there will be depends on where it will be, and that on how much. */
static int
plan (struct rebuild *r, struct img_error *err)
{
  const struct qcow2 *q = r->c->q;
  uint64_t last, blocks, table;
  r->n_blocks = r->n_table = 1;
  for (;;) {
    if (qcow2_repair_place (r->c, r->n_blocks + r->n_table, &r->first, err) < 0)
      return -1;
    last = (r->first + r->n_blocks + r->n_table - 1) >> q->rb_bits;
    table = img_div_up ((last + 1) * 8, q->cluster_size);
    if (table << q->cluster_bits > QCOW2_MAX_REFTABLE_BYTES)
      return img_error_set (err, EFBIG, _("the refcount table would be too large"));
    blocks = 0;
    for (uint64_t i = 0; i <= last; i++)
      blocks += is_needed (r, i);
    if (blocks <= r->n_blocks && table <= r->n_table)
      return 0;
    r->n_blocks = img_max (blocks, r->n_blocks);
    r->n_table = img_max (table, r->n_table);
  }
}

/* ---- what ---- */

/* Block number I, into BLOCK. */
static int
fill (struct rebuild *r, uint64_t i, uint8_t *block, uint8_t *old, struct img_error *err)
{
  struct qcow2_checker *c = r->c;
  const struct qcow2 *q = c->q;
  uint64_t first = i << q->rb_bits, end = r->first + r->n_blocks + r->n_table;
  bool keep = c->incomplete && i < c->n_reftable && qcow2_check_usable (c, c->reftable[i]);
  memset (block, 0, q->cluster_size);
  if (keep
      && qcow2_check_read (c, old, q->cluster_size, c->reftable[i] & QCOW2_REFTABLE_OFFSET_MASK,
                           err) < 0)
    return -1;
  for (uint64_t j = 0; j < UINT64_C (1) << q->rb_bits; j++) {
    uint64_t k = first + j, x = 0;
    if (k < r->limit)
      x = qcow2_repair_target (c, k, keep ? qcow2_refcount_in (old, j, q->h.refcount_order) : 0);
    else if (k >= r->first && k < end)
      x = 1;
    if (x)
      qcow2_refcount_put (block, j, q->h.refcount_order, x);
  }
  return 0;
}

/* All blocks, in order, in large writes; notes where they are. */
static int
write_blocks (struct rebuild *r, uint8_t *old, struct img_error *err)
{
  struct qcow2_checker *c = r->c;
  struct qcow2 *q = c->q;
  uint64_t at = r->first << q->cluster_bits, have = 0;
  uint64_t last = (r->first + r->n_blocks + r->n_table - 1) >> q->rb_bits;
  for (uint64_t i = 0; i <= last; i++) {
    if (is_needed (r, i)) {
      r->table[i] = at + have;
      if (fill (r, i, c->buf + have, old, err) < 0)
        return -1;
      have += q->cluster_size;
    }
    if (have && (have >= QCOW2_CHECK_BUF || i == last)) {
      if (qcow2_repair_write (q, c->buf, have, at, err) < 0)
        return -1;
      at += have;
      have = 0;
    }
  }
  return 0;
}

static int
write_all (struct rebuild *r, struct img_error *err)
{
  struct qcow2 *q = r->c->q;
  uint64_t bytes = r->n_table << q->cluster_bits;
  uint64_t offset = (r->first + r->n_blocks) << q->cluster_bits;
  uint8_t field[12];
  IMG_CLEANUP (free) uint8_t *old = malloc (q->cluster_size);
  r->table = calloc (1, bytes);
  if (old == NULL || r->table == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (write_blocks (r, old, err) < 0)
    return -1;
  for (uint64_t i = 0; i < bytes / 8; i++)
    be64_put (&r->table[i], r->table[i]);
  if (qcow2_repair_write (q, r->table, bytes, offset, err) < 0 || qcow2_barrier (q, err) < 0)
    return -1;
  be64_put (field, offset);
  be32_put (field + 8, (uint32_t) r->n_table);
  if (img_pwrite (q->file, field, sizeof field, 48, 0, err) < 0)
    return -1;
  q->h.reftable_offset = offset;
  q->h.reftable_clusters = (uint32_t) r->n_table;
  return qcow2_barrier (q, err);
}

int
qcow2_repair_rebuild (struct qcow2_checker *c, struct img_error *err)
{
  struct rebuild r = { .c = c, .limit = img_max (c->n_clusters, c->end) };
  int result = -1;
  if (qcow2_check_uncount (c, err) < 0)
    return -1;
  if (qcow2_count_get (c, 0) != 1) /* the header is something else, too */
    return 0;
  if (find_needed (&r, err) == 0 && plan (&r, err) == 0)
    result = write_all (&r, err);
  free (r.needed);
  free (r.table);
  return result;
}
