/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* header.c - the header: from bytes, to bytes, and what is refused.
 *
 * Version 1.1 only.  Refused: images with a parent (differencing, undo), blocks with extra bytes,
 * sectors that are not of 512 bytes, tables that overlap or do not lie inside the file. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "vdi.h"

#define SECTOR 512u
#define SIGNATURE UINT32_C (0xbeda107f)
#define VERSION UINT32_C (0x00010001)
#define OWN_SIZE UINT32_C (0x180) /* of the header behind its size field, without LCHS geometry */

/* Where the fields lie. */
enum {
  AT_TEXT = 0,
  AT_SIGNATURE = 0x40,
  AT_VERSION = 0x44,
  AT_HEADER_SIZE = 0x48,
  AT_TYPE = 0x4c,
  AT_OFFSET_MAP = 0x154,
  AT_OFFSET_DATA = 0x158,
  AT_SECTOR_SIZE = 0x168,
  AT_SIZE = 0x170,
  AT_BLOCK_SIZE = 0x178,
  AT_BLOCK_EXTRA = 0x17c,
  AT_BLOCKS = 0x180,
  AT_ALLOCATED = 0x184,
  AT_UUID_IMAGE = 0x188,
  AT_UUID_SNAPSHOT = 0x198,
  AT_UUID_LINK = 0x1a8,
  AT_UUID_PARENT = 0x1b8,
  UUID_SIZE = 16
};

static int
check_kind (const struct vdi_header *h, struct img_error *err)
{
  static const uint8_t none[UUID_SIZE];
  uint32_t version = le32_get (h->raw + AT_VERSION);

  if (le32_get (h->raw + AT_SIGNATURE) != SIGNATURE)
    return img_error_set (err, EINVAL, _("this is not a VDI image"));
  if (version != VERSION)
    return img_error_set (err, ENOTSUP, _("VDI version %u.%u is not supported"), version >> 16,
                          version & 0xffff);
  if (h->type == VDI_DIFFERENCING || h->type == VDI_UNDO
      || memcmp (h->raw + AT_UUID_LINK, none, sizeof none) != 0
      || memcmp (h->raw + AT_UUID_PARENT, none, sizeof none) != 0)
    return img_error_set (err, ENOTSUP, _("differencing VDI images are not supported: this one "
                                          "needs a parent image, which it names by UUID only"));
  if (h->type != VDI_DYNAMIC && h->type != VDI_STATIC)
    return img_error_set (err, ENOTSUP, _("header at 0x4c: unknown image type %u"), h->type);
  return 0;
}

static int
check_numbers (const struct vdi_header *h, struct img_error *err)
{
  uint32_t header_size = le32_get (h->raw + AT_HEADER_SIZE);
  uint32_t sector_size = le32_get (h->raw + AT_SECTOR_SIZE);
  uint32_t extra = le32_get (h->raw + AT_BLOCK_EXTRA);

  if (header_size < OWN_SIZE)
    return img_error_set (err, EINVAL, _("header at 0x48: %u bytes are too few for a header"),
                          header_size);
  if (sector_size != SECTOR)
    return img_error_set (err, ENOTSUP, _("header at 0x168: sector size %u is not supported"),
                          sector_size);
  if (!img_is_pow2 (h->block_size) || h->block_size < VDI_MIN_BLOCK_SIZE
      || h->block_size > VDI_MAX_BLOCK_SIZE)
    return img_error_set (err, ENOTSUP, _("header at 0x178: block size %u is not supported"),
                          h->block_size);
  if (extra != 0)
    return img_error_set (err, ENOTSUP, _("header at 0x17c: %u extra bytes a block are not"
                                         " supported"),
                          extra);
  if (h->blocks > VDI_MAX_BLOCKS)
    return img_error_set (err, ENOTSUP, _("header at 0x180: %u blocks are too many (at most %u)"),
                          h->blocks, VDI_MAX_BLOCKS);
  return 0;
}

static int
check_layout (const struct vdi_header *h, uint64_t file_size, struct img_error *err)
{
  uint64_t table = (uint64_t) h->blocks * 4;

  if (h->offset_map % SECTOR != 0 || h->offset_map < VDI_HEADER_SIZE)
    return img_error_set (err, EINVAL, _("header at 0x154: the block map cannot lie at 0x%x"),
                          h->offset_map);
  if (h->offset_data % SECTOR != 0 || h->offset_data < h->offset_map + table)
    return img_error_set (err, EINVAL, _("header at 0x158: the blocks cannot begin at 0x%x"),
                          h->offset_data);
  if (!img_within (h->offset_map, table, file_size))
    return img_error_set (err, EINVAL,
                          _("the block map at 0x%x, %" PRIu64
                            " bytes, passes the end of the file at 0x%" PRIx64),
                          h->offset_map, table, file_size);
  if (h->size > (uint64_t) h->blocks * h->block_size)
    return img_error_set (err, EINVAL,
                          _("header at 0x170: a disk of %" PRIu64
                            " bytes needs more than the %u blocks it has"),
                          h->size, h->blocks);
  return 0;
}

int
vdi_header_read (struct vdi_header *h, struct img_node *file, struct img_error *err)
{
  if (img_size (file) < sizeof h->raw)
    return img_error_set (err, EINVAL, _("the header is cut off"));
  if (img_pread (file, h->raw, sizeof h->raw, 0, 0, err) < 0)
    return -1;
  h->type = le32_get (h->raw + AT_TYPE);
  h->offset_map = le32_get (h->raw + AT_OFFSET_MAP);
  h->offset_data = le32_get (h->raw + AT_OFFSET_DATA);
  h->block_size = le32_get (h->raw + AT_BLOCK_SIZE);
  h->blocks = le32_get (h->raw + AT_BLOCKS);
  h->allocated = le32_get (h->raw + AT_ALLOCATED);
  if (check_kind (h, err) < 0 || check_numbers (h, err) < 0)
    return -1;
  /* Some programs count a size in bytes that is no whole number of sectors. */
  if (!img_round_up (le64_get (h->raw + AT_SIZE), SECTOR, &h->size))
    return img_error_set (err, EINVAL, _("header at 0x170: the disk is too large"));
  return check_layout (h, img_size (file), err);
}

/* RFC 4122, version 4: random. */
static int
make_uuid (uint8_t uuid[UUID_SIZE], struct img_error *err)
{
  if (getrandom (uuid, UUID_SIZE, 0) != UUID_SIZE)
    return img_error_errno (err, errno, _("cannot make a UUID"));
  uuid[7] = (uint8_t) ((uuid[7] & 0x0f) | 0x40); /* time_hi is little-endian here */
  uuid[8] = (uint8_t) ((uuid[8] & 0x3f) | 0x80);
  return 0;
}

static void
put_fields (struct vdi_header *h)
{
  le32_put (h->raw + AT_TYPE, h->type);
  le32_put (h->raw + AT_OFFSET_MAP, h->offset_map);
  le32_put (h->raw + AT_OFFSET_DATA, h->offset_data);
  le32_put (h->raw + AT_BLOCK_SIZE, h->block_size);
  le32_put (h->raw + AT_BLOCKS, h->blocks);
  le32_put (h->raw + AT_ALLOCATED, h->allocated);
  le64_put (h->raw + AT_SIZE, h->size);
}

int
vdi_header_make (struct vdi_header *h, struct img_error *err)
{
  static const char text[] = "<<< blkimg Virtual Disk Image >>>\n";

  memset (h->raw, 0, sizeof h->raw);
  memcpy (h->raw + AT_TEXT, text, sizeof text - 1);
  le32_put (h->raw + AT_SIGNATURE, SIGNATURE);
  le32_put (h->raw + AT_VERSION, VERSION);
  le32_put (h->raw + AT_HEADER_SIZE, OWN_SIZE);
  le32_put (h->raw + AT_SECTOR_SIZE, SECTOR);
  if (make_uuid (h->raw + AT_UUID_IMAGE, err) < 0 || make_uuid (h->raw + AT_UUID_SNAPSHOT, err) < 0)
    return -1;
  put_fields (h);
  return 0;
}

int
vdi_header_write (struct vdi_header *h, struct img_node *file, struct img_error *err)
{
  put_fields (h);
  return img_pwrite (file, h->raw, sizeof h->raw, 0, 0, err);
}
