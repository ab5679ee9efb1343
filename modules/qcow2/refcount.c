/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* refcount.c - how many refer to a host cluster (spec section "Host cluster management").
 *
 * Owns: refcounts of all widths, the refcount table in memory, its growth.  Refuses: counts below
 * zero or too large for their width, tables larger than readers accept.  Which cluster is used for
 * what is alloc.c's.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "write.h"

/* ---- one refcount ---- */

uint64_t
qcow2_refcount_in (const uint8_t *block, uint64_t index, uint32_t order)
{
  unsigned bits = 1u << order;
  switch (order) {
  case 3:
    return block[index];
  case 4:
    return be16_get (block + index * 2);
  case 5:
    return be32_get (block + index * 4);
  case 6:
    return be64_get (block + index * 8);
  default: /* several in a byte, the first in its low bits */
    return block[index * bits / 8] >> (index * bits % 8) & ((1u << bits) - 1);
  }
}

void
qcow2_refcount_put (uint8_t *block, uint64_t index, uint32_t order, uint64_t value)
{
  unsigned bits = 1u << order, shift = (unsigned) (index * bits % 8);
  switch (order) {
  case 3:
    block[index] = (uint8_t) value;
    break;
  case 4:
    be16_put (block + index * 2, (uint16_t) value);
    break;
  case 5:
    be32_put (block + index * 4, (uint32_t) value);
    break;
  case 6:
    be64_put (block + index * 8, value);
    break;
  default:
    block += index * bits / 8;
    *block = (uint8_t) ((*block & ~(((1u << bits) - 1) << shift)) | (unsigned) value << shift);
  }
}

static uint64_t
max_refcount (const struct qcow2 *q)
{
  return q->h.refcount_order == 6 ? UINT64_MAX : (1ull << (1u << q->h.refcount_order)) - 1;
}

/* ---- the table ---- */

int
qcow2_reftable_load (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t bytes = (uint64_t) q->h.reftable_clusters << q->cluster_bits;
  if (bytes > QCOW2_MAX_REFTABLE_BYTES)
    return img_error_set (err, EFBIG, _("refcount table of %" PRIu64 " bytes is too large"), bytes);
  if (bytes == 0)
    return img_error_set (err, EINVAL, _("the image has no refcount table"));
  w->reftable = malloc (bytes);
  if (w->reftable == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  img_event (q->file, "reftable_load");
  if (img_pread (q->file, w->reftable, bytes, q->h.reftable_offset, 0, err) < 0)
    return img_error_prefix (err, _("refcount table at 0x%" PRIx64), q->h.reftable_offset);
  w->reftable_entries = bytes / 8;
  for (uint64_t i = 0; i < w->reftable_entries; i++)
    w->reftable[i] = be64_get (&w->reftable[i]);
  return 0;
}

void
qcow2_reftable_set (struct qcow2 *q, uint64_t index, uint64_t offset)
{
  struct qcow2_writer *w = q->writer;
  w->reftable[index] = offset;
  qcow2_span_add (&w->reftable_dirty, index);
}

/* A larger table at a new place.  The old one is given back after the header points to the new. */
static int
move_table (struct qcow2 *q, uint64_t entries, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t clusters = img_div_up (entries * 8, q->cluster_size), old = w->reftable_entries, at;
  entries = clusters << q->cluster_bits >> 3;
  uint64_t *table = realloc (w->reftable, entries * 8);
  if (table == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  memset (table + old, 0, (entries - old) * 8);
  w->reftable = table;
  w->reftable_entries = entries; /* the clusters of the table may need blocks in the new part */
  /* A new image has the same bytes for any number of threads, also where nobody looks any more:
   * how full the old table was when it was last written is a matter of time. */
  if (qcow2_alloc_whole (q, clusters, &at, err) < 0
      || ((q->flags & IMG_OPEN_NEW)
          && img_zero (q->file, q->h.reftable_offset,
                       (uint64_t) q->h.reftable_clusters << q->cluster_bits, 0, err) < 0)) {
    w->reftable_entries = old;
    return -1;
  }
  qcow2_free_later (q, q->h.reftable_offset >> q->cluster_bits, q->h.reftable_clusters);
  q->h.reftable_offset = at << q->cluster_bits;
  q->h.reftable_clusters = (uint32_t) clusters;
  w->reftable_dirty = (struct qcow2_span) { 0, entries };
  w->reftable_moved = true;
  return 0;
}

int
qcow2_reftable_need (struct qcow2 *q, uint64_t index, struct img_error *err)
{
  uint64_t most = QCOW2_MAX_REFTABLE_BYTES / 8;
  if (index < q->writer->reftable_entries)
    return 0;
  if (index >= most)
    return img_error_set (err, EFBIG, _("the image needs a larger refcount table than readers"
                                        " accept (clusters are too small)"));
  return move_table (q, img_min (index + index / 2 + 2, most), err);
}

int
qcow2_reftable_write (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  return qcow2_span_write (q, &w->reftable_dirty, w->reftable, q->h.reftable_offset,
                           "reftable_update", err);
}

/* ---- blocks ---- */

int
qcow2_refblock_get (struct qcow2 *q, uint64_t cluster, struct qcow2_table **block,
                    struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t index = cluster >> q->rb_bits;
  uint64_t offset = index < w->reftable_entries ? w->reftable[index] & QCOW2_REFTABLE_OFFSET_MASK
                                                : 0;
  *block = NULL;
  if (offset == 0)
    return 0;
  if (offset & (q->cluster_size - 1))
    return img_error_set (err, EINVAL, _("refcount block offset 0x%" PRIx64
                                         " unaligned (refcount table index: 0x%" PRIx64 ")"),
                          offset, index);
  *block = qcow2_cache_find (q->rb_cache, offset);
  if (*block == NULL)
    *block = qcow2_cache_get (q->rb_cache, offset, 0, err);
  return *block ? 0 : img_error_prefix (err, _("refcount block at 0x%" PRIx64), offset);
}

/* Judges before anything is changed. */
static int
check_counts (const struct qcow2 *q, const uint8_t *block, uint64_t cluster, uint64_t n, bool up,
              struct img_error *err)
{
  uint64_t mask = (1ull << q->rb_bits) - 1, end = up ? max_refcount (q) : 0;
  for (uint64_t i = 0; i < n; i++)
    if (qcow2_refcount_in (block, (cluster + i) & mask, q->h.refcount_order) == end)
      return img_error_set (err, ERANGE, up ? _("the refcount of the cluster at 0x%" PRIx64
                                                " cannot grow")
                                            : _("the cluster at 0x%" PRIx64
                                                " is referred to, but its refcount is 0"),
                            (cluster + i) << q->cluster_bits);
  return 0;
}

/* N clusters that one block counts. */
static int
change_in_block (struct qcow2 *q, uint64_t cluster, uint64_t n, bool up, struct img_error *err)
{
  uint64_t mask = (1ull << q->rb_bits) - 1;
  struct qcow2_table *t;
  if (qcow2_refblock_get (q, cluster, &t, err) < 0)
    return -1;
  if (t == NULL)
    return img_error_set (err, ERANGE, _("no refcount block counts the cluster at 0x%" PRIx64),
                          cluster << q->cluster_bits);
  int r = check_counts (q, t->bytes, cluster, n, up, err);
  for (uint64_t i = 0; r == 0 && i < n; i++) {
    uint64_t index = (cluster + i) & mask;
    uint64_t value = qcow2_refcount_in (t->bytes, index, q->h.refcount_order);
    qcow2_refcount_put (t->bytes, index, q->h.refcount_order, up ? value + 1 : value - 1);
  }
  if (r == 0)
    qcow2_cache_dirty (q->rb_cache, t);
  qcow2_cache_put (q->rb_cache, t);
  return r;
}

static int
change (struct qcow2 *q, uint64_t cluster, uint64_t n, bool up, struct img_error *err)
{
  uint64_t per_block = 1ull << q->rb_bits, done = 0, part;
  for (; done < n; done += part) {
    part = img_min (n - done, per_block - ((cluster + done) & (per_block - 1)));
    if (change_in_block (q, cluster + done, part, up, err) < 0)
      break;
  }
  if (done == n)
    return 0;
  struct img_error ignored = IMG_ERROR_INIT; /* those blocks are dirty, hence in memory */
  if (done > 0)
    change (q, cluster, done, !up, &ignored);
  return -1;
}

int
qcow2_refcount_inc (struct qcow2 *q, uint64_t cluster, uint64_t n, struct img_error *err)
{
  return change (q, cluster, n, true, err);
}

int
qcow2_refcount_dec (struct qcow2 *q, uint64_t cluster, uint64_t n, struct img_error *err)
{
  return change (q, cluster, n, false, err);
}
