/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* map.c - where guest bytes live: neighbours in the file become one extent. */
#include <blkimg/overflow.h>

#include "vdi.h"

/* Entries looked at in one call, so that a large disk without data does not hold others up. */
#define MAX_LOOK (4 * VDI_PAGE_ENTRIES)

static struct img_extent
block_extent (const struct vdi *v, uint32_t entry, uint64_t offset, uint64_t end)
{
  uint64_t into = offset % v->h.block_size;
  uint64_t length = img_min (v->h.block_size - into, end - offset);

  if (entry >= VDI_NO_BLOCK)
    return (struct img_extent) { offset, length, 0, IMG_EXTENT_ZERO, 0, 0 };
  return (struct img_extent) { offset, length, vdi_host_offset (v, entry) + into, IMG_EXTENT_DATA,
                               0, 0 };
}

static bool
continues (const struct img_extent *a, const struct img_extent *b)
{
  return a->kind == b->kind
         && (a->kind == IMG_EXTENT_ZERO || a->host_offset + a->length == b->host_offset);
}

int
vdi_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
         unsigned n, struct img_error *err)
{
  const struct vdi *v = img_node_priv (node);
  uint64_t end = offset + length;
  unsigned count = 0;

  for (uint32_t looked = 0; offset < end && looked < MAX_LOOK; looked++) {
    struct img_extent next;
    uint32_t entry;
    if (vdi_entry_get (node, (uint32_t) (offset / v->h.block_size), &entry, err) < 0)
      return -1;
    next = block_extent (v, entry, offset, end);
    if (count > 0 && continues (&ext[count - 1], &next))
      ext[count - 1].length += next.length;
    else if (count < n)
      ext[count++] = next;
    else
      break;
    offset += next.length;
  }
  return (int) count;
}
