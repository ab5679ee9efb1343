/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot-table.c - the snapshot table with an entry more or less (spec section "Snapshots").
 *
 * Owns: the bytes of the entries, which are kept as they are, with extra data that we do not know;
 * those that lack fields which version 3 asks for get them.  The table goes to a new place in the
 * turn that the change is a part of; that of a repair to where repair-dirs.c says.  Refuses, for a
 * turn: tables with a damaged entry.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

enum { ENTRY_BYTES = 40, EXTRA_BYTES = 24, V3_EXTRA = 16 };

int
qcow2_snapshot_begin (struct img_node *node, struct qcow2_snapshots *all, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  *all = (struct qcow2_snapshots) { .v = NULL };
  if (q->writer == NULL)
    return img_error_set (err, EROFS, _("the image is not open for writing"));
  if (q->h.incompat & QCOW2_INCOMPAT_DATA_FILE)
    return img_error_set (err, ENOTSUP, _("an image with an external data file cannot have"
                                          " snapshots"));
  if (qcow2_snapshots_read (q, all, err) < 0)
    return -1;
  for (uint32_t i = 0; i < all->n; i++)
    if (qcow2_snapshot_judge (q, &all->v[i], err) < 0)
      return -1;
  return 0;
}

/* The table as it is, or NULL. */
static uint8_t *
load (struct qcow2 *q, const struct qcow2_snapshots *all, struct img_error *err)
{
  uint64_t size = img_size (q->file), at = q->h.snapshots_offset;
  IMG_CLEANUP (free) uint8_t *bytes = calloc (1, all->bytes + 1);
  if (bytes == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  /* The file may end inside the padding of the last entry. */
  if (all->bytes
      && img_pread (q->file, bytes, img_min (all->bytes, size - at), at, 0, err) < 0)
    return NULL;
  return img_steal (bytes);
}

/* The entry S, which is at FROM, with all that version 3 asks for.  Its length with padding. */
static uint64_t
copy_entry (const struct qcow2 *q, const struct qcow2_snapshot *s, const uint8_t *from, uint8_t *p)
{
  uint32_t more = q->h.version >= 3 && s->extra_size < V3_EXTRA ? V3_EXTRA - s->extra_size : 0;
  uint64_t fixed = ENTRY_BYTES + s->extra_size;
  uint64_t names = (uint64_t) be16_get (from + 12) + be16_get (from + 14);
  memcpy (p, from, fixed);
  memset (p + fixed, 0, more);
  memcpy (p + fixed + more, from + fixed, names);
  memset (p + fixed + more + names, 0, 7);
  be64_put (p, s->l1_offset);
  if (more) {
    be32_put (p + 36, V3_EXTRA);
    be64_put (p + ENTRY_BYTES, s->vm_state_size);
    be64_put (p + ENTRY_BYTES + 8, s->disk_size);
  }
  return (fixed + more + names + 7) & ~UINT64_C (7);
}

uint8_t *
qcow2_snapshots_encode (struct qcow2 *q, const struct qcow2_snapshots *all, uint64_t room,
                        uint64_t *bytes, uint32_t *n, struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *old = load (q, all, err);
  if (old == NULL)
    return NULL;
  IMG_CLEANUP (free) uint8_t *table
    = calloc (1, all->bytes + (uint64_t) all->n * V3_EXTRA + room + 8);
  if (table == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  *bytes = *n = 0;
  for (uint32_t i = 0; i < all->n; i++) {
    const struct qcow2_snapshot *s = &all->v[i];
    if (s->dropped || s->name == NULL) /* the last one may be half read */
      continue;
    *bytes += copy_entry (q, s, old + (s->at - q->h.snapshots_offset), table + *bytes);
    (*n)++;
  }
  memset (table + *bytes, 0, room);
  return img_steal (table);
}

/* N entries, BYTES of them at P, are the table of the new state. */
static int
put (struct qcow2_turn *t, const struct qcow2_snapshots *all, const uint8_t *p, uint64_t bytes,
     uint32_t n, struct img_error *err)
{
  if (bytes > QCOW2_MAX_SNAPSHOT_TABLE)
    return img_error_set (err, EFBIG, _("the snapshot table would be larger than %d bytes"),
                          QCOW2_MAX_SNAPSHOT_TABLE);
  if (qcow2_turn_drop (t, t->q->h.snapshots_offset, all->bytes, err) < 0
      || qcow2_turn_take (t, img_div_up (bytes, t->q->cluster_size), &t->h.snapshots_offset,
                          err) < 0)
    return -1;
  t->h.n_snapshots = n;
  return bytes ? img_pwrite (t->q->file, p, bytes, t->h.snapshots_offset, 0, err) : 0;
}

/* One more than the largest there is. */
static unsigned long
new_id (const struct qcow2_snapshots *all)
{
  unsigned long most = 0;
  for (uint32_t i = 0; i < all->n; i++) {
    unsigned long id = strtoul (all->v[i].id, NULL, 10);
    most = id > most && id < UINT32_MAX ? id : most;
  }
  return most + 1;
}

int
qcow2_snapshot_add (struct qcow2_turn *t, const struct qcow2_snapshots *all,
                    const struct qcow2_snapshot *s, struct img_error *err)
{
  char id[32];
  uint32_t id_size = (uint32_t) snprintf (id, sizeof id, "%lu", new_id (all));
  uint32_t name_size = (uint32_t) strlen (s->name);
  uint64_t more = (ENTRY_BYTES + EXTRA_BYTES + id_size + name_size + 7) & ~7u, bytes;
  uint32_t n;
  IMG_CLEANUP (free) uint8_t *table = qcow2_snapshots_encode (t->q, all, more, &bytes, &n, err);
  if (table == NULL)
    return -1;
  uint8_t *p = table + bytes;
  be64_put (p, s->l1_offset);
  be32_put (p + 8, s->l1_size);
  be16_put (p + 12, (uint16_t) id_size);
  be16_put (p + 14, (uint16_t) name_size);
  be32_put (p + 16, s->date_sec);
  be32_put (p + 20, s->date_nsec);
  be32_put (p + 36, EXTRA_BYTES);
  be64_put (p + 48, s->disk_size);
  be64_put (p + 56, s->icount);
  memcpy (p + ENTRY_BYTES + EXTRA_BYTES, id, id_size);
  memcpy (p + ENTRY_BYTES + EXTRA_BYTES + id_size, s->name, name_size);
  return put (t, all, table, bytes + more, n + 1, err);
}

int
qcow2_snapshot_cut (struct qcow2_turn *t, struct qcow2_snapshots *all,
                    const struct qcow2_snapshot *s, struct img_error *err)
{
  uint64_t bytes;
  uint32_t n;
  all->v[s - all->v].dropped = true;
  IMG_CLEANUP (free) uint8_t *table = qcow2_snapshots_encode (t->q, all, 0, &bytes, &n, err);
  return table ? put (t, all, table, bytes, n, err) : -1;
}

/* The first whose ID (BY_ID) or name is TEXT. */
static const struct qcow2_snapshot *
find (const struct qcow2_snapshots *all, const char *text, bool by_id)
{
  for (uint32_t i = 0; i < all->n; i++)
    if (strcmp (by_id ? all->v[i].id : all->v[i].name, text) == 0)
      return &all->v[i];
  return NULL;
}

int
qcow2_snapshot_find (struct img_node *node, const char *text, bool id_first,
                     struct qcow2_snapshots *all, const struct qcow2_snapshot **s,
                     struct img_error *err)
{
  if (qcow2_snapshot_begin (node, all, err) < 0)
    return -1;
  *s = find (all, text, id_first);
  if (*s == NULL)
    *s = find (all, text, !id_first);
  if (*s == NULL)
    return img_error_set (err, ENOENT, _("there is no snapshot '%s'"), text);
  return 0;
}
