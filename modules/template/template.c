/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template: the driver to copy; built and tested, never installed.
 *
 * A whole format, as small as one can be: a header, then the guest's bytes.
 *
 *   bytes 0..7    "blkimg-T"
 *   8..11         version, 1
 *   12..15        where the guest's bytes begin: a multiple of 512, 512 to 1 MiB
 *   16..23        guest size in bytes
 *
 * Integers are big-endian.  What is here is what every format has: a magic, options, open, create,
 * get_info and map.  The core does the rest: it reads and writes where `map` says, in parallel,
 * bounces what is not aligned, writes zeroes and copies.  A format that allocates adds reserve,
 * commit and flush; one whose bytes only it can read (compressed) answers SPECIAL and has pread.
 *
 * Refuses: other versions, header fields out of range, files shorter than they say.
 */

#include <errno.h>
#include <string.h>

#include <blkimg/endian.h>
#include <blkimg/module.h>
#include <blkimg/overflow.h>

enum {
  HEADER_SIZE = 24,
  VERSION = 1,
  SECTOR = 512,
  MAX_DATA_OFFSET = 1 << 20
};
static const char magic[] = "blkimg-T";

/* State of one open image: it lives in the node, never in file-scope variables. */
struct template {
  uint64_t data_offset;
};

static bool
data_offset_is_valid (uint64_t offset)
{
  return offset >= SECTOR && offset <= MAX_DATA_OFFSET && offset % SECTOR == 0;
}

static int
template_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
               struct img_error *err)
{
  struct template *t = img_node_priv (node);
  struct img_node *file = img_child (node, 0);
  uint8_t header[HEADER_SIZE];
  uint64_t size;

  (void) opts;
  (void) flags;
  if (img_size (file) < sizeof header)
    return img_error_set (err, EINVAL, _("the header is cut off"));
  if (img_pread (file, header, sizeof header, 0, 0, err) < 0)
    return -1;
  if (memcmp (header, magic, sizeof magic - 1) != 0)
    return img_error_set (err, EINVAL, _("this is not a template image"));
  if (be32_get (header + 8) != VERSION)
    return img_error_set (err, ENOTSUP, _("version %u is not supported"), be32_get (header + 8));
  t->data_offset = be32_get (header + 12);
  if (!data_offset_is_valid (t->data_offset))
    return img_error_set (err, EINVAL, _("header at 0xc: data offset %#llx is out of range"),
                          (unsigned long long) t->data_offset);
  size = be64_get (header + 16);
  if (!img_within (t->data_offset, size, img_size (file)))
    return img_error_set (err, EINVAL, _("header at 0x10: %llu bytes do not fit into the file"),
                          (unsigned long long) size);
  img_node_set_size (node, size);
  return 0;
}

static int
template_create (struct img_create *c, struct img_error *err)
{
  uint64_t data_offset = img_opts_number (c->opts, "data_offset");
  uint8_t header[HEADER_SIZE] = { 0 };
  uint64_t end;

  if (!data_offset_is_valid (data_offset))
    return img_error_set (err, EINVAL, _("data_offset must be a multiple of 512, up to 1M"));
  if (!img_add (data_offset, c->size, &end))
    return img_error_set (err, EFBIG, _("the image is too large"));
  memcpy (header, magic, sizeof magic - 1);
  be32_put (header + 8, VERSION);
  be32_put (header + 12, (uint32_t) data_offset);
  be64_put (header + 16, c->size);
  if (img_resize (c->file, end, IMG_PREALLOC_OFF, 0, err) < 0)
    return -1;
  return img_pwrite (c->file, header, sizeof header, 0, 0, err);
}

static int
template_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  const struct template *t = img_node_priv (node);

  (void) err;
  info->specific_type = "template";
  img_value_set_uint (info->specific, "data-offset", t->data_offset);
  return 0;
}

/* Every guest byte lives in child 0, so one extent is the whole answer. */
static int
template_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
              unsigned n, struct img_error *err)
{
  const struct template *t = img_node_priv (node);

  (void) n;
  (void) err;
  *ext = (struct img_extent) {
    .kind = IMG_EXTENT_DATA,
    .offset = offset,
    .length = length,
    .child = 0,
    .host_offset = t->data_offset + offset,
  };
  return 1;
}

static const struct img_magic template_magics[] = {
  IMG_MAGIC (0, "blkimg-T"),
  { 0, NULL, 0 }
};

static const struct img_optdesc template_create_opts[] = {
  { "data_offset", IMG_OPT_SIZE, "4096", NULL, N_("Where the guest's bytes begin"), 0 },
  IMG_OPT_END
};

/* The same facts stand in template.manifest, which is read before the module is loaded. */
static const struct img_driver template_driver = {
  .struct_size = sizeof template_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .threads = IMG_THREADS_PARALLEL,
  .caps = IMG_CAP_ZERO_INIT,
  .name = "template",
  .longname = "template image, for authors of drivers",
  .priv_size = sizeof (struct template),
  .magics = template_magics,
  .create_opts = template_create_opts,
  .open = template_open,
  .create = template_create,
  .get_info = template_get_info,
  .map = template_map,
};

static const struct img_driver *const drivers[] = { &template_driver, NULL };

static const struct img_module template_module = {
  .struct_size = sizeof template_module,
  .abi = IMG_ABI,
  .drivers = drivers,
};

IMG_MODULE_ENTRY (template_module)
