/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-walk.c - all entries of all L1 tables, to be changed in place (spec section "Cluster
 * mapping").
 *
 * Owns: the entries in memory, which follow those on disk.  Refuses: clusters of a table that are
 * something else, too, or past the end of the file; these are repair-l1.c's.
 */
#include "repair.h"

struct walk {
  struct qcow2_checker *c;
  qcow2_l1_edit *edit;
  void *arg;
  bool *changed;
};

/* The entries in the buffer, PART bytes; the first has NUMBER.  1: some changed. */
static int
edit_part (const struct walk *w, uint64_t *l1, uint64_t part, struct qcow2_l1_entry *e,
           struct img_error *err)
{
  int changed = 0;
  for (uint64_t i = 0; i < part; i += 8, e->index++) {
    uint64_t was = be64_get (w->c->buf + i);
    e->word = was;
    if (was && w->edit (w->arg, e, err) < 0)
      return -1;
    if (e->word == was)
      continue;
    changed = 1;
    be64_put (w->c->buf + i, e->word);
    if (l1)
      l1[e->index] = e->word;
  }
  return changed;
}

/* The table with SIZE entries at OFFSET; L1: as it is in memory, if it is; for a disk of DISK
 * bytes. */
static int
edit_table (const struct walk *w, uint64_t *l1, uint64_t offset, uint32_t size, uint64_t disk,
            struct img_error *err)
{
  struct qcow2_checker *c = w->c;
  struct qcow2 *q = c->q;
  uint64_t bytes = (uint64_t) size * 8;
  uint64_t used = img_div_up (disk, UINT64_C (1) << (q->cluster_bits + q->l2_bits));
  struct qcow2_l1_entry e = { .used = used, .active = l1 != NULL };
  if (qcow2_check_lost (c, offset, bytes))
    return 0;
  for (uint64_t done = 0, part; done < bytes; done += part) {
    part = img_min (bytes - done, q->cluster_size);
    if (qcow2_count_get (c, (offset + done) >> q->cluster_bits) != 1)
      continue;
    e.index = done / 8;
    if (qcow2_check_read (c, c->buf, part, offset + done, err) < 0)
      return -1;
    int r = edit_part (w, l1, part, &e, err);
    if (r < 0 || (r > 0 && qcow2_repair_write (q, c->buf, part, offset + done, err) < 0))
      return -1;
    *w->changed |= r > 0;
  }
  return 0;
}

int
qcow2_repair_edit_l1 (struct qcow2_checker *c, qcow2_l1_edit *edit, void *arg, bool *changed,
                      struct img_error *err)
{
  struct walk w = { c, edit, arg, changed };
  struct qcow2 *q = c->q;
  struct qcow2_snapshots all;
  if (edit_table (&w, q->l1, q->h.l1_offset, q->h.l1_size, q->h.size, err) < 0)
    return -1;
  if (c->snapshots_wrong)
    return 0;
  int r = qcow2_snapshots_read (q, &all, err);
  for (uint32_t i = 0; i < all.n && r == 0; i++)
    r = edit_table (&w, NULL, all.v[i].l1_offset, all.v[i].l1_size, all.v[i].disk_size, err);
  qcow2_snapshots_free (&all);
  return r;
}
