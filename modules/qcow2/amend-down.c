/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* amend-down.c - version 3 becomes version 2, which knows no zero clusters.
 *
 * Zero clusters of all L2 tables, the snapshots' too, become unallocated where nothing shows
 * through then, else clusters that hold zeroes.  What a cluster reads as never changes, so tables
 * are changed where they are, whoever shares them: a new cluster gets as many references as its
 * table has.  Only then the header.  Bitmaps go: version 2 has no place for them.  Refuses: images
 * with features that version 2 does not know, snapshots of other sizes or with large VM states.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "amend.h"
#include "bitmap.h"

/* ---- zero clusters ---- */

/* References to the cluster at OFFSET. */
static int
count_of (struct qcow2 *q, uint64_t offset, uint64_t *count, struct img_error *err)
{
  struct qcow2_table *t;
  uint64_t cluster = offset >> q->cluster_bits;
  if (qcow2_refblock_get (q, cluster, &t, err) < 0)
    return -1;
  *count = 0;
  if (t) {
    *count = qcow2_refcount_in (t->bytes, cluster & ((1ull << q->rb_bits) - 1),
                                q->h.refcount_order);
    qcow2_cache_put (q->rb_cache, t);
  }
  if (*count == 0)
    return img_error_set (err, ERANGE, _("the cluster at 0x%" PRIx64
                                         " is referred to, but its refcount is 0"), offset);
  return 0;
}

/* A cluster full of zeroes with SHARES references, as an entry. */
static int
zero_cluster (struct qcow2 *q, uint64_t shares, uint64_t *entry, struct img_error *err)
{
  uint64_t cluster, n;
  if (qcow2_alloc (q, 1, &cluster, &n, err) < 0)
    return -1;
  *entry = cluster << q->cluster_bits | (shares == 1 ? QCOW2_COPIED : 0);
  if (img_zero (q->file, cluster << q->cluster_bits, q->cluster_size, 0, err) < 0) {
    qcow2_unalloc (q, cluster, 1);
    return -1;
  }
  for (uint64_t i = 1; i < shares; i++)
    if (qcow2_refcount_inc (q, cluster, 1, err) < 0)
      return -1; /* it leaks */
  return 0;
}

static int
change_slice (struct qcow2 *q, struct qcow2_table *t, uint64_t shares, struct img_error *err)
{
  for (uint32_t i = 0; i < 1u << q->slice_bits; i++) {
    uint8_t *p = qcow2_entry_at (q, t, i);
    uint64_t old = be64_get (p), new = 0;
    if ((old & QCOW2_COMPRESSED) || !(old & QCOW2_ZERO))
      continue;
    if (qcow2_backed (q) && zero_cluster (q, shares, &new, err) < 0)
      return -1;
    be64_put (p, new);
    qcow2_cache_dirty (q->l2_cache, t);
    for (uint64_t k = 0; (old & QCOW2_OFFSET_MASK) && k < shares; k++)
      qcow2_entry_release (q, old);
  }
  return 0;
}

/* *SHARES: how many refer to the L2 table at OFFSET. */
static int
judge_table (struct qcow2 *q, uint64_t offset, uint64_t *shares, struct img_error *err)
{
  if (!img_within (offset, q->cluster_size, img_size (q->file)) || (offset & (q->cluster_size - 1)))
    return img_error_set (err, EINVAL, _("L2 table at 0x%" PRIx64
                                         " is not aligned, or lies past the end of the file"),
                          offset);
  return count_of (q, offset, shares, err);
}

static int
change_table (struct qcow2 *q, uint64_t offset, struct img_error *err)
{
  uint64_t shares;
  if (judge_table (q, offset, &shares, err) < 0)
    return -1;
  for (uint64_t done = 0; done < q->cluster_size; done += q->slice_size) {
    if (qcow2_relieve (q, err) < 0)
      return -1;
    struct qcow2_table *t = qcow2_cache_get (q->l2_cache, offset + done,
                                             q->cluster_size - done - q->slice_size, err);
    if (t == NULL)
      return -1;
    int r = change_slice (q, t, shares, err);
    qcow2_cache_put (q->l2_cache, t);
    if (r < 0)
      return -1;
  }
  return 0;
}

/* AMEND NULL: only judges. */
static int
change_l1 (struct qcow2 *q, const uint64_t *l1, uint32_t n, const struct img_amend *amend,
           struct img_error *err)
{
  for (uint32_t i = 0; i < n; i++) {
    uint64_t offset = l1[i] & QCOW2_OFFSET_MASK, shares;
    if (offset && amend == NULL && judge_table (q, offset, &shares, err) < 0)
      return -1;
    if (offset && amend && change_table (q, offset, err) < 0)
      return -1;
    if (amend && amend->progress)
      amend->progress (amend->progress_arg, i, n);
  }
  return 0;
}

static int
change_snapshot (struct qcow2 *q, const struct qcow2_snapshot *s, const struct img_amend *amend,
                 struct img_error *err)
{
  uint64_t bytes = (uint64_t) s->l1_size * 8;
  if (bytes > QCOW2_MAX_L1_BYTES || !img_within (s->l1_offset, bytes, img_size (q->file)))
    return img_error_set (err, EINVAL, _("L1 table of snapshot %s at 0x%" PRIx64
                                         " is too large or lies past the end of the file"),
                          s->id, s->l1_offset);
  IMG_CLEANUP (free) uint64_t *l1 = malloc (bytes + 8);
  if (l1 == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (bytes && img_pread (q->file, l1, bytes, s->l1_offset, 0, err) < 0)
    return -1;
  for (uint32_t i = 0; i < s->l1_size; i++)
    l1[i] = be64_get (&l1[i]);
  return change_l1 (q, l1, s->l1_size, amend, err);
}

static int
change_all (struct qcow2 *q, const struct img_amend *amend, struct img_error *err)
{
  struct qcow2_snapshots all;
  if (change_l1 (q, q->l1, q->l1_size, amend, err) < 0)
    return -1;
  int r = qcow2_snapshots_read (q, &all, err);
  for (uint32_t i = 0; r == 0 && i < all.n; i++)
    r = change_snapshot (q, &all.v[i], amend, err);
  qcow2_snapshots_free (&all);
  return r;
}

/* ---- judging ---- */

int
qcow2_downgrade_judge (struct qcow2 *q, uint64_t size, struct img_error *err)
{
  struct qcow2_snapshots all;
  if (q->h.incompat & QCOW2_INCOMPAT_DATA_FILE)
    return img_error_set (err, ENOTSUP, _("Cannot downgrade an image with a data file"));
  if (q->h.incompat)
    return img_error_set (err, ENOTSUP, _("Cannot downgrade an image with incompatible features 0x%"
                                          PRIx64 " set"), q->h.incompat);
  if (q->h.crypt_method == QCOW2_CRYPT_LUKS)
    return img_error_set (err, ENOTSUP, _("Cannot downgrade an image with LUKS encryption"));
  if (q->crypt && qcow2_backed (q)) /* zero clusters would become zeroes in the file */
    return img_error_set (err, ENOTSUP, _("Cannot downgrade an encrypted image with a backing"
                                          " file"));
  int r = qcow2_snapshots_read (q, &all, err);
  for (uint32_t i = 0; r == 0 && i < all.n; i++)
    if (all.v[i].vm_state_size > UINT32_MAX || all.v[i].disk_size != size)
      r = img_error_set (err, ENOTSUP, _("Internal snapshots prevent downgrade of image"));
  qcow2_snapshots_free (&all);
  if (r == 0)
    r = qcow2_bitmaps_judge (q, size, err); /* they go, but have to be found for that */
  return r < 0 ? -1 : change_all (q, NULL, err);
}

/* ---- the header ---- */

static int
switch_version (struct qcow2 *q, struct qcow2_bitmap_edit *e, struct img_error *err)
{
  struct qcow2_header h;
  for (uint32_t i = 0; i < e->all.n; i++)
    if (qcow2_bitmap_edit_release (e, &e->all.v[i], err) < 0)
      return -1;
  qcow2_bitmaps_free (&e->all);
  h = q->h;
  if (qcow2_bitmap_edit_place (e, &h, err) < 0)
    return -1;
  h.version = 2;
  h.header_length = QCOW2_V2_HEADER;
  h.incompat = h.compat = h.autoclear = 0;
  h.unknown_length = 0; /* of version 3 */
  return qcow2_header_switch (q, &h, err);
}

int
qcow2_downgrade (struct qcow2 *q, const struct img_amend *amend, struct img_error *err)
{
  struct qcow2_bitmap_edit e;
  int r = qcow2_bitmap_edit_begin (q, &e, err);
  if (r == 0)
    r = qcow2_begin (q, err);
  if (r == 0)
    r = change_all (q, amend, err);
  if (r == 0)
    r = switch_version (q, &e, err);
  /* Nothing of E is fresh: there is nothing to undo. */
  qcow2_bitmap_edit_end (&e, r == 0 ? QCOW2_EDIT_DONE : QCOW2_EDIT_UNSURE);
  return r < 0 ? -1 : qcow2_write_out (q, err);
}
