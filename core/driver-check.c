/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a driver must be before the core takes it.
 *
 * Owns: the comparison of struct and manifest, and the rules of which callbacks go together, so
 * that the rest of the core may rely on them. */

#include <config.h>

#include <string.h>

#include <blkimg/i18n.h>

#include "core/driver.h"

/* A struct that ends before this member was never valid. */
#define SMALLEST (offsetof (struct img_driver, probe))

static bool
same_list (const char *const *a, const char *const *b)
{
  unsigned i = 0;

  if (a == NULL || b == NULL)
    return a == b || (a ? a[0] : b[0]) == NULL;
  while (a[i] && b[i] && strcmp (a[i], b[i]) == 0)
    i++;
  return a[i] == NULL && b[i] == NULL;
}

static bool
same_magics (const struct img_magic *a, const struct img_magic *b)
{
  static const struct img_magic none;

  for (a = a ? a : &none, b = b ? b : &none; a->length && b->length; a++, b++)
    if (a->offset != b->offset || a->length != b->length || memcmp (a->bytes, b->bytes, a->length))
      return false;
  return a->length == 0 && b->length == 0;
}

static int
compare (const struct img_manifest_driver *said, const struct img_driver *is, struct img_error *err)
{
  const char *what = NULL;

  if (said->kind != is->kind)
    what = "kind";
  else if (said->threads != is->threads)
    what = "threads";
  else if (said->caps != is->caps)
    what = "caps";
  else if (!same_list (said->schemes, is->schemes))
    what = "schemes";
  else if (!same_list (said->extensions, is->extensions))
    what = "extensions";
  else if (!same_magics (said->magics, is->magics))
    what = "magic";
  if (what)
    return img_error_set (err, ENOEXEC, _("'%s' in its manifest differs from what the module says"),
                          what);
  return 0;
}

/* The name of a callback that D should have, or NULL. */
static const char *
missing_callback (const struct img_driver *d)
{
  if (d->open == NULL)
    return "open";
  if (d->get_info == NULL)
    return "get_info";
  if (d->kind == IMG_FORMAT ? d->map == NULL : d->pread == NULL)
    return d->kind == IMG_FORMAT ? "map" : "pread";
  if (d->reserve && d->commit == NULL)
    return "commit";
  if (d->schemes && d->parse_name == NULL)
    return "parse_name";
  if ((d->caps & IMG_CAP_COMPRESS) && (d->encode == NULL || d->reserve == NULL))
    return d->encode ? "reserve" : "encode";
  return NULL;
}

int
img_driver_check (const struct img_manifest_driver *said, const struct img_driver *driver,
                  struct img_error *err)
{
  struct img_driver whole = { 0 };
  const char *missing;

  if (driver->struct_size < SMALLEST)
    return img_error_set (err, ENOEXEC, _("its description is only %zu bytes"),
                          driver->struct_size);
  if (driver->abi != IMG_ABI)
    return img_error_set (err, ENOEXEC, _("made for module ABI %u, but this is %u"), driver->abi,
                          IMG_ABI);
  memcpy (&whole, driver, driver->struct_size < sizeof whole ? driver->struct_size : sizeof whole);
  if (compare (said, &whole, err) < 0)
    return -1;
  missing = missing_callback (&whole);
  if (missing)
    return img_error_set (err, ENOEXEC, _("it lacks the function '%s'"), missing);
  return 0;
}
