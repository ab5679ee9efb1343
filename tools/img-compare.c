/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-compare: do two images hold the same? */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <blkimg/copy.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "common/columns.h"
#include "common/opt-image.h"
#include "common/out-result.h"
#include "common/progress.h"

enum { EXIT_DIFFER = 1, EXIT_OPEN = 2, EXIT_STATUS = 3, EXIT_READ = 4 };

struct args {
  struct image_args image; /* its format is the first one's */
  const char *format2;
  unsigned workers;
  struct progress_args progress;
  bool strict, list, quiet;
  int output;
};

static const struct opt opts[] = {
  OPT_TEXT_ROW ('f', "a-format", N_("FMT"), struct args, image.format,
                N_("format of FILE1 (default: detect it)")),
  OPT_TEXT_ROW ('F', "b-format", N_("FMT"), struct args, format2,
                N_("format of FILE2 (default: detect it)")),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_FLAG_ROW ('s', "strict", struct args, strict,
                N_("sizes and allocation must be the same, too")),
  OPT_NATIVE_FLAG_ROW ("list", struct args, list, N_("print every range that differs")),
  OPT_CACHE_ROW ('T', "cache", struct args, image.cache),
  OPT_WORKERS_ROW (struct args, workers),
  OPT_SHARE_ROW (struct args, image),
  OPT_PROGRESS_ROW (struct args, progress),
  OPT_RESULT_ROW (struct args, output),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

static const char *const kinds[] = { NULL, N_("content"), N_("status"), N_("size") };

/* ---- the list ---- */

struct list {
  const struct args *args;
  struct out_result *json; /* or NULL: lines for people */
  bool begun;
  int widths[2];
};

static void
add_range (void *arg, uint64_t offset, uint64_t length, enum img_compare_result kind)
{
  struct list *list = arg;
  struct img_value *range;

  if (list->json) {
    range = img_value_object ();
    img_value_set_uint (range, "offset", offset);
    img_value_set_uint (range, "length", length);
    img_value_set_string (range, "kind", kinds[kind]);
    out_result_item (list->json, range);
    img_value_free (range);
    return;
  }
  if (list->args->quiet)
    return;
  if (!list->begun)
    column_headings ((const char *[]) { _("Offset"), _("Length") }, 2, list->widths, _("Kind"));
  list->begun = true;
  printf ("%#*" PRIx64 "%#*" PRIx64 "%s\n", list->widths[0], offset, list->widths[1], length,
          _(kinds[kind]));
}

/* ---- the result ---- */

/* COMMON: the length that both have.  LISTED: where they differ was said. */
static void
print_result (const struct img_compare *c, uint64_t common, bool listed)
{
  if (c->size_differs &&
      (c->result == IMG_COMPARE_SAME || (c->result == IMG_COMPARE_CONTENT && c->offset >= common)))
    printf (_("Warning: Image size mismatch!\n"));
  switch (c->result) {
  case IMG_COMPARE_SAME:
    printf (_("Images are identical.\n"));
    break;
  case IMG_COMPARE_CONTENT:
    if (!listed)
      printf (_("Content mismatch at offset %" PRIu64 "!\n"), c->offset);
    break;
  case IMG_COMPARE_STATUS:
    if (!listed)
      printf (_("Strict mode: Offset %" PRIu64 " block status mismatch!\n"), c->offset);
    break;
  case IMG_COMPARE_SIZE:
    printf (_("Strict mode: Image size mismatch!\n"));
    break;
  }
}

static void
add_image (struct img_value *list, const struct img_node *node)
{
  struct img_value *image = img_value_add_object (list, NULL);

  img_value_set_string (image, "filename", img_filename (node));
  img_value_set_string (image, "format", img_driver_name (node));
  img_value_set_uint (image, "virtual-size", img_size (node));
}

static void
set_facts (struct img_value *facts, const struct img_node *a, const struct img_node *b,
           const struct img_compare *c)
{
  struct img_value *images = img_value_add_array (facts, "images"), *mismatch;

  add_image (images, a);
  add_image (images, b);
  img_value_set_bool (facts, "identical", c->result == IMG_COMPARE_SAME);
  img_value_set_bool (facts, "size-differs", c->size_differs);
  if (c->result == IMG_COMPARE_SAME)
    return;
  mismatch = img_value_add_object (facts, "mismatch");
  img_value_set_string (mismatch, "kind", kinds[c->result]);
  if (c->result != IMG_COMPARE_SIZE)
    img_value_set_uint (mismatch, "offset", c->offset);
}

static int
compare (struct args *args, struct img_node *a, struct img_node *b)
{
  struct img_compare_opts o = { .struct_size = sizeof o, .strict = args->strict };
  struct img_compare result = { .failed_image = 0 };
  struct img_error err = IMG_ERROR_INIT;
  struct list list = { .args = args };
  struct out_result facts;
  struct progress watch;
  int status, rc;

  o.workers = args->workers;
  if (args->list)
    o.differs = add_range;
  o.differs_arg = &list;
  out_result_init (&facts, args->output);
  rc = args->list && facts.json ? out_result_list (&facts, "differences", &err) : 0;
  list.json = facts.items ? &facts : NULL;
  progress_start (&watch, &args->progress, args->quiet, args->list || facts.json);
  o.progress = watch.work;
  if (rc == 0)
    rc = img_compare (a, b, &o, &result, &err);
  if (rc == 0 && list.json)
    rc = out_result_listed (&facts, &err);
  progress_end (&watch, rc == 0 && result.result == IMG_COMPARE_SAME);
  if (rc < 0) {
    if (!atomic_load (&watch.signal))
      tool_fail (&err);
    status = result.failed_status ? EXIT_STATUS : EXIT_READ;
  } else {
    status = result.result == IMG_COMPARE_SAME ? EXIT_SUCCESS : EXIT_DIFFER;
    set_facts (facts.facts, a, b, &result);
    if (!args->quiet && !facts.json)
      print_result (&result, img_min (img_size (a), img_size (b)), list.begun);
  }
  progress_newline (&watch);
  if (out_result_end (&facts, rc == 0) < 0)
    status = EXIT_READ;
  progress_release (&watch);
  return status;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_open_params params;
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *a, *b;
  int status;

  if (n != 2)
    return tool_usage (_("Expecting two image file names"));
  params = image_open_params (&args->image, 0);
  status = image_check_args (&params);
  if (status)
    return tool_compat () ? EXIT_OPEN : status;
  a = img_open (names[0], &params, &err);
  params.format = args->format2;
  b = a ? img_open (names[1], &params, &err) : NULL;
  if (b) {
    status = compare (args, a, b);
  } else {
    tool_fail (&err);
    status = EXIT_OPEN;
  }
  img_close (b, &err);
  img_close (a, &err);
  return status;
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "compare", N_("Compare the contents of two images."), N_("FILE1 FILE2"), opts, run
  };
  struct args args = { .strict = false };

  tool_set_trouble (EXIT_READ);
  return tool_main (argc, argv, &command, &args);
}
