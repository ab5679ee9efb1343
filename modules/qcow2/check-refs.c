/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check-refs.c - counts what refers to clusters: header, L1 tables, and all L2 tables once each.
 *
 * Owns: the list of L2 tables.  L1 tables of snapshots mostly name the same L2 tables as the active
 * one; so they are gathered first, sorted by where they are in the file, and each table is read
 * once, in file order, and counted as often as it is referred to.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { MERGE_AT = 64 << 10 };

/* ---- the list of L2 tables ---- */

static int
by_offset (const void *a, const void *b)
{
  const struct qcow2_l2_ref *x = a, *y = b;
  if (x->offset != y->offset)
    return x->offset < y->offset ? -1 : 1;
  return x->active < y->active ? -1 : x->active > y->active;
}

/* Sorts, and makes one of those that are the same table. */
static void
merge (struct qcow2_checker *c)
{
  size_t n = 0;
  bool sorted = true;
  for (size_t i = 1; i < c->n_l2 && sorted; i++)
    sorted = c->l2[i - 1].offset < c->l2[i].offset;
  if (sorted)
    return;
  qsort (c->l2, c->n_l2, sizeof *c->l2, by_offset);
  for (size_t i = 1; i < c->n_l2; i++) {
    if (c->l2[i].offset != c->l2[n].offset) {
      c->l2[++n] = c->l2[i];
      continue;
    }
    c->l2[n].times += c->l2[i].times;
    if (c->l2[n].active == 0)
      c->l2[n].active = c->l2[i].active;
  }
  c->n_l2 = n + 1;
}

/* The list has room for one more.  Before it grows it is merged, unless that was of little use. */
static int
make_room (struct qcow2_checker *c, struct img_error *err)
{
  if (c->n_l2 < c->cap_l2)
    return 0;
  if (c->n_l2 >= MERGE_AT)
    merge (c);
  if (c->n_l2 < c->cap_l2 / 2)
    return 0;
  size_t cap = c->cap_l2 ? c->cap_l2 * 2 : 1024;
  struct qcow2_l2_ref *p = realloc (c->l2, cap * sizeof *p);
  if (p == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  c->l2 = p;
  c->cap_l2 = cap;
  return 0;
}

/* ---- L1 ---- */

/* "L1 table entry": number INDEX. */
static int
check_l1_entry (struct qcow2_checker *c, uint64_t entry, uint32_t index, bool active,
                uint32_t times, struct img_error *err)
{
  uint64_t offset = entry & QCOW2_OFFSET_MASK, before = c->out->corruptions;
  if (offset == 0 || (entry & ~(QCOW2_OFFSET_MASK | QCOW2_COPIED)))
    qcow2_check_error (c, _("ERROR found L1 entry with reserved bits set: %" PRIx64), entry);
  if (offset == 0) { /* flags of no table; other readers may take it for one at the header */
    c->entries_wrong = true;
    return 0;
  }
  if (qcow2_count_region (c, offset, c->q->cluster_size, times, err) < 0)
    return -1;
  if (active && !qcow2_ones_are (c, offset >> c->q->cluster_bits, 1, entry & QCOW2_COPIED))
    c->copied_wrong = true;
  if (offset & (c->q->cluster_size - 1)) {
    qcow2_check_error (c, _("ERROR l2_offset=%" PRIx64 ": Table is not cluster aligned; L1 entry"
                            " corrupted"), offset);
    c->entries_wrong = true;
    return 0;
  }
  c->entries_wrong |= c->out->corruptions != before;
  if (offset >= c->file_size)
    return 0;
  if (make_room (c, err) < 0)
    return -1;
  c->l2[c->n_l2++]
    = (struct qcow2_l2_ref) { .offset = offset, .times = times, .active = active ? index + 1 : 0 };
  return 0;
}

int
qcow2_check_l1 (struct qcow2_checker *c, uint64_t offset, uint32_t size, bool active,
                uint32_t times, struct img_error *err)
{
  uint64_t bytes = (uint64_t) size * 8;
  if (qcow2_count_table (c, offset, bytes, times, err) < 0)
    return -1;
  if (qcow2_check_hole (c, offset) >= offset + bytes)
    return 0;
  for (uint64_t done = 0, part; done < bytes; done += part) {
    part = img_min (bytes - done, QCOW2_CHECK_BUF);
    if (qcow2_check_read (c, c->buf, part, offset + done, err) < 0) {
      qcow2_check_failed (c, err);
      return 0;
    }
    for (uint64_t i = 0; i < part / 8; i++) {
      uint64_t entry = be64_get (c->buf + i * 8);
      if (entry
          && check_l1_entry (c, entry, (uint32_t) (done / 8 + i), active, times, err) < 0)
        return -1;
    }
  }
  return 0;
}

/* ---- L2 ---- */

/* How many of the tables from I on lie side by side and fit into the buffer. */
static size_t
adjoining (const struct qcow2_checker *c, size_t i)
{
  size_t n = 1, max = QCOW2_CHECK_BUF >> c->q->cluster_bits;
  while (n < max && i + n < c->n_l2
         && c->l2[i + n].offset == c->l2[i].offset + ((uint64_t) n << c->q->cluster_bits))
    n++;
  return n;
}

static int
check_l2_tables (struct qcow2_checker *c, struct img_error *err)
{
  uint64_t size = c->q->cluster_size, hole = 0; /* up to HOLE there is nothing */
  for (size_t i = 0, n; i < c->n_l2; i += n) {
    bool empty = false;
    n = adjoining (c, i);
    if (img_check_progress (c->out, i, c->n_l2, err) < 0)
      return -1;
    if (c->l2[i].offset + n * size <= hole)
      continue;
    if (qcow2_check_read (c, c->buf, n * size, c->l2[i].offset, err) < 0) {
      qcow2_check_failed (c, err);
      continue;
    }
    uint64_t before = c->out->corruptions;
    for (size_t j = 0; j < n; j++)
      if (qcow2_check_l2 (c, &c->l2[i + j], c->buf + j * size, &empty, err) < 0)
        return -1;
    c->entries_wrong |= c->out->corruptions != before;
    if (empty)
      hole = qcow2_check_hole (c, c->l2[i + n - 1].offset);
  }
  return 0;
}

/* When its length is wrong, what the file has of it counts all the same: keys are no leak. */
static int
check_crypto (struct qcow2_checker *c, struct img_error *err)
{
  const struct qcow2_header *h = &c->q->h;
  uint64_t offset = h->crypto_offset, length = h->crypto_length;
  if (!h->has_crypto)
    return 0;
  if (qcow2_count_region (c, offset, length, 1, err) < 0)
    return -1;
  if (offset >= c->file_size || img_within (offset, length, c->file_size + c->q->cluster_size - 1))
    return 0;
  return qcow2_count_region (c, offset, c->file_size - offset, 1, err);
}

int
qcow2_check_refs (struct qcow2_checker *c, struct img_error *err)
{
  const struct qcow2_header *h = &c->q->h;
  if (qcow2_count_region (c, 0, c->q->cluster_size, 1, err) < 0
      || qcow2_check_l1 (c, h->l1_offset, h->l1_size, true, 1, err) < 0
      || qcow2_check_snapshots (c, err) < 0)
    return -1;
  merge (c);
  if (check_l2_tables (c, err) < 0)
    return -1;
  if (check_crypto (c, err) < 0)
    return -1;
  return qcow2_check_bitmaps (c, err);
}
