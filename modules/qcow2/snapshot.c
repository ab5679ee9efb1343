/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot.c - internal snapshots: the table of them, and showing one (spec section "Snapshots").
 *
 * Owns: reading the table, whose entries have variable length, in pieces and with a cap; and
 * putting a snapshot's L1 table in the place of the active one when the image is open read-only.
 * Refuses: to change anything; that is snapshot-change.c's.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2.h"

enum {
  ENTRY_BYTES = 40,
  WINDOW = 64 << 10,
  MAX_ENTRY = ENTRY_BYTES + QCOW2_MAX_SNAPSHOT_EXTRA + 2 * 65535 + 7
};

/* The table as it is read: a window that moves. */
struct reader {
  struct qcow2 *q;
  uint8_t *buf;
  uint64_t start, have, pos; /* file offset of buf, bytes in it, file offset of the next entry */
};

/* The N bytes at reader->pos, or NULL. */
static const uint8_t *
need (struct reader *reader, uint64_t n, struct img_error *err)
{
  uint64_t size = img_size (reader->q->file);
  if (!img_within (reader->pos, n, size)) {
    img_error_set (err, EINVAL, _("snapshot table entry at 0x%" PRIx64
                                  " lies past the end of the file"), reader->pos);
    return NULL;
  }
  if (reader->pos + n > reader->start + reader->have) {
    uint64_t want = img_min (n > WINDOW ? MAX_ENTRY : WINDOW, size - reader->pos);
    if (img_pread (reader->q->file, reader->buf, want, reader->pos, 0, err) < 0)
      return NULL;
    reader->start = reader->pos;
    reader->have = want;
  }
  return reader->buf + (reader->pos - reader->start);
}

/* One entry, and on to the next. */
static int
read_entry (struct reader *reader, struct qcow2_snapshot *s, struct img_error *err)
{
  const uint8_t *p = need (reader, ENTRY_BYTES, err);
  if (p == NULL)
    return -1;
  uint32_t id = be16_get (p + 12), name = be16_get (p + 14);
  s->extra_size = be32_get (p + 36);
  if (s->extra_size > QCOW2_MAX_SNAPSHOT_EXTRA)
    return img_error_set (err, EINVAL, _("snapshot table entry at 0x%" PRIx64 " has too much extra"
                                         " data (%" PRIu32 " bytes)"), reader->pos, s->extra_size);
  uint64_t length = ENTRY_BYTES + (uint64_t) s->extra_size + id + name;
  p = need (reader, length, err);
  if (p == NULL)
    return -1;
  s->l1_offset = be64_get (p);
  s->l1_size = be32_get (p + 8);
  s->date_sec = be32_get (p + 16);
  s->date_nsec = be32_get (p + 20);
  s->vm_clock_nsec = be64_get (p + 24);
  s->vm_state_size = s->extra_size >= 8 ? be64_get (p + 40) : be32_get (p + 32);
  s->disk_size = s->extra_size >= 16 ? be64_get (p + 48) : reader->q->h.size;
  s->has_icount = s->extra_size >= 24;
  s->icount = s->has_icount ? be64_get (p + 56) : UINT64_MAX;
  s->id = strndup ((const char *) p + ENTRY_BYTES + s->extra_size, id);
  s->name = strndup ((const char *) p + ENTRY_BYTES + s->extra_size + id, name);
  if (s->id == NULL || s->name == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  s->at = reader->pos;
  reader->pos += (length + 7) & ~7ull;
  return 0;
}

static int
read_entries (struct reader *reader, struct qcow2_snapshots *s, struct img_error *err)
{
  uint32_t n = reader->q->h.n_snapshots;
  uint64_t start = reader->pos;
  reader->buf = malloc (MAX_ENTRY);
  s->v = calloc (n, sizeof *s->v);
  if (reader->buf == NULL || s->v == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  while (s->n < n) {
    s->n++;
    if (read_entry (reader, &s->v[s->n - 1], err) < 0)
      return -1;
    s->bytes = reader->pos - start;
    if (s->bytes > QCOW2_MAX_SNAPSHOT_TABLE)
      return img_error_set (err, EFBIG, _("snapshot table at 0x%" PRIx64 " is larger than %d"
                                          " bytes"), start, QCOW2_MAX_SNAPSHOT_TABLE);
  }
  return 0;
}

int
qcow2_snapshots_read (struct qcow2 *q, struct qcow2_snapshots *s, struct img_error *err)
{
  struct reader reader = { .q = q, .pos = q->h.snapshots_offset };
  *s = (struct qcow2_snapshots) { .v = NULL };
  if (q->h.n_snapshots == 0)
    return 0;
  int r = read_entries (&reader, s, err);
  free (reader.buf);
  return r;
}

void
qcow2_snapshots_free (struct qcow2_snapshots *s)
{
  for (uint32_t i = 0; i < s->n; i++) {
    free (s->v[i].id);
    free (s->v[i].name);
  }
  free (s->v);
  *s = (struct qcow2_snapshots) { .v = NULL };
}

static int
list (struct img_node *node, struct img_value *array, struct img_error *err)
{
  struct qcow2_snapshots all;
  int r = qcow2_snapshots_read (img_node_priv (node), &all, err);
  for (uint32_t i = 0; r == 0 && i < all.n; i++) {
    const struct qcow2_snapshot *s = &all.v[i];
    struct img_value *v = img_value_add_object (array, NULL);
    img_value_set_string (v, "id", s->id);
    img_value_set_string (v, "name", s->name);
    img_value_set_uint (v, "vm-state-size", s->vm_state_size);
    img_value_set_uint (v, "date-sec", s->date_sec);
    img_value_set_uint (v, "date-nsec", s->date_nsec);
    img_value_set_uint (v, "vm-clock-sec", s->vm_clock_nsec / 1000000000);
    img_value_set_uint (v, "vm-clock-nsec", s->vm_clock_nsec % 1000000000);
    if (s->icount != UINT64_MAX)
      img_value_set_uint (v, "icount", s->icount);
  }
  qcow2_snapshots_free (&all);
  return r;
}

/* ---- showing one ---- */

static const struct qcow2_snapshot *
find (const struct qcow2_snapshots *all, const char *id, const char *name)
{
  for (uint32_t i = 0; i < all->n; i++)
    if ((id == NULL || strcmp (id, all->v[i].id) == 0)
        && (name == NULL || strcmp (name, all->v[i].name) == 0))
      return &all->v[i];
  return NULL;
}

int
qcow2_snapshot_judge (const struct qcow2 *q, const struct qcow2_snapshot *s,
                      struct img_error *err)
{
  uint64_t bytes = (uint64_t) s->l1_size * 8;
  uint64_t need_entries = img_div_up (s->disk_size, 1ull << (q->cluster_bits + q->l2_bits));
  if (bytes > QCOW2_MAX_L1_BYTES)
    return img_error_set (err, EFBIG, _("L1 table of snapshot %s is too large (%" PRIu64
                                        " bytes)"), s->id, bytes);
  if (s->l1_offset & (q->cluster_size - 1))
    return img_error_set (err, EINVAL, _("L1 table offset 0x%" PRIx64
                                         " of snapshot %s is not aligned to a cluster"),
                          s->l1_offset, s->id);
  if (!img_within (s->l1_offset, bytes, img_size (q->file)))
    return img_error_set (err, EINVAL, _("L1 table at 0x%" PRIx64 " of snapshot %s lies past the"
                                         " end of the file"), s->l1_offset, s->id);
  if (s->disk_size > INT64_MAX || need_entries > s->l1_size)
    return img_error_set (err, EINVAL, _("L1 table of snapshot %s is too small for its size"
                                         " 0x%" PRIx64), s->id, s->disk_size);
  return 0;
}

static int
show (struct qcow2 *q, const struct qcow2_snapshot *s, struct img_error *err)
{
  if (qcow2_snapshot_judge (q, s, err) < 0)
    return -1;
  uint64_t bytes = (uint64_t) s->l1_size * 8;
  IMG_CLEANUP (free) uint64_t *l1 = malloc (bytes + 8);
  if (l1 == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (bytes && img_pread (q->file, l1, bytes, s->l1_offset, 0, err) < 0)
    return -1;
  if (qcow2_l1_take (q, l1, s->l1_size, err) < 0)
    return -1;
  free (q->l1);
  q->l1 = img_steal (l1);
  q->l1_size = s->l1_size;
  img_node_set_size (q->node, s->disk_size);
  return 0;
}

static int
select_one (struct img_node *node, const char *id, const char *name, struct img_error *err)
{
  struct qcow2_snapshots all;
  struct qcow2 *q = img_node_priv (node);
  if (q->flags & (IMG_OPEN_RDWR | IMG_OPEN_NO_IO))
    return img_error_set (err, EINVAL, _("a snapshot can only be opened read-only"));
  int r = qcow2_snapshots_read (q, &all, err);
  const struct qcow2_snapshot *s = r == 0 ? find (&all, id, name) : NULL;
  if (s)
    r = show (q, s, err);
  else if (r == 0)
    r = img_error_set (err, ENOENT, _("Can't find snapshot"));
  qcow2_snapshots_free (&all);
  return r;
}

const struct img_snapshot_ops qcow2_snapshot_ops = {
  .struct_size = sizeof qcow2_snapshot_ops,
  .list = list,
  .select = select_one,
  .create = qcow2_snapshot_create,
  .apply = qcow2_snapshot_apply,
  .remove = qcow2_snapshot_remove,
};
