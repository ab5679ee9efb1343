/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vdi.h - what the parts of the driver share.
 *
 * A VirtualBox disk image is a header of 512 bytes, a block map of one little-endian 32-bit number
 * a block, and blocks, all of one size, 1 MiB as a rule.  Number n says that the block lies at
 * offset_data + n * block_size.  Layout after the public description of the format
 * (formats.kaitai.io/vdi) and images that qemu-img writes. */
#ifndef VDI_H
#define VDI_H

#include <blkimg/module.h>
#include <blkimg/vec.h>

#define VDI_HEADER_SIZE 512u /* all that we read or write of it lies in one sector */
#define VDI_BLOCK_SIZE (1u << 20)
#define VDI_MIN_BLOCK_SIZE 4096u
#define VDI_MAX_BLOCK_SIZE (64u << 20)
/* As many as QEMU takes: the map stays below 2 GiB. */
#define VDI_MAX_BLOCKS UINT32_C (0x1fffff80)

/* Entries of the map from here on do not name a block; all of them read as zero. */
#define VDI_NO_BLOCK UINT32_C (0xfffffffe)
#define VDI_UNALLOCATED UINT32_C (0xffffffff)

enum vdi_type { VDI_DYNAMIC = 1, VDI_STATIC = 2, VDI_UNDO = 3, VDI_DIFFERENCING = 4 };

struct vdi_header {
  uint8_t raw[VDI_HEADER_SIZE]; /* as it stands in the file, with what we do not know */
  uint32_t type;
  uint32_t offset_map, offset_data;
  uint32_t block_size;
  uint32_t blocks, allocated;
  uint64_t size;
};

/* A piece of the map in memory (table.c). */
#define VDI_PAGE_ENTRIES 16384u
struct vdi_page {
  uint32_t number;
  uint32_t dirty_from, dirty_to; /* entries that the file has not; from < to when there are */
  uint32_t entries[VDI_PAGE_ENTRIES];
};

struct vdi {
  struct vdi_header h;
  unsigned flags; /* IMG_OPEN_* */

  struct vdi_page **pages; /* one for each piece of the map, NULL: not in memory */
  struct vdi_page **ring;  /* those in memory, the oldest at `hand` */
  uint32_t n_pages, n_loaded, hand;
  bool dirty; /* some page is, or the header */

  bool next_known;
  uint32_t next; /* the first block behind all that are in use */
  IMG_VEC (uint32_t) freed; /* blocks before it that were handed out and given back */
};

/* Where block NUMBER begins in the file. */
static inline uint64_t
vdi_host_offset (const struct vdi *v, uint32_t number)
{
  return v->h.offset_data + (uint64_t) number * v->h.block_size;
}

/* header.c */
int vdi_header_read (struct vdi_header *h, struct img_node *file, struct img_error *err);
/* Fills h->raw for a new image from the other members. */
int vdi_header_make (struct vdi_header *h, struct img_error *err);
int vdi_header_write (struct vdi_header *h, struct img_node *file, struct img_error *err);

/* table.c */
int vdi_table_init (struct vdi *v, struct img_error *err);
void vdi_table_free (struct vdi *v);
/* The entry of block INDEX of the guest, below h.blocks. */
int vdi_entry_get (struct img_node *node, uint32_t index, uint32_t *entry, struct img_error *err);
int vdi_entry_set (struct img_node *node, uint32_t index, uint32_t entry, struct img_error *err);
/* Writes all changes out: data first, then the header, then the map. */
int vdi_flush (struct img_node *node, struct img_error *err);

/* map.c */
int vdi_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
             unsigned n, struct img_error *err);

/* write.c */
int vdi_reserve (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded,
                 unsigned flags, struct img_place *place, struct img_error *err);
int vdi_commit (struct img_node *node, const struct img_place *place, struct img_error *err);
void vdi_abandon (struct img_node *node, const struct img_place *place);
int vdi_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
              struct img_error *err);
int vdi_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err);
/* Finds out v->next. */
int vdi_find_next (struct img_node *node, struct img_error *err);

/* resize.c */
int vdi_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
                struct img_error *err);

/* check.c */
int vdi_check (struct img_node *node, struct img_check *check, unsigned repair,
               struct img_error *err);

/* create.c */
extern const struct img_optdesc vdi_create_opts[];
int vdi_create (struct img_create *c, struct img_error *err);
int vdi_measure (struct img_measure *m, struct img_error *err);
/* Bytes that the map of BLOCKS takes, in whole sectors. */
uint64_t vdi_table_bytes (uint64_t blocks);
/* Writes entries of the map [FROM, TO) of a map at OFFSET: FIRST and up, or VDI_UNALLOCATED all
 * along, and pads the last sector. */
int vdi_table_fill (struct img_node *file, uint64_t offset, uint32_t from, uint32_t to,
                    uint32_t first, struct img_error *err);

#endif
