/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* amend-up.c - version 2 becomes version 3: the header, and the snapshot table, whose entries of
 * version 3 say how large the disk was (spec section "Snapshots").
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "amend.h"

enum { ENTRY = 40, EXTRA = 16 };

/* Copies the entry at P to *TO with at least 16 bytes of extra data; *TO moves behind it.  Returns
 * how long the old one is. */
static uint64_t
convert (const struct qcow2 *q, const uint8_t *p, const struct qcow2_snapshot *s, uint8_t **to)
{
  uint64_t names = (uint64_t) be16_get (p + 12) + be16_get (p + 14);
  uint64_t old = (ENTRY + s->extra_size + names + 7) & ~7ull;
  uint32_t extra = s->extra_size < EXTRA ? EXTRA : s->extra_size;
  uint8_t *out = *to;
  memcpy (out, p, ENTRY);
  be32_put (out + 36, extra);
  memcpy (out + ENTRY, p + ENTRY, s->extra_size);
  if (s->extra_size < 8)
    be64_put (out + ENTRY, s->vm_state_size);
  if (s->extra_size < EXTRA)
    be64_put (out + ENTRY + 8, q->h.size); /* version 2 disks keep their size */
  memcpy (out + ENTRY + extra, p + ENTRY + s->extra_size, names);
  *to += (ENTRY + extra + names + 7) & ~7ull;
  return old;
}

/* The new table of all N entries in BYTES of TABLE, at a new place. */
static int
move_table (struct qcow2 *q, const struct qcow2_snapshots *all, struct qcow2_header *h,
            struct img_error *err)
{
  uint64_t most = all->bytes + (uint64_t) all->n * (EXTRA + 8), cluster;
  IMG_CLEANUP (free) uint8_t *old = malloc (all->bytes + 8);
  IMG_CLEANUP (free) uint8_t *new = calloc (1, most);
  if (old == NULL || new == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (img_pread (q->file, old, all->bytes, q->h.snapshots_offset, 0, err) < 0)
    return img_error_prefix (err, _("snapshot table at 0x%" PRIx64), q->h.snapshots_offset);
  uint8_t *to = new, *p = old;
  for (uint32_t i = 0; i < all->n; i++)
    p += convert (q, p, &all->v[i], &to);
  uint64_t bytes = (uint64_t) (to - new), n = img_div_up (bytes, q->cluster_size);
  if (qcow2_alloc_whole (q, n, &cluster, err) < 0)
    return -1;
  if (img_pwrite (q->file, new, bytes, cluster << q->cluster_bits, 0, err) < 0) {
    qcow2_unalloc (q, cluster, n);
    return -1;
  }
  h->snapshots_offset = cluster << q->cluster_bits;
  return 0;
}

struct qcow2_header
qcow2_upgrade_header (const struct qcow2 *q)
{
  struct qcow2_header h = q->h;
  h.version = 3;
  h.header_length = QCOW2_OUR_HEADER;
  h.refcount_order = 4;
  h.incompat = h.compat = h.autoclear = 0;
  return h;
}

int
qcow2_upgrade (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_header h = qcow2_upgrade_header (q);
  struct qcow2_snapshots all;
  uint64_t old = q->h.snapshots_offset, bytes;
  int r = qcow2_begin (q, err);
  if (r < 0)
    return -1;
  r = qcow2_snapshots_read (q, &all, err);
  bytes = all.bytes;
  if (r == 0 && all.n > 0)
    r = move_table (q, &all, &h, err);
  qcow2_snapshots_free (&all);
  if (r < 0)
    return -1;
  if (qcow2_header_switch (q, &h, err) < 0)
    return -1;
  if (h.snapshots_offset == old)
    return 0;
  qcow2_free_later (q, old >> q->cluster_bits, img_div_up (bytes, q->cluster_size));
  return qcow2_write_out (q, err);
}
