/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-entries.c - entries of L1 and L2 tables that cannot be right (spec sections "Cluster
 * mapping", "Extended L2 Entries").
 *
 * Owns: what becomes of them.  What can be read all the same (reserved bits, a COPIED flag or a
 * bitmap of a compressed cluster) reads the same afterwards.  What nobody can read - clusters that
 * are unaligned or past the end of the file, subclusters that are two things at once - reads as
 * zero, and so does what an L1 entry without a table was for.  Refuses: tables in clusters that
 * something else refers to, too, which are repair-move.c's and repair-l1.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "repair.h"

struct entry {
  uint64_t word, bitmap; /* BITMAP: of extended entries */
};

struct mender {
  struct qcow2_checker *c;
  struct qcow2 *q;
  struct qcow2_zeroes *z; /* for this walk or the next: repair-zero.c */
  uint32_t times;         /* that L1 entries name the table */
  bool active;            /* one of the active L1 table does */
  bool lost;              /* what the entry was for */
  uint8_t *plain; /* a cluster, to see whether a stream can be read; made when needed */
};

/* ---- one L2 entry ---- */

/* Nothing but zeroes from here on; extended: where there was anything. */
static void
make_zero (struct mender *m, struct entry *e, uint64_t what)
{
  m->lost = true;
  if (m->q->extended) {
    e->word = 0;
    e->bitmap = (what | e->bitmap >> 32) << 32;
  } else if (m->q->h.version >= 3) {
    e->word = QCOW2_ZERO;
  } else if (m->q->h.backing_name == NULL) {
    e->word = 0;
  } else {
    uint64_t word = qcow2_zeroes_entry (m->z, m->q, m->times, m->active);
    e->word = word ? word : e->word;
    m->lost = word;
  }
}

/* A stream that claims more sectors than there are loses them, if it can be read without. */
static void
shorten (struct mender *m, struct entry *e, uint64_t offset)
{
  unsigned x = 62 - (m->q->cluster_bits - 8);
  struct img_error ignored = IMG_ERROR_INIT;
  if (offset < m->c->file_size && m->plain == NULL)
    m->plain = malloc (m->q->cluster_size);
  if (offset >= m->c->file_size || m->plain == NULL
      || qcow2_packed_read (m->q, e->word, 0, m->plain, &ignored) < 0) {
    make_zero (m, e, UINT32_MAX);
    return;
  }
  uint64_t more = (m->c->file_size - 1) / 512 - offset / 512;
  e->word = QCOW2_COMPRESSED | more << x | offset;
}

static void
mend_packed (struct mender *m, struct entry *e)
{
  uint64_t offset, length;
  e->word &= ~QCOW2_COPIED;
  e->bitmap = 0;
  qcow2_packed_range (m->q, e->word, &offset, &length);
  if (m->q->h.incompat & QCOW2_INCOMPAT_DATA_FILE)
    make_zero (m, e, UINT32_MAX);
  else if (qcow2_check_past (m->c, offset, length))
    shorten (m, e, offset);
}

/* GUEST: offset of the cluster, UINT64_MAX when that is not known. */
static void
mend_standard (struct mender *m, struct entry *e, uint64_t guest)
{
  const struct qcow2 *q = m->q;
  bool zero = e->word & QCOW2_ZERO;
  uint64_t host = e->word & QCOW2_OFFSET_MASK;
  e->word &= ~QCOW2_RESERVED;
  if (q->extended)
    e->bitmap &= ~(e->bitmap >> 32);
  if (q->h.incompat & QCOW2_INCOMPAT_DATA_FILE) {
    if (guest != UINT64_MAX && host != guest)
      e->word = guest | QCOW2_COPIED | (e->word & QCOW2_ZERO);
    return;
  }
  if ((host & (q->cluster_size - 1)) || qcow2_check_past (m->c, host, q->cluster_size)
      || (zero && q->h.version < 3))
    make_zero (m, e, (uint32_t) e->bitmap);
}

static void
mend_absent (const struct mender *m, struct entry *e)
{
  e->word &= ~QCOW2_RESERVED;
  if (m->q->extended && (uint32_t) e->bitmap)
    e->bitmap = ((uint32_t) e->bitmap | e->bitmap >> 32) << 32;
}

/* ---- L2 tables ---- */

/* The entries at TABLE.  True: bytes *LO to *HI changed. */
static bool
mend_table (struct mender *m, const struct qcow2_l2_ref *ref, uint8_t *table, uint32_t *lo,
            uint32_t *hi)
{
  const struct qcow2 *q = m->q;
  m->times = ref->times;
  m->active = ref->active;
  *hi = 0;
  for (uint32_t i = 0; i < 1u << q->l2_bits; i++) {
    uint8_t *p = table + (size_t) i * q->l2_entry_size;
    struct entry e = { be64_get (p), q->extended ? be64_get (p + 8) : 0 }, was = e;
    uint64_t guest = UINT64_MAX;
    if (ref->active)
      guest = (((uint64_t) (ref->active - 1) << q->l2_bits) + i) << q->cluster_bits;
    enum qcow2_kind kind = qcow2_entry_kind (q, e.word);
    if (kind == QCOW2_PACKED)
      mend_packed (m, &e);
    else if (kind == QCOW2_NORMAL || kind == QCOW2_ZERO_ALLOC)
      mend_standard (m, &e, guest);
    else
      mend_absent (m, &e);
    if (m->lost && guest != UINT64_MAX)
      qcow2_zeroes_lost (m->z, q, guest, q->cluster_size);
    m->lost = false;
    if (e.word == was.word && e.bitmap == was.bitmap)
      continue;
    be64_put (p, e.word);
    if (q->extended)
      be64_put (p + 8, e.bitmap);
    if (*hi == 0)
      *lo = i * q->l2_entry_size;
    *hi = (i + 1) * q->l2_entry_size;
  }
  return *hi > 0;
}

int
qcow2_repair_table (struct qcow2_checker *c, const struct qcow2_l2_ref *ref, uint8_t *bytes,
                    struct qcow2_zeroes *z, uint32_t *lo, uint32_t *hi)
{
  struct mender m = { .c = c, .q = c->q, .z = z };
  bool changed = mend_table (&m, ref, bytes, lo, hi);
  free (m.plain);
  return changed;
}

static int
mend_tables (struct mender *m, bool *changed, struct img_error *err)
{
  struct qcow2_checker *c = m->c;
  struct qcow2 *q = m->q;
  uint32_t lo, hi;
  for (size_t i = 0; i < c->n_l2; i++) {
    const struct qcow2_l2_ref *ref = &c->l2[i];
    if (qcow2_count_get (c, ref->offset >> q->cluster_bits) != ref->times)
      continue; /* it is something else, too: repair-move.c */
    if (qcow2_check_hole (c, ref->offset) >= ref->offset + q->cluster_size)
      continue;
    if (qcow2_check_read (c, c->buf, q->cluster_size, ref->offset, err) < 0)
      return -1;
    if (!mend_table (m, ref, c->buf, &lo, &hi) || !m->z->made)
      continue;
    *changed = true;
    if (qcow2_repair_write (q, c->buf + lo, hi - lo, ref->offset + lo, err) < 0)
      return -1;
  }
  return 0;
}

/* ---- L1 tables ---- */

/* What nobody can read of the disk reads as zero. */
static int
mend_l1_entry (void *arg, struct qcow2_l1_entry *e, struct img_error *err)
{
  struct mender *m = arg;
  uint64_t offset = e->word & QCOW2_OFFSET_MASK, now = 0;
  (void) err;
  if (offset && !(offset & (m->q->cluster_size - 1))
      && !qcow2_check_past (m->c, offset, m->q->cluster_size)) {
    now = e->word & (QCOW2_OFFSET_MASK | QCOW2_COPIED);
  } else if (offset && e->index < e->used) {
    unsigned bits = m->q->cluster_bits + m->q->l2_bits;
    uint64_t table = m->q->h.backing_name ? qcow2_zeroes_table (m->z, m->q) : 0;
    if (m->q->h.backing_name)
      now = table ? table | (e->active ? QCOW2_COPIED : 0) : e->word;
    if (e->active && now != e->word)
      qcow2_zeroes_lost (m->z, m->q, e->index << bits, UINT64_C (1) << bits);
  }
  if (m->z->made)
    e->word = now;
  return 0;
}

static int
walk (struct mender *m, bool *changed, struct img_error *err)
{
  if (mend_tables (m, changed, err) < 0)
    return -1;
  return qcow2_repair_edit_l1 (m->c, mend_l1_entry, m, changed, err);
}

int
qcow2_repair_entries (struct qcow2_checker *c, struct img_check *out, unsigned flags,
                      bool *changed, struct img_error *err)
{
  struct qcow2_zeroes z = { .made = c->q->h.backing_name == NULL, .out = out };
  struct mender m = { .c = c, .q = c->q, .z = &z };
  int r = 0;
  (void) flags;
  if (!c->entries_wrong)
    return 0;
  if (!z.made) {
    r = walk (&m, changed, err);
    if (r == 0)
      r = qcow2_zeroes_make (&z, c, changed, err);
  }
  if (r == 0)
    r = walk (&m, changed, err);
  c->out = NULL;
  qcow2_zeroes_release (&z);
  free (m.plain);
  return r;
}
