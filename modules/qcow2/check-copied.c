/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check-copied.c - names the entries of the active tables whose COPIED flag contradicts the stored
 * refcount (spec section "Cluster mapping": bit 63).
 *
 * Owns: a second walk, in guest order, which only images that need it get.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "check.h"

/* What lies past the end of the file was not noted. */
static bool
is_one (struct qcow2_checker *c, uint64_t cluster)
{
  return cluster < c->n_clusters ? qcow2_is_one (c, cluster) : qcow2_check_stored (c, cluster) == 1;
}

static void
check_entries (struct qcow2_checker *c)
{
  const struct qcow2 *q = c->q;
  bool external = q->h.incompat & QCOW2_INCOMPAT_DATA_FILE;
  for (uint32_t i = 0; i < 1u << q->l2_bits; i++) {
    uint64_t entry = be64_get (c->buf + (size_t) i * q->l2_entry_size);
    enum qcow2_kind kind = qcow2_entry_kind (q, entry);
    uint64_t cluster = (entry & QCOW2_OFFSET_MASK) >> q->cluster_bits;
    if (kind != QCOW2_NORMAL && kind != QCOW2_ZERO_ALLOC)
      continue;
    if ((external || is_one (c, cluster)) != ((entry & QCOW2_COPIED) != 0))
      qcow2_check_error (c, _("ERROR OFLAG_COPIED data cluster: l2_entry=%" PRIx64
                              " refcount=%" PRIu64), entry,
                         external ? 1 : qcow2_check_stored (c, cluster));
  }
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
    uint64_t offset = q->l1[i] & QCOW2_OFFSET_MASK, cluster = offset >> q->cluster_bits;
    if (offset == 0)
      continue;
    if (is_one (c, cluster) != ((q->l1[i] & QCOW2_COPIED) != 0))
      qcow2_check_error (c, _("ERROR OFLAG_COPIED L2 cluster: l1_index=%" PRIu32 " l1_entry=%"
                              PRIx64 " refcount=%" PRIu64), i, q->l1[i],
                         qcow2_check_stored (c, cluster));
    if (next == c->n_l2 || c->l2[next].active != i + 1)
      continue;
    next++;
    if (qcow2_check_read (c, c->buf, q->cluster_size, offset, err) < 0)
      qcow2_check_failed (c, err);
    else
      check_entries (c);
  }
  return 0;
}
