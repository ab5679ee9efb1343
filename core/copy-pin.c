/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy-pin: an image is to show over another backing image what it shows now.
 *
 * Two chains are walked side by side: the image's own and the one that will be below it.  What the
 * image defines itself, what both chains leave zero and what both have at the same place of the
 * same file stays alone, without a look at the bytes.  The rest is read from both, and units that
 * differ are written into the image, which holds them from then on.  Refuses nothing; sizes may
 * differ: past its end an image reads as zero. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/copy-job.h"
#include "core/gate.h"
#include "core/iszero.h"
#include "core/side.h"

struct copy_pin {
  uint64_t pos, end;
  struct img_side now, then;
};

struct copy_pin *
copy_pin_new (struct copy_job *job, struct img_error *err)
{
  struct copy_pin *pin = calloc (1, sizeof *pin);
  if (pin == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  pin->end = job->total;
  img_side_init (&pin->now, job->src[0]);
  img_side_init (&pin->then, job->other);
  return pin;
}

void
copy_pin_free (struct copy_pin *pin)
{
  if (pin == NULL)
    return;
  img_side_release (&pin->now);
  img_side_release (&pin->then);
  free (pin);
}

/* ---- where the chains are the same ---- */

static bool
same_file (struct img_node *a, struct img_node *b)
{
  const uint64_t *x = img_gate_file_id (a), *y = img_gate_file_id (b);
  return (x[0] || x[1]) && x[0] == y[0] && x[1] == y[1];
}

/* Only this layer's own tables stand between its bytes and a whole file. */
static bool
is_plain_layer (const struct img_node *layer)
{
  return layer->n_children > 0 && layer->children[0].node->driver->kind == IMG_PROTOCOL;
}

/* The same bytes, whatever they are, at the start of both. */
static bool
same_place (const struct img_block *a, uint64_t a_at, const struct img_block *b, uint64_t b_at)
{
  const unsigned coded = IMG_BLOCK_COMPRESSED | IMG_BLOCK_ENCRYPTED;
  if (!img_side_is_data (a) || !img_side_is_data (b) || a_at != b_at
      || ((a->flags ^ b->flags) & (IMG_BLOCK_HOST | coded)))
    return false;
  if ((a->flags & IMG_BLOCK_HOST) && !(a->flags & coded))
    return same_file (a->node, b->node);
  return a->layer->driver == b->layer->driver && is_plain_layer (a->layer)
         && is_plain_layer (b->layer) && same_file (a->layer, b->layer);
}

int
copy_pin_next (struct copy_pin *pin, struct copy_pin_block *block, struct img_error *err)
{
  uint64_t pos = pin->pos;
  if (pos >= pin->end)
    return 0;
  if (img_side_seek (&pin->now, pos, pin->end, err) < 0
      || img_side_seek (&pin->then, pos, pin->end, err) < 0)
    return -1;
  const struct img_block *a = &pin->now.block, *b = &pin->then.block;
  uint64_t a_at = a->host_offset + (pos - a->offset), b_at = b->host_offset + (pos - b->offset);
  bool data = img_side_is_data (a), other = img_side_is_data (b);
  bool own = (a->flags & IMG_BLOCK_PRESENT) && a->depth == 0;
  *block = (struct copy_pin_block) {
    .offset = pos,
    .length = img_min (a->offset + a->length, b->offset + b->length) - pos,
    .node = data ? a->node : NULL,
    .other = other ? b->node : NULL,
    .at = a_at,
    .other_at = b_at,
    .same = own || (!data && !other) || same_place (a, a_at, b, b_at),
  };
  pin->pos += block->length;
  return 1;
}

/* ---- where the bytes are ---- */

int
copy_pin_read (struct copy_job *job, struct copy_slot *slot, const struct copy_range *range,
               uint64_t length, struct img_error *err)
{
  uint8_t *buf = slot->other + range->at;
  for (size_t i = 0; i < range->segments.n; i++) {
    const struct copy_segment *s = &range->segments.v[i];
    const struct copy_segment other = { s->offset, s->length, s->other, s->other_at, NULL, 0, 0 };
    uint64_t at = s->offset - range->offset;
    if (s->same)
      memcpy (buf + at, slot->buf + range->at + at, (size_t) s->length);
    else if (copy_read (job, &other, s->offset, s->length, buf + at, err) < 0)
      return -1;
  }
  memset (buf + range->length, 0, (size_t) (length - range->length));
  return 0;
}

int
copy_pin_run (const struct copy_job *job, const struct copy_slot *slot,
              const struct copy_range *range, uint64_t length, uint64_t *from, uint64_t *to)
{
  size_t unit = (size_t) job->unit;
  const uint8_t *now = slot->buf + range->at, *then = slot->other + range->at;
  uint64_t at = *from;
  while (at < length && memcmp (now + at, then + at, unit) == 0)
    at += unit;
  *from = at;
  while (at < length && memcmp (now + at, then + at, unit) != 0)
    at += unit;
  *to = at;
  return *from < length;
}
