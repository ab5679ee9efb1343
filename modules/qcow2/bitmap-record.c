/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bitmap-record.c - enabled bitmaps get a mark wherever the guest disk changes (spec section
 * "Bitmaps": flags in_use and auto).
 *
 * Owns: the order.  Before the first change the disk says that the bitmaps are in use, so that
 * after a crash nobody trusts them; marks are then collected in memory.  A flush writes them in
 * place and takes the flag away again: what it leaves can be trusted, and the next change begins
 * anew.  When the marks take too much memory they are stored early.  Refuses: nothing; a directory
 * that cannot be read is an error of whoever wants to write, and nothing is written.
 */
#include <stdlib.h>

#include "bitmap.h"

enum { UNKNOWN, NONE, ACTIVE }; /* writer->recording */
enum { BUDGET = 64 << 20 /* bytes of marks in memory */ };

struct recorded {
  struct qcow2_bits *bits;
  uint64_t flags_at, table_at; /* in the file */
  uint32_t flags;
};

struct qcow2_record {
  struct recorded *v;
  uint32_t n;
  bool marked; /* the disk says that they are in use */
};

void
qcow2_record_free (struct qcow2_record *r)
{
  if (r == NULL)
    return;
  for (uint32_t i = 0; i < r->n; i++)
    qcow2_bits_free (r->v[i].bits);
  free (r->v);
  free (r);
}

static int
load_all (struct qcow2 *q, const struct qcow2_bitmaps *all, struct qcow2_record *r,
          struct img_error *err)
{
  r->v = calloc (all->n + 1, sizeof *r->v);
  if (r->v == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint32_t i = 0; i < all->n; i++) {
    const struct qcow2_bitmap *b = &all->v[i];
    if (!(b->flags & QCOW2_BITMAP_AUTO) || !qcow2_bitmap_usable (b))
      continue;
    struct recorded *to = &r->v[r->n];
    to->flags_at = b->at + 12;
    to->flags = b->flags;
    to->table_at = b->table_offset;
    to->bits = qcow2_bits_open (q, b, err);
    if (to->bits == NULL)
      return -1;
    r->n++;
  }
  return 0;
}

/* Which bitmaps record? */
static int
start (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  struct qcow2_bitmaps all;
  if (!q->h.has_bitmaps || !(q->h.autoclear & QCOW2_AUTOCLEAR_BITMAPS)) {
    w->recording = NONE;
    return 0;
  }
  struct qcow2_record *r = calloc (1, sizeof *r);
  if (r == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  int rc = qcow2_bitmaps_read (q, &all, err);
  if (rc == 0)
    rc = load_all (q, &all, r, err);
  qcow2_bitmaps_free (&all);
  if (rc == 0 && r->n > 0) {
    w->record = r;
    w->recording = ACTIVE;
    return 0;
  }
  if (rc == 0)
    w->recording = NONE;
  qcow2_record_free (r);
  return rc;
}

/* Sets or clears in_use of all that record.  Nothing has to wait until it is cleared. */
static int
mark (struct qcow2 *q, bool in_use, struct img_error *err)
{
  struct qcow2_record *r = q->writer->record;
  uint64_t lo = r->v[0].flags_at, n = r->v[r->n - 1].flags_at + 4 - lo;
  IMG_CLEANUP (free) uint8_t *buf = malloc (n);
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (img_pread (q->file, buf, n, lo, 0, err) < 0)
    return -1;
  for (uint32_t i = 0; i < r->n; i++)
    be32_put (buf + (r->v[i].flags_at - lo),
              r->v[i].flags | (in_use ? QCOW2_BITMAP_IN_USE : 0));
  if (img_pwrite (q->file, buf, n, lo, 0, err) < 0 || (in_use && qcow2_barrier (q, err) < 0))
    return -1;
  r->marked = in_use;
  return 0;
}

/* ---- storing ---- */

static int
store (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_record *r = q->writer->record;
  if (qcow2_begin (q, err) < 0)
    return -1;
  for (uint32_t i = 0; i < r->n; i++)
    if (qcow2_bits_write (r->v[i].bits, NULL, err) < 0)
      return -1;
  if (qcow2_write_out (q, err) < 0 || qcow2_barrier (q, err) < 0)
    return -1;
  for (uint32_t i = 0; i < r->n; i++)
    if (qcow2_bits_write_table (r->v[i].bits, r->v[i].table_at, err) < 0)
      return -1;
  return qcow2_barrier (q, err);
}

int
qcow2_record_store (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_record *r = q->writer->record;
  if (r == NULL || !r->marked)
    return 0;
  return store (q, err) < 0 ? -1 : mark (q, false, err);
}

int
qcow2_record_stop (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  if (qcow2_record_store (q, err) < 0)
    return -1;
  qcow2_record_free (w->record);
  w->record = NULL;
  w->recording = UNKNOWN;
  return 0;
}

/* ---- recording ---- */

static int
record (struct qcow2 *q, uint64_t offset, uint64_t length, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t held = 0;
  if (w->recording == UNKNOWN && start (q, err) < 0)
    return -1;
  if (w->recording == NONE || (!w->record->marked && mark (q, true, err) < 0))
    return w->recording == NONE ? 0 : -1;
  qcow2_reader_drop (q);
  for (uint32_t i = 0; i < w->record->n; i++) {
    struct qcow2_bits *bits = w->record->v[i].bits;
    if (qcow2_bits_set (bits, offset, length, err) < 0)
      return -1;
    held += (uint64_t) bits->resident << q->cluster_bits;
  }
  if (held <= BUDGET)
    return 0;
  if (store (q, err) < 0)
    return -1;
  for (uint32_t i = 0; i < w->record->n; i++)
    qcow2_bits_trim (w->record->v[i].bits);
  return 0;
}

int
qcow2_changing (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  if (q->writer == NULL || q->writer->recording == NONE)
    return 0;
  pthread_rwlock_wrlock (&q->lock);
  int r = record (q, offset, length, err);
  pthread_rwlock_unlock (&q->lock);
  return r;
}
