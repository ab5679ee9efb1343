/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* encoded: an ordinary write of compressed units.  The copy engine has its own way, which
 * compresses in all workers and keeps the order. */
#include <config.h>

#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/io.h"
#include "core/iszero.h"
#include "core/write.h"

static int
put_stream (struct img_node *node, uint64_t offset, uint64_t unit, const uint8_t *stream,
            size_t length, struct img_error *err)
{
  struct img_place place;

  if (img_write_reserve (node, offset, unit, length, 0, &place, err) < 0)
    return -1;
  if (img_write_place (node, &place, 0, stream, length, err) < 0) {
    img_write_abandon (node, &place);
    return -1;
  }
  return img_write_commit (node, &place, err);
}

/* One unit, or the image's short last one. */
static int
put_unit (struct img_node *node, const uint8_t *buf, size_t length, uint64_t offset,
          uint64_t unit, uint8_t *room, struct img_error *err)
{
  size_t made;

  if (img_is_zero (buf, length))
    return img_zero (node, offset, length, 0, err);
  int r = img_write_encode (node, buf, length, room, (size_t) unit, &made, err);
  if (r == 0)
    return put_stream (node, offset, unit, room, made, err);
  return r < 0 ? -1 : img_pwrite (node, buf, length, offset, 0, err);
}

int
img_write_compressed (struct img_node *node, const uint8_t *buf, uint64_t length, uint64_t offset,
                      struct img_error *err)
{
  uint64_t unit = node->limits.encode_unit ? node->limits.encode_unit : node->limits.alloc_unit;
  uint64_t end = offset + length, n;

  if (!(node->driver->caps & IMG_CAP_COMPRESS) || unit == 0)
    return img_error_set (err, ENOTSUP, _("%s: the %s driver does not compress"), node->filename,
                          node->driver->name);
  if (offset % unit != 0 || (length % unit != 0 && end != atomic_load (&node->size)))
    return img_error_set (err, EINVAL, _("%s: only whole clusters can be compressed"),
                          node->filename);
  IMG_CLEANUP (free) uint8_t *room = malloc (unit);
  if (room == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (; offset < end; offset += n, buf += n) {
    n = img_min (unit, end - offset);
    if (put_unit (node, buf, (size_t) n, offset, unit, room, err) < 0)
      return -1;
  }
  return 0;
}
