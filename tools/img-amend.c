/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-amend: changes options of an image in place. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/module.h>

#include "common/i18n.h"
#include "common/opt-image.h"
#include "common/out-result.h"
#include "common/progress.h"

struct args {
  struct image_args image;
  char *options;
  struct progress_args progress;
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
                N_("also what may make the data unreadable for ever")),
  OPT_PROGRESS_ROW (struct args, progress),
  OPT_RESULT_ROW (struct args, output),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

static int
amend (struct args *args, struct img_node *node, struct img_error *err)
{
  struct img_progress *progress = img_progress_new ();
  struct progress watch;
  int rc;

  if (progress == NULL)
    tool_no_memory ();
  progress_start (&watch, &args->progress, progress);
  rc = img_amend (node, args->options, args->force ? IMG_AMEND_FORCE : 0, progress, err);
  progress_end (&watch, rc == 0);
  progress_newline (&watch);
  img_progress_free (progress);
  return rc;
}

/* The options that a format has, or those of the image's own. */
static int
help (const struct args *args, int n, char **names)
{
  struct img_open_params params = image_open_params (&args->image, IMG_OPENF_INFO);
  struct img_error err = IMG_ERROR_INIT, ignored;
  struct img_node *node;
  int status;

  if (args->image.format)
    return opt_print_amend_options (args->image.format);
  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  node = img_open (names[0], &params, &err);
  if (node == NULL)
    return tool_fail (&err);
  status = opt_print_amend_options (img_driver_name (node));
  img_close (node, &ignored);
  return status;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_open_params params;
  struct img_error err = IMG_ERROR_INIT, late = IMG_ERROR_INIT;
  struct out_result result;
  struct img_node *node;
  int rc = -1;

  if (args->options == NULL)
    return tool_usage (_("Must specify options (-o)"));
  if (args->image.image_opts && args->image.format)
    return tool_usage (_("--image-opts and --format exclude each other"));
  if (opt_wants_help (args->options))
    return help (args, n, names);
  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  if (args->quiet)
    args->progress.on = args->progress.json;
  args->progress.apart = args->output == OUTPUT_JSON;
  out_result_init (&result, args->output);
  img_value_set_string (result.facts, "filename", names[0]);
  img_value_set_string (result.facts, "options", args->options);
  params = image_open_params (&args->image, IMG_OPENF_RDWR);
  node = img_open (names[0], &params, &err);
  if (node) {
    rc = amend (args, node, &err);
    if (img_close (node, &late) < 0 && rc == 0) {
      err = late;
      rc = -1;
    }
  }
  out_result_end (&result, rc == 0);
  return rc == 0 ? EXIT_SUCCESS : tool_fail (&err);
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
