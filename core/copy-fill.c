/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy-fill: the part of the work that nobody waits for: reading, looking for zeroes, encoding.
 *
 * A buffer is looked at right after it was read, while it is in the processor's cache.  What comes
 * out depends on the range alone. */
#include <config.h>

#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/copy-job.h"
#include "core/iszero.h"
#include "core/write.h"

/* ---- reading ---- */

static void
report_lost (struct copy_job *job, uint64_t offset, uint64_t length, const struct img_error *why)
{
  if (job->opts.salvaged == NULL)
    return;
  IMG_GUARD (&job->report);
  job->opts.salvaged (job->opts.salvaged_arg, offset, length, why);
}

/* Reads what can be read of a stretch that failed as a whole; zeroes for the rest. */
static void
salvage (struct copy_job *job, struct img_node *node, uint64_t at, uint64_t offset,
         uint64_t length, uint8_t *buf)
{
  uint64_t step = img_max (node->limits.request_align, 512), lost = 0, n;
  struct img_error why = IMG_ERROR_INIT;
  for (uint64_t done = 0; done < length; done += n) {
    struct img_error err = IMG_ERROR_INIT;
    n = img_min (step - (at + done) % step, length - done);
    bool read = img_pread (node, buf + done, n, at + done, 0, &err) == 0;
    if (!read) {
      memset (buf + done, 0, (size_t) n);
      lost += n;
      why = err;
    }
    bool last = done + n == length;
    if (lost > 0 && (read || last))
      report_lost (job, offset + done + (read ? 0 : n) - lost, lost, &why);
    if (read)
      lost = 0;
  }
}

int
copy_read (struct copy_job *job, const struct copy_segment *segment, uint64_t offset,
           uint64_t length, uint8_t *buf, struct img_error *err)
{
  uint64_t at = segment->at + (offset - segment->offset);
  if (segment->node == NULL) {
    memset (buf, 0, (size_t) length);
    return 0;
  }
  img_event (segment->node, "read_aio");
  if (!job->opts.salvage)
    return img_pread (segment->node, buf, length, at, 0, err);
  struct img_error why = IMG_ERROR_INIT;
  if (img_pread (segment->node, buf, length, at, 0, &why) < 0)
    salvage (job, segment->node, at, offset, length, buf);
  return 0;
}

/* ---- pieces ---- */

static int
add_piece (struct copy_slot *slot, struct copy_piece piece, struct img_error *err)
{
  if (piece.length == 0)
    return 0;
  if (img_vec_push (&slot->pieces, piece) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  return 0;
}

/* Bytes [from, to) of RANGE, plain or, with ZERO, all zero. */
static int
add_run (struct copy_job *job, struct copy_slot *slot, const struct copy_range *range,
         uint64_t from, uint64_t to, bool zero, struct img_error *err)
{
  struct copy_piece piece = {
    .kind = zero ? PIECE_ZERO : PIECE_PLAIN,
    .offset = range->offset + from,
    .length = to - from,
    .bytes = slot->buf + range->at + from,
  };
  return zero && job->zeroed && job->layers == COPY_ALL ? 0 : add_piece (slot, piece, err);
}

/* How far the bytes from AT on are zero, or not, in grains of the target; a range may begin inside
 * one. */
static uint64_t
run_length (const struct copy_job *job, const struct copy_slot *slot,
            const struct copy_range *range, uint64_t at, uint64_t length, bool *zero)
{
  const uint8_t *buf = slot->buf + range->at + at;
  size_t grain = (size_t) job->grain;
  uint64_t first = img_min (grain - (range->offset + at) % grain, length - at);
  bool more;
  *zero = img_is_zero (buf, (size_t) first);
  if (first == length - at)
    return first;
  size_t n = img_zero_run (buf + first, (size_t) (length - at - first), grain, &more);
  return more == *zero ? first + n : first;
}

/* Cuts bytes [from, length) of RANGE where runs of zeroes begin and end. */
static int
cut_plain (struct copy_job *job, struct copy_slot *slot, const struct copy_range *range,
           uint64_t from, uint64_t length, struct img_error *err)
{
  uint64_t at = from, all = length - from, n;
  for (; job->opts.sparse > 0 && at < length; at += n) {
    bool zero;
    n = run_length (job, slot, range, at, length, &zero);
    /* Short of a grain: it goes on in a hole next to the range. */
    if (!zero || (n >= job->grain && n < job->opts.sparse && n < all))
      continue;
    if (add_run (job, slot, range, from, at, false, err) < 0
        || add_run (job, slot, range, at, at + n, true, err) < 0)
      return -1;
    from = at + n;
  }
  return add_run (job, slot, range, from, length, false, err);
}

/* Each unit by itself: zero, a stream, or plain when a stream does not pay. */
static int
cut_encoded (struct copy_job *job, struct copy_slot *slot, const struct copy_range *range,
             uint64_t from, uint64_t length, struct img_error *err)
{
  uint64_t used = range->at + from, size = atomic_load (&job->dst->size);
  for (uint64_t at = from; at < length; at += job->unit) {
    const uint8_t *bytes = slot->buf + range->at + at;
    uint64_t offset = range->offset + at;
    size_t n = (size_t) img_min (job->unit, size - offset), made = 0;
    if (job->opts.sparse > 0 && img_is_zero (bytes, n)) {
      if (add_run (job, slot, range, at, at + job->unit, true, err) < 0)
        return -1;
      continue;
    }
    uint8_t *out = slot->encoded + used;
    int r = img_write_encode (job->dst, bytes, n, out, (size_t) job->unit, &made, err);
    if (r < 0)
      return -1;
    struct copy_piece piece = {
      .kind = PIECE_ENCODED, .offset = offset, .length = job->unit, .bytes = out, .encoded = made
    };
    if (r > 0)
      piece = (struct copy_piece) {
        .kind = PIECE_PLAIN, .offset = offset, .length = job->unit, .bytes = bytes
      };
    used += made;
    if (add_piece (slot, piece, err) < 0)
      return -1;
  }
  return 0;
}

static int
fill_range (struct copy_job *job, struct copy_slot *slot, const struct copy_range *range,
            struct img_error *err)
{
  uint8_t *buf = slot->buf + range->at;
  if (range->kind != COPY_READ)
    return add_piece (slot,
                      (struct copy_piece) {
                        .kind = range->kind == COPY_ZERO ? PIECE_ZERO : PIECE_SHARE,
                        .offset = range->offset,
                        .length = range->length,
                      },
                      err);
  for (size_t i = 0; i < range->segments.n; i++) {
    const struct copy_segment *s = &range->segments.v[i];
    if (copy_read (job, s, s->offset, s->length, buf + (s->offset - range->offset), err) < 0)
      return -1;
  }
  uint64_t length = range->length;
  if (job->reserves) { /* the image may end inside its last unit, the unit's place does not */
    length = img_div_up (length, job->unit) * job->unit;
    memset (buf + range->length, 0, (size_t) (length - range->length));
  }
  if (job->layers == COPY_PIN && copy_pin_read (job, slot, range, length, err) < 0)
    return -1;
  for (uint64_t from = 0, to = length; from < length; from = to) {
    if (job->layers == COPY_PIN && !copy_pin_run (job, slot, range, length, &from, &to))
      break;
    if ((job->opts.compress ? cut_encoded : cut_plain) (job, slot, range, from, to, err) < 0)
      return -1;
  }
  return 0;
}

int
copy_fill (struct copy_job *job, struct copy_slot *slot, struct img_error *err)
{
  slot->pieces.n = 0;
  for (unsigned i = 0; i < slot->n_ranges; i++)
    if (fill_range (job, slot, &slot->range[i], err) < 0)
      return -1;
  return 0;
}
