/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-create: a new, empty image. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>

#include "common/opt-image.h"
#include "common/out-result.h"

struct args {
  struct image_args image;
  char *options;
  const char *backing, *backing_format;
  bool unsafe, quiet;
  int output;
};

static const struct opt opts[] = {
  OPT_TEXT_ROW ('f', "format", N_("FMT"), struct args, image.format,
                N_("format of the new image (default: raw)")),
  OPT_LIST_ROW ('o', "options", N_("LIST"), struct args, options,
                N_("options of the format, key=value,...; help lists them")),
  OPT_TEXT_ROW ('b', "backing", N_("FILE"), struct args, backing,
                N_("image that shows through where the new one is empty")),
  OPT_TEXT_ROW ('F', "backing-format", N_("FMT"), struct args, backing_format,
                N_("format of the backing file")),
  OPT_TEXT_ROW ('B', NULL, N_("FMT"), struct args, backing_format, N_("the same as -F")),
  OPT_FLAG_ROW ('u', "backing-unsafe", struct args, unsafe,
                N_("do not open the backing file")),
  OPT_RESULT_ROW (struct args, output),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

static int
run (void *data, int n, char **operands)
{
  struct args *args = data;
  struct img_create_params p = { .struct_size = sizeof p };
  struct img_error err = IMG_ERROR_INIT;
  struct out_result result;
  char *summary = NULL;
  int rc;

  p.objects = args->image.objects;
  p.format = args->image.format ? args->image.format : "raw";
  if (opt_wants_help (args->options))
    return opt_print_create_options (p.format, n > 0 ? operands[0] : NULL);
  if (n < 1)
    return tool_usage (_("Expecting image file name"));
  if (n > 2)
    return tool_usage (_("Unexpected argument: %s"), operands[2]);
  if (n == 2) {
    p.has_size = true;
    if (img_size_parse (operands[1], &p.size, &err) < 0)
      return tool_usage ("%s", err.message);
    if (p.size > INT64_MAX)
      return tool_usage (_("an image is at most %lld bytes long"), (long long) INT64_MAX);
  }
  p.options = args->options;
  p.backing = args->backing;
  p.backing_format = args->backing_format;
  p.backing_unsafe = args->unsafe;
  p.compat = tool_compat ();
  p.gate = image_gate (&args->image);
  out_result_init (&result, args->output);
  img_value_set_string (result.facts, "filename", operands[0]);
  p.facts = result.facts;
  rc = img_create (operands[0], &p, &summary, &err);
  /* qemu-img says what it will try, we say what was done. */
  if (!args->quiet && !result.json && summary && (rc == 0 || tool_compat ()))
    printf (_("Formatting '%s', %s\n"), operands[0], summary);
  free (summary);
  out_result_end (&result, rc == 0);
  return rc == 0 ? EXIT_SUCCESS : tool_fail (&err);
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "create", N_("Create a new, empty image."), N_("FILE [SIZE]"), opts, run
  };
  struct args args = { .quiet = false };

  int status = tool_main (argc, argv, &command, &args);

  free (args.options);
  return status;
}
