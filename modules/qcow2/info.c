/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* info.c - the facts of an image: cluster size, state, and the format's own.
 *
 * Owns: names and order of the keys, which are those that scripts know from qemu-img.
 */
#include "qcow2.h"

/* Bitmaps that some program without support for them left behind are not worth listing. */
static int
bitmaps_info (struct qcow2 *q, struct img_value *specific, struct img_error *err)
{
  struct qcow2_bitmaps all;
  if (!q->h.has_bitmaps || !(q->h.autoclear & QCOW2_AUTOCLEAR_BITMAPS))
    return 0;
  int r = qcow2_bitmaps_read (q, &all, err);
  struct img_value *array = r == 0 ? img_value_add_array (specific, "bitmaps") : NULL;
  for (uint32_t i = 0; r == 0 && i < all.n; i++) {
    struct img_value *v = img_value_add_object (array, NULL);
    struct img_value *flags = img_value_add_array (v, "flags");
    if (all.v[i].flags & QCOW2_BITMAP_IN_USE)
      img_value_set_string (flags, NULL, "in-use");
    if (all.v[i].flags & QCOW2_BITMAP_AUTO)
      img_value_set_string (flags, NULL, "auto");
    img_value_set_string (v, "name", all.v[i].name);
    img_value_set_uint (v, "granularity", UINT64_C (1) << all.v[i].granularity_bits);
  }
  qcow2_bitmaps_free (&all);
  return r;
}

int
qcow2_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  const struct qcow2_header *h = &q->h;
  struct img_value *v = info->specific;
  info->cluster_size = (uint32_t) q->cluster_size;
  info->encrypted = h->crypt_method != QCOW2_CRYPT_NONE;
  info->dirty = h->incompat & QCOW2_INCOMPAT_DIRTY;
  info->specific_type = "qcow2";
  img_value_set_string (v, "compat", h->version == 2 ? "0.10" : "1.1");
  img_value_set_string (v, "compression-type",
                        h->compression_type == QCOW2_ZSTD ? "zstd" : "zlib");
  if (h->version >= 3)
    img_value_set_bool (v, "lazy-refcounts", h->compat & QCOW2_COMPAT_LAZY_REFCOUNTS);
  if (bitmaps_info (q, v, err) < 0)
    return -1;
  img_value_set_uint (v, "refcount-bits", 1u << h->refcount_order);
  if (q->crypt)
    qcow2_crypt_info (q, img_value_add_object (v, "encrypt"));
  if (h->incompat & QCOW2_INCOMPAT_DATA_FILE) {
    if (h->data_file)
      img_value_set_string (v, "data-file", h->data_file);
    img_value_set_bool (v, "data-file-raw", h->autoclear & QCOW2_AUTOCLEAR_DATA_FILE_RAW);
  }
  if (h->version >= 3) {
    img_value_set_bool (v, "corrupt", h->incompat & QCOW2_INCOMPAT_CORRUPT);
    img_value_set_bool (v, "extended-l2", q->extended);
  }
  return 0;
}
