/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internal snapshots: the driver's work, one at a time, and its errors with the image's name. */

#include <config.h>

#include <blkimg/i18n.h>

#include "core/node.h"
#include "core/serial.h"

struct img_value *
img_snapshot_list (struct img_node *node, struct img_error *err)
{
  const struct img_snapshot_ops *ops = node->driver->snapshot;
  struct img_value *list = img_value_array ();

  if (list == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  if (ops == NULL || ops->list == NULL)
    return list;
  IMG_SERIAL (node);
  if (ops->list (node, list, err) == 0)
    return list;
  img_value_free (list);
  img_error_name (node->filename, err);
  return NULL;
}

/* What an older module knows of the struct ends before the callback. */
#define HAS(ops, callback)                                                                     \
  ((ops) && (ops)->struct_size > offsetof (struct img_snapshot_ops, callback) && (ops)->callback)

/* Whether snapshots of NODE can be changed, by a driver that HAS what it takes. */
static int
may_change (const struct img_node *node, bool has, struct img_error *err)
{
  if (!has)
    return img_error_set (err, ENOTSUP, _("%s: format '%s' has no internal snapshots"),
                          node->filename, node->driver->name);
  if (!(node->flags & IMG_OPEN_RDWR))
    return img_error_set (err, EROFS, _("%s: the image is not open for writing"), node->filename);
  return 0;
}

int
img_snapshot_create (struct img_node *node, const char *name, uint64_t date_sec,
                     uint32_t date_nsec, struct img_error *err)
{
  const struct img_snapshot_ops *ops = node->driver->snapshot;

  if (may_change (node, HAS (ops, create), err) < 0)
    return -1;
  IMG_SERIAL (node);
  if (ops->create (node, name, date_sec, date_nsec, err) < 0)
    return img_error_name (node->filename, err);
  return 0;
}

int
img_snapshot_apply (struct img_node *node, const char *id_or_name, struct img_error *err)
{
  const struct img_snapshot_ops *ops = node->driver->snapshot;

  if (may_change (node, HAS (ops, apply), err) < 0)
    return -1;
  IMG_SERIAL (node);
  if (ops->apply (node, id_or_name, err) < 0)
    return img_error_name (node->filename, err);
  return 0;
}

int
img_snapshot_remove (struct img_node *node, const char *id_or_name, struct img_error *err)
{
  const struct img_snapshot_ops *ops = node->driver->snapshot;

  if (may_change (node, HAS (ops, remove), err) < 0)
    return -1;
  IMG_SERIAL (node);
  if (ops->remove (node, id_or_name, err) < 0)
    return img_error_name (node->filename, err);
  return 0;
}
