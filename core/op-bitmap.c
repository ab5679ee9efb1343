/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dirty bitmaps that an image keeps: the driver's work.
 *
 * Owns: messages that name the image, and the merge of bitmaps of two images: what the source comes
 * up with is marked in the target, whatever granularity either has.  Several changes are the
 * driver's to make as one, where it can.  Refuses: sources of another size than the target. */

#include <config.h>

#include <inttypes.h>
#include <stddef.h>

#include <blkimg/i18n.h>

#include "core/node.h"
#include "core/serial.h"

/* The operations of NODE's driver, or NULL. */
static const struct img_bitmap_ops *
ops_of (struct img_node *node, bool to_write, struct img_error *err)
{
  const struct img_bitmap_ops *ops = node->driver->bitmap;

  if (ops == NULL)
    img_error_set (err, ENOTSUP, _("%s: %s images cannot keep bitmaps"), node->filename,
                   node->driver->name);
  else if (to_write && !(node->flags & IMG_OPEN_RDWR))
    img_error_set (err, EROFS, _("%s: the image is not open for writing"), node->filename);
  else
    return ops;
  return NULL;
}

static int
named (struct img_node *node, int rc, struct img_error *err)
{
  return rc < 0 ? img_error_name (node->filename, err) : rc;
}

struct img_value *
img_bitmap_list (struct img_node *node, struct img_error *err)
{
  const struct img_bitmap_ops *ops = ops_of (node, false, err);
  struct img_value *array;
  int rc = -1;

  if (ops == NULL)
    return NULL;
  array = img_value_array ();
  if (array) {
    IMG_SERIAL (node);
    rc = ops->list (node, array, err);
  }
  if (rc == 0 && img_value_ok (array))
    return array;
  if (array == NULL || rc == 0)
    img_error_errno (err, ENOMEM, _("bitmaps"));
  img_value_free (array);
  img_error_name (node->filename, err);
  return NULL;
}

int
img_bitmap_next (struct img_node *node, const char *name, uint64_t from, uint64_t *start,
                 uint64_t *length, struct img_error *err)
{
  const struct img_bitmap_ops *ops = ops_of (node, false, err);

  if (ops == NULL)
    return -1;
  IMG_SERIAL (node);
  return named (node, ops->next (node, name, from, start, length, err), err);
}

/* ---- changes ---- */

/* Where a driver makes one at a time it asks for what is marked in the source by this. */
static int
next_of_source (void *arg, uint64_t from, uint64_t *start, uint64_t *length, struct img_error *err)
{
  const struct img_bitmap_change *c = arg;

  return img_bitmap_next (c->from, c->from_name, from, start, length, err);
}

/* The same in one image: the call that merges has the node already. */
static int
next_of_own (void *arg, uint64_t from, uint64_t *start, uint64_t *length, struct img_error *err)
{
  const struct img_bitmap_change *c = arg;

  return c->from->driver->bitmap->next (c->from, c->from_name, from, start, length, err);
}

static int
change_one (struct img_node *node, const struct img_bitmap_ops *ops,
            const struct img_bitmap_change *c, struct img_error *err)
{
  IMG_SERIAL (node);
  switch (c->action) {
  case IMG_BITMAP_ADD:
    return ops->add (node, c->name, c->granularity, c->enabled, err);
  case IMG_BITMAP_REMOVE:
    return ops->remove (node, c->name, err);
  case IMG_BITMAP_CLEAR:
    return ops->clear (node, c->name, err);
  case IMG_BITMAP_ENABLE:
    return ops->enable (node, c->name, c->enabled, err);
  default:
    return ops->merge (node, c->name, c->from == node ? next_of_own : next_of_source, (void *) c,
                       err);
  }
}

/* Whether the bitmap to be merged can be: the image has bitmaps, of the same size. */
static int
judge (struct img_node *node, const struct img_bitmap_change *c, struct img_error *err)
{
  if (c->action != IMG_BITMAP_MERGE || c->from == node)
    return 0;
  if (ops_of (c->from, false, err) == NULL)
    return -1;
  if (img_size (node) != img_size (c->from))
    return img_error_set (err, EINVAL,
                          _("%s: Bitmaps are of different sizes (destination size is %" PRIu64
                            ", source size is %" PRIu64 ") and can't be merged"),
                          node->filename, img_size (node), img_size (c->from));
  return 0;
}

static int
change_all (struct img_node *node, const struct img_bitmap_ops *ops,
            const struct img_bitmap_change *changes, size_t n, size_t *done,
            struct img_error *err)
{
  /* What an older module knows of the struct ends before the callback. */
  if (ops->struct_size > offsetof (struct img_bitmap_ops, change) && ops->change) {
    IMG_SERIAL (node);
    return ops->change (node, changes, n, done, err);
  }
  for (; *done < n; ++*done)
    if (change_one (node, ops, &changes[*done], err) < 0)
      return -1;
  return 0;
}

int
img_bitmap_change (struct img_node *node, const struct img_bitmap_change *changes, size_t n,
                   size_t *done, struct img_error *err)
{
  const struct img_bitmap_ops *ops = ops_of (node, true, err);
  struct img_error why = IMG_ERROR_INIT;
  size_t fit = 0;

  *done = 0;
  if (ops == NULL)
    return -1;
  while (fit < n && judge (node, &changes[fit], &why) == 0)
    fit++;
  if (fit > 0 && change_all (node, ops, changes, fit, done, err) < 0)
    return img_error_name (node->filename, err);
  if (fit == n)
    return 0;
  *err = why;
  return -1;
}

static int
change (struct img_node *node, struct img_bitmap_change c, struct img_error *err)
{
  size_t done;

  return img_bitmap_change (node, &c, 1, &done, err);
}

int
img_bitmap_add (struct img_node *node, const char *name, uint64_t granularity, bool enabled,
                struct img_error *err)
{
  struct img_bitmap_change c = { .action = IMG_BITMAP_ADD, .name = name, .enabled = enabled };

  c.granularity = granularity;
  return change (node, c, err);
}

int
img_bitmap_remove (struct img_node *node, const char *name, struct img_error *err)
{
  struct img_bitmap_change c = { .action = IMG_BITMAP_REMOVE, .name = name };

  return change (node, c, err);
}

int
img_bitmap_clear (struct img_node *node, const char *name, struct img_error *err)
{
  struct img_bitmap_change c = { .action = IMG_BITMAP_CLEAR, .name = name };

  return change (node, c, err);
}

int
img_bitmap_enable (struct img_node *node, const char *name, bool on, struct img_error *err)
{
  struct img_bitmap_change c = { .action = IMG_BITMAP_ENABLE, .name = name, .enabled = on };

  return change (node, c, err);
}

int
img_bitmap_merge (struct img_node *node, const char *name, struct img_node *from,
                  const char *from_name, struct img_error *err)
{
  struct img_bitmap_change c = { .action = IMG_BITMAP_MERGE, .name = name };

  c.from = from;
  c.from_name = from_name;
  return change (node, c, err);
}
