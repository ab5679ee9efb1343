/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dirty bitmaps that an image keeps: the driver's work.
 *
 * Owns: messages that name the image, and the merge of bitmaps of two images: what the source comes
 * up with is marked in the target, whatever granularity either has.  Refuses: sources of another
 * size than the target. */

#include <config.h>

#include <inttypes.h>
#include <string.h>

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
img_bitmap_add (struct img_node *node, const char *name, uint64_t granularity, bool enabled,
                struct img_error *err)
{
  const struct img_bitmap_ops *ops = ops_of (node, true, err);

  if (ops == NULL)
    return -1;
  IMG_SERIAL (node);
  return named (node, ops->add (node, name, granularity, enabled, err), err);
}

int
img_bitmap_remove (struct img_node *node, const char *name, struct img_error *err)
{
  const struct img_bitmap_ops *ops = ops_of (node, true, err);

  if (ops == NULL)
    return -1;
  IMG_SERIAL (node);
  return named (node, ops->remove (node, name, err), err);
}

int
img_bitmap_clear (struct img_node *node, const char *name, struct img_error *err)
{
  const struct img_bitmap_ops *ops = ops_of (node, true, err);

  if (ops == NULL)
    return -1;
  IMG_SERIAL (node);
  return named (node, ops->clear (node, name, err), err);
}

int
img_bitmap_enable (struct img_node *node, const char *name, bool on, struct img_error *err)
{
  const struct img_bitmap_ops *ops = ops_of (node, true, err);

  if (ops == NULL)
    return -1;
  IMG_SERIAL (node);
  return named (node, ops->enable (node, name, on, err), err);
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

/* ---- merge ---- */

struct source {
  struct img_node *node, *into;
  const char *name;
};

static int
next_of_source (void *arg, uint64_t from, uint64_t *start, uint64_t *length, struct img_error *err)
{
  struct source *s = arg;

  /* In one image the call that merges has the node already. */
  if (s->node == s->into)
    return s->node->driver->bitmap->next (s->node, s->name, from, start, length, err);
  return img_bitmap_next (s->node, s->name, from, start, length, err);
}

int
img_bitmap_merge (struct img_node *node, const char *name, struct img_node *from,
                  const char *from_name, struct img_error *err)
{
  const struct img_bitmap_ops *ops = ops_of (node, true, err);
  struct source source = { from, node, from_name };

  if (ops == NULL || ops_of (from, false, err) == NULL)
    return -1;
  if (img_size (node) != img_size (from))
    return img_error_set (err, EINVAL,
                          _("%s: Bitmaps are of different sizes (destination size is %" PRIu64
                            ", source size is %" PRIu64 ") and can't be merged"),
                          node->filename, img_size (node), img_size (from));
  IMG_SERIAL (node);
  return named (node, ops->merge (node, name, next_of_source, &source, err), err);
}
