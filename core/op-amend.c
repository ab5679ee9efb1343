/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changing options of an image in place: the driver's work, its options checked as everywhere. */

#include <config.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/io.h"
#include "core/node.h"
#include "core/optdesc.h"
#include "core/progress.h"
#include "core/serial.h"

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

static void
progress (void *arg, uint64_t done, uint64_t total)
{
  img_progress_tell (arg, done, total);
}

/* What only a new image can have is not unknown, as a word that no option begins with is. */
static int
judge_names (const struct img_driver *driver, const struct img_opts *opts, struct img_error *err)
{
  for (size_t i = 0; i < img_opts_count (opts); i++) {
    const char *key, *value;
    img_opts_pair (opts, i, &key, &value);
    if (img_optdesc_find (driver->amend_opts, key) == NULL
        && img_optdesc_find (driver->create_opts, key) != NULL)
      return img_error_set (err, ENOTSUP, _("option '%s' is for new images only: it cannot be"
                                            " amended"), key);
  }
  return 0;
}

static int
judge (struct img_node *node, const struct img_amend *a, struct img_error *err)
{
  if (node->driver->judge_amend == NULL)
    return 0;
  IMG_SERIAL (node);
  return node->driver->judge_amend (node, a, err);
}

static int
amend (struct img_node *node, const char *options, unsigned flags, struct img_progress *p,
       struct img_error *err)
{
  const struct img_driver *driver = node->driver;
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = img_opts_new ();
  struct img_amend a = { .struct_size = sizeof a, .flags = flags };

  if (driver->amend == NULL)
    return img_error_set (err, ENOTSUP,
                          _("Format driver '%s' does not support option amendment"), driver->name);
  if (!(node->flags & IMG_OPEN_RDWR))
    return img_error_set (err, EROFS, _("the image is not open for writing"));
  if (opts == NULL)
    return img_error_errno (err, ENOMEM, _("options"));
  if (img_opts_parse (opts, options, NULL, err) < 0 || judge_names (driver, opts, err) < 0 ||
      img_opts_check (opts, driver->amend_opts, driver->name, err) < 0)
    return -1;
  a.opts = opts;
  a.progress = progress;
  a.progress_arg = p;
  if (judge (node, &a, err) < 0
      || (img_opts_get (opts, "size")
          && img_io_clear_tail (node, img_opts_number (opts, "size"), err) < 0))
    return -1;
  IMG_SERIAL (node);
  return driver->amend (node, &a, err);
}

int
img_amend (struct img_node *node, const char *options, unsigned flags, struct img_progress *p,
           struct img_error *err)
{
  uint64_t before = img_size (node);

  if (amend (node, options, flags, p, err) < 0 || img_io_clear_growth (node, before, 0, err) < 0)
    return img_error_name (node->filename, err);
  return img_flush (node, err);
}
