/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check-refcount.c - stored refcounts: reading them, and holding them against what was counted
 * (spec section "Host cluster management").
 *
 * Owns: the walk over the refcount table and its blocks.  A missing block is refcounts of zero.  64
 * clusters at a time are looked at as words: nearly all of them have refcounts all 0 or all 1.
 * Clusters behind the end of the file are not looked at unless something refers to them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { GROUP = 64 };

/* What is done with the stored refcounts of N clusters from FIRST (a multiple of GROUP) on.  DATA
 * NULL: all are zero. */
typedef int visit_fn (struct qcow2_checker *c, const uint8_t *data, uint64_t first, uint64_t n,
                      struct img_error *err);

/* "Refcount block entry": number I. */
static inline uint64_t
refcount_at (const uint8_t *p, uint64_t i, unsigned order)
{
  switch (order) {
  case 0:
    return p[i / 8] >> i % 8 & 1;
  case 1:
    return p[i / 4] >> i % 4 * 2 & 3;
  case 2:
    return p[i / 2] >> i % 2 * 4 & 15;
  case 3:
    return p[i];
  case 4:
    return be16_get (p + 2 * i);
  case 5:
    return be32_get (p + 4 * i);
  default:
    return be64_get (p + 8 * i);
  }
}

/* Eight bytes of refcounts that are all 1. */
static uint64_t
ones_word (unsigned order)
{
  uint8_t bytes[8];
  static const uint8_t dense[] = { 0xff, 0x55, 0x11, 0x01 };
  for (unsigned i = 0; i < 8; i++)
    bytes[i] = order <= 3 ? dense[order] : (i + 1) % (1u << (order - 3)) == 0;
  uint64_t word;
  memcpy (&word, bytes, sizeof word);
  return word;
}

/* What the 64 refcounts at P (8 << ORDER bytes) are: all 0, all 1, or anything. */
enum alike { ALL_0, ALL_1, MIXED };

static inline enum alike
alike (const uint8_t *p, unsigned order, uint64_t one)
{
  uint64_t zero_bits = 0, one_bits = 0;
  for (unsigned i = 0; i < 1u << order; i++) {
    uint64_t word;
    memcpy (&word, p + (size_t) i * 8, sizeof word);
    zero_bits |= word;
    one_bits |= word ^ one;
  }
  return zero_bits == 0 ? ALL_0 : one_bits == 0 ? ALL_1 : MIXED;
}

/* ---- the walk ---- */

/* Blocks [FIRST, FIRST + N) of the table lie side by side: visits their clusters before LIMIT. */
static int
visit_run (struct qcow2_checker *c, uint64_t first, uint64_t n, uint64_t limit, visit_fn *visit,
           struct img_error *err)
{
  const struct qcow2 *q = c->q;
  uint64_t offset = c->reftable[first] & QCOW2_REFTABLE_OFFSET_MASK;
  uint64_t cluster = first << q->rb_bits, left = n << q->cluster_bits;
  while (left > 0 && cluster < limit) {
    uint64_t bytes = img_min (left, QCOW2_CHECK_BUF);
    uint64_t here = bytes * 8 >> q->h.refcount_order;
    if (qcow2_check_read (c, c->buf, bytes, offset, err) < 0) {
      qcow2_check_failed (c, err);
      memset (c->buf, 0, bytes);
    }
    if (visit (c, c->buf, cluster, img_min (here, limit - cluster), err) < 0)
      return -1;
    cluster += here;
    offset += bytes;
    left -= bytes;
  }
  return 0;
}

bool
qcow2_check_usable (const struct qcow2_checker *c, uint64_t entry)
{
  uint64_t offset = entry & QCOW2_REFTABLE_OFFSET_MASK;
  return offset != 0 && (offset & (c->q->cluster_size - 1)) == 0 && offset < c->file_size;
}

/* All clusters below LIMIT, in order. */
static int
visit_all (struct qcow2_checker *c, uint64_t limit, visit_fn *visit, struct img_error *err)
{
  const struct qcow2 *q = c->q;
  uint64_t blocks = img_min (c->n_reftable, img_div_up (limit, UINT64_C (1) << q->rb_bits));
  for (uint64_t i = 0, n; i < blocks; i += n) {
    uint64_t first = i << q->rb_bits;
    bool has = qcow2_check_usable (c, c->reftable[i]);
    for (n = 1; i + n < blocks && qcow2_check_usable (c, c->reftable[i + n]) == has; n++)
      if (has && c->reftable[i + n] != c->reftable[i] + (n << q->cluster_bits))
        break;
    uint64_t clusters = img_min (n << q->rb_bits, limit - first);
    uint64_t hole = has ? qcow2_check_hole (c, c->reftable[i]) : 0;
    if (has && hole < c->reftable[i] + (n << q->cluster_bits)) {
      if (visit_run (c, i, n, limit, visit, err) < 0)
        return -1;
    } else if (visit (c, NULL, first, clusters, err) < 0) {
      return -1;
    }
  }
  uint64_t covered = blocks << q->rb_bits;
  return covered < limit ? visit (c, NULL, covered, limit - covered, err) : 0;
}

/* ---- pass 1 ---- */

static int
note_ones (struct qcow2_checker *c, const uint8_t *data, uint64_t first, uint64_t n,
           struct img_error *err)
{
  unsigned order = c->q->h.refcount_order;
  uint64_t one = ones_word (order);
  for (uint64_t i = 0; data && i < n; i += GROUP) {
    const uint8_t *p = data + i / GROUP * (8u << order);
    enum alike kind = alike (p, order, one);
    uint64_t bits = kind == ALL_1 ? UINT64_MAX : 0;
    for (unsigned j = 0; kind == MIXED && j < GROUP; j++)
      bits |= (uint64_t) (refcount_at (p, j, order) == 1) << j;
    if (n - i < GROUP) /* never behind the counters' end */
      bits &= (UINT64_C (1) << (n - i)) - 1;
    if (qcow2_ones_set (c, first + i, bits, err) < 0)
      return -1;
  }
  return 0;
}

int
qcow2_check_load_refcounts (struct qcow2_checker *c, struct img_error *err)
{
  const struct qcow2_header *h = &c->q->h;
  uint64_t bytes = (uint64_t) h->reftable_clusters << h->cluster_bits;
  c->reftable = malloc (bytes + 8);
  if (c->reftable == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (bytes && qcow2_check_read (c, c->reftable, bytes, h->reftable_offset, err) < 0)
    return img_error_prefix (err, _("refcount table at 0x%" PRIx64), h->reftable_offset);
  c->n_reftable = (uint32_t) (bytes / 8);
  for (uint32_t i = 0; i < c->n_reftable; i++)
    c->reftable[i] = be64_get (&c->reftable[i]);
  return visit_all (c, c->n_clusters, note_ones, err);
}

/* ---- between the passes ---- */

/* An entry that is in order as far as its number goes, of a block that is there. */
static bool
counts (const struct qcow2_checker *c, uint64_t entry)
{
  return (entry & QCOW2_REFTABLE_OFFSET_MASK) == entry && qcow2_check_usable (c, entry)
         && entry >> c->q->cluster_bits < c->n_clusters;
}

static void
judge_block (struct qcow2_checker *c, uint32_t i)
{
  const struct qcow2 *q = c->q;
  uint64_t entry = c->reftable[i], cluster = entry >> q->cluster_bits, before;
  before = c->out->corruptions;
  if ((entry & QCOW2_REFTABLE_OFFSET_MASK) != entry)
    qcow2_check_error (c, _("ERROR refcount table entry %" PRIu32 " has reserved bits set"), i);
  else if (entry & (q->cluster_size - 1))
    qcow2_check_error (c, _("ERROR refcount block %" PRIu32 " is not cluster aligned; refcount"
                            " table entry corrupted"), i);
  else if (cluster >= c->n_clusters)
    qcow2_check_error (c, _("ERROR refcount block %" PRIu32 " is outside image"), i);
  else if (qcow2_count_get (c, cluster) != 1)
    qcow2_check_error (c, _("ERROR refcount block %" PRIu32 " refcount=%" PRIu64), i,
                       qcow2_count_get (c, cluster));
  if (cluster >= c->n_clusters)
    qcow2_count_past (c, cluster, 2);
  c->structure_wrong |= c->out->corruptions != before;
}

int
qcow2_check_reftable (struct qcow2_checker *c, struct img_error *err)
{
  const struct qcow2 *q = c->q;
  uint64_t n = q->h.reftable_clusters;
  if (qcow2_count_region (c, q->h.reftable_offset, n << q->cluster_bits, 1, err) < 0)
    return -1;
  c->structure_wrong |= qcow2_check_past (c, q->h.reftable_offset, n << q->cluster_bits);
  for (uint32_t i = 0; i < c->n_reftable; i++) {
    if (counts (c, c->reftable[i])
        && qcow2_count_region (c, c->reftable[i], q->cluster_size, 1, err) < 0)
      return -1;
    if (c->reftable[i])
      judge_block (c, i);
  }
  for (uint64_t i = 0; i < n && !c->structure_wrong; i++) /* the table shares its place */
    c->structure_wrong = qcow2_count_get (c, (q->h.reftable_offset >> q->cluster_bits) + i) > 1;
  return 0;
}

int
qcow2_check_uncount (struct qcow2_checker *c, struct img_error *err)
{
  const struct qcow2 *q = c->q;
  uint64_t end, bytes = (uint64_t) q->h.reftable_clusters << q->cluster_bits;
  if (bytes && img_add (q->h.reftable_offset, bytes, &end)
      && end >> q->cluster_bits <= c->n_clusters
      && qcow2_count_add (c, q->h.reftable_offset >> q->cluster_bits, q->h.reftable_clusters,
                          UINT64_MAX, err) < 0)
    return -1;
  for (uint32_t i = 0; i < c->n_reftable; i++)
    if (counts (c, c->reftable[i])
        && qcow2_count_add (c, c->reftable[i] >> q->cluster_bits, 1, UINT64_MAX, err) < 0)
      return -1;
  return 0;
}

/* ---- pass 3 ---- */

static void
compare_one (struct qcow2_checker *c, uint64_t cluster, uint64_t stored)
{
  uint64_t counted = qcow2_count_get (c, cluster);
  if (stored || counted)
    c->end = img_max (c->end, cluster + 1);
  c->low |= stored < counted;
  if (stored < counted)
    qcow2_check_error (c, _("ERROR cluster %" PRIu64 " refcount=%" PRIu64 " reference=%" PRIu64),
                       cluster, stored, counted);
  else if (stored > counted)
    qcow2_check_leak (c, _("Leaked cluster %" PRIu64 " refcount=%" PRIu64 " reference=%" PRIu64),
                      cluster, stored, counted);
}

/* What was counted for 64 clusters, without looking at each. */
static enum alike
counted_alike (const struct qcow2_chunk *chunk, uint32_t i)
{
  if (chunk->counts == NULL)
    return ALL_0;
  if (chunk->bits != 2)
    return MIXED;
  const uint64_t *w = chunk->counts + i / 32, one = UINT64_C (0x5555555555555555);
  return (w[0] | w[1]) == 0 ? ALL_0 : ((w[0] ^ one) | (w[1] ^ one)) == 0 ? ALL_1 : MIXED;
}

/* 64 clusters that need no look at each: nothing is wrong, or all are and are only counted. */
static bool
compare_group (struct qcow2_checker *c, uint64_t first, enum alike stored, enum alike counted)
{
  if (stored == MIXED || counted == MIXED || (stored != counted && !qcow2_check_silent (c)))
    return false;
  if (stored == ALL_1 || counted == ALL_1)
    c->end = img_max (c->end, first + GROUP);
  if (stored == ALL_1 && counted == ALL_0)
    c->out->leaks += GROUP;
  if (stored == ALL_0 && counted == ALL_1) {
    c->out->corruptions += GROUP;
    c->low = true;
  }
  return true;
}

static int
compare (struct qcow2_checker *c, const uint8_t *data, uint64_t first, uint64_t n,
         struct img_error *err)
{
  unsigned order = c->q->h.refcount_order;
  uint64_t one = ones_word (order);
  (void) err;
  for (uint64_t i = 0; i < n;) {
    const struct qcow2_chunk *chunk = &c->chunks[(first + i) >> QCOW2_CHUNK_BITS];
    uint32_t in_chunk = (first + i) & (QCOW2_CHUNK - 1);
    if (data == NULL && chunk->counts == NULL) {
      i += QCOW2_CHUNK - in_chunk;
      continue;
    }
    const uint8_t *p = data ? data + i / GROUP * (8u << order) : NULL;
    uint64_t here = img_min (GROUP, n - i);
    if (here == GROUP
        && compare_group (c, first + i, p ? alike (p, order, one) : ALL_0,
                          counted_alike (chunk, in_chunk))) {
      i += GROUP;
      continue;
    }
    for (uint64_t j = 0; j < here; j++)
      compare_one (c, first + i + j, p ? refcount_at (p, j, order) : 0);
    i += here;
  }
  return 0;
}

int
qcow2_check_compare (struct qcow2_checker *c, struct img_error *err)
{
  return visit_all (c, img_max (c->n_clusters, c->end), compare, err);
}

uint64_t
qcow2_check_stored (struct qcow2_checker *c, uint64_t cluster)
{
  const struct qcow2 *q = c->q;
  struct img_error err;
  uint64_t block = cluster >> q->rb_bits, i = cluster & ((UINT64_C (1) << q->rb_bits) - 1);
  uint8_t bytes[8];
  if (block >= c->n_reftable || !qcow2_check_usable (c, c->reftable[block]))
    return 0;
  unsigned order = q->h.refcount_order;
  uint64_t at = (i << order) / 8; /* of the byte that the refcount begins in */
  if (qcow2_check_read (c, bytes, sizeof bytes,
                        (c->reftable[block] & QCOW2_REFTABLE_OFFSET_MASK) + at, &err) < 0) {
    qcow2_check_failed (c, &err);
    return 0;
  }
  return refcount_at (bytes, order < 3 ? i % (8u >> order) : 0, order);
}
