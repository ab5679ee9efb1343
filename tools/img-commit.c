/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-commit: puts what an overlay holds into an image below it. */

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
  const char *base;
  struct opt_number rate;
  unsigned workers;
  struct progress_args progress;
  struct progress watch;
  bool drop, quiet;
  int output;
};

static const struct opt opts[] = {
  OPT_FORMAT_ROW ('f', "format", struct args, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_CACHE_ROW ('t', "cache", struct args, image.cache),
  OPT_TEXT_ROW ('b', "base", N_("NAME"), struct args, base,
                N_("the image of the chain to write to (default: FILE's own backing file)")),
  OPT_FLAG_ROW ('d', "drop", struct args, drop,
                N_("FILE will not be used any more: do not empty it")),
  OPT_SIZE_ROW ('r', "rate-limit", N_("BYTES"), struct args, rate,
                N_("copy at most that many bytes a second")),
  OPT_WORKERS_ROW (struct args, workers),
  OPT_PROGRESS_ROW (struct args, progress),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_RESULT_ROW (struct args, output),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

static void
set_facts (struct img_value *facts, const struct img_node *node, const struct img_commit *done)
{
  img_value_set_string (facts, "filename", img_filename (node));
  img_value_set_string (facts, "base", done->base);
  img_value_set_uint (facts, "data", done->copied.data + done->copied.shared);
  img_value_set_bool (facts, "emptied", done->emptied);
}

/* The image stays open: its locks are held until all is said. */
static int
commit (struct img_node *node, void *data)
{
  struct args *args = data;
  struct img_commit_opts o = { .struct_size = sizeof o };
  struct img_commit done = { .base = NULL };
  struct img_error err = IMG_ERROR_INIT;
  struct out_result result;
  int rc;

  o.base = args->base;
  o.drop = args->drop;
  o.rate = args->rate.value;
  o.workers = args->workers;
  out_result_init (&result, args->output);
  progress_start (&args->watch, &args->progress, args->quiet, result.json);
  o.progress = args->watch.work;
  rc = img_commit (node, &o, &done, &err);
  progress_end (&args->watch, rc == 0);
  progress_newline (&args->watch);
  if (rc == 0)
    set_facts (result.facts, node, &done);
  else if (!atomic_load (&args->watch.signal))
    tool_fail (&err);
  if (rc == 0 && !args->quiet && !result.json)
    printf (_("Image committed.\n"));
  out_result_end (&result, rc == 0);
  return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_open_params params;
  int status;

  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  params = image_open_params (&args->image, IMG_OPENF_RDWR | IMG_OPENF_STABLE | IMG_OPENF_UNMAP);
  status = image_run (names[0], &params, commit, args);
  progress_release (&args->watch);
  return status;
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "commit", N_("Put what an image holds into one that it is based on."), N_("FILE"), opts, run
  };
  struct args args = { .drop = false };

  return tool_main (argc, argv, &command, &args);
}
