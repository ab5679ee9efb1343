/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* map: one layer's own view, and the only place that believes what a driver's map says.  Everything
 * behind it relies on extents that adjoin, move forward and name children that exist, so a driver's
 * fault is an error here and never an endless loop there.  Resolving layers is walk.c. */
#include <config.h>

#include <inttypes.h>
#include <limits.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/crypt.h"
#include "core/io.h"
#include "core/serial.h"

/* Drivers without map: all is data, which they alone can read. */
static int
map_plain (const struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext)
{
  bool self = img_moves_bytes (node);
  *ext = (struct img_extent) { offset, length, self ? offset : 0,
                               self ? IMG_EXTENT_DATA : IMG_EXTENT_SPECIAL,
                               self ? IMG_CHILD_SELF : 0, 0 };
  return 1;
}

/* Whether the place that an extent names can be. */
static bool
sane_place (const struct img_node *node, const struct img_extent *ext)
{
  uint64_t end;
  if (ext->kind != IMG_EXTENT_DATA && !(ext->flags & IMG_EXTENT_HOST))
    return true;
  if (!img_add (ext->host_offset, ext->length, &end))
    return false;
  if (ext->child == IMG_CHILD_SELF)
    return img_moves_bytes (node);
  return ext->child < node->n_children && !img_moves_bytes (node);
}

/* Whether ciphertext comes in whole sectors, in a question that ends at END. */
static bool
sane_crypt (const struct img_node *node, const struct img_extent *ext, uint64_t end)
{
  uint64_t unit = node->limits.crypt_unit, to = ext->offset + ext->length;
  if (!(ext->flags & IMG_EXTENT_ENCRYPTED) || ext->kind != IMG_EXTENT_DATA)
    return true;
  return img_crypt_possible (node) && ext->child != IMG_CHILD_SELF
         && ext->host_offset >= ext->offset % unit && (to % unit == 0 || to == end);
}

static bool
sane (const struct img_node *node, uint64_t offset, uint64_t length,
      const struct img_extent *ext, int n)
{
  uint64_t end = offset + length;
  for (int i = 0; i < n; i++) {
    if (ext[i].offset != offset || ext[i].length == 0 || ext[i].length > end - offset)
      return false;
    if (ext[i].kind > IMG_EXTENT_SPECIAL || !sane_place (node, &ext[i])
        || !sane_crypt (node, &ext[i], end))
      return false;
    offset += ext[i].length;
  }
  return true;
}

int
img_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
         unsigned n, struct img_error *err)
{
  IMG_TRACE ("node_map", node, "0x%" PRIx64 " %" PRIu64, offset, length);
  if (img_io_bounds (node, offset, length, err) < 0)
    return -1;
  if (length == 0 || n == 0)
    return 0;
  if (node->driver->map == NULL)
    return map_plain (node, offset, length, ext);
  if (n > INT_MAX)
    n = INT_MAX;
  int got;
  {
    IMG_SERIAL (node);
    got = node->driver->map (node, offset, length, ext, n, err);
  }
  if (got < 0)
    return img_io_blame (node, err);
  if (got == 0 || (unsigned) got > n || !sane (node, offset, length, ext, got))
    return img_error_set (err, EIO, _("%s: the %s driver gives an impossible map at offset 0x%llx"),
                          node->filename, node->driver->name, (unsigned long long) offset);
  return got;
}
