/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bitmaps of img-convert: those of the source are made in the target once the data are there,
 * in their order, with their granularity; those that record do so again. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/module.h>

#include "img-convert.h"

static bool
has_flag (const struct img_value *bitmap, const char *flag)
{
  const struct img_value *flags = img_value_get (bitmap, "flags");

  for (size_t i = 0; i < img_value_count (flags); i++)
    if (strcmp (img_value_string (img_value_at (flags, i)), flag) == 0)
      return true;
  return false;
}

static const char *
name_of (const struct img_value *bitmap)
{
  return img_value_string (img_value_get (bitmap, "name"));
}

int
convert_bitmaps_judge (const struct convert_args *args, struct img_node *source,
                       const char *format, struct img_value **list, struct img_error *err)
{
  const struct img_driver *driver;

  *list = NULL;
  if (!args->bitmaps)
    return 0;
  *list = img_bitmap_list (source, err);
  if (*list == NULL && err->code == ENOTSUP)
    return img_error_set (err, ENOTSUP, _("Source lacks bitmap support"));
  if (*list == NULL)
    return -1;
  for (size_t i = 0; i < img_value_count (*list) && !args->skip_broken; i++) {
    const struct img_value *b = img_value_at (*list, i);
    if (!has_flag (b, "in-use"))
      continue;
    img_error_set (err, EINVAL, _("Cannot copy inconsistent bitmap '%s'"), name_of (b));
    return img_error_hint (err, _("--skip-broken-bitmaps leaves it out, img-bitmap --remove"
                                  " removes it."));
  }
  driver = format ? img_driver_find (format, err) : NULL;
  if (format && driver == NULL)
    return -1;
  if (driver && driver->bitmap == NULL)
    return img_error_set (err, ENOTSUP, _("Format driver '%s' does not support bitmaps"), format);
  return 0;
}

static int
copy_one (struct img_node *dst, struct img_node *source, const struct img_value *b,
          struct img_error *err)
{
  const char *name = name_of (b);

  if (img_bitmap_add (dst, name, img_value_uint (img_value_get (b, "granularity")), false, err) < 0)
    return img_error_prefix (err, _("Failed to create bitmap %s"), name);
  if (img_bitmap_merge (dst, name, source, name, err) < 0 ||
      (has_flag (b, "auto") && img_bitmap_enable (dst, name, true, err) < 0))
    return img_error_prefix (err, _("Failed to populate bitmap %s"), name);
  return 0;
}

int
convert_bitmaps_copy (const struct convert_args *args, struct img_node *dst,
                      struct img_node *source, const struct img_value *list,
                      struct img_error *err)
{
  for (size_t i = 0; list && i < img_value_count (list); i++) {
    const struct img_value *b = img_value_at (list, i);
    if (!has_flag (b, "in-use")) {
      if (copy_one (dst, source, b, err) < 0)
        return -1;
    } else if (!args->quiet) {
      tool_say (_("warning: Skipping inconsistent bitmap '%s'"), name_of (b));
    }
  }
  return 0;
}
