/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-measure: how much space an image will need. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <blkimg/i18n.h>
#include <blkimg/module.h>

#include "common/opt-image.h"
#include "common/out.h"

struct args {
  struct image_args image;
  struct opt_number size;
  const char *snapshot, *target;
  char *options;
  int output;
};

static const struct opt opts[] = {
  OPT_SIZE_ROW ('s', "size", N_("BYTES"), struct args, size,
                N_("measure a new image of that size instead of FILE")),
  OPT_FORMAT_ROW ('f', "source-format", struct args, image.format),
  OPT_TEXT_ROW (0, "format", N_("FMT"), struct args, image.format,
                N_("the same as --source-format")),
  OPT_IMAGE_OPTS_ROW ("source-image-opts", struct args, image),
  OPT_FLAG_ROW (0, "image-opts", struct args, image.image_opts,
                N_("the same as --source-image-opts")),
  OPT_TEXT_ROW ('l', "snapshot", N_("SNAPSHOT"), struct args, snapshot,
                N_("internal snapshot of FILE: ID or name")),
  OPT_TEXT_ROW ('O', "target-format", N_("FMT"), struct args, target,
                N_("format of the image to measure (default: raw)")),
  OPT_LIST_ROW ('o', "target-format-options", N_("LIST"), struct args, options,
                N_("create options of that format; help lists them")),
  OPT_LIST_ROW (0, "options", N_("LIST"), struct args, options,
                N_("the same as --target-format-options")),
  OPT_SHARE_ROW (struct args, image),
  OPT_OUTPUT_ROW (struct args, output),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

static void
print (const struct img_measure *m, int output)
{
  struct img_value *v;

  if (output == OUTPUT_HUMAN) {
    printf (_("required size: %" PRIu64 "\n"), m->required);
    printf (_("fully allocated size: %" PRIu64 "\n"), m->fully_allocated);
    if (m->has_bitmaps)
      printf (_("bitmaps size: %" PRIu64 "\n"), m->bitmaps);
    return;
  }
  v = img_value_object ();
  img_value_set_uint (v, "required", m->required);
  img_value_set_uint (v, "fully-allocated", m->fully_allocated);
  if (m->has_bitmaps)
    img_value_set_uint (v, "bitmaps", m->bitmaps);
  out_json (v);
  img_value_free (v);
}

/* SOURCE NULL: a new image. */
static int
measure (struct img_node *source, void *data)
{
  const struct args *args = data;
  struct img_measure m = { .struct_size = sizeof m, .source = source };
  struct img_error err = IMG_ERROR_INIT;

  m.size = source ? img_size (source) : args->size.value;
  if (img_measure (args->target, args->options, &m, &err) < 0)
    return tool_fail (&err);
  print (&m, args->output);
  return EXIT_SUCCESS;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_open_params params = image_open_params (&args->image, 0);

  if (opt_wants_help (args->options))
    return opt_print_create_options (args->target, NULL);
  if (n > 1)
    return tool_usage (_("At most one filename argument is allowed."));
  if ((n == 1) == args->size.given)
    return tool_usage (_("Either --size N or one filename must be specified."));
  if (n == 0 && (args->image.format || args->image.image_opts || args->snapshot))
    return tool_usage (_("--source-image-opts, -f and -l need a filename argument."));
  if (n == 0)
    return measure (NULL, args);
  params.snapshot = args->snapshot;
  return image_run (names[0], &params, measure, args);
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "measure", N_("Print how much space a new or converted image needs."),
    N_("[FILE]"), opts, run
  };
  struct args args = { .target = "raw", .output = OUTPUT_HUMAN };

  int status = tool_main (argc, argv, &command, &args);

  free (args.options);
  return status;
}
