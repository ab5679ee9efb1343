/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bitmap-ops.c - what can be done with persistent dirty bitmaps: list, add, remove, clear, enable,
 * next, merge.
 *
 * Owns: which operation is allowed on which bitmap.  One that is marked in use (inconsistent: who
 * had it open did not close it) can only be removed.  Refuses: all but listing in version 2 images.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"

/* ---- finding ---- */

static int
refuse (const struct qcow2_bitmap *b, struct img_error *err)
{
  img_error_set (err, EINVAL, _("Bitmap '%s' is inconsistent and cannot be used"), b->name);
  return img_error_hint (err, _("img-bitmap --remove removes it."));
}

static struct qcow2_bitmap *
find (const struct qcow2_bitmaps *all, const char *name, bool to_use, struct img_error *err)
{
  struct qcow2_bitmap *b = qcow2_bitmap_find (all, name);
  if (b == NULL) {
    img_error_set (err, ENOENT, _("Dirty bitmap '%s' not found"), name);
    return NULL;
  }
  if (to_use && !qcow2_bitmap_usable (b)) {
    refuse (b, err);
    return NULL;
  }
  return b;
}

/* ---- reading ---- */

void
qcow2_reader_drop (struct qcow2 *q)
{
  qcow2_bits_free (q->reader);
  free (q->reader_name);
  q->reader = NULL;
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

static int
start_reading (struct qcow2 *q, const char *name, struct img_error *err)
{
  struct qcow2_bitmaps all;
  if (q->reader && strcmp (q->reader_name, name) == 0)
    return 0;
  qcow2_reader_drop (q);
  int r = read_directory (q, &all, err);
  const struct qcow2_bitmap *b = r == 0 ? find (&all, name, true, err) : NULL;
  q->reader_name = strdup (name);
  if (b && q->reader_name)
    q->reader = qcow2_bits_open (q, b, err);
  else if (b)
    img_error_set (err, ENOMEM, _("out of memory"));
  qcow2_bitmaps_free (&all);
  if (q->reader)
    return 0;
  qcow2_reader_drop (q);
  return -1;
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

/* ---- edits ---- */

struct request {
  const char *name;
  uint64_t granularity;
  bool on;
};

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
add_to (struct qcow2_bitmap_edit *e, const struct request *r, struct img_error *err)
{
  struct qcow2 *q = e->q;
  uint8_t bits = 0;
  if (q->h.version < 3)
    return img_error_set (err, ENOTSUP, _("Cannot store dirty bitmaps in qcow2 v2 files"));
  if (r->name[0] == '\0')
    return img_error_set (err, EINVAL, _("Bitmap name cannot be empty"));
  if (strlen (r->name) > QCOW2_BITMAP_MAX_NAME)
    return img_error_set (err, EINVAL, _("Name length exceeds maximum (%d characters)"),
                          QCOW2_BITMAP_MAX_NAME);
  if (qcow2_bitmap_find (&e->all, r->name))
    return img_error_set (err, EEXIST, _("Bitmap already exists: %s"), r->name);
  if (granularity_bits (q, r->granularity, &bits, err) < 0)
    return -1;
  IMG_CLEANUP (qcow2_bits_free) struct qcow2_bits *empty = qcow2_bits_new (q, q->h.size, bits, err);
  struct qcow2_bitmap *b = empty ? qcow2_bitmap_edit_append (e, r->name, err) : NULL;
  if (b == NULL)
    return -1;
  b->granularity_bits = bits;
  b->flags = r->on ? QCOW2_BITMAP_AUTO : 0;
  return qcow2_bitmap_edit_store (e, b, empty, err);
}

static int
remove_from (struct qcow2_bitmap_edit *e, const struct request *r, struct img_error *err)
{
  struct qcow2_bitmap *b = find (&e->all, r->name, false, err);
  if (b == NULL || qcow2_bitmap_edit_release (e, b, err) < 0)
    return -1;
  qcow2_bitmap_clear (b);
  uint32_t behind = e->all.n - 1 - (uint32_t) (b - e->all.v);
  memmove (b, b + 1, behind * sizeof *b);
  e->all.n--;
  return 0;
}

static int
clear_in (struct qcow2_bitmap_edit *e, const struct request *r, struct img_error *err)
{
  struct qcow2_bitmap *b = find (&e->all, r->name, true, err);
  if (b == NULL || qcow2_bitmap_edit_release (e, b, err) < 0)
    return -1;
  IMG_CLEANUP (qcow2_bits_free) struct qcow2_bits *empty =
    qcow2_bits_new (e->q, e->q->h.size, b->granularity_bits, err);
  b->table_size = 0; /* given back already */
  return empty ? qcow2_bitmap_edit_store (e, b, empty, err) : -1;
}

static int
enable_in (struct qcow2_bitmap_edit *e, const struct request *r, struct img_error *err)
{
  struct qcow2_bitmap *b = find (&e->all, r->name, true, err);
  if (b == NULL)
    return -1;
  b->flags = (b->flags & ~(uint32_t) QCOW2_BITMAP_AUTO) | (r->on ? QCOW2_BITMAP_AUTO : 0);
  return 0;
}

static int
edit (struct img_node *node, const struct request *request,
      int (*change) (struct qcow2_bitmap_edit *e, const struct request *r, struct img_error *err),
      struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct qcow2_bitmap_edit e;
  pthread_rwlock_wrlock (&q->lock);
  int r = qcow2_bitmap_edit_begin (q, &e, err);
  if (r == 0)
    r = change (&e, request, err);
  if (r == 0)
    r = qcow2_bitmap_edit_commit (&e, err);
  else
    qcow2_bitmap_edit_end (&e, QCOW2_EDIT_UNDONE);
  pthread_rwlock_unlock (&q->lock);
  return r;
}

static int
add (struct img_node *node, const char *name, uint64_t granularity, bool enabled,
     struct img_error *err)
{
  struct request request = { name, granularity, enabled };
  return edit (node, &request, add_to, err);
}

static int
remove_bitmap (struct img_node *node, const char *name, struct img_error *err)
{
  struct request request = { .name = name };
  return edit (node, &request, remove_from, err);
}

static int
clear (struct img_node *node, const char *name, struct img_error *err)
{
  struct request request = { .name = name };
  return edit (node, &request, clear_in, err);
}

static int
enable (struct img_node *node, const char *name, bool on, struct img_error *err)
{
  struct request request = { .name = name, .on = on };
  return edit (node, &request, enable_in, err);
}

/* ---- merge ---- */

typedef int next_fn (void *arg, uint64_t from, uint64_t *start, uint64_t *length,
                     struct img_error *err);

static int
mark_all (struct qcow2_bits *bits, next_fn *source, void *arg, struct img_error *err)
{
  uint64_t from = 0, start, length;
  int r;
  while ((r = source (arg, from, &start, &length, err)) > 0) {
    if (qcow2_bits_set (bits, start, length, err) < 0)
      return -1;
    from = start + length;
  }
  return r;
}

/* SOURCE may be of this image: it is asked without the lock. */
static int
merge (struct img_node *node, const char *name, next_fn *source, void *arg, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct qcow2_bitmap_edit e;
  pthread_rwlock_wrlock (&q->lock);
  int r = qcow2_bitmap_edit_begin (q, &e, err);
  pthread_rwlock_unlock (&q->lock);
  struct qcow2_bitmap *b = r == 0 ? find (&e.all, name, true, err) : NULL;
  IMG_CLEANUP (qcow2_bits_free) struct qcow2_bits *bits = b ? qcow2_bits_open (q, b, err) : NULL;
  r = bits ? mark_all (bits, source, arg, err) : -1;
  pthread_rwlock_wrlock (&q->lock);
  if (r == 0)
    r = qcow2_bitmap_edit_store (&e, b, bits, err);
  if (r == 0)
    r = qcow2_bitmap_edit_commit (&e, err);
  else
    qcow2_bitmap_edit_end (&e, QCOW2_EDIT_UNDONE);
  pthread_rwlock_unlock (&q->lock);
  return r;
}

const struct img_bitmap_ops qcow2_bitmap_ops = {
  .struct_size = sizeof qcow2_bitmap_ops,
  .list = list,
  .add = add,
  .remove = remove_bitmap,
  .clear = clear,
  .enable = enable,
  .next = next,
  .merge = merge,
};
