/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flush.c - metadata goes to disk in an order in which every state is consistent.
 *
 * Data and refcount blocks; the refcount table; L2 tables; the L1 table; the header; only then
 * the refcounts of what is not referred to any more.  Between the steps the file is flushed, so
 * that a crash leaves leaks at worst.  An image that we are making needs no order: it has no
 * magic until all is there.  A step that fails leaves the rest to be written by the next flush.
 */
#include <stdlib.h>

#include "bitmap.h"

int
qcow2_barrier (struct qcow2 *q, struct img_error *err)
{
  if (q->flags & (IMG_OPEN_NEW | IMG_OPEN_NO_FLUSH))
    return 0;
  if (q->data != q->file && img_flush (q->data, err) < 0)
    return -1;
  return img_flush (q->file, err);
}

/* ---- tables ---- */

void
qcow2_span_add (struct qcow2_span *span, uint64_t i)
{
  if (qcow2_span_is_empty (span))
    *span = (struct qcow2_span) { i, i + 1 };
  span->lo = img_min (span->lo, i);
  span->hi = img_max (span->hi, i + 1);
}

bool
qcow2_span_is_empty (const struct qcow2_span *span)
{
  return span->lo == span->hi;
}

int
qcow2_span_write (struct qcow2 *q, struct qcow2_span *span, const uint64_t *table,
                  uint64_t offset, const char *event, struct img_error *err)
{
  uint64_t n = span->hi - span->lo;
  if (n == 0)
    return 0;
  IMG_CLEANUP (free) uint8_t *buf = malloc (n * 8);
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (uint64_t i = 0; i < n; i++)
    be64_put (buf + i * 8, table[span->lo + i]);
  if (event)
    img_event (q->file, event);
  if (img_pwrite (q->file, buf, n * 8, offset + span->lo * 8, 0, err) < 0)
    return -1;
  *span = (struct qcow2_span) { 0, 0 };
  return 0;
}

/* ---- order ---- */

static bool
clean (const struct qcow2 *q)
{
  const struct qcow2_writer *w = q->writer;
  return !qcow2_cache_is_dirty (q->l2_cache) && !qcow2_cache_is_dirty (q->rb_cache)
         && qcow2_span_is_empty (&w->reftable_dirty) && qcow2_span_is_empty (&w->l1_dirty)
         && w->later.n == 0 && !w->reftable_moved;
}

/* A refcount table points to blocks that are there; the header points to a table that is. */
static int
write_refcounts (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  if (qcow2_cache_write (q->rb_cache, err) < 0)
    return -1;
  if (!qcow2_span_is_empty (&w->reftable_dirty)
      && (qcow2_barrier (q, err) < 0 || qcow2_reftable_write (q, err) < 0))
    return -1;
  if (w->reftable_moved
      && (qcow2_barrier (q, err) < 0 || qcow2_header_write (q, w->blank, err) < 0))
    return -1;
  w->reftable_moved = false;
  return 0;
}

int
qcow2_write_out (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  if (clean (q))
    return 0;
  if (write_refcounts (q, err) < 0)
    return -1;
  if (qcow2_cache_is_dirty (q->l2_cache)
      && (qcow2_barrier (q, err) < 0 || qcow2_cache_write (q->l2_cache, err) < 0))
    return -1;
  if (!qcow2_span_is_empty (&w->l1_dirty)
      && (qcow2_barrier (q, err) < 0 || qcow2_l1_write (q, err) < 0))
    return -1;
  if (w->later.n == 0)
    return 0;
  if (qcow2_barrier (q, err) < 0 || qcow2_free_now (q, err) < 0)
    return -1;
  return qcow2_cache_write (q->rb_cache, err);
}

int
qcow2_relieve (struct qcow2 *q, struct img_error *err)
{
  enum { MANY = 1 << 16 }; /* runs */
  if (!qcow2_cache_pressure (q->l2_cache) && !qcow2_cache_pressure (q->rb_cache)
      && q->writer->later.n < MANY)
    return 0;
  return qcow2_write_out (q, err);
}

/* All is there: the image may be seen. */
static int
finish_new (struct qcow2 *q, struct img_error *err)
{
  if (!(q->flags & IMG_OPEN_NO_FLUSH)
      && ((q->data != q->file && img_flush (q->data, err) < 0) || img_flush (q->file, err) < 0))
    return -1;
  if (qcow2_header_write (q, false, err) < 0)
    return -1;
  q->writer->blank = q->writer->begun = false;
  return 0;
}

int
qcow2_flush (struct img_node *node, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  if (q->writer == NULL)
    return 0;
  pthread_rwlock_wrlock (&q->lock);
  int r = qcow2_record_store (q, err);
  if (r == 0)
    r = qcow2_write_out (q, err);
  if (r == 0)
    r = qcow2_alloc_trim (q, err);
  if (r == 0 && q->writer->blank)
    r = finish_new (q, err);
  pthread_rwlock_unlock (&q->lock);
  return r;
}
