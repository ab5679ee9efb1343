/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/stream.h - a file descriptor that is written once, from front to back, as a node. */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include "core/node.h"

/* FD stays the caller's.  What nobody writes is written as zeroes, up to the size, by img_flush. */
struct img_node *img_stream_node (int fd, const char *name, struct img_context *context,
                                  struct img_error *err);

#endif
