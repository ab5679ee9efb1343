/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-l1.c - L1 tables that are lost, or something else, too (spec section "Cluster mapping").
 *
 * Owns: copies of them in new space, whose refcounts are there before header or snapshot table name
 * them.  What the old clusters are besides stays as it is.  Entries of the active table that lie
 * past the end of the file are lost: the guest reads zeroes there, and OUT is told.  Refuses:
 * tables of snapshots that are lost, which are repair-dirs.c's to drop, and more of those that are
 * not than a cap.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "repair.h"
#include "write.h"

enum { MOST_BYTES = 64 << 20 }; /* of tables of snapshots */

/* All clusters of the table have TIMES references. */
static bool
is_alone (const struct qcow2_checker *c, uint64_t offset, uint32_t size, uint64_t times)
{
  uint64_t first = offset >> c->q->cluster_bits;
  uint64_t n = img_div_up ((uint64_t) size * 8, c->q->cluster_size);
  for (uint64_t i = 0; i < n; i++)
    if (qcow2_count_get (c, first + i) != times)
      return false;
  return true;
}

/* ---- the active one ---- */

/* "Header": l1_table_offset. */
static int
point_to (struct qcow2 *q, uint64_t offset, struct img_error *err)
{
  uint8_t field[8];
  be64_put (field, offset);
  if (img_pwrite (q->file, field, sizeof field, 40, 0, err) < 0)
    return -1;
  q->h.l1_offset = offset;
  return qcow2_barrier (q, err);
}

/* In the place of entries [FIRST, END), which are lost, come tables that are all zero where a
 * backing file would show through.  Not enough of these: 1. */
static int
replace_lost (struct qcow2_checker *c, struct qcow2_zeroes *z, uint64_t first, uint64_t end,
              uint64_t *l1, bool *changed, struct img_error *err)
{
  int r = 0;
  for (uint64_t i = first; i < end; i++)
    qcow2_zeroes_table (z, c->q);
  if (z->n_tables < end - first)
    r = 1;
  else if (qcow2_zeroes_make (z, c, changed, err) < 0)
    r = -1;
  for (uint64_t i = first; r == 0 && i < end; i++)
    l1[i] = qcow2_zeroes_table (z, c->q) | QCOW2_COPIED;
  return r;
}

/* Entries from *FIRST on, before *END, are lost. */
static void
find_lost (const struct qcow2_checker *c, uint64_t *first, uint64_t *end)
{
  const struct qcow2 *q = c->q;
  uint64_t there = q->h.l1_offset < c->file_size ? c->file_size - q->h.l1_offset : 0;
  *end = img_min (img_div_up (q->h.size, UINT64_C (1) << (q->cluster_bits + q->l2_bits)),
                  q->l1_size);
  *first = *end;
  if (qcow2_check_lost (c, q->h.l1_offset, (uint64_t) q->l1_size * 8))
    *first = img_min (there / 8, *end);
}

/* The new table, with the entries at L1. */
static int
write_active (struct qcow2_checker *c, const uint64_t *l1, struct img_error *err)
{
  struct qcow2 *q = c->q;
  uint64_t bytes = (uint64_t) q->l1_size * 8, offset;
  IMG_CLEANUP (free) uint8_t *table = malloc (bytes);
  if (table == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint32_t i = 0; i < q->l1_size; i++)
    be64_put (table + (size_t) i * 8, l1[i]);
  if (qcow2_repair_put (c, table, bytes, NULL, &offset, err) < 0 || point_to (q, offset, err) < 0)
    return -1;
  memcpy (q->l1, l1, bytes);
  return 0;
}

static int
renew_active (struct qcow2_checker *c, struct qcow2_zeroes *z, bool *changed,
              struct img_error *err)
{
  struct qcow2 *q = c->q;
  unsigned bits = q->cluster_bits + q->l2_bits;
  uint64_t first, end;
  int r = 0;
  find_lost (c, &first, &end);
  IMG_CLEANUP (free) uint64_t *l1 = malloc ((uint64_t) q->l1_size * 8);
  if (l1 == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  memcpy (l1, q->l1, (uint64_t) q->l1_size * 8);
  if (q->h.backing_name)
    r = replace_lost (c, z, first, end, l1, changed, err);
  if (r > 0)
    img_check_say (z->out, true, _("The L1 table is not repaired: it would take too many L2 tables"
                                   " to keep the backing file from showing through."));
  if (r != 0)
    return r > 0 ? 0 : -1;
  *changed = true;
  if (write_active (c, l1, err) < 0)
    return -1;
  if (first < end)
    qcow2_zeroes_lost (z, q, first << bits, (end - first) << bits);
  return 0;
}

static int
move_active (struct qcow2_checker *c, struct img_check *out, bool *changed, struct img_error *err)
{
  const struct qcow2 *q = c->q;
  struct qcow2_zeroes z = { .made = q->h.backing_name == NULL, .out = out };
  if (q->l1_size == 0 || (!qcow2_check_lost (c, q->h.l1_offset, (uint64_t) q->l1_size * 8)
                          && is_alone (c, q->h.l1_offset, q->l1_size, 1)))
    return 0;
  int r = renew_active (c, &z, changed, err);
  qcow2_zeroes_release (&z);
  return r;
}

/* ---- those of snapshots ---- */

/* The tables that go to new space, one behind the other. */
struct copies {
  struct qcow2_snapshot **v;
  uint32_t n;
  uint64_t clusters;
};

/* N snapshots have the table of S.  The counts say that it must not stay where it is: something
 * else is there, too, or they share it and entries are to change. */
static bool
must_move (const struct qcow2_checker *c, const struct qcow2_snapshot *s, uint32_t n, bool excess)
{
  if (s->l1_size == 0 || is_alone (c, s->l1_offset, s->l1_size, 1))
    return false;
  return c->entries_wrong || excess || !is_alone (c, s->l1_offset, s->l1_size, n);
}

static int
gather (const struct qcow2_checker *c, struct qcow2_snapshots *all, struct copies *m,
        struct img_error *err)
{
  uint32_t times;
  bool excess = qcow2_repair_excess (c);
  m->v = malloc ((all->n + 1) * sizeof *m->v);
  if (m->v == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint32_t i = 0; i < all->n; i++)
    m->v[i] = &all->v[i];
  qsort (m->v, all->n, sizeof *m->v, qcow2_snapshots_by_l1);
  for (uint32_t i = 0; i < all->n; i += times) {
    for (times = 1; i + times < all->n && qcow2_snapshots_by_l1 (&m->v[i], &m->v[i + times]) == 0;)
      times++;
    uint64_t each = img_div_up ((uint64_t) m->v[i]->l1_size * 8, c->q->cluster_size);
    if (!must_move (c, m->v[i], times, excess)
        || (m->clusters + each * times) << c->q->cluster_bits > MOST_BYTES)
      continue;
    memmove (m->v + m->n, m->v + i, times * sizeof *m->v);
    m->n += times;
    m->clusters += each * times;
  }
  return 0;
}

/* Afterwards each of them names its new place. */
static int
copy_tables (struct qcow2_checker *c, const struct copies *m, struct img_error *err)
{
  uint64_t offset, at = 0;
  IMG_CLEANUP (free) uint8_t *bytes = calloc (m->clusters, c->q->cluster_size);
  if (bytes == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint32_t i = 0; i < m->n; i++) {
    uint64_t length = (uint64_t) m->v[i]->l1_size * 8;
    if (qcow2_check_read (c, bytes + at, length, m->v[i]->l1_offset, err) < 0)
      return -1;
    m->v[i]->l1_offset = at;
    at += (length + c->q->cluster_size - 1) & ~(c->q->cluster_size - 1);
  }
  if (qcow2_repair_put (c, bytes, at, NULL, &offset, err) < 0)
    return -1;
  for (uint32_t i = 0; i < m->n; i++)
    m->v[i]->l1_offset += offset;
  return 0;
}

static int
move_snapshots (struct qcow2_checker *c, bool *changed, struct img_error *err)
{
  struct qcow2_snapshots all;
  struct copies m = { .n = 0 };
  struct img_check silent;
  int r = qcow2_snapshots_read (c->q, &all, err);
  if (r == 0)
    r = gather (c, &all, &m, err);
  if (r == 0 && m.n > 0) {
    *changed = true;
    r = copy_tables (c, &m, err);
    if (r == 0)
      r = qcow2_repair_look (c, c->q, &silent, err);
    if (r == 0)
      r = qcow2_repair_snapshots (c, &all, err);
  }
  free (m.v);
  qcow2_snapshots_free (&all);
  return r;
}

int
qcow2_repair_l1 (struct qcow2_checker *c, struct img_check *out, unsigned flags, bool *changed,
                 struct img_error *err)
{
  struct img_check silent;
  (void) flags;
  if (move_active (c, out, changed, err) < 0)
    return -1;
  if (*changed && qcow2_repair_look (c, c->q, &silent, err) < 0)
    return -1;
  int r = c->snapshots_wrong ? 0 : move_snapshots (c, changed, err);
  c->out = NULL;
  return r;
}
