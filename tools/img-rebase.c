/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-rebase: gives an image another backing file. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include <blkimg/copy.h>

#include "common/i18n.h"
#include "common/opt-image.h"
#include "common/out-result.h"
#include "common/progress.h"

struct args {
  struct image_args image;
  const char *backing, *backing_format;
  enum img_cache backing_cache;
  struct opt_number workers;
  struct progress_args progress;
  bool unsafe, compress, quiet;
  int output;
};

static const struct opt opts[] = {
  OPT_FORMAT_ROW ('f', "format", struct args, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_CACHE_ROW ('t', "cache", struct args, image.cache),
  OPT_FLAG_ROW ('c', "compress", struct args, compress, N_("compress what is written to FILE")),
  OPT_TEXT_ROW ('b', "backing", N_("NAME"), struct args, backing,
                N_("the new backing file, relative to FILE; \"\": none")),
  OPT_TEXT_ROW ('B', "backing-format", N_("FMT"), struct args, backing_format,
                N_("format of the new backing file")),
  OPT_TEXT_ROW ('F', NULL, N_("FMT"), struct args, backing_format, N_("the same as -B")),
  OPT_CACHE_ROW ('T', "backing-cache", struct args, backing_cache),
  OPT_FLAG_ROW ('u', "backing-unsafe", struct args, unsafe,
                N_("only change the name: contents may change with it")),
  OPT_SHARE_ROW (struct args, image),
  OPT_NUMBER_ROW ('m', "parallel", N_("N"), struct args, workers,
                  N_("threads, 1 to 256 (default: what the machine has)")),
  OPT_PROGRESS_ROW (struct args, progress),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_RESULT_ROW (struct args, output),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

static int
rebase (struct args *args, struct img_node *node, struct progress *watch)
{
  struct img_rebase_opts o = { .struct_size = sizeof o };
  struct img_open_params below = image_open_params (&args->image, IMG_OPENF_STABLE);
  struct img_copy_stats stats = { .data = 0 };
  struct img_error err = IMG_ERROR_INIT;
  struct out_result result;
  int rc;

  below.flags &= ~(unsigned) IMG_OPENF_IMAGE_OPTS;
  below.cache = args->backing_cache;
  o.unsafe = args->unsafe;
  o.compress = args->compress;
  o.workers = (unsigned) args->workers.value;
  o.progress = watch->work;
  o.backing = &below;
  o.stats = &stats;
  out_result_init (&result, args->output);
  rc = img_rebase (node, args->backing, args->backing_format, &o, &err);
  progress_end (watch, rc == 0);
  progress_newline (watch);
  if (rc == 0) {
    img_value_set_string (result.facts, "filename", img_filename (node));
    if (args->backing && *args->backing)
      img_value_set_string (result.facts, "backing-filename", args->backing);
    img_value_set_uint (result.facts, "data", stats.data + stats.compressed);
  } else if (!atomic_load (&watch->signal)) {
    tool_fail (&err);
  }
  out_result_end (&result, rc == 0);
  return rc;
}

static int
check_args (const struct args *args, int n)
{
  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  if (!args->unsafe && !args->backing)
    return tool_usage (_("Must specify backing file (-b) or use unsafe mode (-u)"));
  if (args->unsafe && args->compress)
    return tool_usage (_("-u writes nothing that -c could compress"));
  if (args->workers.given && (args->workers.value < 1 || args->workers.value > 256))
    return tool_usage (_("-m takes 1 to 256"));
  return 0;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_open_params params;
  struct img_error err = IMG_ERROR_INIT;
  struct img_progress *progress;
  struct progress watch;
  struct img_node *node;
  int rc = check_args (args, n);

  if (rc != 0)
    return rc;
  if (args->quiet)
    args->progress.on = args->progress.json;
  args->progress.apart = args->output == OUTPUT_JSON;
  params = image_open_params (&args->image, IMG_OPENF_RDWR | IMG_OPENF_STABLE);
  if (args->unsafe)
    params.flags |= IMG_OPENF_NO_BACKING;
  node = img_open (names[0], &params, &err);
  if (node == NULL)
    return tool_fail (&err);
  progress = img_progress_new ();
  if (progress == NULL)
    tool_no_memory ();
  progress_start (&watch, &args->progress, progress);
  rc = rebase (args, node, &watch);
  if (img_close (node, &err) < 0 && rc == 0)
    rc = -(tool_fail (&err));
  img_progress_free (progress);
  progress_die (&watch);
  return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "rebase", N_("Give an image another backing file; it shows what it showed."), N_("FILE"),
    opts, run
  };
  struct args args = { .unsafe = false };

  return tool_main (argc, argv, &command, &args);
}
