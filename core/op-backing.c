/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recording another backing file: the driver's work; the node's facts follow it.  What is open
 * below NODE stays open. */

#include <config.h>

#include <blkimg/i18n.h>

#include "core/node.h"
#include "core/serial.h"

static int
set_backing (struct img_node *node, const char *name, const char *format, struct img_error *err)
{
  if (node->driver->set_backing == NULL)
    return img_error_set (err, ENOTSUP, _("the backing file of %s images cannot be changed"),
                          node->driver->name);
  if (!(node->flags & IMG_OPEN_RDWR))
    return img_error_set (err, EROFS, _("the image is not open for writing"));
  IMG_SERIAL (node);
  return node->driver->set_backing (node, name, format, err);
}

int
img_set_backing (struct img_node *node, const char *name, const char *format,
                 struct img_error *err)
{
  if (set_backing (node, name, format, err) < 0 ||
      img_node_set_backing (node, name, format, err) < 0)
    return img_error_name (node->filename, err);
  return 0;
}
