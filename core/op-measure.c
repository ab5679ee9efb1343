/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How large an image would be: the format driver's work, its create options checked as `create`
 * does. */

#include <config.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/create.h"
#include "core/driver.h"

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

static int
measure (const char *format, const char *options, struct img_measure *m,
         struct img_create_plan *plan, struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *all = img_opts_new ();

  if (all == NULL)
    return img_error_errno (err, ENOMEM, _("options"));
  plan->driver = img_driver_find (format, err);
  if (plan->driver == NULL)
    return -1;
  if (plan->driver->measure == NULL)
    return img_error_set (err, ENOTSUP, _("Block driver '%s' does not support size measurement"),
                          plan->driver->name);
  plan->protocol = img_driver_find ("file", err);
  if (plan->protocol == NULL || (options && img_opts_parse (all, options, NULL, err) < 0) ||
      img_create_options (plan, all, err) < 0)
    return -1;
  m->opts = plan->opts;
  return plan->driver->measure (m, err);
}

int
img_measure (const char *format, const char *options, struct img_measure *m, struct img_error *err)
{
  struct img_create_plan plan = { .size = m->size };
  struct img_opts *before = m->opts;
  int rc = measure (format, options, m, &plan, err);

  m->opts = before;
  img_create_plan_release (&plan);
  return rc;
}
