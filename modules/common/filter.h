/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filter.h - what a filter has of its child number 0 as it is: callbacks for its driver table, and
 * to be called by those that it writes itself. */
#ifndef COMMON_FILTER_H
#define COMMON_FILTER_H

#include <blkimg/module.h>

/* Opens child NAME as the user's options say (FLAGS as of img_node_open_child), and gives the node
 * its size if it is the first. */
int filter_open_child (struct img_node *node, const char *name, unsigned flags,
                       struct img_error *err);

/* What CHILD's whole chain has at [offset, offset + length), as extents of NODE itself. */
int filter_map_of (struct img_node *child, uint64_t offset, uint64_t length,
                   struct img_extent *ext, unsigned n, struct img_error *err);

int filter_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
                unsigned n, struct img_error *err);
int filter_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                  struct img_error *err);
int filter_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                   struct img_error *err);
int filter_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
                 struct img_error *err);
int filter_discard (struct img_node *node, uint64_t offset, uint64_t length,
                    struct img_error *err);
int filter_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc,
                   unsigned flags, struct img_error *err);
int filter_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err);

#endif
