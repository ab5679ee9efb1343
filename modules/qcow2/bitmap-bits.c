/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bitmap-bits.c - the contents of one bitmap (spec sections "Bitmap table", "Bitmap data").
 *
 * Owns: the table in memory, and those of its clusters ("chunks") that are being changed; one more
 * chunk is kept for reading.  Bit number i stands for the guest bytes from i << granularity on,
 * lowest bit of the first byte first.  Refuses: tables of another size than the disk asks for,
 * entries with reserved bits or outside the file.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"

enum { ALL_ONES = 1 };

bool
qcow2_bits_entries (const struct qcow2 *q, uint64_t size, uint32_t granularity_bits, uint32_t *n)
{
  uint64_t bits = img_div_up (size, 1ull << granularity_bits), bytes = img_div_up (bits, 8);
  *n = 0;
  if (bytes > QCOW2_BITMAP_MAX_BYTES)
    return false;
  *n = (uint32_t) img_div_up (bytes, q->cluster_size);
  return true;
}

/* log2 of the guest bytes that a chunk stands for. */
static unsigned
chunk_bits (const struct qcow2_bits *bits)
{
  return bits->q->cluster_bits + 3 + bits->granularity_bits;
}

void
qcow2_bits_free (struct qcow2_bits *bits)
{
  if (bits == NULL)
    return;
  for (uint32_t i = 0; bits->chunk && i < bits->n; i++)
    free (bits->chunk[i]);
  free (bits->chunk);
  free (bits->changed);
  free (bits->table);
  free (bits->scratch);
  free (bits);
}

struct qcow2_bits *
qcow2_bits_new (struct qcow2 *q, uint64_t size, uint32_t granularity_bits, struct img_error *err)
{
  struct qcow2_bits *bits = calloc (1, sizeof *bits);
  if (bits) {
    bits->q = q;
    bits->size = size;
    bits->granularity_bits = granularity_bits;
    bits->scratch_of = UINT32_MAX;
    if (!qcow2_bits_entries (q, size, granularity_bits, &bits->n)) {
      free (bits);
      img_error_set (err, EFBIG, _("Too much space will be occupied by the bitmap. Use larger"
                                   " granularity"));
      return NULL;
    }
    bits->table = calloc (bits->n + 1, sizeof *bits->table);
    bits->chunk = calloc (bits->n + 1, sizeof *bits->chunk);
    bits->changed = calloc (bits->n + 1, sizeof *bits->changed);
    if (bits->table && bits->chunk && bits->changed)
      return bits;
  }
  qcow2_bits_free (bits);
  img_error_set (err, ENOMEM, _("out of memory"));
  return NULL;
}

static int
read_table (struct qcow2_bits *bits, const struct qcow2_bitmap *b, struct img_error *err)
{
  struct qcow2 *q = bits->q;
  if (b->table_size != bits->n)
    return img_error_set (err, EINVAL, _("bitmap '%s' has a table of %" PRIu32 " entries, but the"
                                         " disk needs %" PRIu32),
                          b->name, b->table_size, bits->n);
  if (bits->n == 0)
    return 0;
  if (img_pread (q->file, bits->table, (uint64_t) bits->n * 8, b->table_offset, 0, err) < 0)
    return img_error_prefix (err, _("table of bitmap '%s'"), b->name);
  for (uint32_t i = 0; i < bits->n; i++) {
    uint64_t entry = be64_get (&bits->table[i]), offset = entry & QCOW2_OFFSET_MASK;
    if ((entry != offset && entry != ALL_ONES) || (offset & (q->cluster_size - 1))
        || (offset && !img_within (offset, q->cluster_size, img_size (q->file))))
      return img_error_set (err, EINVAL, _("bitmap '%s': table entry 0x%" PRIx64
                                           " at 0x%" PRIx64 " is corrupted"),
                            b->name, entry, b->table_offset + (uint64_t) i * 8);
    bits->table[i] = entry;
  }
  return 0;
}

struct qcow2_bits *
qcow2_bits_open (struct qcow2 *q, const struct qcow2_bitmap *b, struct img_error *err)
{
  struct qcow2_bits *bits = qcow2_bits_new (q, q->h.size, b->granularity_bits, err);
  if (bits && !b->blank && read_table (bits, b, err) < 0) {
    qcow2_bits_free (bits);
    return NULL;
  }
  return bits;
}

/* ---- chunks ---- */

/* What chunk I holds by the table, into BUF. */
static int
load (struct qcow2_bits *bits, uint32_t i, uint8_t *buf, struct img_error *err)
{
  uint64_t entry = bits->table[i];
  if (entry <= ALL_ONES) {
    memset (buf, entry ? 0xff : 0, bits->q->cluster_size);
    return 0;
  }
  if (img_pread (bits->q->file, buf, bits->q->cluster_size, entry, 0, err) < 0)
    return img_error_prefix (err, _("bitmap cluster at 0x%" PRIx64), entry);
  return 0;
}

/* Chunk I, to be looked at. */
static const uint8_t *
look (struct qcow2_bits *bits, uint32_t i, struct img_error *err)
{
  if (bits->chunk[i])
    return bits->chunk[i];
  if (bits->scratch == NULL)
    bits->scratch = malloc (bits->q->cluster_size);
  if (bits->scratch == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  if (bits->scratch_of == i)
    return bits->scratch;
  bits->scratch_of = UINT32_MAX;
  if (load (bits, i, bits->scratch, err) < 0)
    return NULL;
  bits->scratch_of = i;
  return bits->scratch;
}

uint8_t *
qcow2_bits_own (struct qcow2_bits *bits, uint32_t i, struct img_error *err)
{
  if (bits->chunk[i] == NULL) {
    uint8_t *buf = malloc (bits->q->cluster_size);
    if (buf == NULL) {
      img_error_set (err, ENOMEM, _("out of memory"));
      return NULL;
    }
    if (load (bits, i, buf, err) < 0) {
      free (buf);
      return NULL;
    }
    bits->chunk[i] = buf;
    bits->resident++;
    if (bits->scratch_of == i)
      bits->scratch_of = UINT32_MAX;
  }
  return bits->chunk[i];
}

static void
set_bits (uint8_t *p, uint64_t from, uint64_t end)
{
  uint64_t first = from >> 3, last = end >> 3; /* bytes */
  uint8_t head = (uint8_t) (0xff << (from & 7)), tail = (uint8_t) ((1u << (end & 7)) - 1);
  if (first == last) {
    p[first] |= head & tail;
    return;
  }
  p[first] |= head;
  memset (p + first + 1, 0xff, last - first - 1);
  if (tail)
    p[last] |= tail;
}

int
qcow2_bits_set (struct qcow2_bits *bits, uint64_t offset, uint64_t length, struct img_error *err)
{
  uint64_t end = img_min (offset + length, bits->size), n;
  unsigned shift = chunk_bits (bits), g = bits->granularity_bits;
  for (; offset < end; offset += n) {
    uint32_t i = (uint32_t) (offset >> shift);
    uint64_t into = offset & ((1ull << shift) - 1);
    n = img_min (end - offset, (1ull << shift) - into);
    if (bits->chunk[i] == NULL && bits->table[i] == ALL_ONES)
      continue;
    uint8_t *p = qcow2_bits_own (bits, i, err);
    if (p == NULL)
      return -1;
    set_bits (p, into >> g, ((into + n - 1) >> g) + 1);
    bits->changed[i] = true;
  }
  return 0;
}

/* ---- looking for bits ---- */

/* The first bit at AT or behind, before END, that is SET (or not); END when there is none. */
static uint64_t
find_bit (const uint8_t *p, uint64_t at, uint64_t end, bool set)
{
  uint8_t flip = set ? 0 : 0xff;
  while (at < end) {
    uint8_t byte = (uint8_t) ((p[at >> 3] ^ flip) >> (at & 7));
    if (byte)
      return img_min (at + (unsigned) __builtin_ctz (byte), end);
    at = (at | 7) + 1;
    for (uint64_t word; (at & 63) == 0 && at + 64 <= end; at += 64) {
      memcpy (&word, p + (at >> 3), sizeof word);
      if (word != (set ? 0 : UINT64_MAX))
        break;
    }
  }
  return end;
}

/* The same over all chunks, in bits of the whole bitmap. */
static int
find (struct qcow2_bits *bits, uint64_t *at, uint64_t end, bool set, struct img_error *err)
{
  unsigned shift = bits->q->cluster_bits + 3;
  while (*at < end) {
    uint32_t i = (uint32_t) (*at >> shift);
    uint64_t base = (uint64_t) i << shift, stop = img_min (end, base + (1ull << shift));
    if (bits->chunk[i] == NULL && bits->table[i] <= ALL_ONES) {
      if ((bits->table[i] == ALL_ONES) == set)
        return 0;
      *at = stop;
      continue;
    }
    const uint8_t *p = look (bits, i, err);
    if (p == NULL)
      return -1;
    *at = base + find_bit (p, *at - base, stop - base, set);
    if (*at < stop)
      return 0;
  }
  return 0;
}

int
qcow2_bits_next (struct qcow2_bits *bits, uint64_t from, uint64_t *start, uint64_t *length,
                 struct img_error *err)
{
  unsigned g = bits->granularity_bits;
  uint64_t all = img_div_up (bits->size, 1ull << g), first, last;
  if (from >= bits->size)
    return 0;
  first = from >> g;
  if (find (bits, &first, all, true, err) < 0)
    return -1;
  if (first >= all)
    return 0;
  last = first;
  if (find (bits, &last, all, false, err) < 0)
    return -1;
  *start = img_max (first << g, from);
  *length = img_min (last << g, bits->size) - *start;
  return 1;
}

/* ---- to disk ---- */

/* Every bit of chunk I stands for guest bytes, and is one. */
static bool
all_ones (const struct qcow2_bits *bits, uint32_t i)
{
  uint64_t n = 1ull << (bits->q->cluster_bits + 3);
  return ((uint64_t) i + 1) << chunk_bits (bits) <= bits->size
         && find_bit (bits->chunk[i], 0, n, false) == n;
}

static void
table_put (struct qcow2_bits *bits, uint32_t i, uint64_t entry)
{
  bits->table[i] = entry;
  qcow2_span_add (&bits->table_dirty, i);
}

static int
write_chunk (struct qcow2_bits *bits, uint32_t i, qcow2_runs *fresh, struct img_error *err)
{
  struct qcow2 *q = bits->q;
  struct qcow2_run run = { 0, 0 };
  if (bits->table[i] <= ALL_ONES && all_ones (bits, i)) {
    if (bits->table[i] != ALL_ONES)
      table_put (bits, i, ALL_ONES);
    return 0;
  }
  if (bits->table[i] > ALL_ONES)
    return qcow2_overlap_check (q, bits->table[i] >> q->cluster_bits, 1, false, err) < 0
               ? -1
               : img_pwrite (q->file, bits->chunk[i], q->cluster_size, bits->table[i], 0, err);
  if (fresh && img_vec_reserve (fresh, fresh->n + 1) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (qcow2_alloc (q, 1, &run.cluster, &run.n, err) < 0)
    return -1;
  if (fresh)
    fresh->v[fresh->n++] = run;
  if (img_pwrite (q->file, bits->chunk[i], q->cluster_size, run.cluster << q->cluster_bits, 0, err)
      < 0) {
    if (fresh == NULL)
      qcow2_unalloc (q, run.cluster, 1);
    return -1;
  }
  table_put (bits, i, run.cluster << q->cluster_bits);
  return 0;
}

int
qcow2_bits_write (struct qcow2_bits *bits, qcow2_runs *fresh, struct img_error *err)
{
  for (uint32_t i = 0; i < bits->n; i++) {
    if (!bits->changed[i])
      continue;
    if (write_chunk (bits, i, fresh, err) < 0)
      return -1;
    bits->changed[i] = false;
  }
  return 0;
}

int
qcow2_bits_write_table (struct qcow2_bits *bits, uint64_t offset, struct img_error *err)
{
  return qcow2_span_write (bits->q, &bits->table_dirty, bits->table, offset, NULL, err);
}

void
qcow2_bits_trim (struct qcow2_bits *bits)
{
  for (uint32_t i = 0; i < bits->n && bits->resident > 0; i++) {
    if (bits->chunk[i] == NULL || bits->changed[i])
      continue;
    free (bits->chunk[i]);
    bits->chunk[i] = NULL;
    bits->resident--;
  }
}
