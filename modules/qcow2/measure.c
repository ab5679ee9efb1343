/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* measure.c - how large an image would be.
 *
 * The metadata of the fully allocated image is what create-layout.c computes; the required size
 * takes off the guest clusters that SOURCE does not need, found by one walk over its tables.  The
 * metadata is not reduced with them: an upper bound, and the figure that people know.
 */
#include <string.h>

#include "create.h"
#include "measure.h"
#include "qcow2.h"

/* "Bitmaps": directory, tables and data of those of Q, in clusters of the target. */
static int
sum_bitmaps (const struct qcow2 *q, const struct qcow2_bitmaps *all, uint32_t cluster_bits,
             uint64_t *bytes, struct img_error *err)
{
  uint64_t cluster = 1ull << cluster_bits, clusters = 0, directory = 0;
  bool fits = true;
  for (uint32_t i = 0; i < all->n; i++) {
    uint64_t bits = img_div_up (q->h.size, 1ull << img_min (all->v[i].granularity_bits, 63));
    uint64_t data = img_div_up (img_div_up (bits, 8), cluster);
    directory += (24 + strlen (all->v[i].name) + 7) & ~7ull;
    fits &= img_add (clusters, data + img_div_up (data * 8, cluster), &clusters);
  }
  clusters += img_div_up (directory, cluster);
  if (!fits || !img_shl (clusters, cluster_bits, bytes))
    return img_error_set (err, EFBIG, _("the bitmaps are too large"));
  return 0;
}

static int
measure_bitmaps (struct img_measure *m, uint32_t cluster_bits, struct img_error *err)
{
  struct qcow2_bitmaps all;
  m->bitmaps = 0;
  m->has_bitmaps = false;
  if (m->source == NULL || strcmp (img_driver_name (m->source), "qcow2") != 0)
    return 0;
  struct qcow2 *q = img_node_priv (m->source);
  m->has_bitmaps = q->h.version >= 3;
  if (!m->has_bitmaps)
    return 0;
  int r = qcow2_bitmaps_read (q, &all, err);
  if (r == 0)
    r = sum_bitmaps (q, &all, cluster_bits, &m->bitmaps, err);
  qcow2_bitmaps_free (&all);
  return r;
}

int
qcow2_measure (struct img_measure *m, struct img_error *err)
{
  struct qcow2_options o;
  struct qcow2_layout l;
  uint64_t size = m->source ? img_size (m->source) : m->size, needed = 0;
  if (qcow2_options_parse (&o, m->opts, err) < 0
      || (o.crypt_method == QCOW2_CRYPT_LUKS && qcow2_options_secret (&o, err) < 0)
      || qcow2_round_size (&size, err) < 0)
    return -1;
  if (qcow2_layout_make (&l, &o, size, true, true, err) < 0)
    return img_error_set (err, EFBIG, _("The image size is too large (try using a larger cluster"
                                        " size)"));
  if (o.prealloc >= IMG_PREALLOC_FALLOC)
    needed = l.data_clusters;
  else if (m->source && o.backing) /* nobody knows how much the two share */
    needed = l.data_clusters;
  else if (m->source && measure_units (m->source, o.cluster_bits, &needed, err) < 0)
    return -1;
  m->fully_allocated = l.end;
  m->required = l.end - ((l.data_clusters - needed) << o.cluster_bits);
  return measure_bitmaps (m, o.cluster_bits, err);
}
