/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/aio-map.h - where guest bytes live, looked up once for many requests. */
#ifndef CORE_AIO_MAP_H
#define CORE_AIO_MAP_H

#include <blkimg/vec.h>

#include "core/node.h"

enum img_aio_where {
  IMG_AIO_HOST,  /* at host in node, a protocol */
  IMG_AIO_ZERO,  /* reads as zero */
  IMG_AIO_SLOWLY /* only img_pread or img_pwrite of the image can do it */
};
struct img_aio_span {
  uint64_t offset, length, host;
  struct img_node *node;
  enum img_aio_where where;
};

/* What is known about one stretch of NODE, for reading or for writing.  Zeroed but for NODE:
 * nothing yet. */
struct img_aio_map {
  struct img_node *node;
  IMG_VEC (struct img_aio_span) spans; /* adjoining */
  size_t hint;                         /* the span that was asked for last */
  uint64_t end, stretch;
};

/* The span that holds OFFSET, which lies in the image; good until the next call.  NULL: error. */
const struct img_aio_span *img_aio_map_read (struct img_aio_map *map, uint64_t offset,
                                             struct img_error *err);
/* The same for writing.  A place to write is one that belongs to this image alone; asking the
 * driver may make it allocate something and give it back, so nobody else writes meanwhile. */
const struct img_aio_span *img_aio_map_write (struct img_aio_map *map, uint64_t offset,
                                              struct img_error *err);
/* The span that holds OFFSET when that is known already, or NULL. */
const struct img_aio_span *img_aio_map_known (struct img_aio_map *map, uint64_t offset);
/* Something was allocated: all may be different. */
void img_aio_map_forget (struct img_aio_map *map);
void img_aio_map_release (struct img_aio_map *map);

#endif
