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

#endif
