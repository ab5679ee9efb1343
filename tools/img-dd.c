/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-dd: copies a range of blocks from one image to another, as dd(1) does with files.
 *
 * This half owns what the command line means and what is told at the end.  Drop-in mode counts
 * blocks as the old tool does, from the start of the input, and tells nothing. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "common/stream.h"
#include "img-dd.h"

static const struct opt opts[] = {
  OPT_FORMAT_ROW ('f', "format", struct dd_args, image.format),
  OPT_TEXT_ROW ('O', "output-format", N_("FMT"), struct dd_args, target_format,
                N_("format of the target (default: raw; with conv=notrunc: detect it)")),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct dd_args, image),
  OPT_SHARE_ROW (struct dd_args, image),
  OPT_WORKERS_ROW (struct dd_args, workers),
  OPT_RESULT_ROW (struct dd_args, output),
  OPT_OBJECT_ROW (struct dd_args, image),
  OPT_TRUST_ROWS (struct dd_args, image),
  OPT_END_ROW
};

/* Blocks or bytes to bytes.  False: too many. */
static bool
to_bytes (uint64_t n, uint64_t block, bool is_bytes, uint64_t *bytes)
{
  *bytes = n;
  return is_bytes || img_mul (n, block, bytes);
}

static int
find_range (const struct dd_args *a, struct dd_range *r)
{
  r->most = UINT64_MAX;
  if (!to_bytes (a->skip, a->ibs, a->flags & DD_SKIP_BYTES, &r->skip)
      || !to_bytes (a->seek, a->obs, a->flags & DD_SEEK_BYTES, &r->seek)
      || (a->has_count && !to_bytes (a->count, a->ibs, a->flags & DD_COUNT_BYTES, &r->most)))
    return tool_usage (_("that is too many bytes"));
  if (a->has_count && tool_compat ())
    r->most -= img_min (r->most, r->skip);
  return 0;
}

static double
now (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* As dd(1) does, on standard error. */
static void
print_statistics (const struct dd_args *a, const struct dd_done *done, double seconds)
{
  char bytes[32], rate[32];

  if (a->status == DD_STATUS_NONE || tool_compat ())
    return;
  fprintf (stderr, _("%" PRIu64 "+%d records in\n"), done->in / a->ibs, done->in % a->ibs != 0);
  fprintf (stderr, _("%" PRIu64 "+%d records out\n"), done->out / a->obs,
           done->out % a->obs != 0);
  if (a->status == DD_STATUS_NOXFER)
    return;
  img_size_format (done->out, bytes);
  img_size_format ((uint64_t) ((double) done->out / (seconds > 1e-9 ? seconds : 1e-9)), rate);
  fprintf (stderr, _("%" PRIu64 " bytes (%s) copied, %g s, %s/s\n"), done->out, bytes, seconds,
           rate);
}

static int
copy (struct dd_args *args, const struct dd_range *range, struct progress *watch)
{
  struct img_error err = IMG_ERROR_INIT;
  struct dd_done done = { 0, 0, false };
  struct out_result result;
  double began = now ();
  int rc;

  out_result_init (&result, args->output);
  rc = dd_run (args, range, watch, &done, &err);
  progress_end (watch, rc == 0);
  progress_newline (watch);
  if (rc < 0 && !atomic_load (&watch->signal))
    tool_fail (&err);
  if (rc == 0 && done.short_source)
    tool_say (_("%s: cannot skip to specified offset"), args->in);
  if (rc == 0 && !result.json)
    print_statistics (args, &done, now () - began);
  img_value_set_string (result.facts, "source", args->in);
  img_value_set_string (result.facts, "target", args->out);
  img_value_set_uint (result.facts, "read", done.in);
  img_value_set_uint (result.facts, "written", done.out);
  out_result_end (&result, rc == 0);
  return rc;
}

static int
run (void *data, int n, char **operands)
{
  struct dd_args *args = data;
  struct progress_args shown = { .on = false };
  struct progress watch;
  struct dd_range range;
  int rc = dd_parse (args, n, operands);

  if (rc == 0)
    rc = find_range (args, &range);
  if (rc != 0)
    return rc;
  if (args->image.image_opts && args->image.format)
    return tool_usage (_("--image-opts and --format are mutually exclusive"));
  if (args->output == OUTPUT_JSON && stream_is_stdio (args->out))
    return tool_usage (_("the image goes to standard output, which leaves no place for"
                         " --output=json"));
  shown.on = args->status == DD_STATUS_PROGRESS;
  progress_start (&watch, &shown, false, true);
  rc = copy (args, &range, &watch);
  progress_release (&watch);
  return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "dd", N_("Copy blocks of one image to another, as dd does with files."),
    N_("[if=SRC] [of=DST] [bs=BYTES] [count=N] [skip=N] [seek=N] [conv=WORDS]"), opts, run
  };
  struct dd_args args = { .ibs = 512, .obs = 512 };

  return tool_main (argc, argv, &command, &args);
}
