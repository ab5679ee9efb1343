/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* raw: the file is the guest's disk, or a window of it (`offset`, `size`).
 *
 * Everything is the file's business; this driver only says where the window is.  Disks have
 * sectors: of a file that ends inside one the rest reads as zero.  Refuses a window that does not
 * lie inside the file, and to resize one whose size was given. */

#include <errno.h>
#include <inttypes.h>

#include <blkimg/module.h>
#include <blkimg/overflow.h>

#define SECTOR 512u

struct raw {
  uint64_t offset; /* of the window in the file */
  bool fixed;      /* the user gave its size */
};

static int
raw_open (struct img_node *node, const struct img_opts *opts, unsigned flags, struct img_error *err)
{
  struct raw *r = img_node_priv (node);
  uint64_t length = img_size (img_child (node, 0)), size;

  (void) flags;
  r->offset = img_opts_number (opts, "offset");
  r->fixed = img_opts_string (opts, "size") != NULL;
  if (r->offset > length)
    return img_error_set (err, EINVAL,
                          _("offset %" PRIu64 " lies past the end of the file (%" PRIu64 " bytes)"),
                          r->offset, length);
  size = length - r->offset;
  if (r->fixed)
    size = img_opts_number (opts, "size");
  if (r->fixed && size % SECTOR != 0)
    return img_error_set (err, EINVAL, _("size %" PRIu64 " is not a multiple of %u"), size, SECTOR);
  if (!img_within (r->offset, size, length))
    return img_error_set (err, EINVAL,
                          _("offset %" PRIu64 " and size %" PRIu64
                            " reach past the end of the file (%" PRIu64 " bytes)"),
                          r->offset, size, length);
  if (r->offset % SECTOR == 0 && !img_round_up (size, SECTOR, &size))
    return img_error_set (err, EFBIG, _("the image is too large"));
  img_node_set_size (node, size);
  return 0;
}

static int
raw_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  (void) node;
  (void) info;
  (void) err;
  return 0;
}

static int
raw_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
         unsigned n, struct img_error *err)
{
  const struct raw *r = img_node_priv (node);

  (void) n;
  (void) err;
  *ext = (struct img_extent) { offset, length, r->offset + offset, IMG_EXTENT_DATA, 0, 0 };
  return 1;
}

static int
raw_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
            struct img_error *err)
{
  const struct raw *r = img_node_priv (node);
  uint64_t end;

  if (r->fixed)
    return img_error_set (err, ENOTSUP, _("an image whose size was given cannot be resized"));
  if (!img_round_up (size, SECTOR, &size) || !img_add (r->offset, size, &end))
    return img_error_set (err, EFBIG, _("the image is too large"));
  if (img_resize (img_child (node, 0), end, prealloc, flags, err) < 0)
    return -1;
  img_node_set_size (node, size);
  return 0;
}

/* ---- create and measure ---- */

static const struct img_optdesc raw_open_opts[] = {
  { "offset", IMG_OPT_SIZE, "0", NULL, N_("where in the file the image begins"), 0 },
  { "size", IMG_OPT_SIZE, NULL, NULL, N_("size of the image; if not given, the rest of the file"),
    0 },
  IMG_OPT_END
};

/* The file takes the space: `preallocation` is an option of its own. */
static int
raw_create (struct img_create *c, struct img_error *err)
{
  uint64_t size;

  if (!img_round_up (c->size, SECTOR, &size))
    return img_error_set (err, EFBIG, _("the image is too large"));
  if (img_size (c->file) >= size)
    return 0; /* a device, or the file was made that long */
  return img_resize (c->file, size, c->prealloc, 0, err);
}

/* What is a hole in the source still counts: it may be written any time. */
static int
raw_measure (struct img_measure *m, struct img_error *err)
{
  uint64_t size;

  if (!img_round_up (m->source ? img_size (m->source) : m->size, SECTOR, &size))
    return img_error_set (err, EFBIG, _("the image is too large"));
  m->required = m->fully_allocated = size;
  return 0;
}

static const char *const raw_extensions[] = { "raw", "img", NULL };

static const struct img_driver raw_driver = {
  .struct_size = sizeof raw_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .threads = IMG_THREADS_PARALLEL,
  .caps = IMG_CAP_ZERO_INIT | IMG_CAP_PLAIN,
  .name = "raw",
  .longname = N_("plain disk image"),
  .priv_size = sizeof (struct raw),
  .extensions = raw_extensions,
  .open_opts = raw_open_opts,
  .open = raw_open,
  .get_info = raw_get_info,
  .map = raw_map,
  .resize = raw_resize,
  .create = raw_create,
  .measure = raw_measure,
};

static const struct img_driver *const raw_drivers[] = { &raw_driver, NULL };

static const struct img_module raw_module = {
  .struct_size = sizeof raw_module,
  .abi = IMG_ABI,
  .drivers = raw_drivers,
};

IMG_MODULE_ENTRY (raw_module)
