/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bitmaps of img-convert: those of the source are made in the target once the data are there,
 * in their order, with their granularity; those that record do so again.  All in one change. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
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
  if (*list == NULL && err->code == ENOTSUP && tool_compat ())
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

/* What makes bitmap B of SOURCE in the target too: 2 or 3 changes at C.  Returns how many. */
static size_t
plan (struct img_bitmap_change *c, struct img_node *source, const struct img_value *b)
{
  const char *name = name_of (b);

  c[0] = (struct img_bitmap_change) { .action = IMG_BITMAP_ADD, .name = name };
  c[0].granularity = img_value_uint (img_value_get (b, "granularity"));
  c[1] = (struct img_bitmap_change) { .action = IMG_BITMAP_MERGE, .name = name };
  c[1].from = source;
  c[1].from_name = name;
  c[2] = (struct img_bitmap_change) { .action = IMG_BITMAP_ENABLE, .name = name };
  c[2].enabled = true;
  return has_flag (b, "auto") ? 3 : 2;
}

int
convert_bitmaps_copy (const struct convert_args *args, struct img_node *dst,
                      struct img_node *source, const struct img_value *list,
                      struct img_error *err)
{
  size_t count = list ? img_value_count (list) : 0, n = 0, done;
  IMG_CLEANUP (free) struct img_bitmap_change *changes = calloc (3 * count + 1, sizeof *changes);

  if (changes == NULL) /* the target is to go, too */
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (size_t i = 0; i < count; i++) {
    const struct img_value *b = img_value_at (list, i);
    if (!has_flag (b, "in-use"))
      n += plan (changes + n, source, b);
    else if (!args->quiet)
      tool_say (_("warning: Skipping inconsistent bitmap '%s'"), name_of (b));
  }
  if (n == 0 || img_bitmap_change (dst, changes, n, &done, err) == 0)
    return 0;
  if (changes[done].action == IMG_BITMAP_ADD)
    return img_error_prefix (err, _("Failed to create bitmap %s"), changes[done].name);
  return img_error_prefix (err, _("Failed to populate bitmap %s"), changes[done].name);
}
