/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/side.h - one of two images that are walked side by side. */
#ifndef CORE_SIDE_H
#define CORE_SIDE_H

#include "core/node.h"

struct img_side {
  struct img_node *node; /* NULL: nothing, which reads as zero */
  uint64_t size, end; /* END: of the part that is walked */
  struct img_walk *walk;
  struct img_block block;
};

void img_side_init (struct img_side *side, struct img_node *node);
/* Goes on with the part [OFFSET, END); at first it is all of the image. */
void img_side_move (struct img_side *side, uint64_t offset, uint64_t end);
void img_side_release (struct img_side *side);
/* Makes side->block the one at POS, which only moves forward in a part.  Behind the image's end up
 * to END nothing is there, which reads as zero. */
int img_side_seek (struct img_side *side, uint64_t pos, uint64_t end, struct img_error *err);
/* The block is not known to be zero. */
bool img_side_is_data (const struct img_block *block);

#endif
