/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* write-sub.c - writing parts of clusters (spec section "Extended L2 Entries").
 *
 * Two writers may be at work in one cluster, each with its own subclusters.  So the cluster gets
 * its host cluster, linked, in reserve, and commit only sets the bits.  Where the old host
 * cluster is shared with a snapshot, or compressed, what is in it is copied first: the one case
 * in which guest data moves under the lock.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "write.h"

/* A file may end inside its last cluster. */
static int
read_host (struct qcow2 *q, uint8_t *buf, uint64_t length, uint64_t host, struct img_error *err)
{
  uint64_t size = img_size (q->file);
  uint64_t n = host < size ? img_min (length, size - host) : 0;
  memset (buf + n, 0, length - n);
  img_event (q->file, "cow_read");
  return n ? img_pread (q->file, buf, n, host, 0, err) : 0;
}

/* The subclusters of the cluster at GUEST that BITMAP says are allocated. */
static int
copy_allocated (struct qcow2 *q, uint8_t *buf, uint64_t guest, uint64_t from, uint64_t to,
                uint32_t bitmap, struct img_error *err)
{
  for (unsigned i = 0, n; i < QCOW2_SUBCLUSTERS; i += n) {
    bool set = bitmap >> i & 1;
    for (n = 1; i + n < QCOW2_SUBCLUSTERS && (bitmap >> (i + n) & 1) == set; n++)
      ;
    uint64_t at = (uint64_t) i << q->sub_bits, length = (uint64_t) n << q->sub_bits;
    if (set
        && (read_host (q, buf, length, from + at, err) < 0
            || (q->crypt && qcow2_crypt_moved (q, buf, length, guest + at, from + at, to + at, err))
            || img_pwrite (q->file, buf, length, to + at, 0, err) < 0))
      return -1;
  }
  return 0;
}

/* What the cluster with ENTRY holds goes to TO; *BITMAP is what holds there. */
static int
copy_cluster (struct qcow2 *q, uint64_t guest, uint64_t entry, uint64_t to, uint64_t *bitmap,
              struct img_error *err)
{
  enum qcow2_kind kind = qcow2_entry_kind (q, entry);
  if (kind != QCOW2_PACKED && (uint32_t) *bitmap == 0)
    return 0;
  IMG_CLEANUP (free) uint8_t *buf = malloc (q->cluster_size);
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (kind != QCOW2_PACKED)
    return copy_allocated (q, buf, guest, entry & QCOW2_OFFSET_MASK, to, (uint32_t) *bitmap, err);
  *bitmap = QCOW2_ALL_ALLOCATED;
  if (qcow2_packed_read (q, entry, guest, buf, err) < 0
      || (q->crypt && qcow2_crypt (q->node, true, buf, q->cluster_size, guest, to, err) < 0))
    return -1;
  img_event (q->file, "cow_write");
  return img_pwrite (q->file, buf, q->cluster_size, to, 0, err);
}

int
qcow2_sub_own (struct qcow2 *q, struct qcow2_table *table, uint32_t i, uint64_t guest,
               struct img_error *err)
{
  uint8_t *p = qcow2_entry_at (q, table, i);
  uint64_t entry = be64_get (p), bitmap = be64_get (p + 8), cluster, n;
  guest &= ~(q->cluster_size - 1);
  if (qcow2_entry_owned (q, entry))
    return 0;
  if (q->data != q->file) {
    qcow2_entry_put (q, p, guest | QCOW2_COPIED, bitmap);
    qcow2_cache_dirty (q->l2_cache, table);
    return 0;
  }
  if (qcow2_alloc (q, 1, &cluster, &n, err) < 0)
    return -1;
  if (copy_cluster (q, guest, entry, cluster << q->cluster_bits, &bitmap, err) < 0) {
    qcow2_unalloc (q, cluster, 1);
    return -1;
  }
  qcow2_entry_release (q, entry);
  qcow2_entry_put (q, p, cluster << q->cluster_bits | QCOW2_COPIED, bitmap);
  qcow2_cache_dirty (q->l2_cache, table);
  return 0;
}

int
qcow2_sub_reserve (struct qcow2 *q, uint64_t offset, uint64_t length, struct img_place *place,
                   struct img_error *err)
{
  uint64_t into = offset & (q->cluster_size - 1), n = 1;
  uint32_t first = (uint32_t) (into >> q->sub_bits), i = qcow2_slice_index (q, offset);
  struct qcow2_table *t;
  length = img_min (length, q->cluster_size - into) >> q->sub_bits;
  if (qcow2_l2_change (q, offset, &t, err) < 0)
    return -1;
  int r = qcow2_sub_own (q, t, i, offset, err);
  const uint8_t *p = qcow2_entry_at (q, t, i);
  uint64_t entry = be64_get (p), alloc = be64_get (p + 8) >> first;
  qcow2_cache_put (q->l2_cache, t);
  if (r < 0
      || qcow2_judge_host (q, offset, entry & QCOW2_OFFSET_MASK, q->cluster_size, err) < 0)
    return -1;
  while (n < length && (alloc >> n & 1) == (alloc & 1))
    n++;
  place->length = n << q->sub_bits;
  place->host_offset = (entry & QCOW2_OFFSET_MASK) + into;
  place->flags = alloc & 1 ? 0 : IMG_PLACE_FRESH;
  return 0;
}
