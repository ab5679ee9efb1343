/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* compress: a filter that writes everything compressed into the image below, one cluster at a time.
 * What covers a part of a cluster only is read, changed and written as a whole. */
#include <errno.h>
#include <string.h>

#include "filter.h"

static int
compress_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
               struct img_error *err)
{
  const struct img_limits *below;

  (void) opts;
  (void) flags;
  if (filter_open_child (node, "file", 0, err) < 0)
    return -1;
  below = img_node_limits (img_child (node, 0));
  if (below->encode_unit == 0)
    return img_error_set (err, ENOTSUP, _("the %s driver does not compress"),
                          img_driver_name (img_child (node, 0)));
  img_node_limits_mut (node)->request_align = below->encode_unit;
  return 0;
}

static int
compress_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err)
{
  uint64_t size = img_size (node);

  if (length > size - offset) /* the last cluster may pass the end of the image */
    length = size - offset;
  return img_pwrite (img_child (node, 0), buf, length, offset, IMG_IO_COMPRESS, err);
}

static int
compress_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                struct img_error *err)
{
  uint64_t size = img_size (node), there = length > size - offset ? size - offset : length;

  memset ((uint8_t *) buf + there, 0, length - there);
  return filter_pread (node, buf, there, offset, err);
}

static const struct img_optdesc compress_opts[] = { IMG_OPT_END };

static const struct img_driver compress_driver = {
  .struct_size = sizeof compress_driver,
  .abi = IMG_ABI,
  .kind = IMG_FILTER,
  .threads = IMG_THREADS_PARALLEL,
  .name = "compress",
  .longname = N_("writes everything compressed"),
  .open_opts = compress_opts,
  .open = compress_open,
  .get_info = filter_get_info,
  .map = filter_map,
  .zero = filter_zero,
  .discard = filter_discard,
  .resize = filter_resize,
  .pread = compress_pread,
  .pwrite = compress_pwrite,
};

static const struct img_driver *const compress_drivers[] = { &compress_driver, NULL };

static const struct img_module compress_module = {
  .struct_size = sizeof compress_module,
  .abi = IMG_ABI,
  .drivers = compress_drivers,
};

IMG_MODULE_ENTRY (compress_module)
