/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pack.c - places of compressed clusters (spec section "Compressed Clusters Descriptor").
 *
 * Streams are packed byte after byte; one may begin in a host cluster and end in the next, when
 * that is the adjoining one.  Each host cluster counts the streams in it, so narrow refcounts
 * end the packing early.  Refuses: offsets that the descriptor cannot hold.
 */
#include <inttypes.h>

#include "write.h"

/* One more stream in CLUSTER.  1: its count is at its end. */
static int
share (struct qcow2 *q, uint64_t cluster, struct img_error *err)
{
  struct img_error why = IMG_ERROR_INIT;
  if (qcow2_refcount_inc (q, cluster, 1, &why) == 0)
    return 0;
  if (why.code == ERANGE)
    return 1;
  *err = why;
  return -1;
}

/* A cluster of its own for the start (*AT 0) or the rest of the stream. */
static int
place_fresh (struct qcow2 *q, uint64_t *at, struct img_error *err)
{
  uint64_t cluster, n, before = *at >> q->cluster_bits;
  if (qcow2_alloc (q, 1, &cluster, &n, err) < 0)
    return -1;
  int r = *at && cluster == before + 1 ? share (q, before, err) : 1;
  if (r < 0)
    qcow2_unalloc (q, cluster, 1);
  if (r == 1) /* the rest of the cluster before stays unused */
    *at = cluster << q->cluster_bits;
  return r < 0 ? -1 : 0;
}

int
qcow2_pack_reserve (struct qcow2 *q, uint64_t offset, uint64_t encoded, struct img_place *place,
                    struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  uint64_t mask = q->cluster_size - 1, at = w->pack;
  bool fits = at && encoded <= q->cluster_size - (at & mask);
  if ((offset & mask) || encoded >= q->cluster_size)
    return img_error_set (err, EINVAL, _("%" PRIu64 " bytes cannot be a compressed cluster"),
                          encoded);
  if (qcow2_l2_own (q, offset, err) < 0)
    return -1;
  int r = fits ? share (q, at >> q->cluster_bits, err) : 1;
  if (r == 1 && fits) /* there is room, but no count */
    at = 0;
  if (r < 0 || (r == 1 && place_fresh (q, &at, err) < 0))
    return -1;
  place->host_offset = at;
  place->encoded = encoded;
  place->flags = IMG_PLACE_FRESH | IMG_PLACE_ENCODED;
  w->pack = at + encoded;
  if ((w->pack & mask) == 0)
    w->pack = 0;
  if (at + encoded <= 1ull << (62 - (q->cluster_bits - 8)))
    return 0;
  qcow2_pack_abandon (q, place);
  return img_error_set (err, EFBIG, _("the image file is too large for compressed clusters"));
}

uint64_t
qcow2_pack_entry (const struct qcow2 *q, const struct img_place *place)
{
  uint64_t at = place->host_offset;
  uint64_t more = (at + place->encoded - 1) / 512 - at / 512;
  return QCOW2_COMPRESSED | more << (62 - (q->cluster_bits - 8)) | at;
}

void
qcow2_pack_abandon (struct qcow2 *q, const struct img_place *place)
{
  uint64_t first = place->host_offset >> q->cluster_bits;
  uint64_t last = (place->host_offset + place->encoded - 1) >> q->cluster_bits;
  qcow2_unalloc (q, first, last - first + 1);
}
