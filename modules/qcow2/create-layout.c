/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create-layout.c - where the parts of a new image lie, by arithmetic alone.
 *
 * Follows "Host cluster management" and "Cluster mapping" of the specification.  Nothing is written
 * here; measure uses the same figures.  Refuses images that need a larger L1 table than readers
 * accept.
 */
#include "create.h"
#include "qcow2.h"

int
qcow2_round_size (uint64_t *size, struct img_error *err)
{
  if (*size > INT64_MAX || !img_round_up (*size, 512, size) || *size > INT64_MAX)
    return img_error_set (err, EFBIG, _("the image size is too large"));
  return 0;
}

/* The refcounts count the clusters that hold them, too: grow both until they cover all. */
static void
place_refcounts (struct qcow2_layout *l, const struct qcow2_options *o, uint64_t others)
{
  uint64_t per_block = 1ull << (o->cluster_bits + 3 - o->refcount_order);
  uint64_t per_table = 1ull << (o->cluster_bits - 3);
  uint64_t blocks = 0, tables = 0, total;
  do {
    l->blocks = blocks;
    l->reftable_clusters = tables;
    total = others + l->blocks + l->reftable_clusters;
    blocks = img_div_up (total, per_block);
    tables = img_div_up (blocks, per_table);
  } while (blocks != l->blocks || tables != l->reftable_clusters);
}

int
qcow2_layout_make (struct qcow2_layout *l, const struct qcow2_options *o, uint64_t size,
                   bool tables, bool data, struct img_error *err)
{
  uint64_t clusters = img_div_up (size, 1ull << o->cluster_bits);
  return qcow2_layout_place (l, o, size, tables ? UINT64_MAX : 0, data ? clusters : 0, err);
}

int
qcow2_layout_place (struct qcow2_layout *l, const struct qcow2_options *o, uint64_t size,
                    uint64_t tables, uint64_t clusters, struct img_error *err)
{
  uint32_t bits = o->cluster_bits, l2_bits = bits - (o->extended ? 4 : 3);
  uint64_t cluster = 1ull << bits;
  *l = (struct qcow2_layout) { .cluster_bits = bits };
  l->guest_clusters = img_div_up (size, cluster);
  l->l1_entries = img_div_up (l->guest_clusters, 1ull << l2_bits);
  if (l->l1_entries > QCOW2_MAX_L1_BYTES / 8)
    goto too_large;
  l->l1_clusters = img_div_up (l->l1_entries * 8, cluster);
  l->l2_tables = img_min (tables, l->l1_entries);
  l->data_clusters = clusters;
  if (o->crypt_method == QCOW2_CRYPT_LUKS)
    l->crypto_clusters = img_div_up (luks_length (&o->luks), cluster);
  place_refcounts (l, o, 1 + l->l1_clusters + l->crypto_clusters + l->l2_tables + l->data_clusters);
  l->reftable_offset = cluster;
  l->block_offset = l->reftable_offset + (l->reftable_clusters << bits);
  l->l1_offset = l->block_offset + (l->blocks << bits);
  l->crypto_offset = l->l1_offset + (l->l1_clusters << bits);
  l->l2_offset = l->crypto_offset + (l->crypto_clusters << bits);
  l->data_offset = l->l2_offset + (l->l2_tables << bits);
  if (!img_add (l->data_offset, l->data_clusters << bits, &l->end)
      || l->end > QCOW2_OFFSET_MASK)
    goto too_large;
  return 0;
too_large:
  return img_error_set (err, EFBIG, _("The image size is too large for file format 'qcow2'"
                                      " (try using a larger cluster size)"));
}
