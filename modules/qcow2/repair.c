/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair.c - what is done to mend an image, in which order.
 *
 * Owns: the decision what may be done.  When not all of the metadata could be read, nothing is;
 * when directories are damaged so that references are missing from the count, no refcount goes
 * down, since what seems leaked may belong to what could not be followed.  A last look, without a
 * word, tells what is left, and with that what was mended.  Refuses: images open for other changes.
 */
#include <errno.h>
#include <string.h>

#include "repair.h"
#include "write.h"

static int
look (struct qcow2_checker *c, struct qcow2 *q, struct img_check *silent, struct img_error *err)
{
  qcow2_checker_release (c);
  *silent = (struct img_check) { .struct_size = sizeof *silent };
  qcow2_checker_init (c, q, silent);
  return qcow2_check_run (c, err);
}

int
qcow2_repair_look (struct qcow2_checker *c, struct qcow2 *q, struct img_check *silent,
                   struct img_error *err)
{
  if (look (c, q, silent, err) < 0)
    return -1;
  return c->failed ? img_error_set (err, EIO, _("not all of the image could be read")) : 0;
}

int
qcow2_repair_write (struct qcow2 *q, const void *buf, uint64_t length, uint64_t offset,
                    struct img_error *err)
{
  if (offset + length > img_size (q->file)
      && img_resize (q->file, offset + length, IMG_PREALLOC_OFF, 0, err) < 0)
    return -1;
  return img_pwrite (q->file, buf, length, offset, 0, err);
}

/* Clears those of BITS that are set in incompatible_features. */
static int
clear_bits (struct qcow2 *q, uint64_t bits, struct img_error *err)
{
  uint8_t field[8];
  if (!(q->h.incompat & bits))
    return 0;
  be64_put (field, q->h.incompat & ~bits);
  if (qcow2_barrier (q, err) < 0 || img_pwrite (q->file, field, sizeof field, 72, 0, err) < 0
      || qcow2_barrier (q, err) < 0)
    return -1;
  q->h.incompat &= ~bits;
  return 0;
}

/* "incompatible_features": what the bits said is not true any more. */
static int
clear_marks (struct qcow2 *q, unsigned flags, struct img_error *err)
{
  uint64_t bits = QCOW2_INCOMPAT_DIRTY;
  if ((flags & IMG_REPAIR_ERRORS) && !(flags & QCOW2_REPAIR_REFCOUNTS))
    bits |= QCOW2_INCOMPAT_CORRUPT;
  return clear_bits (q, bits, err);
}

/* The last look: COPIED flags follow the refcounts, the rest is what is left. */
static int
finish (struct qcow2_checker *c, struct qcow2 *q, struct img_check *out, unsigned flags,
        struct img_error *err)
{
  struct img_check silent, report = { .struct_size = sizeof report };
  uint64_t found = out->corruptions + out->check_errors, leaks = out->leaks;
  int r = qcow2_barrier (q, err) < 0 ? -1 : look (c, q, &silent, err);
  report.say = out->say;
  report.say_arg = out->say_arg;
  c->out = &report;
  c->mend = flags;
  if (r == 0 && c->copied_wrong)
    r = qcow2_check_copied (c, err);
  c->out = out;
  if (r < 0)
    return -1;
  out->check_errors = silent.check_errors + report.check_errors;
  out->corruptions = silent.corruptions + report.corruptions;
  out->leaks = silent.leaks;
  found -= img_min (found, silent.corruptions + silent.check_errors);
  out->corruptions_fixed = found + c->mended;
  out->leaks_fixed = leaks - img_min (leaks, silent.leaks);
  out->image_end_offset = silent.image_end_offset;
  out->total_clusters = silent.total_clusters;
  out->allocated_clusters = silent.allocated_clusters;
  out->fragmented_clusters = silent.fragmented_clusters;
  out->compressed_clusters = silent.compressed_clusters;
  return out->corruptions || out->check_errors ? 0 : clear_marks (q, flags, err);
}

/* "autoclear_features": bitmaps that nobody vouches for are not counted.  The header must not name
 * them any more before their clusters are free. */
static int
forget_bitmaps (struct qcow2 *q, struct img_error *err)
{
  if (!q->h.has_bitmaps || (q->h.autoclear & QCOW2_AUTOCLEAR_BITMAPS))
    return 0;
  q->h.has_bitmaps = false;
  return qcow2_header_write (q, false, err) < 0 ? -1 : qcow2_barrier (q, err);
}

/* One after the other, each with counts that hold. */
static int
take_steps (struct qcow2_checker *c, struct qcow2 *q, struct img_check *out, unsigned flags,
            struct img_error *err)
{
  static qcow2_repair_step *const steps[] = {
    qcow2_repair_dirs, qcow2_repair_l1, qcow2_repair_entries, qcow2_repair_move,
    qcow2_repair_split, qcow2_repair_drop_excess,
  };
  struct img_check silent;
  int r = 0;
  for (size_t i = 0; r == 0 && i < sizeof steps / sizeof *steps; i++) {
    bool changed = false;
    r = steps[i] (c, out, flags, &changed, err);
    if (r == 0 && changed)
      r = qcow2_barrier (q, err) < 0 ? -1 : qcow2_repair_look (c, q, &silent, err);
    c->out = out;
  }
  return r;
}

/* C has found something. */
static int
mend (struct qcow2_checker *c, struct qcow2 *q, struct img_check *out, unsigned flags,
      struct img_error *err)
{
  if ((flags & IMG_REPAIR_ERRORS) && !(flags & QCOW2_REPAIR_REFCOUNTS)
      && take_steps (c, q, out, flags, err) < 0)
    return -1;
  if (c->incomplete && out->leaks)
    img_check_say (out, false, _("What seems leaked is kept: not all references are known."));
  if (forget_bitmaps (q, err) < 0 || qcow2_repair_refcounts (c, flags, err) < 0)
    return -1;
  return finish (c, q, out, flags, err);
}

int
qcow2_repair (struct qcow2 *q, struct img_check *out, unsigned flags, struct img_error *err)
{
  struct qcow2_checker c;
  if (q->writer)
    return img_error_set (err, EBUSY, _("the image is being written to"));
  qcow2_checker_init (&c, q, out);
  int r = qcow2_check_run (&c, err);
  if (r == 0 && c.failed)
    img_check_say (out, true, _("Nothing was repaired: not all of the image could be read."));
  else if (r == 0 && (out->corruptions || out->leaks || c.copied_wrong || c.snapshots_wrong))
    r = mend (&c, q, out, flags, err);
  else if (r == 0 && out->check_errors == 0)
    r = clear_marks (q, flags, err);
  qcow2_checker_release (&c);
  return r;
}

int
qcow2_repair_dirty (struct qcow2 *q, struct img_error *err)
{
  struct img_check check = { .struct_size = sizeof check };
  unsigned flags = IMG_REPAIR_LEAKS | IMG_REPAIR_ERRORS | QCOW2_REPAIR_REFCOUNTS;
  if (!(q->h.incompat & QCOW2_INCOMPAT_DIRTY))
    return 0;
  if (qcow2_repair (q, &check, flags, err) < 0)
    return img_error_prefix (err, _("repair after the image was not closed cleanly"));
  if (check.corruptions || check.check_errors) {
    img_error_set (err, EACCES, _("Image was not closed cleanly and is damaged;"
                                  " cannot be opened read/write"));
    return img_error_hint (err, _("img-check -r all repairs it."));
  }
  return 0;
}
