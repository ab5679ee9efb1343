/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-amend: changes options of an image in place. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/module.h>

#include "common/opt-image.h"
#include "common/out-result.h"
#include "common/progress.h"

struct args {
  struct image_args image;
  char *options;
  struct progress_args progress;
  struct progress watch;
  int output;
  bool force, quiet;
};

static const struct opt opts[] = {
  OPT_LIST_ROW ('o', "options", N_("LIST"), struct args, options,
                N_("what to change, key=value,...; help lists it")),
  OPT_FORMAT_ROW ('f', "format", struct args, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_CACHE_ROW ('t', "cache", struct args, image.cache),
  OPT_FLAG_ROW (0, "force", struct args, force,
                N_("also do what may make the data unreadable for good")),
  OPT_PROGRESS_ROW (struct args, progress),
  OPT_RESULT_ROW (struct args, output),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

static int
amend (struct img_node *node, void *data)
{
  struct args *args = data;
  struct progress *watch = &args->watch;
  struct img_error err = IMG_ERROR_INIT;
  struct out_result result;
  int rc;

  out_result_init (&result, args->output);
  progress_start (watch, &args->progress, args->quiet, result.json);
  rc = img_amend (node, args->options, args->force ? IMG_AMEND_FORCE : 0, watch->work, &err);
  progress_end (watch, rc == 0);
  progress_newline (watch);
  img_value_set_string (result.facts, "filename", img_filename (node));
  img_value_set_string (result.facts, "options", args->options);
  if (rc < 0 && !atomic_load (&watch->signal))
    tool_fail (&err);
  out_result_end (&result, rc == 0);
  return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
print_options (struct img_node *node, void *data)
{
  (void) data;
  return opt_print_amend_options (img_driver_name (node));
}

/* The options that a format has, or those of the image's own. */
static int
help (const struct args *args, int n, char **names)
{
  struct img_open_params params = image_open_params (&args->image, IMG_OPENF_INFO);

  if (args->image.format)
    return opt_print_amend_options (args->image.format);
  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  return image_run (names[0], &params, print_options, NULL);
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_open_params params;
  int status;

  if (args->options == NULL)
    return tool_usage (_("Must specify options (-o)"));
  if (opt_wants_help (args->options))
    return help (args, n, names);
  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  params = image_open_params (&args->image, IMG_OPENF_RDWR);
  status = image_run (names[0], &params, amend, args);
  progress_release (&args->watch);
  return status;
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "amend", N_("Change options of an image in place."), N_("FILE"), opts, run
  };
  struct args args = { .output = OUTPUT_HUMAN };
  int status = tool_main (argc, argv, &command, &args);

  free (args.options);
  return status;
}
