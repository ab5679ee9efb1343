/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-convert: copies images into a new or existing one, of any format.
 *
 * This half owns the command line: what options mean together.  The work is img-convert-run.c. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>

#include "img-convert.h"

#define MAX_SPARSE (16u << 20)

static const char *const reflink_words[] = { "auto", "never", "always", NULL };

static int
set_target_cache (void *field, const char *arg, struct img_error *err)
{
  struct target_cache *cache = field;

  cache->given = true;
  return img_cache_parse (arg, &cache->mode, err);
}

#define ARGS struct convert_args

static const struct opt opts[] = {
  OPT_FORMAT_ROW ('f', "source-format", ARGS, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", ARGS, image),
  OPT_CACHE_ROW ('T', "source-cache", ARGS, image.cache),
  OPT_TEXT_ROW ('l', "snapshot", N_("SNAPSHOT"), ARGS, snapshot,
                N_("read an internal snapshot: ID, name, or snapshot.id=ID,snapshot.name=NAME")),
  OPT_FLAG_ROW (0, "bitmaps", ARGS, bitmaps, N_("copy the dirty bitmaps of the source, too")),
  OPT_FLAG_ROW (0, "skip-broken-bitmaps", ARGS, skip_broken,
                N_("leave out bitmaps that are inconsistent")),
  OPT_FLAG_ROW (0, "salvage", ARGS, salvage, N_("what cannot be read becomes zeroes")),
  OPT_TEXT_ROW ('O', "target-format", N_("FMT"), ARGS, target_format,
                N_("format of the target (default: raw)")),
  OPT_FLAG_ROW (0, "target-image-opts", ARGS, target_image_opts,
                N_("the target is an option list; needs -n")),
  OPT_LIST_ROW ('o', "target-format-options", N_("LIST"), ARGS, options,
                N_("create options of that format, key=value,...; help lists them")),
  OPT_CALL_ROW ('t', "target-cache", N_("MODE"), set_target_cache, ARGS, target_cache,
                N_("none, writeback, writethrough, directsync or unsafe")),
  OPT_TEXT_ROW ('b', "backing", N_("FILE"), ARGS, backing,
                N_("the target is an overlay of that image; needs -F")),
  OPT_TEXT_ROW ('B', NULL, N_("FILE"), ARGS, backing, N_("the same as -b")),
  OPT_TEXT_ROW ('F', "backing-format", N_("FMT"), ARGS, backing_format,
                N_("format of the backing file")),
  OPT_SIZE_ROW ('S', "sparse-size", N_("BYTES"), ARGS, sparse,
                N_("smallest run of zeroes left out (default: 4k); 0: none")),
  OPT_FLAG_ROW ('n', "no-create", ARGS, no_create, N_("the target exists: write into it")),
  OPT_FLAG_ROW (0, "target-is-zero", ARGS, target_is_zero,
                N_("the target reads as zeroes already; needs -n")),
  OPT_SHARE_ROW (ARGS, image),
  OPT_SIZE_ROW ('r', "rate-limit", N_("BYTES"), ARGS, rate,
                N_("copy at most that many bytes a second")),
  OPT_WORKERS_ROW (ARGS, workers),
  OPT_FLAG_ROW ('W', "oob-writes", ARGS, out_of_order,
                N_("write in any order: faster on some devices, output may vary")),
  OPT_FLAG_ROW ('C', "copy-range-offloading", ARGS, copy_range,
                N_("let the system copy, without looking for zeroes")),
  OPT_CHOICE_ROW (0, "reflink", reflink_words, ARGS, reflink,
                  N_("share blocks with the source where the file system can")),
  OPT_FLAG_ROW ('c', "compress", ARGS, compress, N_("compress the target")),
  OPT_NUMBER_ROW (0, "compress-level", N_("N"), ARGS, level,
                  N_("effort of compression: 1 is fastest")),
  OPT_PROGRESS_ROW (ARGS, progress),
  OPT_RESULT_ROW (ARGS, output),
  OPT_QUIET_ROW (ARGS, quiet),
  OPT_OBJECT_ROW (ARGS, image),
  OPT_TRUST_ROWS (ARGS, image),
  OPT_END_ROW
};

/* 0, or the exit status of a fault in what options mean together. */
static int
check_target (const ARGS *a)
{
  if (a->target_image_opts && a->target_format)
    return tool_usage (_("-O and --target-image-opts are mutually exclusive"));
  if (a->target_image_opts && !a->no_create)
    return tool_usage (_("--target-image-opts requires use of -n flag"));
  if (a->target_is_zero && !a->no_create)
    return tool_usage (_("--target-is-zero requires use of -n flag"));
  if (a->no_create && a->options)
    return tool_usage (_("-o has no effect on an existing target: it does not go with -n"));
  if (a->backing && !a->backing_format)
    return tool_usage (_("-b needs the format of the backing file: -F"));
  if (a->backing_format && !a->backing)
    return tool_usage (_("-F needs a backing file: -b"));
  if (a->backing && a->no_create)
    return tool_usage (_("an existing target has its backing file: -b does not go with -n"));
  if (a->level.given && !a->compress)
    return tool_usage (_("--compress-level needs -c"));
  return 0;
}

static int
check_copying (const ARGS *a)
{
  if (a->copy_range && a->compress)
    return tool_usage (_("Cannot enable copy offloading when -c is used"));
  if (a->copy_range && a->sparse.given)
    return tool_usage (_("Cannot enable copy offloading when -S is used"));
  if (a->copy_range && a->salvage)
    return tool_usage (_("Cannot use copy offloading in salvaging mode"));
  if (a->sparse.value > MAX_SPARSE || a->sparse.value % 512)
    return tool_usage (_("-S takes multiples of 512 up to %u, or 0"), MAX_SPARSE);
  if (a->rate.given && a->rate.value == 0)
    return tool_usage (_("-r takes a rate above 0"));
  return 0;
}

static int
check_sources (const ARGS *a, int n)
{
  if (a->image.image_opts && a->image.format)
    return tool_usage (_("--image-opts and --source-format are mutually exclusive"));
  if (a->skip_broken && !a->bitmaps)
    return tool_usage (_("Use of --skip-broken-bitmaps requires --bitmaps"));
  if (n > 1 && a->bitmaps)
    return tool_usage (_("Copying bitmaps only possible with single source"));
  if (n > 1 && a->snapshot)
    return tool_usage (_("No support for concatenating multiple snapshots"));
  if (n > 1 && a->backing)
    return tool_usage (_("Having a backing file for the target makes no sense when concatenating "
                         "multiple input images"));
  return 0;
}

static int
run (void *data, int n, char **names)
{
  ARGS *args = data;
  int fault;

  if (opt_wants_help (args->options))
    return opt_print_create_options (args->target_format ? args->target_format : "raw",
                                     n > 1 ? names[n - 1] : NULL);
  if (n < 2)
    return tool_usage (_("Must specify image file name"));
  if ((fault = check_target (args)) || (fault = check_copying (args)) ||
      (fault = check_sources (args, n - 1)))
    return fault;
  if (!args->target_cache.given)
    args->target_cache.mode = tool_compat () ? IMG_CACHE_UNSAFE : IMG_CACHE_WRITEBACK;
  return convert_run (args, n, names);
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "convert", N_("Copy images, one after the other, into a new one of any format."),
    N_("SRC... DST"), opts, run
  };
  ARGS args = { .sparse = { false, 4096 } };

  int status = tool_main (argc, argv, &command, &args);

  free (args.options);
  return status;
}
