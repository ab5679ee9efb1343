/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check-copied.c - names the entries of the active tables whose COPIED flag contradicts the stored
 * refcount (spec section "Cluster mapping": bit 63), or mends them.
 *
 * Owns: a second walk, in guest order, which only images that need it get.  Refuses: to change a
 * table in a cluster that is something else, too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "repair.h"

/* What lies past the end of the file was not noted. */
static bool
is_one (struct qcow2_checker *c, uint64_t cluster)
{
  return cluster < c->n_clusters ? qcow2_is_one (c, cluster) : qcow2_check_stored (c, cluster) == 1;
}

/* The entry that WHAT describes is wrong.  True: it is to be changed.  Without IMG_REPAIR_ERRORS
 * only flags are that follow from a refcount that is right. */
static bool
report (struct qcow2_checker *c, uint64_t cluster, bool external, bool ours, const char *what)
{
  bool right = external || (cluster < c->n_clusters && qcow2_is_one (c, cluster)
                            && qcow2_count_get (c, cluster) == 1);
  if (!ours || !c->mend || !(right || (c->mend & IMG_REPAIR_ERRORS))) {
    qcow2_check_error (c, _("ERROR OFLAG_COPIED %s"), what);
    return false;
  }
  c->mended++;
  if (!qcow2_check_silent (c))
    img_check_say (c->out, true, _("Repairing OFLAG_COPIED %s"), what);
  c->n_said++;
  return true;
}

/* Entries of the table in c->buf, which is ours to change or not.  True: bytes *LO to *HI did. */
static bool
check_entries (struct qcow2_checker *c, bool ours, uint32_t *lo, uint32_t *hi)
{
  const struct qcow2 *q = c->q;
  bool external = q->h.incompat & QCOW2_INCOMPAT_DATA_FILE;
  char what[128];
  *hi = 0;
  for (uint32_t i = 0; i < 1u << q->l2_bits; i++) {
    uint8_t *p = c->buf + (size_t) i * q->l2_entry_size;
    uint64_t entry = be64_get (p);
    enum qcow2_kind kind = qcow2_entry_kind (q, entry);
    uint64_t cluster = (entry & QCOW2_OFFSET_MASK) >> q->cluster_bits;
    if (kind != QCOW2_NORMAL && kind != QCOW2_ZERO_ALLOC)
      continue;
    if ((external || is_one (c, cluster)) == ((entry & QCOW2_COPIED) != 0))
      continue;
    snprintf (what, sizeof what, _("data cluster: l2_entry=%" PRIx64 " refcount=%" PRIu64),
              entry, external ? 1 : qcow2_check_stored (c, cluster));
    if (!report (c, cluster, external, ours, what))
      continue;
    be64_put (p, entry ^ QCOW2_COPIED);
    if (*hi == 0)
      *lo = i * q->l2_entry_size;
    *hi = i * q->l2_entry_size + 8;
  }
  return *hi > 0;
}

static int
check_table (struct qcow2_checker *c, const struct qcow2_l2_ref *ref, struct img_error *err)
{
  struct qcow2 *q = c->q;
  bool ours = qcow2_count_get (c, ref->offset >> q->cluster_bits) == ref->times;
  uint32_t lo, hi;
  if (qcow2_check_read (c, c->buf, q->cluster_size, ref->offset, err) < 0) {
    qcow2_check_failed (c, err);
    return 0;
  }
  if (!check_entries (c, ours, &lo, &hi))
    return 0;
  return qcow2_repair_write (q, c->buf + lo, hi - lo, ref->offset + lo, err);
}

/* L1 entry INDEX, which has the wrong flag. */
static int
check_l1_entry (struct qcow2_checker *c, uint32_t index, struct img_error *err)
{
  struct qcow2 *q = c->q;
  uint64_t cluster = (q->l1[index] & QCOW2_OFFSET_MASK) >> q->cluster_bits;
  uint64_t at = q->h.l1_offset + (uint64_t) index * 8;
  bool ours = at < c->file_size && qcow2_count_get (c, at >> q->cluster_bits) == 1;
  uint8_t bytes[8];
  char what[128];
  snprintf (what, sizeof what, _("L2 cluster: l1_index=%" PRIu32 " l1_entry=%" PRIx64
                                 " refcount=%" PRIu64),
            index, q->l1[index], qcow2_check_stored (c, cluster));
  if (!report (c, cluster, false, ours, what))
    return 0;
  q->l1[index] ^= QCOW2_COPIED;
  be64_put (bytes, q->l1[index]);
  return qcow2_repair_write (q, bytes, sizeof bytes, at, err);
}

static int
by_active (const void *a, const void *b)
{
  const struct qcow2_l2_ref *x = a, *y = b;
  return x->active < y->active ? -1 : x->active > y->active;
}

int
qcow2_check_copied (struct qcow2_checker *c, struct img_error *err)
{
  const struct qcow2 *q = c->q;
  size_t next = 0;
  if (c->n_l2)
    qsort (c->l2, c->n_l2, sizeof *c->l2, by_active);
  while (next < c->n_l2 && c->l2[next].active == 0)
    next++;
  for (uint32_t i = 0; i < q->l1_size; i++) {
    uint64_t cluster = (q->l1[i] & QCOW2_OFFSET_MASK) >> q->cluster_bits;
    if ((q->l1[i] & QCOW2_OFFSET_MASK) == 0)
      continue;
    if (is_one (c, cluster) != ((q->l1[i] & QCOW2_COPIED) != 0) && check_l1_entry (c, i, err) < 0)
      return -1;
    if (next == c->n_l2 || c->l2[next].active != i + 1)
      continue;
    if (check_table (c, &c->l2[next++], err) < 0)
      return -1;
  }
  return 0;
}
