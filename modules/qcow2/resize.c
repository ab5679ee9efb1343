/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* resize.c - makes the guest disk larger; smaller is shrink.c's.
 *
 * Everything changed so far is written out first; then the L1 table, longer or moved, then the
 * header: each step leaves an image.  The core has zeroed what the new part would show of the old
 * last cluster.  What it would show of a longer backing image is hidden behind the end of the old
 * disk, under an L1 table that is long enough, before the header says the new size.  Refuses:
 * version 2 images with snapshots (their entries do not say how large the disk was), disks that
 * would grow over VM state.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"

/* The L1 table has ENTRIES entries afterwards, the new ones 0.  *OFFSET: where on disk. */
static int
extend_l1 (struct qcow2 *q, uint32_t entries, uint64_t *offset, struct img_error *err)
{
  uint64_t old = img_div_up ((uint64_t) q->l1_size * 8, q->cluster_size), at;
  uint64_t need = img_div_up ((uint64_t) entries * 8, q->cluster_size);
  *offset = q->h.l1_offset;
  if (entries <= q->l1_size)
    return 0;
  uint64_t *l1 = realloc (q->l1, (size_t) entries * 8);
  if (l1 == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  q->l1 = l1;
  memset (l1 + q->l1_size, 0, (size_t) (entries - q->l1_size) * 8);
  if (need > old) {
    if (qcow2_alloc_whole (q, need, &at, err) < 0)
      return -1;
    *offset = at << q->cluster_bits;
  }
  return 0;
}

/* Writes the first ENTRIES entries to OFFSET. */
static int
write_l1 (struct qcow2 *q, uint32_t entries, uint64_t offset, struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *buf = malloc ((size_t) entries * 8 + 1);
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint32_t i = 0; i < entries; i++)
    be64_put (buf + (size_t) i * 8, q->l1[i]);
  img_event (q->file, "l1_grow_write_table");
  return entries ? img_pwrite (q->file, buf, (uint64_t) entries * 8, offset, 0, err) : 0;
}

/* Header fields that change together.  *H: what the new state has of bitmaps. */
static int
switch_header (struct qcow2 *q, const struct qcow2_header *h, uint64_t size, uint32_t entries,
               uint64_t l1_offset, struct img_error *err)
{
  struct qcow2_header old = q->h;
  uint64_t clusters = img_div_up ((uint64_t) q->l1_size * 8, q->cluster_size);
  q->h.size = size;
  q->h.l1_size = entries;
  q->h.l1_offset = l1_offset;
  img_event (q->file, "l1_grow_activate_table");
  q->h.bitmap_dir_offset = h->bitmap_dir_offset;
  q->h.bitmap_dir_size = h->bitmap_dir_size;
  if (qcow2_header_write (q, q->writer->blank, err) < 0) {
    q->h = old;
    return -1;
  }
  q->l1_size = entries;
  if (l1_offset != old.l1_offset && clusters > 0)
    qcow2_free_later (q, old.l1_offset >> q->cluster_bits, clusters);
  return 0;
}

/* *HOW: what became of the new state, when this fails. */
static int
grow_tables (struct qcow2 *q, const struct qcow2_header *h, uint64_t size, uint32_t entries,
             enum qcow2_edit_end *how, struct img_error *err)
{
  uint64_t offset;
  *how = QCOW2_EDIT_UNDONE;
  if (qcow2_begin (q, err) < 0 || extend_l1 (q, entries, &offset, err) < 0)
    return -1;
  if (qcow2_write_out (q, err) == 0 && write_l1 (q, entries, offset, err) == 0
      && qcow2_barrier (q, err) == 0) { /* a header that failed may be on disk: tables leak */
    *how = QCOW2_EDIT_UNSURE;
    return switch_header (q, h, size, entries, offset, err);
  }
  if (offset != q->h.l1_offset)
    qcow2_unalloc (q, offset >> q->cluster_bits,
                   img_div_up ((uint64_t) entries * 8, q->cluster_size));
  return -1;
}

/* ---- preallocation ---- */

/* Space and contents of N fresh clusters at HOST in the file. */
static int
take_space (struct qcow2 *q, uint64_t host, uint64_t length, enum img_prealloc prealloc,
            struct img_error *err)
{
  if (prealloc == IMG_PREALLOC_FULL) {
    enum { PIECE = 1 << 20 };
    IMG_CLEANUP (free) uint8_t *zeroes = calloc (1, PIECE);
    if (zeroes == NULL)
      return img_error_set (err, ENOMEM, _("out of memory"));
    for (uint64_t n; length > 0; host += n, length -= n) {
      n = img_min (length, PIECE);
      if (img_pwrite (q->file, zeroes, n, host, 0, err) < 0)
        return -1;
    }
    return 0;
  }
  if (img_zero (q->file, host, length, 0, err) < 0)
    return -1;
  if (prealloc != IMG_PREALLOC_FALLOC)
    return 0;
  int r = img_allocate (q->file, host, length, err);
  if (r == 1)
    return img_error_set (err, ENOTSUP, _("space cannot be preallocated in the file"));
  return r;
}

/* Clusters from GUEST on that have no host cluster, in one slice and one run. */
static int
preallocate_run (struct qcow2 *q, uint64_t *guest, uint64_t end, enum img_prealloc prealloc,
                 struct img_error *err)
{
  struct qcow2_table *t;
  uint64_t n = 0, host = *guest >> q->cluster_bits;
  if (qcow2_relieve (q, err) < 0 || qcow2_l2_change (q, *guest, &t, err) < 0)
    return -1;
  uint32_t i = qcow2_slice_index (q, *guest);
  uint64_t max = img_min ((end - *guest) >> q->cluster_bits, (1u << q->slice_bits) - i);
  uint8_t *p = qcow2_entry_at (q, t, i);
  while (n < max && be64_get (p + n * q->l2_entry_size) == 0)
    n++;
  int r = 0;
  if (n > 0 && q->data == q->file) {
    r = qcow2_alloc (q, n, &host, &n, err);
    if (r == 0) {
      r = take_space (q, host << q->cluster_bits, n << q->cluster_bits, prealloc, err);
      if (r < 0)
        qcow2_unalloc (q, host, n);
    }
  }
  for (uint64_t k = 0; r == 0 && k < n; k++)
    qcow2_entry_put (q, p + k * q->l2_entry_size, (host + k) << q->cluster_bits | QCOW2_COPIED, 0);
  qcow2_cache_dirty (q->l2_cache, t);
  qcow2_cache_put (q->l2_cache, t);
  *guest += img_max (n, 1) << q->cluster_bits;
  return r;
}

static int
preallocate (struct qcow2 *q, uint64_t from, uint64_t to, enum img_prealloc prealloc,
             struct img_error *err)
{
  uint64_t mask = q->cluster_size - 1, guest = (from + mask) & ~mask, end = (to + mask) & ~mask;
  while (guest < end)
    if (preallocate_run (q, &guest, end, prealloc, err) < 0)
      return -1;
  return 0;
}

/* ---- a longer backing image ---- */

/* Whether anything is there under L1 entry INDEX, behind the end of the disk, but what hides a
 * backing image: 1, 0; -1. */
static int
is_taken (struct qcow2 *q, uint64_t index, struct img_error *err)
{
  uint64_t guest = index << (q->cluster_bits + q->l2_bits);
  for (uint64_t k = 0; k < 1ull << (q->l2_bits - q->slice_bits); k++) {
    struct qcow2_table *t;
    uint64_t found = 0;
    if (qcow2_l2_get (q, guest + (k << (q->slice_bits + q->cluster_bits)), 0, &t, err) < 0)
      return -1;
    for (uint32_t i = 0; t && i < 1u << q->slice_bits; i++)
      found |= be64_get (qcow2_entry_at (q, t, i)) & ~QCOW2_ZERO;
    if (t)
      qcow2_cache_put (q->l2_cache, t);
    if (found)
      return 1;
  }
  return 0;
}

/* Version 2 has no entries for that: zeroes are written. */
static int
hide (struct qcow2 *q, uint64_t from, uint64_t end, struct img_error *err)
{
  return q->h.version < 3 ? preallocate (q, from, end, IMG_PREALLOC_OFF, err)
                          : qcow2_hide (q, from, end, err);
}

/* ---- the callback ---- */

/* BACKING: how long the backing image is. */
static int
grow (struct qcow2 *q, uint64_t size, uint64_t backing, struct img_error *err)
{
  uint64_t need = img_div_up (size, 1ull << (q->cluster_bits + q->l2_bits));
  uint64_t shown = img_div_up (q->h.size, q->cluster_size) << q->cluster_bits;
  struct qcow2_bitmap_edit e;
  enum qcow2_edit_end how = QCOW2_EDIT_UNDONE;
  backing = img_min (img_div_up (backing, q->cluster_size) << q->cluster_bits, size);
  int r = qcow2_bitmap_edit_begin (q, &e, err);
  struct qcow2_header h = q->h;
  if (r == 0)
    r = qcow2_bitmap_edit_resize (&e, size, &h, err);
  if (r == 0 && shown < backing)
    r = grow_tables (q, &q->h, q->h.size, (uint32_t) img_max (need, q->l1_size), &how, err);
  if (r == 0 && shown < backing)
    r = hide (q, shown, backing, err);
  if (r < 0)
    how = QCOW2_EDIT_UNDONE;
  else
    r = grow_tables (q, &h, size, (uint32_t) img_max (need, q->l1_size), &how, err);
  qcow2_bitmap_edit_end (&e, r == 0 ? QCOW2_EDIT_DONE : how);
  return r;
}

int
qcow2_resize_judge (struct qcow2 *q, uint64_t size, uint32_t version, struct img_error *err)
{
  unsigned bits = q->cluster_bits + q->l2_bits;
  uint64_t old = img_div_up (q->h.size, 1ull << bits), need = img_div_up (size, 1ull << bits);
  if (version < 3 && q->h.n_snapshots > 0)
    return img_error_set (err, ENOTSUP, _("a version 2 image with snapshots cannot be resized"));
  if (size > INT64_MAX)
    return img_error_set (err, EFBIG, _("the image size is too large"));
  if (need > QCOW2_MAX_L1_BYTES / 8)
    return img_error_set (err, EFBIG, _("The image size is too large for file format 'qcow2'"
                                        " (try using a larger cluster size)"));
  for (uint64_t i = old; i < need && i < q->l1_size; i++) {
    int taken = q->l1[i] & QCOW2_OFFSET_MASK ? is_taken (q, i, err) : 0;
    if (taken)
      return taken < 0 ? -1 : img_error_set (err, ENOTSUP,
                                             _("the state of a virtual machine is kept where the"
                                               " disk would grow"));
  }
  return qcow2_bitmaps_judge (q, size, err);
}

static int
grow_data (struct qcow2 *q, uint64_t size, enum img_prealloc prealloc, struct img_error *err)
{
  if (q->data == q->file || img_size (q->data) >= size)
    return 0;
  if (prealloc == IMG_PREALLOC_METADATA)
    prealloc = IMG_PREALLOC_OFF;
  return img_resize (q->data, size, prealloc, 0, err);
}

/* Where the data file is a device it stays as long as it is. */
static int
shrink_data (struct qcow2 *q, uint64_t size, struct img_error *err)
{
  struct img_error why = IMG_ERROR_INIT;
  if (q->data == q->file || img_size (q->data) <= size
      || img_resize (q->data, size, IMG_PREALLOC_OFF, IMG_RESIZE_SHRINK, &why) == 0
      || why.code == ENOTSUP)
    return 0;
  *err = why;
  return -1;
}

static int
shrink (struct qcow2 *q, uint64_t size, struct img_error *err)
{
  pthread_rwlock_wrlock (&q->lock);
  int r = qcow2_shrink (q, size, err);
  pthread_rwlock_unlock (&q->lock);
  return r < 0 ? -1 : shrink_data (q, size, err);
}

int
qcow2_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
              struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  uint64_t old = q->h.size;
  (void) flags;
  if (q->writer == NULL)
    return img_error_set (err, EROFS, _("the image is not open for writing"));
  if (size > INT64_MAX || !img_round_up (size, 512, &size))
    return img_error_set (err, EFBIG, _("the image size is too large"));
  if (size == old) {
    img_node_set_size (node, size);
    return 0;
  }
  if (qcow2_resize_judge (q, size, q->h.version, err) < 0)
    return -1;
  if (size < old)
    return shrink (q, size, err);
  if (grow_data (q, size, prealloc, err) < 0)
    return -1;
  pthread_rwlock_wrlock (&q->lock);
  struct img_node *below = img_backing (node);
  int r = grow (q, size, below ? img_size (below) : 0, err);
  if (r == 0)
    img_node_set_size (node, size);
  if (r == 0 && (prealloc != IMG_PREALLOC_OFF || q->raw_data))
    r = preallocate (q, old, q->h.size, prealloc, err);
  pthread_rwlock_unlock (&q->lock);
  return r;
}
