/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-split.c - clusters with more references than a refcount can count (spec section "Host
 * cluster management": refcount_order), and what lies in the header's.
 *
 * Owns: copies for the references that are too many: of L2 tables for L1 entries, then of clusters
 * for L2 entries.  They are in new space with their refcounts before an entry names them, and read
 * the same.  Each round is two walks that do the same: one says what is to be copied, the other
 * changes the entries.  A table that is something else, too, gets a copy in any case, since its
 * entries could not be changed.  Refuses: more copies than an image of that size can mean; images
 * encrypted with LUKS without their key, since what moves must be encrypted again.
 */
#include <stdlib.h>
#include <string.h>

#include <blkimg/vec.h>

#include "repair.h"
#include "write.h"

enum { ROUND_BYTES = 64 << 20, FREE_BYTES = 64 << 20, TIMES_FILE = 16 };

struct copy {
  uint64_t from, length, at; /* AT: clusters behind the first copy */
};

struct split {
  struct qcow2_checker *c;
  struct qcow2 *q;
  IMG_VEC (struct copy) copies;
  IMG_VEC (uint32_t) times; /* of each cluster of them */
  size_t next;
  uint64_t to;        /* where the copies are */
  bool apply, tables; /* the second walk; these are L2 tables */
  bool dropped;       /* an entry changes that needs no copy */
  uint64_t done, most; /* bytes, in all rounds */
};

/* ---- what ---- */

/* A cluster that the LENGTH bytes at OFFSET touch has too many references. */
static bool
is_excess (const struct split *m, uint64_t offset, uint64_t length)
{
  uint64_t last = (offset + length - 1) >> m->q->cluster_bits;
  for (uint64_t i = offset >> m->q->cluster_bits; i <= last; i++)
    if (qcow2_count_get (m->c, i) > qcow2_repair_most (m->c, i))
      return true;
  return false;
}

static int
lose (struct split *m, uint64_t offset, uint64_t length, uint32_t times, struct img_error *err)
{
  uint64_t first = offset >> m->q->cluster_bits;
  uint64_t last = (offset + length - 1) >> m->q->cluster_bits;
  return qcow2_count_add (m->c, first, last - first + 1, -(uint64_t) times, err);
}

/* An entry that stands for TIMES references is to have a copy of LENGTH bytes at OFFSET.  *TO:
 * where it is; 0: not now. */
static int
give_copy (struct split *m, uint64_t offset, uint64_t length, uint32_t times, uint64_t *to,
           struct img_error *err)
{
  uint64_t n = img_div_up (length, m->q->cluster_size);
  struct copy copy = { offset, length, m->times.n };
  *to = 0;
  if (m->apply) {
    const struct copy *made = m->next < m->copies.n ? &m->copies.v[m->next] : NULL;
    if (made == NULL || made->from != offset || made->length != length
        || m->times.v[made->at] != times)
      return 0;
    m->next++;
    *to = m->to + (made->at << m->q->cluster_bits);
    return lose (m, offset, length, times, err);
  }
  uint64_t round = (m->times.n + n) << m->q->cluster_bits;
  if (times > qcow2_repair_most (m->c, 1) || round > ROUND_BYTES || m->done + round > m->most)
    return 0;
  if (img_vec_push (&m->copies, copy) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint64_t i = 0; i < n; i++)
    if (img_vec_push (&m->times, times) < 0)
      return img_error_set (err, ENOMEM, _("out of memory"));
  return lose (m, offset, length, times, err);
}

/* ---- entries of L2 tables ---- */

static int
split_packed (struct split *m, const struct qcow2_l2_ref *ref, uint64_t *word,
              struct img_error *err)
{
  unsigned x = 62 - (m->q->cluster_bits - 8);
  uint64_t offset, length, to;
  qcow2_packed_range (m->q, *word, &offset, &length);
  if (qcow2_check_past (m->c, offset, length) || !is_excess (m, offset, length))
    return 0;
  if (give_copy (m, offset, length, ref->times, &to, err) < 0)
    return -1;
  if (to)
    *word = QCOW2_COMPRESSED | (img_div_up (length, 512) - 1) << x | to;
  return 0;
}

static int
split_standard (struct split *m, const struct qcow2_l2_ref *ref, uint64_t *word,
                struct img_error *err)
{
  uint64_t host = *word & QCOW2_OFFSET_MASK, size = m->q->cluster_size, to;
  if ((host & (size - 1)) || qcow2_check_past (m->c, host, size) || !is_excess (m, host, size))
    return 0;
  if (qcow2_entry_kind (m->q, *word) == QCOW2_ZERO_ALLOC) { /* nobody reads it */
    m->dropped = true;
    *word = QCOW2_ZERO;
    return lose (m, host, size, ref->times, err);
  }
  if (give_copy (m, host, size, ref->times, &to, err) < 0)
    return -1;
  if (to)
    *word = to | (ref->active && ref->times == 1 ? QCOW2_COPIED : 0);
  return 0;
}

/* The entries of the table in the buffer.  Those from *LO to *HI, bytes, changed. */
static int
split_entries (struct split *m, const struct qcow2_l2_ref *ref, uint32_t *lo, uint32_t *hi,
               struct img_error *err)
{
  *lo = *hi = 0;
  for (uint32_t i = 0; i < 1u << m->q->l2_bits; i++) {
    uint32_t at = i * m->q->l2_entry_size;
    uint64_t was = be64_get (m->c->buf + at), word = was;
    enum qcow2_kind kind = qcow2_entry_kind (m->q, was);
    int r = 0;
    if (kind == QCOW2_PACKED)
      r = split_packed (m, ref, &word, err);
    else if (kind == QCOW2_NORMAL || kind == QCOW2_ZERO_ALLOC)
      r = split_standard (m, ref, &word, err);
    if (r < 0)
      return -1;
    if (word == was)
      continue;
    be64_put (m->c->buf + at, word);
    *lo = *hi ? *lo : at;
    *hi = at + 8;
  }
  return 0;
}

static int
walk_l2 (struct split *m, struct img_error *err)
{
  struct qcow2_checker *c = m->c;
  uint64_t size = m->q->cluster_size;
  uint32_t lo, hi;
  if (m->q->h.incompat & QCOW2_INCOMPAT_DATA_FILE)
    return 0;
  for (size_t i = 0; i < c->n_l2; i++) {
    const struct qcow2_l2_ref *ref = &c->l2[i];
    if (qcow2_count_get (c, ref->offset >> m->q->cluster_bits) != ref->times
        || qcow2_check_hole (c, ref->offset) >= ref->offset + size)
      continue;
    if (qcow2_check_read (c, c->buf, size, ref->offset, err) < 0
        || split_entries (m, ref, &lo, &hi, err) < 0)
      return -1;
    if (m->apply && hi
        && qcow2_repair_write (m->q, c->buf + lo, hi - lo, ref->offset + lo, err) < 0)
      return -1;
  }
  return 0;
}

/* ---- entries of L1 tables ---- */

/* How many L1 entries name the table at OFFSET. */
static uint32_t
table_times (const struct qcow2_checker *c, uint64_t offset)
{
  size_t lo = 0, hi = c->n_l2;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    if (c->l2[mid].offset < offset)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < c->n_l2 && c->l2[lo].offset == offset ? c->l2[lo].times : 0;
}

static int
split_l1_entry (void *arg, struct qcow2_l1_entry *e, struct img_error *err)
{
  struct split *m = arg;
  uint64_t offset = e->word & QCOW2_OFFSET_MASK, size = m->q->cluster_size, to;
  uint32_t times = offset ? table_times (m->c, offset) : 0;
  if (times == 0 || (qcow2_count_get (m->c, offset >> m->q->cluster_bits) == times
                     && !is_excess (m, offset, size)))
    return 0;
  if (give_copy (m, offset, size, 1, &to, err) < 0)
    return -1;
  if (to)
    e->word = to | (e->active ? QCOW2_COPIED : 0);
  return 0;
}

/* ---- rounds ---- */

static int
write_copy (struct split *m, const struct copy *copy, struct img_error *err)
{
  uint64_t to = m->to + (copy->at << m->q->cluster_bits), part;
  for (uint64_t done = 0; done < copy->length; done += part) {
    part = img_min (copy->length - done, QCOW2_CHECK_BUF);
    if (qcow2_check_read (m->c, m->c->buf, part, copy->from + done, err) < 0
        || (!m->tables
            && qcow2_crypt_moved (m->q, m->c->buf, part, 0, copy->from + done, to + done, err) < 0)
        || img_pwrite (m->q->file, m->c->buf, part, to + done, 0, err) < 0)
      return -1;
  }
  return 0;
}

static int
write_copies (struct split *m, struct img_error *err)
{
  if (qcow2_repair_take (m->c, m->times.n, &m->to, err) < 0)
    return -1;
  for (size_t i = 0; i < m->copies.n; i++)
    if (write_copy (m, &m->copies.v[i], err) < 0)
      return -1;
  return qcow2_repair_own (m->c, m->to, m->times.n, m->times.v, err);
}

static int
walk (struct split *m, struct img_error *err)
{
  bool ignored = false;
  return m->tables ? qcow2_repair_edit_l1 (m->c, split_l1_entry, m, &ignored, err)
                   : walk_l2 (m, err);
}

/* *MORE: there is something to do after this one. */
static int
go_round (struct split *m, bool *more, struct img_error *err)
{
  struct img_check silent;
  m->copies.n = m->times.n = m->next = 0;
  m->apply = m->dropped = false;
  int r = walk (m, err);
  *more = m->copies.n > 0 || m->dropped;
  if (r < 0 || !*more)
    return r;
  m->done += (uint64_t) m->times.n << m->q->cluster_bits;
  if (m->copies.n > 0)
    r = write_copies (m, err);
  if (r == 0)
    r = qcow2_repair_look (m->c, m->q, &silent, err);
  m->apply = true;
  if (r == 0)
    r = walk (m, err);
  if (r == 0)
    r = qcow2_barrier (m->q, err) < 0 ? -1 : qcow2_repair_look (m->c, m->q, &silent, err);
  m->c->out = NULL;
  return r;
}

/* What moves must be encrypted again. */
static bool
lacks_key (struct qcow2 *q)
{
  struct img_error ignored = IMG_ERROR_INIT;
  uint8_t sector[512] = { 0 };
  return qcow2_crypt_moved (q, sector, sizeof sector, 0, 0, 512, &ignored) < 0;
}

int
qcow2_repair_split (struct qcow2_checker *c, struct img_check *out, unsigned flags, bool *changed,
                    struct img_error *err)
{
  struct split m = { .c = c, .q = c->q, .tables = true };
  bool more = true;
  int r = 0;
  (void) flags;
  if (!qcow2_repair_excess (c))
    return 0;
  if (lacks_key (c->q)) {
    img_check_say (out, true, _("Clusters with more references than refcounts can count stay as"
                                " they are: copies of them need the key of the image."));
    return 0;
  }
  if (!img_mul (c->file_size, TIMES_FILE, &m.most) || !img_add (m.most, FREE_BYTES, &m.most))
    m.most = UINT64_MAX;
  *changed = true;
  while (r == 0 && more)
    r = go_round (&m, &more, err);
  m.tables = false;
  for (more = true; r == 0 && more;)
    r = go_round (&m, &more, err);
  img_vec_free (&m.copies);
  img_vec_free (&m.times);
  return r;
}
