/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy-place: from pieces to bytes on the target.
 *
 * With a driver that hands out host space there are three steps (write.h): reserving, here all
 * pieces of a slot at once, is the only one whose order shows in the output.  Pieces that come to
 * lie side by side are written with one request.  Other targets are written where they are, their
 * space taken just before: after the zeroes were found, so that none of them stays allocated. */
#include <config.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/copy-job.h"
#include "core/io.h"
#include "core/progress.h"
#include "core/write.h"

#define SPACE_MIN 65536u /* for less a request of its own does not pay */

static unsigned
share_flags (const struct copy_job *job)
{
  return job->opts.copy_range ? 0 : IMG_IO_NO_FALLBACK;
}

/* 1: the zeroes are to be written like other bytes. */
static int
zero_piece (struct copy_job *job, const struct copy_piece *piece, struct img_error *err)
{
  uint64_t length = img_min (piece->length, atomic_load (&job->dst->size) - piece->offset);
  struct img_error why = IMG_ERROR_INIT;
  unsigned flags = job->layers == COPY_PIN ? IMG_IO_PIN : job->opts.sparse ? IMG_IO_UNMAP : 0;
  if (img_zero (job->dst, piece->offset, length, flags, &why) == 0)
    return 0;
  if (flags == IMG_IO_PIN && why.code == ENOTSUP)
    return 1;
  *err = why;
  return -1;
}

/* The kernel's answer for part of a range: R is 0 or 1.  1: it is to be copied by hand. */
static int
judge_sharing (struct copy_job *job, int r, struct img_error *err)
{
  if (r > 0 && job->opts.reflink == IMG_REFLINK_ALWAYS)
    return img_error_set (err, ENOTSUP, _("%s: cannot share blocks with the source here"),
                          job->dst->filename);
  if (r == 0 && atomic_load (&job->sharing) == SHARING_TRIED)
    copy_order_shared (job->order, true);
  return r;
}

/* ---- host space ---- */

static void
abandon_places (struct copy_job *job, struct copy_slot *slot, size_t from)
{
  /* The last one first: a driver that hands out space in a row can take it back. */
  for (size_t i = slot->places.n; i > from; i--)
    img_write_abandon (job->dst, &slot->places.v[i - 1]);
  slot->places.n = 0;
}

static int
reserve_piece (struct copy_job *job, struct copy_slot *slot, const struct copy_piece *piece,
               struct img_error *err)
{
  uint64_t encoded = piece->kind == PIECE_ENCODED ? piece->encoded : 0;
  uint64_t at = piece->offset, end = piece->offset + piece->length;
  while (at < end) {
    struct img_place place;
    if (img_write_reserve (job->dst, at, end - at, encoded, 0, &place, err) < 0)
      return -1;
    if (img_vec_push (&slot->places, place) < 0) {
      img_write_abandon (job->dst, &place);
      return img_error_set (err, ENOMEM, _("out of memory"));
    }
    at += place.length;
  }
  return 0;
}

/* ---- into places ---- */

static const struct copy_piece *
piece_at (const struct copy_slot *slot, size_t *i, uint64_t offset)
{
  while (slot->pieces.v[*i].offset + slot->pieces.v[*i].length <= offset)
    ++*i;
  return &slot->pieces.v[*i];
}

static const uint8_t *
place_bytes (const struct copy_piece *piece, const struct img_place *place)
{
  return piece->bytes + (piece->kind == PIECE_ENCODED ? 0 : place->offset - piece->offset);
}

static uint64_t
host_length (const struct img_place *place)
{
  return place->flags & IMG_PLACE_ENCODED ? place->encoded : place->length;
}

/* Adds NEXT to RUN if it adjoins it in the file and in memory; and in the guest, if that counts. */
static bool
join (struct img_place *run, const uint8_t *run_bytes, const struct img_place *next,
      const uint8_t *next_bytes)
{
  uint64_t n = host_length (run);
  if (next->child != run->child || next->flags != run->flags
      || next->host_offset != run->host_offset + n || next_bytes != run_bytes + n
      || (next->flags & IMG_PLACE_ENCRYPTED && next->offset != run->offset + run->length))
    return false;
  run->length += next->length;
  run->encoded += next->encoded;
  return true;
}

/* Takes space for bytes that will be written at once: a file system finds it more cheaply for a
 * whole run than page by page. */
static int
take_space (struct copy_job *job, struct img_node *node, uint64_t offset, uint64_t length,
            struct img_error *err)
{
  if (length < SPACE_MIN || !atomic_load_explicit (&job->allocating, memory_order_relaxed)
      || !img_within (offset, length, atomic_load (&node->size)))
    return 0;
  int r = img_allocate (node, offset, length, err);
  if (r > 0)
    atomic_store_explicit (&job->allocating, false, memory_order_relaxed);
  return r < 0 ? -1 : 0;
}

/* Whether fresh space is a hole, which it is where a cluster was given back.  Asked only for bytes
 * that leave something out there. */
static bool
is_hole (struct img_node *child, const struct img_place *place, const uint8_t *bytes)
{
  struct img_error ignored = IMG_ERROR_INIT;
  struct img_extent ext;
  uint64_t from = 0, end = place->host_offset + place->length;
  return img_write_part (bytes, place->length, &from) < place->length
         && end <= atomic_load (&child->size)
         && img_map (child, place->host_offset, place->length, &ext, 1, &ignored) > 0
         && ext.kind == IMG_EXTENT_ZERO && ext.length == place->length;
}

/* Plain bytes into fresh space, for what is written of them.  The file becomes as long as if it
 * were all of them. */
static int
write_fresh (struct copy_job *job, const struct img_place *place, const uint8_t *bytes,
             struct img_error *err)
{
  struct img_node *child = job->dst->children[place->child].node;
  bool skip = !(place->flags & IMG_PLACE_ENCRYPTED) && job->opts.sparse != 0
              && (place->flags & IMG_PLACE_ZEROES || is_hole (child, place, bytes));
  struct img_place here = *place;
  uint64_t from = 0, n;
  here.flags &= ~(unsigned) IMG_PLACE_ZEROES;
  if (img_write_grow (child, place->host_offset + place->length, err) < 0)
    return -1;
  for (; (n = skip ? img_write_part (bytes, place->length, &from) : place->length - from) > 0;
       from += n)
    if (take_space (job, child, place->host_offset + from, n, err) < 0
        || img_write_place (job->dst, &here, from, bytes + from, n, err) < 0)
      return -1;
  return 0;
}

/* The data of all places, in as few requests as they allow. */
static int
write_bytes (struct copy_job *job, struct copy_slot *slot, struct img_error *err)
{
  size_t i = 0, piece = 0;
  while (i < slot->places.n) {
    struct img_place run = slot->places.v[i];
    const uint8_t *bytes = place_bytes (piece_at (slot, &piece, run.offset), &run);
    for (i++; i < slot->places.n; i++) {
      const struct img_place *next = &slot->places.v[i];
      if (!join (&run, bytes, next, place_bytes (piece_at (slot, &piece, next->offset), next)))
        break;
    }
    img_rate_wait (&job->rate, host_length (&run), job->opts.progress);
    bool fresh = (run.flags & IMG_PLACE_FRESH) && !(run.flags & IMG_PLACE_ENCODED)
                 && run.child != IMG_CHILD_SELF;
    int r = fresh ? write_fresh (job, &run, bytes, err)
                  : img_write_place (job->dst, &run, 0, bytes, host_length (&run), err);
    if (r < 0)
      return -1;
  }
  return 0;
}

/* A place whose bytes the kernel did not move. */
static int
fill_place (struct copy_job *job, struct copy_slot *slot, const struct img_place *place,
            struct img_error *err)
{
  uint64_t n;
  for (uint64_t done = 0; done < place->length; done += n) {
    n = img_min (job->chunk, place->length - done);
    img_rate_wait (&job->rate, n, job->opts.progress);
    if (copy_read (job, slot->range->segments.v, place->offset + done, n, slot->buf, err) < 0
        || img_write_place (job->dst, place, done, slot->buf, n, err) < 0)
      return -1;
  }
  return 0;
}

/* 1: the first try failed; nothing is reserved any more. */
static int
share_places (struct copy_job *job, struct copy_slot *slot, struct img_error *err)
{
  const struct copy_segment *s = slot->range->segments.v;
  for (size_t i = 0; i < slot->places.n; i++) {
    const struct img_place *place = &slot->places.v[i];
    int r = img_write_share (job->dst, place, s->node, s->at + (place->offset - s->offset),
                             share_flags (job), err);
    if (r < 0 || (r = judge_sharing (job, r, err)) < 0)
      return -1;
    if (r > 0 && atomic_load (&job->sharing) == SHARING_TRIED) {
      abandon_places (job, slot, 0);
      return 1;
    }
    if (r > 0 && fill_place (job, slot, place, err) < 0)
      return -1;
  }
  return 0;
}

static int
write_places (struct copy_job *job, struct copy_slot *slot, struct img_error *err)
{
  int r = slot->range->kind == COPY_SHARE ? share_places (job, slot, err)
                                         : write_bytes (job, slot, err);
  if (r < 0)
    abandon_places (job, slot, 0);
  for (size_t i = 0; r == 0 && i < slot->places.n; i++)
    if (img_write_commit (job->dst, &slot->places.v[i], err) < 0) {
      abandon_places (job, slot, i + 1);
      return -1;
    }
  return r;
}

/* ---- in place ---- */

static int
write_plain (struct copy_job *job, const struct copy_piece *piece, struct img_error *err)
{
  img_rate_wait (&job->rate, piece->length, job->opts.progress);
  if (take_space (job, job->dst, piece->offset, piece->length, err) < 0)
    return -1;
  return img_pwrite (job->dst, piece->bytes, piece->length, piece->offset, 0, err);
}

static int
write_direct (struct copy_job *job, struct copy_slot *slot, struct img_error *err)
{
  const struct copy_segment *s = slot->range->segments.v;
  for (size_t i = 0; i < slot->pieces.n; i++) {
    const struct copy_piece *piece = &slot->pieces.v[i];
    int r;
    if (piece->kind == PIECE_ZERO)
      r = zero_piece (job, piece, err);
    else if (piece->kind == PIECE_PLAIN)
      r = write_plain (job, piece, err);
    else {
      r = img_copy_range (job->dst, piece->offset, s->node, s->at, piece->length,
                          share_flags (job), err);
      if (r >= 0)
        r = judge_sharing (job, r, err);
    }
    if (r != 0)
      return r;
  }
  return 0;
}

/* ---- both ---- */

int
copy_place (struct copy_job *job, struct copy_slot *slot, struct img_error *err)
{
  slot->places.n = 0;
  if (job->dst->sequential) /* here the order is kept: the bytes go now */
    return write_direct (job, slot, err);
  if (!job->reserves)
    return 0;
  for (size_t i = 0; i < slot->pieces.n; i++) {
    const struct copy_piece *piece = &slot->pieces.v[i];
    int r = piece->kind == PIECE_ZERO ? zero_piece (job, piece, err) : 1;
    if (r > 0)
      r = reserve_piece (job, slot, piece, err);
    if (r < 0) {
      abandon_places (job, slot, 0);
      return -1;
    }
  }
  return 0;
}

/* A range that the kernel did not move, by hand, a chunk at a time. */
static int
copy_by_hand (struct copy_job *job, struct copy_slot *slot, struct img_error *err)
{
  struct copy_range *range = slot->range;
  uint64_t offset = range->offset, end = offset + range->length;
  struct copy_segment all = range->segments.v[0];
  range->kind = COPY_READ;
  for (; offset < end; offset += range->length) {
    range->offset = offset;
    range->length = img_min (end - offset, job->chunk);
    range->segments.v[0] = (struct copy_segment) {
      .offset = offset,
      .length = range->length,
      .node = all.node,
      .at = all.at + (offset - all.offset),
    };
    if (img_progress_check (job->opts.progress, err) < 0 || copy_fill (job, slot, err) < 0
        || copy_place (job, slot, err) < 0 || copy_write (job, slot, err) < 0)
      return -1;
  }
  range->offset = all.offset;
  range->length = all.length;
  return 0;
}

/* What of SLOT was written, for the statistics; the last unit may pass the end. */
static void
count (struct copy_job *job, const struct copy_slot *slot)
{
  for (size_t i = 0; i < slot->pieces.n; i++) {
    const struct copy_piece *piece = &slot->pieces.v[i];
    uint64_t length = piece->offset < job->total
                        ? img_min (piece->length, job->total - piece->offset) : 0;
    if (piece->kind == PIECE_PLAIN)
      atomic_fetch_add_explicit (&job->done.data, length, memory_order_relaxed);
    else if (piece->kind == PIECE_SHARE)
      atomic_fetch_add_explicit (&job->done.shared, length, memory_order_relaxed);
    else if (piece->kind == PIECE_ENCODED) {
      atomic_fetch_add_explicit (&job->done.compressed, length, memory_order_relaxed);
      atomic_fetch_add_explicit (&job->done.streams, piece->encoded, memory_order_relaxed);
    }
  }
}

int
copy_write (struct copy_job *job, struct copy_slot *slot, struct img_error *err)
{
  int r = 0;
  if (job->reserves)
    r = write_places (job, slot, err);
  else if (!job->dst->sequential)
    r = write_direct (job, slot, err);
  if (r == 0)
    count (job, slot);
  if (r <= 0)
    return r;
  if (copy_by_hand (job, slot, err) < 0)
    return -1;
  /* Only now may others go on: the range was to get its host space before theirs. */
  if (atomic_load (&job->sharing) == SHARING_TRIED)
    copy_order_shared (job->order, false);
  return 0;
}
