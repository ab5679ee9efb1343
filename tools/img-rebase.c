/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-rebase: gives an image another backing file. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include <blkimg/copy.h>
#include <blkimg/i18n.h>

#include "common/opt-image.h"
#include "common/out-result.h"
#include "common/progress.h"

struct args {
  struct image_args image;
  const char *backing, *backing_format;
  enum img_cache backing_cache;
  unsigned workers;
  struct progress_args progress;
  struct progress watch;
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
  OPT_WORKERS_ROW (struct args, workers),
  OPT_PROGRESS_ROW (struct args, progress),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_RESULT_ROW (struct args, output),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

static int
rebase (struct img_node *node, void *data)
{
  struct args *args = data;
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
  o.workers = args->workers;
  o.backing = &below;
  o.stats = &stats;
  out_result_init (&result, args->output);
  progress_start (&args->watch, &args->progress, args->quiet, result.json);
  o.progress = args->watch.work;
  rc = img_rebase (node, args->backing, args->backing_format, &o, &err);
  progress_end (&args->watch, rc == 0);
  progress_newline (&args->watch);
  if (rc == 0) {
    img_value_set_string (result.facts, "filename", img_filename (node));
    if (args->backing && *args->backing)
      img_value_set_string (result.facts, "backing-filename", args->backing);
    img_value_set_uint (result.facts, "data", stats.data + stats.compressed);
  } else if (!atomic_load (&args->watch.signal)) {
    tool_fail (&err);
  }
  out_result_end (&result, rc == 0);
  return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
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
  return 0;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_open_params params;
  int status = check_args (args, n);

  if (status)
    return status;
  params = image_open_params (&args->image, IMG_OPENF_RDWR | IMG_OPENF_STABLE);
  if (args->unsafe)
    params.flags |= IMG_OPENF_NO_BACKING;
  status = image_run (names[0], &params, rebase, args);
  progress_release (&args->watch);
  return status;
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "rebase", N_("Give an image another backing file; its contents stay the same."), N_("FILE"),
    opts, run
  };
  struct args args = { .unsafe = false };

  return tool_main (argc, argv, &command, &args);
}
