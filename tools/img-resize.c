/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-resize: makes an image larger or smaller. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/module.h>

#include "common/opt-image.h"
#include "common/out-result.h"

struct args {
  struct image_args image;
  const char *size; /* what looked like an option: -1G */
  uint64_t bytes;   /* of it; to add or take away by SIGN, + or - */
  char sign;
  int prealloc, output;
  bool shrink, quiet;
};

/* In the order of enum img_prealloc. */
static const char *const prealloc_words[] = { "off", "metadata", "falloc", "full", NULL };

static const struct opt opts[] = {
  OPT_FORMAT_ROW ('f', "format", struct args, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_CHOICE_ROW (0, "preallocation", prealloc_words, struct args, prealloc,
                  N_("how space is allocated for what is added")),
  OPT_FLAG_ROW (0, "shrink", struct args, shrink, N_("the image may become smaller")),
  OPT_RESULT_ROW (struct args, output),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

/* Takes SIZE, +SIZE or -SIZE apart. */
static int
parse_size (struct args *args, const char *text, struct img_error *err)
{
  args->sign = *text == '+' || *text == '-' ? *text++ : 0;
  return img_size_parse (text, &args->bytes, err);
}

/* BEFORE: what the image has. */
static int
new_size (const struct args *args, uint64_t before, uint64_t *size, struct img_error *err)
{
  uint64_t n = args->bytes;
  char sign = args->sign;

  if (sign == '+' && n > INT64_MAX - before)
    return img_error_set (err, EFBIG, _("the image size is too large"));
  *size = sign == '+' ? before + n : sign == '-' ? before - (n < before ? n : before) : n;
  if (*size == 0)
    return img_error_set (err, EINVAL, _("New image size must be positive"));
  return 0;
}

/* What the tool people know refuses, though we could. */
static int
check_compat (const struct img_node *node, uint64_t size, struct img_error *err)
{
  if (tool_compat () && size % 512 && strcmp (img_driver_name (node), "qcow2") == 0)
    return img_error_set (err, EINVAL, _("The new size must be a multiple of 512"));
  return 0;
}

static int
check (const struct img_node *node, const struct args *args, uint64_t size, struct img_error *err)
{
  const struct img_driver *driver = img_driver_find (img_driver_name (node), err);

  if (driver == NULL)
    return -1;
  if (driver->resize == NULL)
    return img_error_set (err, ENOTSUP, _("Image format driver does not support resize"));
  if (size <= img_size (node) && args->prealloc != IMG_PREALLOC_OFF)
    return img_error_set (err, EINVAL, _("Preallocation can only be used for growing images"));
  if (size >= img_size (node) || args->shrink)
    return check_compat (node, size, err);
  img_error_set (err, EINVAL, _("Use the --shrink option to perform a shrink operation."));
  return img_error_hint (err, _("shrinking an image deletes all data beyond its new end"));
}

static int
resize (struct img_node *node, void *data)
{
  const struct args *args = data;
  struct img_error err = IMG_ERROR_INIT;
  struct out_result result;
  uint64_t before = img_size (node), size = 0;
  int rc;

  out_result_init (&result, args->output);
  rc = new_size (args, before, &size, &err);
  if (rc == 0)
    rc = check (node, args, size, &err);
  if (rc == 0)
    rc = img_resize (node, size, (enum img_prealloc) args->prealloc,
                     (args->shrink ? IMG_RESIZE_SHRINK : 0) | IMG_RESIZE_NOISE, &err);
  if (rc == 0)
    rc = img_flush (node, &err);
  img_value_set_string (result.facts, "filename", img_filename (node));
  img_value_set_string (result.facts, "format", img_driver_name (node));
  img_value_set_uint (result.facts, "virtual-size-before", before);
  img_value_set_uint (result.facts, "virtual-size", img_size (node));
  if (rc == 0 && !result.json && !args->quiet)
    printf (_("Image resized.\n"));
  out_result_end (&result, rc == 0);
  return rc == 0 ? EXIT_SUCCESS : tool_fail (&err);
}

static int
run (void *data, int n, char **operands)
{
  struct args *args = data;
  unsigned flags = IMG_OPENF_RDWR | IMG_OPENF_UNMAP;
  struct img_open_params params = image_open_params (&args->image, flags);
  struct img_error err = IMG_ERROR_INIT;

  if (args->size == NULL && n > 0)
    args->size = operands[--n];
  if (n != 1)
    return tool_usage (_("Expecting image file name and size"));
  if (parse_size (args, args->size, &err) < 0)
    return tool_usage ("%s", err.message);
  return image_run (operands[0], &params, resize, args);
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "resize", N_("Make an image larger or smaller."), N_("FILE [+|-]SIZE"), opts, run
  };
  struct args args = { .output = OUTPUT_HUMAN };
  const char *last = argv[argc - 1];

  /* A size to take away is no option. */
  if (argc > 2 && last[0] == '-' && last[1] >= '0' && last[1] <= '9') {
    args.size = last;
    argv[--argc] = NULL;
  }
  return tool_main (argc, argv, &command, &args);
}
