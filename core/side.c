/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* side: one of two images that are walked side by side; the walk begins where it is first asked. */
#include <config.h>

#include <blkimg/overflow.h>

#include "core/side.h"
#include "core/walk.h"

void
img_side_init (struct img_side *side, struct img_node *node)
{
  *side = (struct img_side) { .node = node, .size = node ? atomic_load (&node->size) : 0 };
  side->end = side->size;
}

void
img_side_move (struct img_side *side, uint64_t offset, uint64_t end)
{
  side->block = (struct img_block) { .offset = offset };
  side->end = img_min (end, side->size);
  if (side->walk && offset < side->end)
    img_walk_move (side->walk, offset, side->end - offset);
}

void
img_side_release (struct img_side *side)
{
  img_walk_free (side->walk);
  side->walk = NULL;
}

int
img_side_seek (struct img_side *side, uint64_t pos, uint64_t end, struct img_error *err)
{
  if (pos < side->block.offset + side->block.length)
    return 0;
  if (pos >= side->size) {
    side->block = (struct img_block) {
      .offset = pos, .length = end - pos, .flags = IMG_BLOCK_ZERO
    };
    return 0;
  }
  if (side->walk == NULL)
    side->walk = img_walk_new (side->node, pos, side->end - pos, IMG_WALK_HOLES, err);
  return side->walk && img_walk_next (side->walk, &side->block, err) > 0 ? 0 : -1;
}

bool
img_side_is_data (const struct img_block *block)
{
  return (block->flags & IMG_BLOCK_DATA) && !(block->flags & IMG_BLOCK_ZERO);
}
