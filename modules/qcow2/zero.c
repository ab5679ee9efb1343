/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zero.c - zeroes and discards: changes of table entries only.
 *
 * A cluster that is made zero keeps its host cluster, unless the caller does not want it; one
 * that is discarded never does.  What an entry becomes is a pure function of what it is
 * (cleared()), so that a range in which nothing changes changes nothing: no L2 table is made or
 * copied for it.  A raw data file must hold what the image says, so there the zeroes go to the
 * file.  Refuses, with ENOTSUP: zero clusters in v2 images that have a backing file (the format
 * has none).
 */
#include <inttypes.h>

#include "write.h"

enum mode { ZERO, ZERO_UNMAP, ZERO_PIN, DISCARD };

struct change {
  enum mode mode;
  uint64_t offset, end; /* guest, multiples of the subcluster size */
};

struct cell {
  uint64_t entry, bitmap;
};

/* An entry that is absent shows what it may not. */
static bool
backed (const struct qcow2 *q, enum mode mode)
{
  return mode == ZERO_PIN || qcow2_backed (q);
}

static struct cell
cell_get (const struct qcow2 *q, const uint8_t *p)
{
  return (struct cell) { be64_get (p), q->extended ? be64_get (p + 8) : 0 };
}

/* Without extended entries.  ENTRY has no meaning any more. */
static uint64_t
cleared_entry (const struct qcow2 *q, uint64_t entry, enum mode mode)
{
  enum qcow2_kind kind = qcow2_entry_kind (q, entry);
  if (!backed (q, mode) && (kind == QCOW2_UNALLOCATED || mode == DISCARD || q->h.version < 3))
    return 0;
  if (kind == QCOW2_ZERO_PLAIN)
    return entry;
  if (mode == ZERO && qcow2_entry_owned (q, entry))
    return entry | QCOW2_ZERO;
  return QCOW2_ZERO;
}

/* The same for the subclusters in MASK of a cluster with extended entries. */
static struct cell
cleared_subs (const struct qcow2 *q, struct cell c, uint64_t mask, enum mode mode)
{
  bool nothing = !backed (q, mode)
                 && (mode == DISCARD || (c.bitmap & mask) == 0);
  if (qcow2_entry_kind (q, c.entry) == QCOW2_PACKED)
    c = (struct cell) { 0, 0 }; /* all of it goes: the caller saw to that */
  if (mask == QCOW2_ALL_ALLOCATED && (mode != ZERO || !qcow2_entry_owned (q, c.entry)))
    c.entry = 0;
  c.bitmap &= ~mask;
  if (!nothing)
    c.bitmap |= mask << 32;
  else if (mode == DISCARD && mask == QCOW2_ALL_ALLOCATED)
    c.bitmap = 0;
  return c;
}

/* What becomes of C, the cluster at GUEST. */
static struct cell
cleared (const struct qcow2 *q, const struct change *ch, uint64_t guest, struct cell c)
{
  uint64_t from = img_max (ch->offset, guest) - guest;
  uint64_t to = img_min (ch->end, guest + q->cluster_size) - guest;
  uint64_t mask = ((1ull << ((to - from) >> q->sub_bits)) - 1) << (from >> q->sub_bits);
  if (q->raw_data) { /* the data file has the zeroes */
    c.entry = guest | QCOW2_COPIED;
    c.bitmap = (c.bitmap | mask) & ~(mask << 32);
  } else if (q->extended) {
    c = cleared_subs (q, c, mask, ch->mode);
  } else {
    c.entry = cleared_entry (q, c.entry, ch->mode);
  }
  return c;
}

static bool
same (const struct qcow2 *q, struct cell a, struct cell b)
{
  return a.entry == b.entry && (!q->extended || a.bitmap == b.bitmap);
}

/* The first cluster at or behind GUEST, before END, that would change; END when there is none.
 * Looks at one slice. */
static int
find_change (struct qcow2 *q, const struct change *ch, uint64_t *guest, uint64_t end,
             struct img_error *err)
{
  struct qcow2_table *t;
  struct cell none = { 0, 0 };
  if (qcow2_l2_get (q, *guest, end - *guest, &t, err) < 0)
    return -1;
  for (; *guest < end; *guest += q->cluster_size) {
    struct cell c = t ? cell_get (q, qcow2_entry_at (q, t, qcow2_slice_index (q, *guest))) : none;
    if (!same (q, c, cleared (q, ch, *guest, c)))
      break;
  }
  if (t)
    qcow2_cache_put (q->l2_cache, t);
  return 0;
}

/* A compressed cluster of which only a part goes is written out plainly first. */
static int
unpack_part (struct qcow2 *q, const struct change *ch, struct qcow2_table *t, uint64_t guest,
             struct img_error *err)
{
  uint32_t i = qcow2_slice_index (q, guest);
  uint64_t entry = be64_get (qcow2_entry_at (q, t, i));
  bool whole = ch->offset <= guest && ch->end >= guest + q->cluster_size;
  if (!q->extended || whole || qcow2_entry_kind (q, entry) != QCOW2_PACKED)
    return 0;
  return qcow2_sub_own (q, t, i, guest, err);
}

/* Clusters [GUEST, END) of one slice. */
static int
change_slice (struct qcow2 *q, const struct change *ch, uint64_t guest, uint64_t end,
              struct img_error *err)
{
  struct qcow2_table *t;
  int r = 0;
  if (qcow2_l2_change (q, guest, &t, err) < 0)
    return -1;
  for (; guest < end && r == 0; guest += q->cluster_size) {
    uint8_t *p = qcow2_entry_at (q, t, qcow2_slice_index (q, guest));
    r = unpack_part (q, ch, t, guest, err);
    if (r < 0)
      break;
    struct cell old = cell_get (q, p), new = cleared (q, ch, guest, old);
    if ((old.entry & QCOW2_COMPRESSED)
        || (old.entry & QCOW2_OFFSET_MASK) != (new.entry & QCOW2_OFFSET_MASK))
      qcow2_entry_release (q, old.entry);
    qcow2_entry_put (q, p, new.entry, new.bitmap);
  }
  qcow2_cache_dirty (q->l2_cache, t);
  qcow2_cache_put (q->l2_cache, t);
  return r;
}

/* Nothing has ever been allocated under this L1 entry, and what is absent reads as zero. */
static bool
absent (const struct qcow2 *q, enum mode mode, uint64_t guest)
{
  uint64_t index = qcow2_l1_index (q, guest);
  return !backed (q, mode) && !q->raw_data && index < q->l1_size
         && (q->l1[index] & QCOW2_OFFSET_MASK) == 0;
}

static int
change_range (struct qcow2 *q, const struct change *ch, struct img_error *err)
{
  uint64_t slice = 1ull << (q->slice_bits + q->cluster_bits), guest, end;
  uint64_t table = 1ull << (q->l2_bits + q->cluster_bits);
  for (guest = ch->offset & ~(q->cluster_size - 1); guest < ch->end; guest = end) {
    if (absent (q, ch->mode, guest)) {
      end = (guest & ~(table - 1)) + table;
      continue;
    }
    end = img_min ((guest & ~(slice - 1)) + slice, ch->end);
    if (find_change (q, ch, &guest, end, err) < 0)
      return -1;
    if (guest >= end)
      continue;
    if (qcow2_begin (q, err) < 0 || qcow2_relieve (q, err) < 0
        || change_slice (q, ch, guest, end, err) < 0)
      return -1;
  }
  return 0;
}

/* A data file gives its space back itself. */
static int
clear_data (struct qcow2 *q, const struct change *ch, unsigned flags, struct img_error *err)
{
  uint64_t size = img_min (img_size (q->data), q->h.size);
  uint64_t length = img_min (ch->end, size) - img_min (ch->offset, size);
  if (q->data == q->file || length == 0)
    return 0;
  if (q->raw_data && ch->mode != DISCARD)
    return img_zero (q->data, ch->offset, length, flags, err);
  if (ch->mode != ZERO && (q->flags & IMG_OPEN_UNMAP))
    return img_discard (q->data, ch->offset, length, 0, err);
  return 0;
}

static int
clear (struct qcow2 *q, struct change ch, unsigned flags, struct img_error *err)
{
  if (q->raw_data && q->crypt) { /* zeroes in the file are none in the image */
    return ch.mode == DISCARD ? 0
                              : img_error_set (err, ENOTSUP, _("zeroes must be written to an"
                                                               " encrypted data file"));
  }
  if (q->h.version < 3 && backed (q, ch.mode))
    return img_error_set (err, ENOTSUP, _("version 2 images have no zero clusters"));
  if (ch.end >= q->h.size) /* what is there of the last cluster is all of it */
    ch.end = img_div_up (ch.end, q->cluster_size) << q->cluster_bits;
  if (q->raw_data && clear_data (q, &ch, flags, err) < 0)
    return -1;
  if (q->raw_data && ch.mode == DISCARD)
    return 0;
  pthread_rwlock_wrlock (&q->lock);
  int r = change_range (q, &ch, err);
  pthread_rwlock_unlock (&q->lock);
  return r < 0 || q->raw_data ? r : clear_data (q, &ch, flags, err);
}

int
qcow2_hide (struct qcow2 *q, uint64_t offset, uint64_t end, struct img_error *err)
{
  return change_range (q, &(struct change) { ZERO_PIN, offset, end }, err);
}

int
qcow2_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
            struct img_error *err)
{
  struct change ch = { ZERO, offset, offset + length };
  if (flags & IMG_IO_PIN)
    ch.mode = ZERO_PIN;
  else if (flags & IMG_IO_UNMAP)
    ch.mode = ZERO_UNMAP;
  return clear (img_node_priv (node), ch, flags, err);
}

int
qcow2_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  struct change ch = { DISCARD, offset, offset + length };
  return clear (img_node_priv (node), ch, 0, err);
}
