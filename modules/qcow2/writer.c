/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* writer.c - begin and end of writing to an image.
 *
 * Owns: what must stand on disk before the first change.  An image that we are making loses its
 * magic until it is whole, so that what an interruption leaves is no image.  Autoclear features
 * that we do not keep up are cleared, as the specification asks.  Refcounts are always written
 * in order, so the dirty bit of lazy refcounts is never needed; an image that has it gets its
 * refcounts repaired first.  Refuses: images marked corrupt.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "bitmap.h"
#include "repair.h"

static int
refuse (const struct qcow2 *q, struct img_error *err)
{
  if (q->h.incompat & QCOW2_INCOMPAT_CORRUPT)
    return img_error_set (err, EACCES, _("the image is marked corrupt: it cannot be written to"
                                         " before it is repaired"));
  return 0;
}

int
qcow2_writer_open (struct qcow2 *q, const struct img_opts *opts, struct img_error *err)
{
  if (refuse (q, err) < 0 || qcow2_repair_dirty (q, err) < 0)
    return -1;
  q->writer = calloc (1, sizeof *q->writer);
  if (q->writer == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  q->writer->level = (int) img_min (img_opts_number (opts, "compress-level"), 1000);
  if (qcow2_reftable_load (q, err) < 0)
    return -1;
  return qcow2_alloc_open (q, err);
}

void
qcow2_writer_free (struct qcow2_writer *w)
{
  if (w == NULL)
    return;
  qcow2_record_free (w->record);
  qcow2_encoding_free (w->encoding);
  qcow2_overlap_free (w->overlap);
  img_vec_free (&w->later);
  free (w->reftable);
  free (w);
}

/* A data file is as long as the disk, or writing would make it longer cluster by cluster. */
static int
stretch_data (struct qcow2 *q, struct img_error *err)
{
  if (q->data == q->file || img_size (q->data) >= q->h.size)
    return 0;
  return img_resize (q->data, q->h.size, IMG_PREALLOC_OFF, 0, err);
}

int
qcow2_begin (struct qcow2 *q, struct img_error *err)
{
  static const uint8_t no_magic[4] = { 0 };
  struct qcow2_writer *w = q->writer;
  if (w == NULL)
    return img_error_set (err, EROFS, _("the image is not open for writing"));
  if (w->begun)
    return 0;
  /* Other writers let the file end inside its last table. */
  if (stretch_data (q, err) < 0 || qcow2_alloc_grow (q, w->next, err) < 0)
    return -1;
  if (q->flags & IMG_OPEN_NEW) {
    w->blank = true;
    if (img_pwrite (q->file, no_magic, sizeof no_magic, 0, 0, err) < 0)
      return -1;
  } else if (q->h.autoclear & ~QCOW2_AUTOCLEAR_KNOWN) {
    if (qcow2_header_write (q, false, err) < 0 || qcow2_barrier (q, err) < 0)
      return -1;
  }
  w->begun = true;
  return 0;
}
