/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* write.c - reserve, commit, abandon.
 *
 * A cluster that only this image state refers to is written where it is; all others get fresh host
 * clusters, as many adjoining ones as one L2 slice and the allocator give.  L2 tables are made in
 * reserve, too, so that what lies where depends on the order of calls alone.  With a data file the
 * host offset is the guest offset.  Ranges that begin or end inside a cluster (subclusters) are
 * write-sub.c's.  Refuses: compressed clusters in images that are encrypted
 * or have a data file.
 */
#include <inttypes.h>

#include "write.h"

enum where {
  IN_PLACE,  /* written where it is */
  SAME_HOST, /* the host cluster stays, what is in it does not count */
  ELSEWHERE
};

static enum where
where_to (const struct qcow2 *q, const uint8_t *p)
{
  uint64_t entry = be64_get (p);
  bool whole = !q->extended || be64_get (p + 8) == QCOW2_ALL_ALLOCATED;
  bool data = qcow2_entry_kind (q, entry) == QCOW2_NORMAL && whole;
  if (q->data != q->file)
    return data ? IN_PLACE : SAME_HOST;
  if (!qcow2_entry_owned (q, entry))
    return ELSEWHERE;
  return data ? IN_PLACE : SAME_HOST;
}

static uint64_t
host_of (const struct qcow2 *q, const uint8_t *p, uint64_t guest)
{
  return q->data != q->file ? guest : be64_get (p) & QCOW2_OFFSET_MASK;
}

/* How many of N entries at P may be written in one place with the first. */
static uint64_t
alike (const struct qcow2 *q, const uint8_t *p, uint64_t n, uint64_t guest, enum where where)
{
  uint64_t host = host_of (q, p, guest), i;
  for (i = 1; i < n; i++) {
    const uint8_t *e = p + i * q->l2_entry_size;
    guest += q->cluster_size;
    host += q->cluster_size;
    if (where_to (q, e) != where || (where != ELSEWHERE && host_of (q, e, guest) != host))
      break;
  }
  return i;
}

int
qcow2_judge_host (struct qcow2 *q, uint64_t guest, uint64_t host, uint64_t length,
                  struct img_error *err)
{
  uint64_t end = q->writer->next << q->cluster_bits;
  if (q->data != q->file)
    return 0;
  if (host & (q->cluster_size - 1))
    return img_error_set (err, EINVAL, _("Cluster allocation offset 0x%" PRIx64
                                         " unaligned (guest offset 0x%" PRIx64 ")"), host, guest);
  if (!img_within (host, length, img_max (end, q->writer->floor)))
    return img_error_set (err, EINVAL, _("cluster at 0x%" PRIx64 " (guest offset 0x%" PRIx64
                                         ") lies past the end of the file"), host, guest);
  return qcow2_overlap_check (q, host >> q->cluster_bits,
                              img_div_up (length, q->cluster_size), false, err);
}

/* Whole clusters. */
static int
reserve_clusters (struct qcow2 *q, uint64_t offset, uint64_t length, struct img_place *place,
                  struct img_error *err)
{
  struct qcow2_table *t;
  if (qcow2_l2_change (q, offset, &t, err) < 0)
    return -1;
  uint32_t i = qcow2_slice_index (q, offset);
  const uint8_t *p = qcow2_entry_at (q, t, i);
  uint64_t n = img_min (length >> q->cluster_bits, (1u << q->slice_bits) - i), host = 0;
  enum where where = where_to (q, p);
  int r = 0;
  bool zeroes = false;
  n = alike (q, p, n, offset, where);
  if (where == ELSEWHERE) {
    uint64_t high = q->writer->high;
    r = qcow2_alloc (q, n, &host, &n, err);
    zeroes = r == 0 && host >= high;
    host <<= q->cluster_bits;
    place->cookie[0] = n;
  } else {
    host = host_of (q, p, offset);
  }
  qcow2_cache_put (q->l2_cache, t);
  if (r < 0
      || (where != ELSEWHERE
          && qcow2_judge_host (q, offset, host, n << q->cluster_bits, err) < 0))
    return -1;
  place->length = n << q->cluster_bits;
  place->host_offset = host;
  place->flags = where == IN_PLACE ? 0 : IMG_PLACE_FRESH | (zeroes ? IMG_PLACE_ZEROES : 0);
  return 0;
}

static int
reserve (struct qcow2 *q, uint64_t offset, uint64_t length, uint64_t encoded,
         struct img_place *place, struct img_error *err)
{
  if (qcow2_begin (q, err) < 0 || qcow2_relieve (q, err) < 0)
    return -1;
  place->offset = offset;
  place->child = q->data_child;
  if (encoded) {
    if (q->crypt)
      return img_error_set (err, ENOTSUP, _("an encrypted image cannot have compressed clusters"));
    if (q->data != q->file)
      return img_error_set (err, ENOTSUP, _("an image with an external data file cannot have"
                                            " compressed clusters"));
    place->length = img_min (length, q->cluster_size);
    return qcow2_pack_reserve (q, offset, encoded, place, err);
  }
  if ((offset & (q->cluster_size - 1)) == 0 && length >= q->cluster_size)
    return reserve_clusters (q, offset, length, place, err);
  return qcow2_sub_reserve (q, offset, length, place, err);
}

int
qcow2_reserve (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded,
               unsigned flags, struct img_place *place, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  (void) flags; /* IMG_PLACE_ENCODED: told by ENCODED */
  *place = (struct img_place) { 0 };
  pthread_rwlock_wrlock (&q->lock);
  int r = reserve (q, offset, length, encoded, place, err);
  if (q->crypt)
    place->flags |= IMG_PLACE_ENCRYPTED;
  pthread_rwlock_unlock (&q->lock);
  return r;
}

/* ---- commit ---- */

/* Guest bytes [GUEST, GUEST + LENGTH), inside one cluster, are at HOST now; P is the entry. */
static void
link_part (struct qcow2 *q, uint8_t *p, uint64_t guest, uint64_t length, uint64_t host)
{
  uint64_t into = guest & (q->cluster_size - 1);
  uint64_t old = be64_get (p), entry = (host - into) | QCOW2_COPIED;
  uint64_t bitmap = QCOW2_ALL_ALLOCATED;
  if (q->extended && length < q->cluster_size) {
    uint64_t mask = ((1ull << (length >> q->sub_bits)) - 1) << (into >> q->sub_bits);
    bitmap = (be64_get (p + 8) | mask) & ~(mask << 32);
  }
  if ((old & QCOW2_COMPRESSED) || (old & QCOW2_OFFSET_MASK) != (entry & QCOW2_OFFSET_MASK))
    qcow2_entry_release (q, old);
  qcow2_entry_put (q, p, entry, bitmap);
}

static void
link_encoded (struct qcow2 *q, uint8_t *p, const struct img_place *place)
{
  qcow2_entry_release (q, be64_get (p));
  qcow2_entry_put (q, p, qcow2_pack_entry (q, place), 0);
  q->packed_age++;
}

static int
commit (struct qcow2 *q, const struct img_place *place, struct img_error *err)
{
  struct qcow2_table *t;
  uint64_t guest = place->offset, end = guest + place->length, host = place->host_offset, n;
  if (qcow2_l2_change (q, guest, &t, err) < 0)
    return -1;
  uint8_t *p = qcow2_entry_at (q, t, qcow2_slice_index (q, guest));
  if (place->flags & IMG_PLACE_ENCODED) {
    link_encoded (q, p, place);
    guest = end;
  }
  for (; guest < end; guest += n, host += n, p += q->l2_entry_size) {
    n = img_min (end - guest, q->cluster_size - (guest & (q->cluster_size - 1)));
    link_part (q, p, guest, n, host);
  }
  qcow2_cache_dirty (q->l2_cache, t);
  qcow2_cache_put (q->l2_cache, t);
  return 0;
}

static void
abandon (struct qcow2 *q, const struct img_place *place)
{
  if (place->flags & IMG_PLACE_ENCODED)
    qcow2_pack_abandon (q, place);
  else
    qcow2_unalloc (q, place->host_offset >> q->cluster_bits, place->cookie[0]);
}

int
qcow2_commit (struct img_node *node, const struct img_place *place, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  if (!(place->flags & IMG_PLACE_FRESH))
    return 0;
  pthread_rwlock_wrlock (&q->lock);
  int r = commit (q, place, err);
  if (r < 0)
    abandon (q, place);
  pthread_rwlock_unlock (&q->lock);
  return r;
}

void
qcow2_abandon (struct img_node *node, const struct img_place *place)
{
  struct qcow2 *q = img_node_priv (node);
  pthread_rwlock_wrlock (&q->lock);
  abandon (q, place);
  pthread_rwlock_unlock (&q->lock);
}
