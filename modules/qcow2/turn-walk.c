/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn-walk.c - through all L2 tables of an L1 table, in the order in which they lie in the file
 * (spec section "Cluster mapping").
 *
 * Owns: counting what the tables refer to; copying those that change.  Refuses tables that are
 * wrong: counting on would make them worse.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "turn.h"

/* An L2 table, and which L1 entry names it. */
struct ref {
  uint64_t offset;
  uint32_t index;
};

/* Told of N tables that lie side by side, at t->buf. */
struct visit {
  struct qcow2_turn *t;
  struct qcow2_checker *c; /* counting */
  bool *look;
  qcow2_turn_edit *edit;   /* moving */
  int (*run) (struct visit *visit, const struct ref *ref, size_t n, struct img_error *err);
};

static int
by_offset (const void *a, const void *b)
{
  const struct ref *x = a, *y = b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int
judge_table (const struct qcow2 *q, uint64_t offset, uint32_t index, struct img_error *err)
{
  if (offset & (q->cluster_size - 1))
    return img_error_set (err, EINVAL, _("L2 table offset 0x%" PRIx64
                                         " unaligned (L1 index: 0x%" PRIx32 ")"), offset, index);
  if (!img_within (offset, q->cluster_size, img_size (q->file)))
    return img_error_set (err, EINVAL, _("L2 table at 0x%" PRIx64 " (L1 index: 0x%" PRIx32
                                         ") lies past the end of the file"), offset, index);
  return 0;
}

/* The tables of L1, those in LOOK only unless that is NULL.  *REFS is the caller's. */
static int
gather (const struct qcow2 *q, const uint64_t *l1, uint32_t n, const bool *look, struct ref **refs,
        size_t *n_refs, struct img_error *err)
{
  size_t count = 0;
  bool sorted = true;
  struct ref *v = malloc ((n + (size_t) 1) * sizeof *v);
  *refs = v;
  if (v == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint32_t i = 0; i < n; i++) {
    uint64_t offset = l1[i] & QCOW2_OFFSET_MASK;
    if (offset == 0 || (look && !look[i]))
      continue;
    if (judge_table (q, offset, i, err) < 0)
      return -1;
    sorted = sorted && (count == 0 || v[count - 1].offset <= offset);
    v[count++] = (struct ref) { offset, i };
  }
  if (!sorted)
    qsort (v, count, sizeof *v, by_offset);
  *n_refs = count;
  return 0;
}

static int
each (struct visit *visit, const uint64_t *l1, uint32_t n, const bool *look, struct img_error *err)
{
  const struct qcow2 *q = visit->t->q;
  IMG_CLEANUP (free) struct ref *refs = NULL;
  size_t count = 0, max = QCOW2_TURN_BUF >> q->cluster_bits;
  if (gather (q, l1, n, look, &refs, &count, err) < 0)
    return -1;
  for (size_t i = 0, run; i < count; i += run) {
    for (run = 1; run < max && i + run < count; run++)
      if (refs[i + run].offset != refs[i].offset + ((uint64_t) run << q->cluster_bits))
        break;
    if (img_pread (q->file, visit->t->buf, (uint64_t) run << q->cluster_bits, refs[i].offset, 0,
                   err) < 0
        || visit->run (visit, refs + i, run, err) < 0)
      return -1;
  }
  return 0;
}

uint64_t *
qcow2_turn_load_l1 (struct qcow2_turn *t, uint64_t offset, uint32_t n, struct img_error *err)
{
  IMG_CLEANUP (free) uint64_t *l1 = malloc ((size_t) n * 8 + 8);
  if (l1 == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  if ((n && img_pread (t->q->file, l1, (uint64_t) n * 8, offset, 0, err) < 0)
      || qcow2_l1_take (t->q, l1, n, err) < 0)
    return NULL;
  return img_steal (l1);
}

/* ---- counting ---- */

static int
count_clusters (struct qcow2_turn *t, struct qcow2_checker *c, uint64_t offset, uint64_t length,
                struct img_error *err)
{
  const struct qcow2 *q = t->q;
  uint64_t end = img_max (img_size (q->file), q->writer->next << q->cluster_bits);
  uint64_t first = offset >> q->cluster_bits, last = (offset + length - 1) >> q->cluster_bits;
  if (!img_within (offset, 1, end) || last - first > (end - 1 - offset) >> q->cluster_bits)
    return img_error_set (err, EINVAL, _("the image is corrupt: the cluster at 0x%" PRIx64
                                         " lies past the end of the file"), offset);
  return qcow2_count_add (c, first, last - first + 1, 1, err);
}

int
qcow2_turn_count_entries (struct qcow2_turn *t, struct qcow2_checker *c, const uint8_t *bytes,
                          uint32_t first, struct img_error *err)
{
  const struct qcow2 *q = t->q;
  uint32_t n = 1u << q->l2_bits, run;
  if (q->h.incompat & QCOW2_INCOMPAT_DATA_FILE) /* spec: clusters of a data file are not counted */
    return 0;
  for (uint32_t i = first; i < n; i += run) {
    uint64_t entry = be64_get (bytes + (size_t) i * q->l2_entry_size), offset, length;
    enum qcow2_kind kind = entry ? qcow2_entry_kind (q, entry) : QCOW2_UNALLOCATED;
    run = 1;
    if (kind == QCOW2_UNALLOCATED || kind == QCOW2_ZERO_PLAIN)
      continue;
    if (kind == QCOW2_PACKED) {
      qcow2_packed_range (q, entry, &offset, &length);
    } else {
      uint64_t next = entry + q->cluster_size;
      while (i + run < n && be64_get (bytes + (size_t) (i + run) * q->l2_entry_size) == next) {
        next += q->cluster_size;
        run++;
      }
      offset = entry & QCOW2_OFFSET_MASK;
      length = (uint64_t) run << q->cluster_bits;
      if (offset & (q->cluster_size - 1))
        return img_error_set (err, EINVAL, _("the image is corrupt: an L2 table names the cluster"
                                             " at 0x%" PRIx64 ", which is not aligned"), offset);
    }
    if (count_clusters (t, c, offset, length, err) < 0)
      return -1;
  }
  return 0;
}

static bool
any_copied (const struct qcow2 *q, const uint8_t *bytes)
{
  uint8_t any = 0;
  for (size_t i = 0; i < q->cluster_size; i += q->l2_entry_size)
    any |= bytes[i];
  return any & 0x80;
}

static int
count_run (struct visit *visit, const struct ref *ref, size_t n, struct img_error *err)
{
  struct qcow2_turn *t = visit->t;
  const struct qcow2 *q = t->q;
  bool external = q->h.incompat & QCOW2_INCOMPAT_DATA_FILE; /* there they always have it */
  for (size_t i = 0; i < n; i++) {
    const uint8_t *bytes = t->buf + (i << q->cluster_bits);
    if (qcow2_count_add (visit->c, ref[i].offset >> q->cluster_bits, 1, 1, err) < 0
        || qcow2_turn_count_entries (t, visit->c, bytes, 0, err) < 0)
      return -1;
    if (visit->look)
      visit->look[ref[i].index] = !external && any_copied (q, bytes);
  }
  return 0;
}

int
qcow2_turn_count (struct qcow2_turn *t, struct qcow2_checker *c, const uint64_t *l1, uint32_t n,
                  bool *look, struct img_error *err)
{
  struct visit visit = { .t = t, .c = c, .look = look, .run = count_run };
  return each (&visit, l1, n, NULL, err);
}

/* ---- moving ---- */

/* The table that REF names is at TO now. */
static int
relink (struct qcow2_turn *t, const struct ref *ref, uint64_t to, struct img_error *err)
{
  unsigned bits = t->q->cluster_bits;
  t->l1[ref->index] = to | (t->shared ? 0 : QCOW2_COPIED);
  if (qcow2_count_add (&t->down, ref->offset >> bits, 1, t->shared ? 2 : 1, err) < 0)
    return -1;
  return t->shared ? qcow2_count_add (&t->up, to >> bits, 1, 1, err) : 0;
}

static int
move_run (struct visit *visit, const struct ref *ref, size_t n, struct img_error *err)
{
  struct qcow2_turn *t = visit->t;
  unsigned bits = t->q->cluster_bits;
  struct ref moved[QCOW2_TURN_BUF >> QCOW2_MIN_CLUSTER_BITS];
  size_t k = 0;
  for (size_t i = 0; i < n; i++) {
    uint8_t *bytes = t->buf + (i << bits);
    int r = visit->edit (t, bytes, err);
    if (r < 0)
      return -1;
    if (r == 0)
      continue;
    if (k < i)
      memcpy (t->buf + (k << bits), bytes, (size_t) 1 << bits);
    moved[k++] = ref[i];
  }
  for (uint64_t i = 0, part, to; i < k; i += part) {
    part = k - i;
    if (qcow2_turn_take_some (t, &part, &to, err) < 0)
      return -1;
    part = img_min (part, k - i); /* it never is more, but the analyzer cannot know */
    if (img_pwrite (t->q->file, t->buf + (i << bits), part << bits, to, 0, err) < 0)
      return -1;
    for (uint64_t j = 0; j < part; j++)
      if (relink (t, &moved[i + j], to + (j << bits), err) < 0)
        return -1;
  }
  return 0;
}

int
qcow2_turn_move (struct qcow2_turn *t, qcow2_turn_edit *edit, struct img_error *err)
{
  struct visit visit = { .t = t, .edit = edit, .run = move_run };
  return each (&visit, t->l1, t->h.l1_size, t->look, err);
}

int
qcow2_turn_uncopied (struct qcow2_turn *t, uint8_t *bytes, struct img_error *err)
{
  (void) err;
  for (size_t i = 0; i < t->q->cluster_size; i += t->q->l2_entry_size)
    bytes[i] &= 0x7f;
  return 1;
}
