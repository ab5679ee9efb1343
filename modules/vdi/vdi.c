/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vdi: VirtualBox disk images, dynamic and static.
 *
 * This file owns the tables, open, close and facts; vdi.h says how an image looks.  Reading and
 * writing is the core's: the driver looks up and hands out blocks, one callback at a time.  Refuses
 * differencing images, whose parent is named by a UUID only, and header fields out of range. */
#include "vdi.h"

static int
vdi_open (struct img_node *node, const struct img_opts *opts, unsigned flags, struct img_error *err)
{
  struct vdi *v = img_node_priv (node);

  (void) opts;
  v->flags = flags;
  if (vdi_header_read (&v->h, img_child (node, 0), err) < 0 || vdi_table_init (v, err) < 0)
    return -1;
  img_node_limits_mut (node)->alloc_unit = v->h.block_size;
  img_node_set_size (node, v->h.size);
  return 0;
}

static void
vdi_close (struct img_node *node)
{
  struct vdi *v = img_node_priv (node);

  vdi_table_free (v);
  img_vec_free (&v->freed);
}

static int
vdi_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  const struct vdi *v = img_node_priv (node);

  (void) err;
  info->cluster_size = v->h.block_size;
  return 0;
}

static const struct img_magic vdi_magics[] = { IMG_MAGIC (0x40, "\x7f\x10\xda\xbe"),
                                               { 0, NULL, 0 } };
static const char *const vdi_extensions[] = { "vdi", NULL };

static const struct img_driver vdi_driver = {
  .struct_size = sizeof vdi_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .threads = IMG_THREADS_SERIAL,
  .caps = IMG_CAP_ZERO_INIT,
  .name = "vdi",
  .longname = N_("VirtualBox disk image"),
  .priv_size = sizeof (struct vdi),
  .extensions = vdi_extensions,
  .magics = vdi_magics,
  .create_opts = vdi_create_opts,
  .open = vdi_open,
  .close = vdi_close,
  .create = vdi_create,
  .measure = vdi_measure,
  .get_info = vdi_get_info,
  .map = vdi_map,
  .reserve = vdi_reserve,
  .commit = vdi_commit,
  .abandon = vdi_abandon,
  .zero = vdi_zero,
  .discard = vdi_discard,
  .resize = vdi_resize,
  .flush = vdi_flush,
  .check = vdi_check,
};

static const struct img_driver *const vdi_drivers[] = { &vdi_driver, NULL };

static const struct img_module vdi_module = {
  .struct_size = sizeof vdi_module,
  .abi = IMG_ABI,
  .drivers = vdi_drivers,
};

IMG_MODULE_ENTRY (vdi_module)
