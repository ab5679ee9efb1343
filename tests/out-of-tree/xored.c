/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xored: a read-only format made outside of blkimg's tree, with the installed headers alone.
 *
 *   bytes 0..7   "BLKIMGX1"
 *   8            the key
 *   16..23       guest size, big-endian
 *   512...       the guest's bytes, each XORed with the key
 *
 * Only the driver can read such bytes, so `map` answers SPECIAL and the core asks `pread`.
 */

#include <errno.h>
#include <string.h>

#include <blkimg/endian.h>
#include <blkimg/module.h>
#include <blkimg/overflow.h>

enum { HEADER_SIZE = 24, DATA_OFFSET = 512 };

struct xored {
  uint8_t key;
};

static int
xored_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
            struct img_error *err)
{
  struct xored *x = img_node_priv (node);
  struct img_node *file = img_child (node, 0);
  uint8_t header[HEADER_SIZE];

  (void) opts;
  (void) flags;
  if (img_size (file) < DATA_OFFSET)
    return img_error_set (err, EINVAL, "the header is cut off");
  if (img_pread (file, header, sizeof header, 0, 0, err) < 0)
    return -1;
  if (memcmp (header, "BLKIMGX1", 8) != 0)
    return img_error_set (err, EINVAL, "this is no xored image");
  if (!img_within (DATA_OFFSET, be64_get (header + 16), img_size (file)))
    return img_error_set (err, EINVAL, "header at 0x10: the size does not fit into the file");
  x->key = header[8];
  img_node_set_size (node, be64_get (header + 16));
  return 0;
}

static int
xored_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  const struct xored *x = img_node_priv (node);

  (void) err;
  info->specific_type = "xored";
  img_value_set_uint (info->specific, "key", x->key);
  return 0;
}

static int
xored_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
           unsigned n, struct img_error *err)
{
  (void) node;
  (void) n;
  (void) err;
  *ext = (struct img_extent) {
    .kind = IMG_EXTENT_SPECIAL, .offset = offset, .length = length
  };
  return 1;
}

static int
xored_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
             struct img_error *err)
{
  const struct xored *x = img_node_priv (node);
  uint8_t *bytes = buf;

  if (img_pread (img_child (node, 0), buf, length, DATA_OFFSET + offset, 0, err) < 0)
    return -1;
  for (uint64_t i = 0; i < length; i++)
    bytes[i] ^= x->key;
  return 0;
}

static const struct img_magic magics[] = {
  IMG_MAGIC (0, "BLKIMGX1"),
  { 0, NULL, 0 }
};

static const struct img_driver xored_driver = {
  .struct_size = sizeof xored_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .threads = IMG_THREADS_PARALLEL,
  .caps = IMG_CAP_READ_ONLY,
  .name = "xored",
  .longname = "bytes XORed with a key",
  .priv_size = sizeof (struct xored),
  .magics = magics,
  .open = xored_open,
  .get_info = xored_get_info,
  .map = xored_map,
  .pread = xored_pread,
};

static const struct img_driver *const drivers[] = { &xored_driver, NULL };

static const struct img_module xored_module = {
  .struct_size = sizeof xored_module,
  .abi = IMG_ABI,
  .drivers = drivers,
};

IMG_MODULE_ENTRY (xored_module)
