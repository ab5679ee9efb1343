/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* map.c - guest offset -> host offset (spec sections "Cluster mapping", "Extended L2 Entries").
 *
 * Owns: the walk over L1 and L2 that `map` is, and the loading of the L2 slice for an offset.  It
 * looks at table entries only, merges adjoining alike clusters into one extent, and skips whole L2
 * tables that do not exist by L1.  An entry that cannot be right (unaligned, a zero cluster in a v2
 * image, a subcluster both allocated and zero) ends the answer before it, and is an error when the
 * answer would begin with it.  Refuses: to read data.
 *
 * Data clusters past the end of the file are reported as they stand; the core then says what is
 * missing.
 */
#include <inttypes.h>
#include <stdatomic.h>

#include "qcow2.h"

enum {
  MAX_SLICES = 256, /* that one call looks at: the lock is not held for ever */
  PREFETCH = 256 << 10
};

/* ---- L1, L2 slices ---- */

int
qcow2_l1_take (const struct qcow2 *q, uint64_t *l1, uint32_t size, struct img_error *err)
{
  uint64_t tables = 0, room = img_div_up (img_size (q->file), q->cluster_size);
  for (uint32_t i = 0; i < size; i++) {
    l1[i] = be64_get (&l1[i]);
    tables += (l1[i] & QCOW2_OFFSET_MASK) != 0;
  }
  if (tables > room && !(q->flags & IMG_OPEN_CHECK))
    return img_error_set (err, EINVAL, _("the L1 table names %" PRIu64 " L2 tables, but the file"
                                         " has only %" PRIu64 " clusters"), tables, room);
  return 0;
}

/* Bytes of tables behind GUEST's slice at OFFSET, adjoining in the file, that MORE guest bytes
 * behind GUEST will ask for. */
static uint64_t
adjoining (const struct qcow2 *q, uint64_t guest, uint64_t offset, uint64_t more)
{
  uint64_t l1_index = qcow2_l1_index (q, guest);
  uint64_t table = q->l1[l1_index] & QCOW2_OFFSET_MASK;
  uint64_t run = table + q->cluster_size - (offset + q->slice_size);
  uint64_t slice_guest = 1ull << (q->slice_bits + q->cluster_bits);
  uint64_t table_guest = 1ull << (q->l2_bits + q->cluster_bits);
  uint64_t here = slice_guest - (guest & (slice_guest - 1));
  more = more > here ? more - here : 0;
  uint64_t want = img_div_up (more, slice_guest) * q->slice_size;
  if (run >= want)
    return want;
  more -= run / q->slice_size * slice_guest; /* run < want */
  while (more > 0 && run < PREFETCH && ++l1_index < q->l1_size) {
    table += q->cluster_size;
    if ((q->l1[l1_index] & QCOW2_OFFSET_MASK) != table)
      break;
    run += q->cluster_size;
    more -= img_min (more, table_guest);
  }
  return run;
}

int
qcow2_l2_get (struct qcow2 *q, uint64_t guest, uint64_t more, struct qcow2_table **table,
              struct img_error *err)
{
  uint64_t index = qcow2_l1_index (q, guest);
  uint64_t offset = index < q->l1_size ? q->l1[index] & QCOW2_OFFSET_MASK : 0;
  *table = NULL;
  if (offset == 0)
    return 0;
  if (offset & (q->cluster_size - 1))
    return img_error_set (err, EINVAL, _("L2 table offset 0x%" PRIx64
                                         " unaligned (L1 index: 0x%" PRIx64 ")"), offset, index);
  offset += (uint64_t) (qcow2_l2_index (q, guest) >> q->slice_bits) * q->slice_size;
  *table = qcow2_cache_find (q->l2_cache, offset);
  if (*table)
    return 0;
  uint64_t last = atomic_exchange (&q->last_l1, index);
  if (last == index || last + 1 == index)
    more = UINT64_MAX;
  *table = qcow2_cache_get (q->l2_cache, offset, adjoining (q, guest, offset, more), err);
  return *table ? 0 : img_error_prefix (err, _("L2 table of L1 index 0x%" PRIx64), index);
}

/* ---- the answer ---- */

struct out {
  struct img_extent *ext;
  unsigned n, max;
  uint64_t pos, end; /* guest: [.., pos) is answered, end is the end of the question */
  uint64_t hole, hole_end; /* of the file, where L2 tables need not be read */
  uint32_t child;
  uint32_t data, kept; /* flags of extents with data, and of others that have a host cluster */
};

static inline bool
done (const struct out *out)
{
  return out->pos >= out->end;
}

/* Adds guest bytes [GUEST, GUEST + LENGTH), which begin at or before out->pos.  False: no room. */
static bool
emit (struct out *out, uint64_t guest, uint64_t length, uint32_t kind, uint32_t flags,
           uint64_t host)
{
  uint64_t skip = out->pos - guest;
  if (length <= skip || done (out))
    return true;
  length = img_min (length - skip, out->end - out->pos);
  bool has_host = kind == IMG_EXTENT_DATA || (flags & IMG_EXTENT_HOST);
  host = has_host ? host + skip : 0;
  if (out->n > 0) {
    struct img_extent *last = &out->ext[out->n - 1];
    if (last->kind == kind && last->flags == flags
        && (!has_host || last->host_offset + last->length == host)) {
      last->length += length;
      out->pos += length;
      return true;
    }
  }
  if (out->n == out->max)
    return false;
  out->ext[out->n++] = (struct img_extent) {
    .offset = out->pos, .length = length, .host_offset = host, .kind = kind,
    .child = has_host ? out->child : 0, .flags = flags,
  };
  out->pos += length;
  return true;
}

/* ---- entries ---- */

/* How many of the N entries at P (8 or 16 bytes each) continue the run of the first, ENTRY: alike,
 * and each one STEP bytes further in the file.  BITMAP: second half of extended entries. */
static uint32_t
run_length (const uint8_t *p, uint32_t n, uint32_t entry_size, uint64_t entry, uint64_t bitmap,
            uint64_t step)
{
  uint32_t i;
  if (entry_size == 8) {
    for (i = 1; i < n; i++)
      if ((be64_get (p + (size_t) i * 8) & ~QCOW2_COPIED) != (entry += step))
        break;
    return i;
  }
  for (i = 1; i < n; i++) {
    const uint8_t *e = p + (size_t) i * 16;
    if ((be64_get (e) & ~QCOW2_COPIED) != (entry += step) || be64_get (e + 8) != bitmap)
      break;
  }
  return i;
}

/* Compressed entries differ in everything but the bit. */
static uint32_t
packed_length (const uint8_t *p, uint32_t n, uint32_t entry_size)
{
  uint32_t i = 1;
  while (i < n && (p[(size_t) i * entry_size] & 0x40))
    i++;
  return i;
}

/* One cluster whose subclusters differ. */
static int
map_subclusters (const struct qcow2 *q, struct out *out, uint64_t guest, uint64_t host,
                 uint64_t bitmap, struct img_error *err)
{
  uint32_t alloc = (uint32_t) bitmap, zero = (uint32_t) (bitmap >> 32);
  uint64_t sub = 1ull << q->sub_bits;
  bool room = true;
  if ((alloc & zero) || (alloc && host == UINT64_MAX))
    return img_error_set (err, EINVAL, _("invalid subcluster bitmap 0x%016" PRIx64
                                         " at guest offset 0x%" PRIx64), bitmap, guest);
  for (unsigned i = 0, n; i < QCOW2_SUBCLUSTERS && room && !done (out); i += n) {
    unsigned kind = (alloc >> i & 1) | (zero >> i & 1) << 1;
    for (n = 1; i + n < QCOW2_SUBCLUSTERS; n++)
      if (((alloc >> (i + n) & 1) | (zero >> (i + n) & 1) << 1) != kind)
        break;
    uint64_t at = guest + i * sub, length = n * sub;
    if (kind == 1)
      room = emit (out, at, length, IMG_EXTENT_DATA, out->data, host + i * sub);
    else
      room = emit (out, at, length, kind ? IMG_EXTENT_ZERO : IMG_EXTENT_UNALLOC,
                   host != UINT64_MAX ? out->kept : 0, host + i * sub);
  }
  return room ? 0 : 1;
}

/* What reads wrongly if it is taken at its word. */
static int
judge_entry (const struct qcow2 *q, uint64_t guest, uint64_t entry, enum qcow2_kind kind,
             struct img_error *err)
{
  uint64_t host = entry & QCOW2_OFFSET_MASK;
  bool external = q->h.incompat & QCOW2_INCOMPAT_DATA_FILE;
  if (kind == QCOW2_PACKED)
    return !external ? 0 : img_error_set (err, EINVAL, _("compressed cluster at guest offset 0x%"
                                                         PRIx64 " although the image has a data"
                                                         " file"), guest);
  if ((entry & QCOW2_ZERO) && q->h.version < 3)
    return img_error_set (err, EINVAL, _("Zero cluster entry found in pre-v3 image (guest offset"
                                         " 0x%" PRIx64 ")"), guest);
  if (host & (q->cluster_size - 1))
    return img_error_set (err, EINVAL, _("Cluster allocation offset 0x%" PRIx64
                                         " unaligned (guest offset 0x%" PRIx64 ")"), host, guest);
  if (external && kind != QCOW2_UNALLOCATED && kind != QCOW2_ZERO_PLAIN && host != guest)
    return img_error_set (err, EINVAL, _("host offset 0x%" PRIx64 " in the data file is not the"
                                         " guest offset 0x%" PRIx64), host, guest);
  return 0;
}

/* The run of alike entries at index I of the slice.  GUEST: start of the cluster.  0: go on with
 * *COUNT entries behind; 1: no room; -1. */
static int
map_run (const struct qcow2 *q, struct out *out, const uint8_t *p, uint32_t n, uint64_t guest,
         uint32_t *count, struct img_error *err)
{
  uint64_t entry = be64_get (p), bitmap = q->extended ? be64_get (p + 8) : 0, step = 0;
  enum qcow2_kind kind = qcow2_entry_kind (q, entry);
  uint64_t host = entry & QCOW2_OFFSET_MASK;
  bool has_host = kind == QCOW2_NORMAL || kind == QCOW2_ZERO_ALLOC, room;
  *count = 1;
  if (judge_entry (q, guest, entry, kind, err) < 0)
    return -1;
  if (kind == QCOW2_PACKED) {
    *count = packed_length (p, n, q->l2_entry_size);
    return !emit (out, guest, *count * q->cluster_size, IMG_EXTENT_SPECIAL,
                       IMG_EXTENT_COMPRESSED, 0);
  }
  if (q->extended) {
    uint32_t alloc = (uint32_t) bitmap, zero = (uint32_t) (bitmap >> 32);
    bool whole = (alloc == UINT32_MAX && !zero && has_host) || (zero == UINT32_MAX && !alloc)
                 || !bitmap;
    if (!whole)
      return map_subclusters (q, out, guest, has_host ? host : UINT64_MAX, bitmap, err);
    if (zero)
      kind = has_host ? QCOW2_ZERO_ALLOC : QCOW2_ZERO_PLAIN;
    else if (!alloc)
      kind = QCOW2_UNALLOCATED;
  }
  if (has_host)
    step = q->cluster_size;
  *count = run_length (p, n, q->l2_entry_size, entry & ~QCOW2_COPIED, bitmap, step);
  uint64_t length = *count * q->cluster_size;
  if (kind == QCOW2_NORMAL)
    room = emit (out, guest, length, IMG_EXTENT_DATA, out->data, host);
  else
    room = emit (out, guest, length,
                 kind == QCOW2_UNALLOCATED ? IMG_EXTENT_UNALLOC : IMG_EXTENT_ZERO,
                 has_host ? out->kept : 0, host);
  return !room;
}

/* ---- the walk ---- */

/* From out->pos to the end of its slice.  As map_run. */
static int
map_slice (const struct qcow2 *q, struct out *out, const struct qcow2_table *table,
           struct img_error *err)
{
  uint32_t i = qcow2_slice_index (q, out->pos), n = 1u << q->slice_bits, count;
  uint64_t guest = out->pos & ~(q->cluster_size - 1);
  uint64_t last = (out->end - 1 - guest) >> q->cluster_bits;
  if (last < n - i)
    n = i + (uint32_t) last + 1;
  while (i < n && !done (out)) {
    int r = map_run (q, out, qcow2_entry_at (q, table, i), n - i, guest, &count, err);
    if (r != 0)
      return r;
    i += count;
    guest += count * q->cluster_size;
  }
  return 0;
}

/* True when L1 entry INDEX has no L2 table, or one that is in the hole. */
static bool
is_absent (const struct qcow2 *q, const struct out *out, uint64_t index)
{
  uint64_t offset = index < q->l1_size ? q->l1[index] & QCOW2_OFFSET_MASK : 0;
  return offset == 0 || (offset >= out->hole && offset + q->cluster_size <= out->hole_end);
}

/* From out->pos over all L1 entries that are absent, the first of which is. */
static bool
map_absent (const struct qcow2 *q, struct out *out)
{
  unsigned bits = q->cluster_bits + q->l2_bits;
  uint64_t index = out->pos >> bits, last = (out->end - 1) >> bits;
  while (++index <= last && is_absent (q, out, index))
    if (index >= q->l1_size)
      index = last;
  return emit (out, out->pos, img_min (index << bits, out->end) - out->pos, IMG_EXTENT_UNALLOC, 0,
               0);
}

/* When TABLE had nothing and the file has nothing there either, other tables may be in the same
 * hole: a small sparse file can name millions of them.  When writing, a table may be in the cache
 * alone. */
static void
look_for_hole (const struct qcow2 *q, struct out *out, const struct qcow2_table *table)
{
  const struct img_extent *last = out->n ? &out->ext[out->n - 1] : NULL;
  struct img_error err;
  struct img_extent ext;
  if (q->writer || last == NULL || last->kind != IMG_EXTENT_UNALLOC
      || last->length < 1ull << (q->slice_bits + q->cluster_bits))
    return;
  if (img_map (q->file, table->offset, img_size (q->file) - table->offset, &ext, 1, &err) < 1
      || ext.kind != IMG_EXTENT_ZERO)
    return;
  out->hole = ext.offset;
  out->hole_end = ext.offset + ext.length;
}

int
qcow2_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
           unsigned n, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct out out = {
    .ext = ext, .max = n, .pos = offset, .end = offset + length,
    .child = q->data_child,
    .data = q->crypt ? IMG_EXTENT_ENCRYPTED : 0,
    .kept = q->crypt ? 0 : IMG_EXTENT_HOST, /* nobody finds anything there */
  };
  int r = 0;
  pthread_rwlock_rdlock (&q->lock);
  for (unsigned left = MAX_SLICES; left > 0 && r == 0 && !done (&out); left--) {
    struct qcow2_table *table;
    if (is_absent (q, &out, qcow2_l1_index (q, out.pos))) {
      r = !map_absent (q, &out);
      continue;
    }
    r = qcow2_l2_get (q, out.pos, out.end - out.pos, &table, err);
    if (r == 0 && table) {
      r = map_slice (q, &out, table, err);
      if (r == 0)
        look_for_hole (q, &out, table);
      qcow2_cache_put (q->l2_cache, table);
    }
  }
  pthread_rwlock_unlock (&q->lock);
  if (r < 0 && out.n > 0)
    img_error_clear (err); /* what lies before the fault is an answer */
  return out.n > 0 ? (int) out.n : r;
}
