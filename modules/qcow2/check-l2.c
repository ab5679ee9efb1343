/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check-l2.c - the entries of one L2 table (spec "Cluster mapping", "Extended L2 Entries").
 *
 * Owns: what an entry may be, and what it refers to.  Entries that continue each other (a
 * preallocated image has nothing else) are taken as one run.
 */
#include <inttypes.h>

#include "check.h"

/* One table being looked at. */
struct table {
  struct qcow2_checker *c;
  const struct qcow2 *q;
  const struct qcow2_l2_ref *ref;
  const uint8_t *bytes;
  uint32_t n;    /* entries */
  uint64_t next; /* where the next cluster would be if nothing were fragmented; 0: unknown */
};

static inline uint64_t
entry_at (const struct table *t, uint32_t i)
{
  return be64_get (t->bytes + (size_t) i * t->q->l2_entry_size);
}

static inline uint64_t
bitmap_at (const struct table *t, uint32_t i)
{
  return t->q->extended ? be64_get (t->bytes + (size_t) i * 16 + 8) : 0;
}

/* Guest cluster of entry I, by the active table. */
static uint64_t
guest_cluster (const struct table *t, uint32_t i)
{
  return ((uint64_t) (t->ref->active - 1) << t->q->l2_bits) + i;
}

/* ---- compressed clusters ---- */

static int
check_packed (struct table *t, uint32_t i, uint64_t entry, struct img_error *err)
{
  struct qcow2_checker *c = t->c;
  uint64_t offset, length;
  qcow2_packed_range (t->q, entry, &offset, &length);
  if (entry & QCOW2_COPIED)
    qcow2_check_error (c, _("ERROR: coffset=0x%" PRIx64 ": copied flag must never be set for"
                            " compressed clusters"), entry & QCOW2_OFFSET_MASK);
  if (t->q->h.incompat & QCOW2_INCOMPAT_DATA_FILE) {
    qcow2_check_error (c, _("ERROR compressed cluster %" PRIu64 " with data file, entry=0x%"
                            PRIx64), guest_cluster (t, i), entry);
    return 0;
  }
  if (bitmap_at (t, i)) {
    qcow2_check_error (c, _("ERROR compressed cluster %" PRIu64 " with non-zero subcluster"
                            " allocation bitmap, entry=0x%" PRIx64), guest_cluster (t, i), entry);
    return 0;
  }
  if (t->ref->active) {
    /* Two of them share a sector at best: a reader goes back. */
    c->out->allocated_clusters++;
    c->out->compressed_clusters++;
    c->out->fragmented_clusters++;
  }
  return qcow2_count_region (c, offset, length, t->ref->times, err);
}

/* ---- standard clusters ---- */

/* What cannot be said of a whole run. */
static void
judge (struct table *t, uint32_t i, uint64_t entry)
{
  uint64_t offset = entry & QCOW2_OFFSET_MASK, bitmap = bitmap_at (t, i);
  struct qcow2_checker *c = t->c;
  bool zero = entry & QCOW2_ZERO;
  if (entry & QCOW2_RESERVED)
    qcow2_check_error (c, _("ERROR found l2 entry with reserved bits set: %" PRIx64), entry);
  if ((uint32_t) bitmap & (uint32_t) (bitmap >> 32))
    qcow2_check_error (c, _("ERROR offset=%" PRIx64 ": Allocated cluster has corrupted subcluster"
                            " allocation bitmap"), offset);
  if (zero && t->q->h.version < 3)
    qcow2_check_error (c, _("ERROR offset=%" PRIx64 ": Zero cluster in a version 2 image"), offset);
  if (offset & (t->q->cluster_size - 1)) {
    if ((zero && !t->q->extended) || (t->q->extended && (uint32_t) bitmap == 0))
      qcow2_check_error (c, _("ERROR offset=%" PRIx64 ": Preallocated cluster is not properly"
                              " aligned; L2 entry corrupted."), offset);
    else
      qcow2_check_error (c, _("ERROR offset=%" PRIx64 ": Data cluster is not properly aligned; L2"
                              " entry corrupted."), offset);
  }
}

static inline bool
needs_judging (const struct table *t, uint64_t entry, uint64_t bitmap)
{
  return (entry & QCOW2_RESERVED) || (entry & QCOW2_OFFSET_MASK & (t->q->cluster_size - 1))
         || ((uint32_t) bitmap & (uint32_t) (bitmap >> 32))
         || ((entry & QCOW2_ZERO) && t->q->h.version < 3);
}

/* Clusters of an image with a data file: not counted, and in their places. */
static void
check_external (struct table *t, uint32_t i, uint64_t entry, uint32_t run)
{
  uint64_t offset = entry & QCOW2_OFFSET_MASK;
  if (!(entry & QCOW2_COPIED))
    t->c->copied_wrong = true;
  if (t->ref->active && offset != guest_cluster (t, i) << t->q->cluster_bits)
    qcow2_check_error (t->c, _("ERROR guest clusters from %" PRIu64 " on (%" PRIu32
                               "): offset 0x%" PRIx64 " in the data file does not match"),
                       guest_cluster (t, i), run, offset);
}

/* RUN entries from I on, each a cluster behind the one before. */
static int
check_standard (struct table *t, uint32_t i, uint64_t entry, uint32_t run, struct img_error *err)
{
  struct qcow2_checker *c = t->c;
  uint64_t offset = entry & QCOW2_OFFSET_MASK, length = (uint64_t) run << t->q->cluster_bits;
  if (t->ref->active) {
    c->out->allocated_clusters += run;
    c->out->fragmented_clusters += t->next && t->next != offset;
    t->next = offset + length;
  }
  if (t->q->h.incompat & QCOW2_INCOMPAT_DATA_FILE) {
    check_external (t, i, entry, run);
    return 0;
  }
  if (t->ref->active
      && !qcow2_ones_are (c, offset >> t->q->cluster_bits, run, entry & QCOW2_COPIED))
    c->copied_wrong = true;
  if (offset + length <= c->file_size)
    return qcow2_count_region (c, offset, length, t->ref->times, err);
  for (uint32_t j = 0; j < run; j++) /* each one that is past the end is a finding */
    if (qcow2_count_region (c, offset + ((uint64_t) j << t->q->cluster_bits), t->q->cluster_size,
                            t->ref->times, err) < 0)
      return -1;
  return 0;
}

/* Entries from I on that go on as ENTRY begins. */
static uint32_t
run_length (const struct table *t, uint32_t i, uint64_t entry)
{
  uint32_t run = 1;
  if (needs_judging (t, entry, bitmap_at (t, i)))
    return 1;
  while (i + run < t->n) {
    entry += t->q->cluster_size;
    if (entry_at (t, i + run) != entry || (entry & QCOW2_RESERVED)
        || (t->q->extended && needs_judging (t, entry, bitmap_at (t, i + run))))
      break;
    run++;
  }
  return run;
}

/* An entry without a host cluster, which is not all zero. */
static void
check_absent (struct table *t, uint32_t i, uint64_t entry)
{
  uint64_t bitmap = bitmap_at (t, i);
  if (entry & QCOW2_RESERVED)
    qcow2_check_error (t->c, _("ERROR found l2 entry with reserved bits set: %" PRIx64), entry);
  if ((uint32_t) bitmap)
    qcow2_check_error (t->c, _("ERROR unallocated cluster has subclusters allocated, bitmap=0x%"
                               PRIx64), bitmap);
}

int
qcow2_check_l2 (struct qcow2_checker *c, const struct qcow2_l2_ref *ref, const uint8_t *table,
                bool *empty, struct img_error *err)
{
  struct table t = { .c = c, .q = c->q, .ref = ref, .bytes = table, .n = 1u << c->q->l2_bits };
  *empty = true;
  for (uint32_t i = 0, run; i < t.n; i += run) {
    uint64_t entry = entry_at (&t, i);
    int r = 0;
    run = 1;
    if (entry == 0 && bitmap_at (&t, i) == 0)
      continue;
    *empty = false;
    enum qcow2_kind kind = qcow2_entry_kind (t.q, entry);
    if (kind == QCOW2_PACKED) {
      r = check_packed (&t, i, entry, err);
    } else if (kind == QCOW2_UNALLOCATED || kind == QCOW2_ZERO_PLAIN) {
      check_absent (&t, i, entry);
    } else {
      run = run_length (&t, i, entry);
      if (needs_judging (&t, entry, bitmap_at (&t, i)))
        judge (&t, i, entry);
      r = check_standard (&t, i, entry, run, err);
    }
    if (r < 0)
      return -1;
  }
  return 0;
}
