/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create.c - new images: the header, the map behind it in sector 1, then the blocks; and how large
 * they would be. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "measure.h"
#include "vdi.h"

#define SECTOR 512u
#define FILL_ENTRIES 65536u

const struct img_optdesc vdi_create_opts[] = {
  { "static", IMG_OPT_BOOL, "off", NULL, N_("a fixed image, with all its blocks from the start"),
    0 },
  IMG_OPT_END
};

uint64_t
vdi_table_bytes (uint64_t blocks)
{
  return img_div_up (blocks * 4, SECTOR) * SECTOR;
}

int
vdi_table_fill (struct img_node *file, uint64_t offset, uint32_t from, uint32_t to, uint32_t first,
                struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *bytes = malloc (FILL_ENTRIES * 4);
  uint64_t at = offset + (uint64_t) from * 4, end = offset + vdi_table_bytes (to);

  if (bytes == NULL)
    return img_error_errno (err, ENOMEM, _("block map"));
  while (at < end) {
    uint32_t n = (uint32_t) img_min (FILL_ENTRIES, (end - at) / 4);
    for (uint32_t i = 0; i < n; i++, from++)
      le32_put (bytes + i * 4, from >= to ? 0 : first == VDI_UNALLOCATED ? first : first++);
    if (img_pwrite (file, bytes, n * 4u, at, 0, err) < 0)
      return -1;
    at += n * 4u;
  }
  return 0;
}

/* The file gets LENGTH bytes; those from DATA on read as zero, on a device too. */
static int
make_room (struct img_node *file, uint64_t length, uint64_t data, struct img_error *err)
{
  uint64_t before = img_min (img_size (file), length);

  if (img_resize (file, length, IMG_PREALLOC_OFF, 0, err) < 0)
    return -1;
  return before > data ? img_zero (file, data, before - data, IMG_IO_UNMAP, err) : 0;
}

/* The header of a new image of SIZE bytes. */
static int
plan (struct vdi_header *h, uint64_t size, bool is_static, struct img_error *err)
{
  uint64_t max = (uint64_t) VDI_MAX_BLOCKS * VDI_BLOCK_SIZE;

  if (size > max)
    return img_error_set (err, EFBIG,
                          _("a VDI image of %" PRIu64 " bytes is too large, at most %" PRIu64
                            " are possible"),
                          size, max);
  *h = (struct vdi_header) { .type = is_static ? VDI_STATIC : VDI_DYNAMIC,
                             .offset_map = VDI_HEADER_SIZE,
                             .block_size = VDI_BLOCK_SIZE };
  h->size = img_div_up (size, SECTOR) * SECTOR;
  h->blocks = (uint32_t) img_div_up (h->size, h->block_size);
  h->allocated = is_static ? h->blocks : 0;
  h->offset_data = (uint32_t) (h->offset_map + vdi_table_bytes (h->blocks));
  return 0;
}

int
vdi_measure (struct img_measure *m, struct img_error *err)
{
  struct vdi_header h;
  uint64_t needed = 0;

  if (plan (&h, m->source ? img_size (m->source) : m->size, img_opts_bool (m->opts, "static"), err)
      < 0)
    return -1;
  if (m->source && !h.allocated
      && measure_units (m->source, (uint32_t) __builtin_ctz (h.block_size), &needed, err) < 0)
    return -1;
  m->required = h.offset_data + img_max (needed, h.allocated) * h.block_size;
  m->fully_allocated = h.offset_data + (uint64_t) h.blocks * h.block_size;
  return 0;
}

int
vdi_create (struct img_create *c, struct img_error *err)
{
  bool is_static = img_opts_bool (c->opts, "static");
  struct vdi_header h;
  uint64_t length;
  bool fresh = img_size (c->file) == 0; /* a device holds someone's bytes */

  if (plan (&h, c->size, is_static, err) < 0)
    return -1;
  length = h.offset_data + (uint64_t) h.allocated * h.block_size;
  if (vdi_header_make (&h, err) < 0 || make_room (c->file, length, h.offset_data, err) < 0
      || vdi_table_fill (c->file, h.offset_map, 0, h.blocks, is_static ? 0 : VDI_UNALLOCATED, err)
           < 0)
    return -1;
  if (!fresh && img_zero (c->file, h.offset_data, length - h.offset_data, 0, err) < 0)
    return -1;
  return vdi_header_write (&h, c->file, err);
}
