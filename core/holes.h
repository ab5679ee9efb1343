/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/holes.h - a read-only protocol node's extents, remembered.
 *
 * A format's clusters may lie anywhere in its file, so resolving the holes of a big image asks for
 * hundreds of thousands of places in random order.  The table is filled by one sequential walk of
 * the node's map as far as was asked, and kept within a fixed budget.
 */
#ifndef CORE_HOLES_H
#define CORE_HOLES_H

#include "core/node.h"

/* As img_map, for a protocol node that is not writable. */
int img_holes_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
                   unsigned n, struct img_error *err);
/* EXT are N extents of NODE, of which those with data will be looked up in the children that they
 * name: brings what tells about them into the processor's cache. */
void img_holes_expect (const struct img_node *node, const struct img_extent *ext, unsigned n);
void img_holes_free (struct img_holes *holes); /* by img_node_free; NULL allowed */

#endif
