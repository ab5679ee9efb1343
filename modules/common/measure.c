/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* measure.c - how much of a source a new image has to hold. */
#include <blkimg/overflow.h>

#include "measure.h"

struct count {
  uint32_t bits;
  uint64_t n, next; /* first unit not counted yet */
};

static int
count_block (void *arg, const struct img_block *block, struct img_error *err)
{
  struct count *count = arg;
  (void) err;
  if (!(block->flags & IMG_BLOCK_DATA) || (block->flags & IMG_BLOCK_ZERO) || block->length == 0)
    return 0;
  uint64_t first = img_max (block->offset >> count->bits, count->next);
  uint64_t end = ((block->offset + block->length - 1) >> count->bits) + 1;
  if (end > first)
    count->n += end - first;
  count->next = img_max (count->next, end);
  return 0;
}

int
measure_units (struct img_node *source, uint32_t bits, uint64_t *n, struct img_error *err)
{
  struct count count = { .bits = bits };
  int r = img_walk_all (source, 0, img_size (source), IMG_WALK_HOLES, count_block, &count, err);
  *n = count.n;
  return r;
}
