/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* overlap.c - keeps writes off the metadata of images whose tables are wrong.
 *
 * Owns: the set of host clusters that hold L2 tables of the active state and refcount blocks, made
 * when the first cluster of an image is written in place or handed out.  With header, refcount
 * table, L1 table and snapshot table that is what a wrong entry or a wrong refcount must not make
 * us overwrite.  In an image that we are making there is nothing wrong, and no set.  Tables of
 * inactive states are not looked for: that would take reading all of them.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "write.h"

enum { L2_TABLE = 1, REFBLOCK = 2 };

/* Open addressing; a slot is cluster << 2 | what it is, 0: empty, GONE: was used. */
#define GONE UINT64_MAX

struct qcow2_overlap {
  uint64_t *slots;
  size_t mask, used;
};

void
qcow2_overlap_free (struct qcow2_overlap *o)
{
  if (o == NULL)
    return;
  free (o->slots);
  free (o);
}

static size_t
slot_of (const struct qcow2_overlap *o, uint64_t cluster)
{
  return (size_t) (cluster * 0x9e3779b97f4a7c15ull >> 20) & o->mask;
}

/* The slot of CLUSTER, or NULL. */
static uint64_t *
find (const struct qcow2_overlap *o, uint64_t cluster)
{
  size_t i = slot_of (o, cluster);
  for (; o->slots[i]; i = (i + 1) & o->mask)
    if (o->slots[i] != GONE && o->slots[i] >> 2 == cluster)
      return &o->slots[i];
  return NULL;
}

static void
put (struct qcow2_overlap *o, uint64_t slot)
{
  size_t i = slot_of (o, slot >> 2);
  while (o->slots[i])
    i = (i + 1) & o->mask;
  o->slots[i] = slot;
  o->used++;
}

/* Room for MORE entries. */
static int
reserve (struct qcow2_overlap *o, size_t more)
{
  size_t n = o->slots ? o->mask + 1 : 0, want = 256;
  uint64_t *old = o->slots;
  if ((o->used + more) * 2 <= n)
    return 0;
  while (want < (o->used + more) * 4)
    want *= 2;
  uint64_t *slots = calloc (want, sizeof *slots);
  if (slots == NULL)
    return -1;
  o->slots = slots;
  o->mask = want - 1;
  o->used = 0;
  for (size_t i = 0; i < n; i++)
    if (old[i] && old[i] != GONE)
      put (o, old[i]);
  free (old);
  return 0;
}

static void
add (struct qcow2_overlap *o, uint64_t cluster, unsigned what)
{
  uint64_t *slot = find (o, cluster);
  if (slot)
    *slot |= what;
  else
    put (o, cluster << 2 | what);
}

/* ---- the set of an image ---- */

static int
make (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  size_t n = 0;
  for (uint32_t i = 0; i < q->l1_size; i++)
    n += (q->l1[i] & QCOW2_OFFSET_MASK) != 0;
  for (uint64_t i = 0; i < w->reftable_entries; i++)
    n += (w->reftable[i] & QCOW2_REFTABLE_OFFSET_MASK) != 0;
  struct qcow2_overlap *o = calloc (1, sizeof *o);
  if (o == NULL || reserve (o, n + 1) < 0) {
    qcow2_overlap_free (o);
    return img_error_set (err, ENOMEM, _("out of memory"));
  }
  for (uint32_t i = 0; i < q->l1_size; i++)
    if (q->l1[i] & QCOW2_OFFSET_MASK)
      add (o, (q->l1[i] & QCOW2_OFFSET_MASK) >> q->cluster_bits, L2_TABLE);
  for (uint64_t i = 0; i < w->reftable_entries; i++)
    if (w->reftable[i] & QCOW2_REFTABLE_OFFSET_MASK)
      add (o, w->reftable[i] >> q->cluster_bits, REFBLOCK);
  w->overlap = o;
  return 0;
}

int
qcow2_overlap_add (struct qcow2 *q, uint64_t cluster, bool refblock, struct img_error *err)
{
  struct qcow2_overlap *o = q->writer->overlap;
  if (o == NULL)
    return 0;
  if (reserve (o, 1) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  add (o, cluster, refblock ? REFBLOCK : L2_TABLE);
  return 0;
}

void
qcow2_overlap_remove (struct qcow2 *q, uint64_t cluster)
{
  struct qcow2_overlap *o = q->writer->overlap;
  uint64_t *slot = o ? find (o, cluster) : NULL;
  if (slot)
    *slot = GONE;
}

/* ---- the question ---- */

/* What lies in CLUSTER by the header. */
static const char *
fixed (const struct qcow2 *q, uint64_t cluster)
{
  const struct qcow2_header *h = &q->h;
  uint64_t at = cluster << q->cluster_bits;
  uint64_t l1 = img_div_up ((uint64_t) q->l1_size * 8, q->cluster_size) << q->cluster_bits;
  if (cluster == 0)
    return _("the header");
  if (at - h->reftable_offset < (uint64_t) h->reftable_clusters << q->cluster_bits)
    return _("the refcount table");
  if (at - h->l1_offset < l1)
    return _("the L1 table");
  if (h->has_crypto && at >= h->crypto_offset && at - h->crypto_offset < h->crypto_length)
    return _("the encryption header");
  if (h->n_snapshots && at == h->snapshots_offset)
    return _("the snapshot table");
  return NULL;
}

int
qcow2_overlap_check (struct qcow2 *q, uint64_t cluster, uint64_t n, bool as_table,
                     struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  const char *what = NULL;
  if (q->flags & IMG_OPEN_NEW)
    return 0;
  if (w->overlap == NULL && make (q, err) < 0)
    return -1;
  for (uint64_t i = 0; i < n && what == NULL; i++, cluster++) {
    const uint64_t *slot = find (w->overlap, cluster);
    what = fixed (q, cluster);
    if (slot && (*slot & REFBLOCK))
      what = _("a refcount block");
    else if (slot && !as_table)
      what = _("an L2 table");
  }
  if (what == NULL)
    return 0;
  return img_error_set (err, EIO, _("the image is corrupt: the cluster at 0x%" PRIx64
                                    " would be overwritten, but holds %s"),
                        (cluster - 1) << q->cluster_bits, what);
}
