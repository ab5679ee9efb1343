/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/walk.h - walks over a part of a chain; the others are node.h's. */
#ifndef CORE_WALK_H
#define CORE_WALK_H

#include "core/node.h"

/* As img_walk_new, of NODE's layers down to the one above STOP (NULL: all of them).  What only STOP
 * and its like could define is not PRESENT. */
struct img_walk *img_walk_new_above (struct img_node *node, const struct img_node *stop,
                                     uint64_t offset, uint64_t length, unsigned flags,
                                     struct img_error *err);
/* Makes WALK go over another range of its layers. */
void img_walk_move (struct img_walk *walk, uint64_t offset, uint64_t length);
/* What would have come next, after img_walk_next failed.  Length 0: nothing. */
const struct img_block *img_walk_held (const struct img_walk *walk);
/* Whether B, which begins where A ends, is more of the same. */
bool img_block_joins (const struct img_block *a, const struct img_block *b);

#endif
