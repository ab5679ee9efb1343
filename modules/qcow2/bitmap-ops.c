/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bitmap-ops.c - what can be done with persistent dirty bitmaps: list, next, change.
 *
 * Owns: which operation is allowed on which bitmap.  Any number of changes is one edit: the
 * directory is read and written once.  One that is marked in use (inconsistent: who
 * had it open did not close it) can only be removed.  Refuses: all but listing in version 2 images.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"

/* ---- finding ---- */

static struct qcow2_bitmap *
find (struct qcow2_bitmaps *all, const char *name, bool to_use, struct img_error *err)
{
  struct qcow2_bitmap *b = qcow2_bitmap_find (all, name);
  if (b == NULL) {
    img_error_set (err, ENOENT, _("Dirty bitmap '%s' not found"), name);
    return NULL;
  }
  if (to_use && !qcow2_bitmap_usable (b)) {
    qcow2_bitmap_refuse (b, err);
    return NULL;
  }
  return b;
}

/* ---- reading ---- */

void
qcow2_reader_drop (struct qcow2 *q)
{
  qcow2_bits_free (q->reader);
  if (q->reader_all)
    qcow2_bitmaps_free (q->reader_all);
  free (q->reader_all);
  q->reader = NULL;
  q->reader_all = NULL;
  q->reader_name = NULL;
}

/* The directory, with what was recorded so far. */
static int
read_directory (struct qcow2 *q, struct qcow2_bitmaps *all, struct img_error *err)
{
  *all = (struct qcow2_bitmaps) { .v = NULL };
  if (q->h.version < 3)
    return img_error_set (err, ENOTSUP, _("version 2 images have no bitmaps"));
  if (q->writer && qcow2_record_store (q, err) < 0)
    return -1;
  return q->h.autoclear & QCOW2_AUTOCLEAR_BITMAPS ? qcow2_bitmaps_read (q, all, err) : 0;
}

static int
list (struct img_node *node, struct img_value *array, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct qcow2_bitmaps all;
  pthread_rwlock_wrlock (&q->lock);
  int r = read_directory (q, &all, err);
  pthread_rwlock_unlock (&q->lock);
  for (uint32_t i = 0; r == 0 && i < all.n; i++) {
    struct img_value *v = img_value_add_object (array, NULL);
    img_value_set_string (v, "name", all.v[i].name);
    img_value_set_uint (v, "granularity", UINT64_C (1) << all.v[i].granularity_bits);
    struct img_value *flags = img_value_add_array (v, "flags");
    if (all.v[i].flags & QCOW2_BITMAP_IN_USE)
      img_value_set_string (flags, NULL, "in-use");
    if (all.v[i].flags & QCOW2_BITMAP_AUTO)
      img_value_set_string (flags, NULL, "auto");
  }
  qcow2_bitmaps_free (&all);
  return r;
}

/* The directory stays as long as nothing changes: not read for each of many bitmaps. */
static int
start_reading (struct qcow2 *q, const char *name, struct img_error *err)
{
  if (q->reader && strcmp (q->reader_name, name) == 0)
    return 0;
  qcow2_bits_free (q->reader);
  q->reader = NULL;
  if (q->reader_all == NULL) {
    q->reader_all = calloc (1, sizeof *q->reader_all);
    if (q->reader_all == NULL)
      return img_error_set (err, ENOMEM, _("out of memory"));
    if (read_directory (q, q->reader_all, err) < 0) {
      qcow2_reader_drop (q);
      return -1;
    }
  }
  const struct qcow2_bitmap *b = find (q->reader_all, name, true, err);
  if (b == NULL)
    return -1;
  q->reader_name = b->name;
  q->reader = qcow2_bits_open (q, b, err);
  return q->reader ? 0 : -1;
}

static int
next (struct img_node *node, const char *name, uint64_t from, uint64_t *start, uint64_t *length,
      struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  pthread_rwlock_wrlock (&q->lock);
  int r = start_reading (q, name, err);
  if (r == 0)
    r = qcow2_bits_next (q->reader, from, start, length, err);
  pthread_rwlock_unlock (&q->lock);
  return r;
}

/* ---- changes: in the directory in memory; one that fails leaves its entry as it was ---- */

static int
granularity_bits (struct qcow2 *q, uint64_t granularity, uint8_t *bits, struct img_error *err)
{
  enum { LEAST = 4096, MOST = 65536 }; /* when nobody says: the cluster size between these */
  if (granularity == 0)
    granularity = img_min (img_max (q->cluster_size, LEAST), MOST);
  if (!img_is_pow2 (granularity) || granularity < 512 || granularity > 1ull << 31)
    return img_error_set (err, EINVAL, _("Granularity must be power of 2 and at least 512 (and at"
                                         " most 2G)"));
  *bits = (uint8_t) __builtin_ctzll (granularity);
  return 0;
}

static int
make_blank (const struct qcow2 *q, struct qcow2_bitmap *b, struct img_error *err)
{
  uint32_t n;
  if (!qcow2_bits_entries (q, q->h.size, b->granularity_bits, &n))
    return img_error_set (err, EFBIG, _("Too much space will be occupied by the bitmap. Use larger"
                                        " granularity"));
  b->table_size = n;
  b->blank = true;
  return 0;
}

static int
add (struct qcow2_bitmap_edit *e, const struct img_bitmap_change *c, struct img_error *err)
{
  struct qcow2 *q = e->q;
  struct qcow2_bitmap new = { .flags = c->enabled ? QCOW2_BITMAP_AUTO : 0 };
  if (q->h.version < 3)
    return img_error_set (err, ENOTSUP, _("Cannot store dirty bitmaps in qcow2 v2 files"));
  if (c->name[0] == '\0')
    return img_error_set (err, EINVAL, _("Bitmap name cannot be empty"));
  if (strlen (c->name) > QCOW2_BITMAP_MAX_NAME)
    return img_error_set (err, EINVAL, _("Name length exceeds maximum (%d characters)"),
                          QCOW2_BITMAP_MAX_NAME);
  if (qcow2_bitmap_find (&e->all, c->name))
    return img_error_set (err, EEXIST, _("Bitmap already exists: %s"), c->name);
  if (granularity_bits (q, c->granularity, &new.granularity_bits, err) < 0
      || make_blank (q, &new, err) < 0)
    return -1;
  struct qcow2_bitmap *b = qcow2_bitmap_edit_append (e, c->name, err);
  if (b == NULL)
    return -1;
  b->granularity_bits = new.granularity_bits;
  b->table_size = new.table_size;
  b->flags = new.flags;
  b->blank = true;
  return 0;
}

static int
remove_bitmap (struct qcow2_bitmap_edit *e, struct qcow2_bitmap *b, struct img_error *err)
{
  if (qcow2_bitmap_edit_release (e, b, err) < 0)
    return -1;
  qcow2_bitmap_clear (b);
  uint32_t behind = e->all.n - 1 - (uint32_t) (b - e->all.v);
  memmove (b, b + 1, behind * sizeof *b);
  e->all.n--;
  return 0;
}

static int
clear (struct qcow2_bitmap_edit *e, struct qcow2_bitmap *b, struct img_error *err)
{
  return qcow2_bitmap_edit_release (e, b, err) < 0 ? -1 : make_blank (e->q, b, err);
}

/* ---- merge ---- */

struct source {
  struct img_node *node;  /* another image's, or */
  struct qcow2_bits *own; /* a bitmap of the edit */
  const char *name;
};

static int
next_of (const struct source *s, uint64_t from, uint64_t *start, uint64_t *length,
         struct img_error *err)
{
  return s->own ? qcow2_bits_next (s->own, from, start, length, err)
                : img_bitmap_next (s->node, s->name, from, start, length, err);
}

static int
mark_all (struct qcow2_bits *bits, const struct source *source, struct img_error *err)
{
  uint64_t from = 0, start, length;
  int r;
  while ((r = next_of (source, from, &start, &length, err)) > 0) {
    if (qcow2_bits_set (bits, start, length, err) < 0)
      return -1;
    from = start + length;
  }
  return r;
}

static int
merge (struct qcow2_bitmap_edit *e, struct qcow2_bitmap *b, const struct img_bitmap_change *c,
       struct img_error *err)
{
  struct source source = { .node = c->from, .name = c->from_name };
  IMG_CLEANUP (qcow2_bits_free) struct qcow2_bits *own = NULL;
  if (c->from == e->q->node) {
    const struct qcow2_bitmap *from = find (&e->all, c->from_name, true, err);
    source.own = own = from ? qcow2_bits_open (e->q, from, err) : NULL;
    if (own == NULL)
      return -1;
  }
  IMG_CLEANUP (qcow2_bits_free) struct qcow2_bits *bits = qcow2_bits_open (e->q, b, err);
  if (bits == NULL || mark_all (bits, &source, err) < 0)
    return -1;
  return qcow2_bitmap_edit_store (e, b, bits, err);
}

/* ---- the callback ---- */

static int
perform (struct qcow2_bitmap_edit *e, const struct img_bitmap_change *c, struct img_error *err)
{
  if (c->action == IMG_BITMAP_ADD)
    return add (e, c, err);
  struct qcow2_bitmap *b = find (&e->all, c->name, c->action != IMG_BITMAP_REMOVE, err);
  if (b == NULL)
    return -1;
  switch (c->action) {
  case IMG_BITMAP_REMOVE:
    return remove_bitmap (e, b, err);
  case IMG_BITMAP_CLEAR:
    return clear (e, b, err);
  case IMG_BITMAP_ENABLE:
    b->flags = (b->flags & ~(uint32_t) QCOW2_BITMAP_AUTO) | (c->enabled ? QCOW2_BITMAP_AUTO : 0);
    return 0;
  default:
    return merge (e, b, c, err);
  }
}

static int
perform_all (struct qcow2_bitmap_edit *e, const struct img_bitmap_change *changes, size_t n,
             size_t *done, struct img_error *err)
{
  for (; *done < n; ++*done) {
    struct qcow2_edit_mark mark = qcow2_bitmap_edit_mark (e);
    if (perform (e, &changes[*done], err) == 0)
      continue;
    qcow2_bitmap_edit_rewind (e, mark);
    return -1;
  }
  return 0;
}

static int
change (struct img_node *node, const struct img_bitmap_change *changes, size_t n, size_t *done,
        struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct qcow2_bitmap_edit e;
  struct img_error late = IMG_ERROR_INIT;
  size_t made = 0;
  pthread_rwlock_wrlock (&q->lock);
  int r = qcow2_bitmap_edit_begin (q, &e, err);
  if (r == 0)
    r = perform_all (&e, changes, n, &made, err);
  if (made == 0) {
    qcow2_bitmap_edit_end (&e, QCOW2_EDIT_UNDONE);
  } else if (qcow2_bitmap_edit_commit (&e, &late) == 0) {
    *done = made;
  } else {
    *err = late;
    r = -1;
  }
  pthread_rwlock_unlock (&q->lock);
  return r;
}

const struct img_bitmap_ops qcow2_bitmap_ops = {
  .struct_size = sizeof qcow2_bitmap_ops,
  .list = list,
  .next = next,
  .change = change,
};
