/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check-count.c - counters of references, one a host cluster.
 *
 * Owns: memory that follows what is counted.  Clusters come in chunks; a chunk has no memory until
 * something in it is counted, begins with 2 bits a cluster, and doubles their width when a count
 * asks for it.  Refuses: to let a small image that points into a huge sparse file take more than
 * some memory for each reference that it really has.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum {
  FREE_MEMORY = 64 << 20, /* for everybody */
  PER_REFERENCE = 4,      /* bytes more for each one */
  MAX_CHUNKS = 4 << 20
};

#define ALL_ONE UINT64_C (0x5555555555555555) /* 32 counters of 2 bits */

int
qcow2_count_init (struct qcow2_checker *c, struct img_error *err)
{
  /* A compressed cluster may pass the end of the file by less than a cluster. */
  c->n_chunks = (c->n_clusters + 1) / QCOW2_CHUNK + 1;
  c->allowance = FREE_MEMORY;
  if (c->n_chunks > MAX_CHUNKS)
    return img_error_set (err, EFBIG, _("the file has too many clusters to be checked (%" PRIu64
                                        ")"), c->n_clusters);
  c->chunks = calloc (c->n_chunks, sizeof *c->chunks);
  return c->chunks ? 0 : img_error_set (err, ENOMEM, _("out of memory"));
}

void
qcow2_count_release (struct qcow2_checker *c)
{
  for (uint64_t i = 0; c->chunks && i < c->n_chunks; i++) {
    free (c->chunks[i].counts);
    free (c->chunks[i].ones);
  }
  free (c->chunks);
  c->chunks = NULL;
}

static uint64_t *
take (struct qcow2_checker *c, uint64_t bytes, struct img_error *err)
{
  uint64_t *p = NULL;
  c->memory += bytes;
  if (c->memory <= c->allowance)
    p = calloc (1, bytes);
  if (p == NULL)
    img_error_set (err, ENOMEM, _("the image refers to clusters too far apart to be checked (%"
                                  PRIu64 " MiB of counters)"), c->memory >> 20);
  return p;
}

static inline uint64_t
get (const struct qcow2_chunk *chunk, uint32_t i)
{
  unsigned per = 64 / chunk->bits;
  uint64_t word = chunk->counts[i / per] >> i % per * chunk->bits;
  return chunk->bits == 64 ? word : word & ((UINT64_C (1) << chunk->bits) - 1);
}

static inline void
put (struct qcow2_chunk *chunk, uint32_t i, uint64_t x)
{
  unsigned per = 64 / chunk->bits, shift = i % per * chunk->bits;
  uint64_t mask = chunk->bits == 64 ? UINT64_MAX : (UINT64_C (1) << chunk->bits) - 1;
  uint64_t *word = &chunk->counts[i / per];
  *word = (*word & ~(mask << shift)) | x << shift;
}

/* Makes the counters wide enough for X. */
static int
widen (struct qcow2_checker *c, struct qcow2_chunk *chunk, uint64_t x, struct img_error *err)
{
  struct qcow2_chunk wide = { .ones = chunk->ones, .bits = chunk->bits };
  while (wide.bits < 64 && x >> wide.bits)
    wide.bits *= 2;
  wide.counts = take (c, (uint64_t) QCOW2_CHUNK / 8 * wide.bits, err);
  if (wide.counts == NULL)
    return -1;
  for (uint32_t i = 0; i < QCOW2_CHUNK; i++)
    put (&wide, i, get (chunk, i));
  c->memory -= (uint64_t) QCOW2_CHUNK / 8 * chunk->bits;
  free (chunk->counts);
  *chunk = wide;
  return 0;
}

/* Counters [I, END) of one chunk. */
static int
add_to_chunk (struct qcow2_checker *c, struct qcow2_chunk *chunk, uint32_t i, uint32_t end,
              uint64_t times, struct img_error *err)
{
  if (chunk->counts == NULL) {
    chunk->bits = 2;
    chunk->counts = take (c, QCOW2_CHUNK / 4, err);
    if (chunk->counts == NULL)
      return -1;
  }
  while (i < end) {
    if (times == 1 && chunk->bits == 2 && i % 32 == 0 && end - i >= 32
        && chunk->counts[i / 32] == 0) {
      chunk->counts[i / 32] = ALL_ONE;
      i += 32;
      continue;
    }
    uint64_t x = get (chunk, i) + times;
    if (chunk->bits < 64 && x >> chunk->bits && widen (c, chunk, x, err) < 0)
      return -1;
    put (chunk, i++, x);
  }
  return 0;
}

int
qcow2_count_add (struct qcow2_checker *c, uint64_t first, uint64_t n, uint64_t times,
                 struct img_error *err)
{
  c->allowance += n * PER_REFERENCE;
  while (n > 0) {
    uint32_t i = first & (QCOW2_CHUNK - 1);
    uint32_t part = (uint32_t) img_min (n, QCOW2_CHUNK - i);
    struct qcow2_chunk *chunk = &c->chunks[first >> QCOW2_CHUNK_BITS];
    if (add_to_chunk (c, chunk, i, i + part, times, err) < 0)
      return -1;
    first += part;
    n -= part;
  }
  return 0;
}

/* Only those matter that new space could come to lie under. */
void
qcow2_count_past (struct qcow2_checker *c, uint64_t first, uint64_t n)
{
  struct qcow2_past *last = c->n_past ? &c->past[c->n_past - 1] : NULL;
  if (first >= c->n_clusters + QCOW2_MAX_NEW
      || (last && first >= last->first && first + n <= last->first + last->n))
    return;
  if (c->past == NULL)
    c->past = malloc (QCOW2_MAX_PAST * sizeof *c->past);
  if (c->past == NULL)
    c->n_past = QCOW2_MAX_PAST; /* as if there were too many */
  if (c->n_past < QCOW2_MAX_PAST)
    c->past[c->n_past++] = (struct qcow2_past) { first, n };
}

uint64_t
qcow2_count_get (const struct qcow2_checker *c, uint64_t cluster)
{
  const struct qcow2_chunk *chunk = &c->chunks[cluster >> QCOW2_CHUNK_BITS];
  return chunk->counts ? get (chunk, cluster & (QCOW2_CHUNK - 1)) : 0;
}

bool
qcow2_count_any (const struct qcow2_checker *c, uint64_t first, uint64_t n)
{
  const struct qcow2_chunk *chunk = &c->chunks[first >> QCOW2_CHUNK_BITS];
  if (first >> QCOW2_CHUNK_BITS >= c->n_chunks || chunk->counts == NULL)
    return false;
  uint64_t i = (first & (QCOW2_CHUNK - 1)) * chunk->bits / 64, end = i + n * chunk->bits / 64;
  while (i < end && chunk->counts[i] == 0)
    i++;
  return i < end;
}

bool
qcow2_check_past (const struct qcow2_checker *c, uint64_t offset, uint64_t length)
{
  uint64_t end;
  if (length == 0)
    return false;
  return !img_add (offset, length, &end)
         || (end > c->file_size && end - c->file_size >= c->q->cluster_size);
}

int
qcow2_count_region (struct qcow2_checker *c, uint64_t offset, uint64_t length, uint64_t times,
                    struct img_error *err)
{
  unsigned bits = c->q->cluster_bits;
  if (length == 0)
    return 0;
  if (qcow2_check_past (c, offset, length)) {
    qcow2_check_error (c, _("ERROR: counting reference for region exceeding the end of the file by"
                            " one cluster or more: offset 0x%" PRIx64 " size 0x%" PRIx64),
                       offset, length);
    qcow2_count_past (c, offset >> bits, (length >> bits) + 2);
    return 0;
  }
  uint64_t first = offset >> bits, last = (offset + length - 1) >> bits;
  c->end = img_max (c->end, last + 1);
  return qcow2_count_add (c, first, last - first + 1, times, err);
}

bool
qcow2_check_lost (const struct qcow2_checker *c, uint64_t offset, uint64_t length)
{
  uint64_t end;
  return length > 0 && (!img_add (offset, length, &end)
                        || img_div_up (end, c->q->cluster_size) > c->n_clusters);
}

int
qcow2_count_table (struct qcow2_checker *c, uint64_t offset, uint64_t length, uint64_t times,
                   struct img_error *err)
{
  unsigned bits = c->q->cluster_bits;
  bool lost = qcow2_check_lost (c, offset, length);
  c->incomplete |= lost;
  if (!lost || qcow2_check_past (c, offset, length))
    return qcow2_count_region (c, offset, length, times, err);
  qcow2_check_error (c, _("ERROR: table at 0x%" PRIx64 " (%" PRIu64
                          " bytes) lies past the end of the file"), offset, length);
  qcow2_count_past (c, offset >> bits, (length >> bits) + 2);
  return 0;
}

/* ---- stored refcounts of one ---- */

int
qcow2_ones_set (struct qcow2_checker *c, uint64_t first, uint64_t bits, struct img_error *err)
{
  struct qcow2_chunk *chunk = &c->chunks[first >> QCOW2_CHUNK_BITS];
  if (bits == 0)
    return 0;
  c->allowance += (uint64_t) __builtin_popcountll (bits) * PER_REFERENCE;
  if (chunk->ones == NULL)
    chunk->ones = take (c, QCOW2_CHUNK / 8, err);
  if (chunk->ones == NULL)
    return -1;
  chunk->ones[(first & (QCOW2_CHUNK - 1)) / 64] = bits;
  return 0;
}

bool
qcow2_is_one (const struct qcow2_checker *c, uint64_t cluster)
{
  uint64_t chunk = cluster >> QCOW2_CHUNK_BITS;
  uint32_t i = cluster & (QCOW2_CHUNK - 1);
  return c->chunks[chunk].ones && (c->chunks[chunk].ones[i / 64] >> i % 64 & 1);
}

bool
qcow2_ones_are (const struct qcow2_checker *c, uint64_t first, uint64_t n, bool want)
{
  if (!img_within (first, n, c->n_clusters))
    return false;
  while (n > 0) {
    uint64_t chunk = first >> QCOW2_CHUNK_BITS;
    const uint64_t *ones = c->chunks[chunk].ones;
    uint32_t i = first & (QCOW2_CHUNK - 1), part = (uint32_t) img_min (n, 64 - i % 64);
    uint64_t word = ones ? ones[i / 64] : 0;
    uint64_t mask = part == 64 ? UINT64_MAX : ((UINT64_C (1) << part) - 1) << i % 64;
    if ((word & mask) != (want ? mask : 0))
      return false;
    first += part;
    n -= part;
  }
  return true;
}
