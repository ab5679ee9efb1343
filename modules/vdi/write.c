/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* write.c - handing out blocks, and zeroes.
 *
 * New blocks are taken behind all others, in the order they are asked for.  A block is never given
 * back to the free: VDI has no place to say so. */
#include <errno.h>
#include <inttypes.h>

#include <blkimg/overflow.h>

#include "vdi.h"

/* Blocks that the file has, the last one perhaps in part. */
static uint64_t
blocks_in_file (const struct vdi *v, const struct img_node *file)
{
  uint64_t size = img_size (file);

  return size <= v->h.offset_data ? 0 : img_div_up (size - v->h.offset_data, v->h.block_size);
}

/* The header counts the blocks in use, and they lie side by side: then the file is as long as they
 * are.  If it is not, somebody crashed or did it another way, and only the whole map tells. */
int
vdi_find_next (struct img_node *node, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  uint64_t in_file = blocks_in_file (v, img_child (node, 0));

  if (v->next_known)
    return 0;
  v->next = v->h.allocated;
  if (v->next != in_file) {
    v->next = 0;
    for (uint32_t i = 0; i < v->h.blocks; i++) {
      uint32_t entry;
      if (vdi_entry_get (node, i, &entry, err) < 0)
        return -1;
      if (entry < VDI_NO_BLOCK)
        v->next = (uint32_t) img_max (v->next, entry + 1u);
    }
  }
  if (v->next > in_file)
    return img_error_set (err, EINVAL,
                          _("the block map names block %u, past the end of the file: "
                            "check the image before writing to it"), v->next - 1);
  v->next_known = true;
  return 0;
}

static int
new_blocks (struct img_node *node, uint32_t wanted, uint32_t *first, uint32_t *got,
            struct img_error *err)
{
  struct vdi *v = img_node_priv (node);

  if (v->freed.n > 0) {
    *first = v->freed.v[--v->freed.n];
    *got = 1;
    return 0;
  }
  if (wanted > VDI_NO_BLOCK - v->next)
    return img_error_set (err, ENOSPC, _("all block numbers are used"));
  *first = v->next;
  *got = wanted;
  v->next += wanted;
  return 0;
}

/* How many blocks from INDEX, at most MAX, continue ENTRY: the blocks behind it in the file when it
 * is one, else more of the guest's blocks that have none. */
static int
run_length (struct img_node *node, uint32_t index, uint32_t entry, uint32_t max, uint32_t *length,
            struct img_error *err)
{
  uint32_t n = 1, next;

  for (; n < max; n++) {
    if (vdi_entry_get (node, index + n, &next, err) < 0)
      return -1;
    if (entry < VDI_NO_BLOCK ? next != entry + n || next >= VDI_NO_BLOCK : next < VDI_NO_BLOCK)
      break;
  }
  *length = n;
  return 0;
}

int
vdi_reserve (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded,
             unsigned flags, struct img_place *place, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  uint32_t index = (uint32_t) (offset / v->h.block_size), entry, run;

  (void) encoded;
  (void) flags;
  if (vdi_find_next (node, err) < 0 || vdi_entry_get (node, index, &entry, err) < 0
      || run_length (node, index, entry, (uint32_t) (length / v->h.block_size), &run, err) < 0)
    return -1;
  /* Writing there would make the file as long as a faulty entry says. */
  if (entry < VDI_NO_BLOCK && (uint64_t) entry + run > v->next)
    return img_error_set (err, EINVAL, _("block %u of the map lies at 0x%" PRIx64
                                         ", past the end of the file"),
                          index, vdi_host_offset (v, entry));
  place->flags = 0;
  if (entry >= VDI_NO_BLOCK) {
    if (new_blocks (node, run, &entry, &run, err) < 0)
      return -1;
    place->flags = IMG_PLACE_FRESH;
    if (vdi_host_offset (v, entry) >= img_size (img_child (node, 0)))
      place->flags |= IMG_PLACE_ZEROES;
  }
  place->offset = offset;
  place->length = (uint64_t) run * v->h.block_size;
  place->child = 0;
  place->host_offset = vdi_host_offset (v, entry);
  place->cookie[0] = entry;
  return 0;
}

int
vdi_commit (struct img_node *node, const struct img_place *place, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);
  uint32_t index = (uint32_t) (place->offset / v->h.block_size);
  uint32_t n = (uint32_t) (place->length / v->h.block_size);

  if (!(place->flags & IMG_PLACE_FRESH))
    return 0;
  for (uint32_t i = 0; i < n; i++)
    if (vdi_entry_set (node, index + i, (uint32_t) place->cookie[0] + i, err) < 0)
      return -1;
  return 0;
}

void
vdi_abandon (struct img_node *node, const struct img_place *place)
{
  struct vdi *v = img_node_priv (node);
  uint32_t n = (uint32_t) (place->length / v->h.block_size);

  if (!(place->flags & IMG_PLACE_FRESH))
    return;
  if (place->cookie[0] + n == v->next) {
    v->next -= n;
    return;
  }
  /* Without memory they are lost, no more. */
  for (uint32_t i = 0; i < n; i++)
    if (img_vec_push (&v->freed, (uint32_t) place->cookie[0] + i) < 0)
      return;
}

/* Zeroes or discards the blocks that are there, run by run. */
static int
clear (struct img_node *node, uint64_t offset, uint64_t length, bool zero, unsigned flags,
       struct img_error *err)
{
  const struct vdi *v = img_node_priv (node);
  struct img_node *file = img_child (node, 0);
  uint64_t end = img_min (offset + length, img_size (node));
  struct img_extent ext;

  for (; offset < end; offset += ext.length) {
    uint64_t room;
    if (vdi_map (node, offset, end - offset, &ext, 1, err) < 0)
      return -1;
    if (ext.kind != IMG_EXTENT_DATA)
      continue;
    /* Up to the end of the last block, where it passes the end of the disk. */
    if (offset + ext.length == img_size (node))
      ext.length += (v->h.block_size - img_size (node) % v->h.block_size) % v->h.block_size;
    room = ext.host_offset < img_size (file) ? img_size (file) - ext.host_offset : 0;
    if (room == 0)
      return img_error_set (err, EIO, _("the block at 0x%" PRIx64 " lies past the end of the file"),
                            ext.host_offset);
    if (zero && img_zero (file, ext.host_offset, img_min (ext.length, room), flags, err) < 0)
      return -1;
    if (!zero && img_discard (file, ext.host_offset, img_min (ext.length, room), 0, err) < 0)
      return -1;
  }
  return 0;
}

int
vdi_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
          struct img_error *err)
{
  return clear (node, offset, length, true, flags, err);
}

int
vdi_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  return clear (node, offset, length, false, 0, err);
}
