/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* resize.c - making an image larger.
 *
 * The map may have to grow over the first blocks.  Then those move to the end, and a whole new map
 * is written to where they were: only the header, one sector, says which map is the right one, so
 * that at every point the image is the old one or the new one.  Making it smaller is refused. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "vdi.h"

#define COPY_BYTES (UINT32_C (256) << 10)

static int
copy_block (struct img_node *node, uint32_t from, uint32_t to, uint8_t *buf, struct img_error *err)
{
  const struct vdi *v = img_node_priv (node);
  struct img_node *file = img_child (node, 0);
  uint64_t end = vdi_host_offset (v, to) + v->h.block_size;
  uint32_t n;

  if (end > img_size (file) && img_resize (file, end, IMG_PREALLOC_OFF, 0, err) < 0)
    return -1;
  for (uint32_t at = 0; at < v->h.block_size; at += n) {
    n = (uint32_t) img_min (COPY_BYTES, v->h.block_size - at);
    if (img_pread (file, buf, n, vdi_host_offset (v, from) + at, 0, err) < 0
        || img_pwrite (file, buf, n, vdi_host_offset (v, to) + at, 0, err) < 0)
      return -1;
  }
  return 0;
}

/* Moves the blocks below N out of the way, behind all others. */
static int
move_first_blocks (struct img_node *node, uint32_t n, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  IMG_CLEANUP (free) uint8_t *buf = malloc (COPY_BYTES);
  uint32_t entry;

  if (buf == NULL)
    return img_error_errno (err, ENOMEM, _("moving blocks"));
  if (v->next < n)
    v->next = n;
  for (uint32_t i = 0; i < v->h.blocks; i++) {
    if (vdi_entry_get (node, i, &entry, err) < 0)
      return -1;
    if (entry >= n)
      continue;
    if (copy_block (node, entry, v->next, buf, err) < 0
        || vdi_entry_set (node, i, v->next, err) < 0)
      return -1;
    v->next++;
  }
  /* Nothing may be written to where they were before the map says so on the disk. */
  return vdi_flush (node, err) < 0 ? -1 : img_flush (img_child (node, 0), err);
}

/* Writes the old entries, each lower by SHIFT, to OFFSET. */
static int
write_shifted (struct img_node *node, uint64_t offset, uint32_t shift, struct img_error *err)
{
  const struct vdi *v = img_node_priv (node);
  IMG_CLEANUP (free) uint8_t *bytes = malloc (COPY_BYTES);
  uint32_t n, entry;

  if (bytes == NULL)
    return img_error_errno (err, ENOMEM, _("block map"));
  for (uint32_t done = 0; done < v->h.blocks; done += n) {
    n = (uint32_t) img_min (COPY_BYTES / 4, v->h.blocks - done);
    for (uint32_t i = 0; i < n; i++) {
      if (vdi_entry_get (node, done + i, &entry, err) < 0)
        return -1;
      le32_put (bytes + i * 4, entry < VDI_NO_BLOCK ? entry - shift : entry);
    }
    if (img_pwrite (img_child (node, 0), bytes, n * 4u, offset + (uint64_t) done * 4, 0, err) < 0)
      return -1;
  }
  return 0;
}

/* Room for the map of a disk of BLOCKS blocks: fills the new header's map and data offsets, and the
 * number of blocks that must go. */
static int
plan (const struct vdi *v, struct vdi_header *h, uint32_t *shift, struct img_error *err)
{
  uint64_t table = vdi_table_bytes (h->blocks), data;

  *shift = 0;
  if (h->offset_map + table <= h->offset_data)
    return 0;
  *shift = (uint32_t) img_div_up (table, h->block_size);
  data = h->offset_data + (uint64_t) *shift * h->block_size;
  if (data > UINT32_MAX)
    return img_error_set (err, EFBIG, _("the block map of %u blocks does not fit into the file"),
                          h->blocks);
  h->offset_map = v->h.offset_data;
  h->offset_data = (uint32_t) data;
  return 0;
}

/* Puts what is needed behind the old blocks into place; *H says how the image will be. */
static int
prepare (struct img_node *node, struct vdi_header *h, uint32_t shift, enum img_prealloc prealloc,
         struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  struct img_node *file = img_child (node, 0);
  uint32_t first = VDI_UNALLOCATED;
  uint64_t length;

  if (shift > 0 && move_first_blocks (node, shift, err) < 0)
    return -1;
  h->allocated = v->next - shift;
  if (h->type == VDI_STATIC) {
    first = h->allocated;
    h->allocated += h->blocks - v->h.blocks;
  }
  length = h->offset_data + (uint64_t) h->allocated * h->block_size;
  if (length > img_size (file) && img_resize (file, length, prealloc, 0, err) < 0)
    return -1;
  if (shift > 0 && write_shifted (node, h->offset_map, shift, err) < 0)
    return -1;
  return vdi_table_fill (file, h->offset_map, v->h.blocks, h->blocks, first, err);
}

/* Makes *H the header, in the file and in memory: both or neither. */
static int
switch_over (struct img_node *node, struct vdi_header *h, struct img_error *err)
{
  struct vdi *v = img_node_priv (node), fresh = { .h = *h };
  struct img_node *file = img_child (node, 0);
  struct img_error ignored = IMG_ERROR_INIT;

  if (img_flush (file, err) < 0 || vdi_table_init (&fresh, err) < 0)
    return -1;
  if (vdi_header_write (&fresh.h, file, err) < 0) {
    vdi_header_write (&v->h, file, &ignored);
    vdi_table_free (&fresh);
    return -1;
  }
  vdi_table_free (v);
  v->h = fresh.h;
  v->pages = fresh.pages;
  v->ring = fresh.ring;
  v->n_pages = fresh.n_pages;
  v->hand = 0;
  v->next = h->allocated;
  v->freed.n = 0;
  img_node_set_size (node, h->size);
  return img_flush (file, err);
}

int
vdi_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
            struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  struct vdi_header h = v->h;
  uint32_t shift;

  (void) flags;
  if (size < h.size)
    return img_error_set (err, ENOTSUP, _("a VDI image cannot be made smaller"));
  if (prealloc != IMG_PREALLOC_OFF && (h.type != VDI_STATIC || prealloc == IMG_PREALLOC_METADATA))
    return img_error_set (err, ENOTSUP, _("Unsupported preallocation mode"));
  if (!img_round_up (size, 512, &h.size)
      || img_div_up (h.size, h.block_size) > VDI_MAX_BLOCKS)
    return img_error_set (err, EFBIG, _("%" PRIu64 " bytes are too many for a VDI image"), size);
  h.blocks = (uint32_t) img_max (h.blocks, img_div_up (h.size, h.block_size));
  if (vdi_find_next (node, err) < 0 || vdi_flush (node, err) < 0 || plan (v, &h, &shift, err) < 0
      || prepare (node, &h, shift, prealloc, err) < 0)
    return -1;
  return switch_over (node, &h, err);
}
