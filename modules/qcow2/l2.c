/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* l2.c - L2 tables that may be changed, and what a changed entry let go (spec section "Cluster
 * mapping").
 *
 * Owns: giving a guest range an L2 table that no snapshot shares, and the L1 table's way to disk.
 * Refuses: offsets past the L1 table.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "write.h"

/* ---- entries ---- */

void
qcow2_entry_put (const struct qcow2 *q, uint8_t *p, uint64_t entry, uint64_t bitmap)
{
  be64_put (p, entry);
  if (q->extended)
    be64_put (p + 8, bitmap);
}

bool
qcow2_entry_owned (const struct qcow2 *q, uint64_t entry)
{
  enum qcow2_kind kind = qcow2_entry_kind (q, entry);
  return (entry & QCOW2_COPIED) && (kind == QCOW2_NORMAL || kind == QCOW2_ZERO_ALLOC);
}

void
qcow2_entry_release (struct qcow2 *q, uint64_t entry)
{
  enum qcow2_kind kind = qcow2_entry_kind (q, entry);
  if (q->data != q->file) /* spec: clusters of a data file are not counted */
    return;
  if (kind == QCOW2_PACKED) {
    uint64_t offset, length;
    qcow2_packed_range (q, entry, &offset, &length);
    uint64_t first = offset >> q->cluster_bits, last = (offset + length - 1) >> q->cluster_bits;
    qcow2_free_later (q, first, last - first + 1);
  } else if (kind == QCOW2_NORMAL || kind == QCOW2_ZERO_ALLOC) {
    qcow2_free_later (q, (entry & QCOW2_OFFSET_MASK) >> q->cluster_bits, 1);
  }
}

bool
qcow2_backed (const struct qcow2 *q)
{
  return q->h.backing_name != NULL;
}

/* ---- tables ---- */

static void
set_l1 (struct qcow2 *q, uint32_t index, uint64_t entry)
{
  q->l1[index] = entry;
  qcow2_span_add (&q->writer->l1_dirty, index);
}

/* Fills the new table at TO with what stands at FROM, or zeroes when that is 0. */
static int
fill_table (struct qcow2 *q, uint64_t to, uint64_t from, struct img_error *err)
{
  for (uint64_t done = 0; done < q->cluster_size; done += q->slice_size) {
    struct qcow2_table *old = NULL, *new;
    uint64_t more = q->cluster_size - done - q->slice_size;
    if (from && (old = qcow2_cache_get (q->l2_cache, from + done, more, err)) == NULL)
      return img_error_prefix (err, _("L2 table at 0x%" PRIx64), from);
    new = qcow2_cache_make (q->l2_cache, to + done, err);
    if (new && old)
      memcpy (new->bytes, old->bytes, q->slice_size);
    if (old)
      qcow2_cache_put (q->l2_cache, old);
    if (new == NULL)
      return -1;
    qcow2_cache_put (q->l2_cache, new);
  }
  return 0;
}

int
qcow2_l2_own (struct qcow2 *q, uint64_t guest, struct img_error *err)
{
  uint64_t index = qcow2_l1_index (q, guest), old, cluster, n;
  if (index >= q->l1_size)
    return img_error_set (err, EINVAL, _("guest offset 0x%" PRIx64 " lies past the L1 table"),
                          guest);
  old = q->l1[index] & QCOW2_OFFSET_MASK;
  if (old && (q->l1[index] & QCOW2_COPIED))
    return qcow2_overlap_check (q, old >> q->cluster_bits, 1, true, err);
  if (old & (q->cluster_size - 1))
    return img_error_set (err, EINVAL, _("L2 table offset 0x%" PRIx64
                                         " unaligned (L1 index: 0x%" PRIx64 ")"), old, index);
  if (qcow2_alloc (q, 1, &cluster, &n, err) < 0)
    return -1;
  if (fill_table (q, cluster << q->cluster_bits, old, err) < 0
      || qcow2_overlap_add (q, cluster, false, err) < 0) {
    qcow2_unalloc (q, cluster, 1);
    return -1;
  }
  if (old)
    qcow2_free_later (q, old >> q->cluster_bits, 1);
  set_l1 (q, (uint32_t) index, cluster << q->cluster_bits | QCOW2_COPIED);
  return 0;
}

int
qcow2_l2_change (struct qcow2 *q, uint64_t guest, struct qcow2_table **table,
                 struct img_error *err)
{
  return qcow2_l2_own (q, guest, err) < 0 ? -1 : qcow2_l2_get (q, guest, 0, table, err);
}

int
qcow2_l1_write (struct qcow2 *q, struct img_error *err)
{
  return qcow2_span_write (q, &q->writer->l1_dirty, q->l1, q->h.l1_offset, "l1_update", err);
}
