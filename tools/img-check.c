/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-check: is an image consistent? */

#include <config.h>

#include <inttypes.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/module.h>

#include "common/opt-image.h"
#include "common/out.h"
#include "common/progress.h"

enum { EXIT_CORRUPT = 2, EXIT_LEAKS = 3, EXIT_NO_CHECK = 63 };

struct args {
  struct image_args image;
  int repair, output;
  unsigned drop; /* IMG_REPAIR_DROP_* */
  struct progress_args progress;
  struct progress watch;
  bool quiet;
};

enum { REPAIR_LEAKS, REPAIR_ALL };
static const char *const repair_words[] = { "leaks", "all", NULL };

/* WORD,...: what may be given up. */
static int
take_drop (void *field, const char *arg, struct img_error *err)
{
  static const char *const words[] = { "snapshots", "bitmaps" };
  static const unsigned bits[] = { IMG_REPAIR_DROP_SNAPSHOTS, IMG_REPAIR_DROP_BITMAPS };
  unsigned *drop = field;

  while (*arg) {
    size_t n = strcspn (arg, ","), i = 0;
    while (i < 2 && (strlen (words[i]) != n || strncmp (words[i], arg, n) != 0))
      i++;
    if (i == 2)
      return img_error_set (err, EINVAL, _("--drop-broken takes snapshots, bitmaps, or both:"
                                           " '%s'"), arg);
    *drop |= bits[i];
    arg += arg[n] ? n + 1 : n;
  }
  return 0;
}

static const struct opt opts[] = {
  OPT_FORMAT_ROW ('f', "format", struct args, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_CACHE_ROW ('T', "cache", struct args, image.cache),
  OPT_CHOICE_ROW ('r', "repair", repair_words, struct args, repair,
                  N_("repair what was found, then check again")),
  OPT_CALL_ROW (0, "drop-broken", N_("WORD,..."), take_drop, struct args, drop,
                N_("with -r all: give up damaged snapshots, bitmaps")),
  OPT_SHARE_ROW (struct args, image),
  OPT_NATIVE_PROGRESS_ROW (struct args, progress),
  OPT_OUTPUT_ROW (struct args, output),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

/* A finding in the driver's words, which scripts know: "ERROR cluster ...", "Leaked ...". */
static void
say (void *arg, bool corruption, const char *line)
{
  const struct args *args = arg;

  (void) corruption;
  if (!args->quiet)
    fprintf (stderr, "%s\n", line);
}

/* ---- output ---- */

/* Natively every counter is there; qemu-img leaves zeroes out. */
static void
put (struct img_value *v, const char *key, uint64_t n)
{
  if (n > 0 || !tool_compat ())
    img_value_set_uint (v, key, n);
}

static void
print_json (struct img_node *node, const struct img_check *c)
{
  struct img_value *v = img_value_object ();

  img_value_set_string (v, "filename", img_filename (node));
  img_value_set_string (v, "format", img_driver_name (node));
  img_value_set_uint (v, "check-errors", c->check_errors);
  put (v, "image-end-offset", c->image_end_offset);
  put (v, "corruptions", c->corruptions);
  put (v, "leaks", c->leaks);
  put (v, "corruptions-fixed", c->corruptions_fixed);
  put (v, "leaks-fixed", c->leaks_fixed);
  put (v, "total-clusters", c->total_clusters);
  put (v, "allocated-clusters", c->allocated_clusters);
  put (v, "fragmented-clusters", c->fragmented_clusters);
  put (v, "compressed-clusters", c->compressed_clusters);
  out_json (v);
  img_value_free (v);
}

static double
percent (uint64_t part, uint64_t whole)
{
  return whole ? (double) part * 100 / (double) whole : 0;
}

static void
print_human (const struct img_check *c)
{
  if (c->corruptions == 0 && c->leaks == 0 && c->check_errors == 0)
    printf (_("No errors were found on the image.\n"));
  if (c->corruptions)
    printf (P_("\n%" PRIu64 " errors were found on the image.\n"
                "Data may be corrupted, or further writes to the image may corrupt it.\n",
                c->corruptions), c->corruptions);
  if (c->leaks)
    printf (P_("\n%" PRIu64 " leaked clusters were found on the image.\n"
                "This means waste of disk space, but no harm to data.\n", c->leaks), c->leaks);
  if (c->check_errors)
    printf (P_("\n%" PRIu64 " internal errors have occurred during the check.\n",
                c->check_errors), c->check_errors);
  if (c->total_clusters && c->allocated_clusters)
    printf (_("%" PRIu64 "/%" PRIu64 " = %0.2f%% allocated, %0.2f%% fragmented, "
              "%0.2f%% compressed clusters\n"),
            c->allocated_clusters, c->total_clusters,
            percent (c->allocated_clusters, c->total_clusters),
            percent (c->fragmented_clusters, c->allocated_clusters),
            percent (c->compressed_clusters, c->allocated_clusters));
  if (c->image_end_offset)
    printf (_("Image end offset: %" PRIu64 "\n"), c->image_end_offset);
}

/* ---- the work ---- */

static struct img_check
new_check (struct args *args)
{
  return (struct img_check) { .struct_size = sizeof (struct img_check), .say = say,
                              .say_arg = args, .progress = img_progress_tell,
                              .progress_arg = args->watch.work };
}

/* After a repair the image is looked at again; what was fixed is kept. */
static int
look_again (struct img_node *node, struct args *args, struct img_check *c, struct img_error *err)
{
  struct img_check again = new_check (args);

  if (c->corruptions_fixed == 0 && c->leaks_fixed == 0)
    return 0;
  if (args->output == OUTPUT_HUMAN && !args->quiet) {
    printf (_("The following inconsistencies were found and repaired:\n\n"));
    printf (P_("    %" PRIu64 " leaked clusters\n", c->leaks_fixed), c->leaks_fixed);
    printf (P_("    %" PRIu64 " corruptions\n", c->corruptions_fixed), c->corruptions_fixed);
    printf (_("\nDouble checking the fixed image now...\n"));
  }
  if (img_check (node, &again, 0, err) < 0)
    return -1;
  again.corruptions_fixed = c->corruptions_fixed;
  again.leaks_fixed = c->leaks_fixed;
  again.check_errors += c->check_errors;
  *c = again;
  return 0;
}

static int
status_of (const struct img_check *c)
{
  if (c->check_errors)
    return EXIT_FAILURE; /* it did not see everything */
  if (c->corruptions)
    return EXIT_CORRUPT;
  return c->leaks ? EXIT_LEAKS : EXIT_SUCCESS;
}

static int
check (struct img_node *node, void *data)
{
  static const unsigned repairs[] = { 0, IMG_REPAIR_LEAKS, IMG_REPAIR_LEAKS | IMG_REPAIR_ERRORS };
  struct args *args = data;
  const struct img_driver *driver;
  struct img_error err = IMG_ERROR_INIT;
  struct img_check c;
  int rc;

  driver = img_driver_find (img_driver_name (node), &err);
  if (driver && driver->check == NULL) {
    if (tool_compat ())
      tool_say (_("This image format does not support checks"));
    else
      tool_say (_("%s: %s images cannot be checked"), img_filename (node), driver->name);
    return EXIT_NO_CHECK;
  }
  progress_start (&args->watch, &args->progress, args->quiet, args->output == OUTPUT_JSON);
  c = new_check (args);
  rc = img_check (node, &c, repairs[args->repair + 1] | args->drop, &err);
  if (rc == 0)
    rc = look_again (node, args, &c, &err);
  progress_end (&args->watch, rc == 0);
  if (rc < 0) {
    int status = atomic_load (&args->watch.signal) ? EXIT_FAILURE : tool_fail (&err);
    return err.code == ENOTSUP ? EXIT_NO_CHECK : status; /* it cannot repair */
  }
  if (args->output == OUTPUT_JSON && !(args->quiet && tool_compat ()))
    print_json (node, &c);
  else if (args->output == OUTPUT_HUMAN && !args->quiet)
    print_human (&c);
  return status_of (&c);
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  unsigned flags = IMG_OPENF_CHECK | IMG_OPENF_NO_BACKING;
  struct img_open_params params;
  int status;

  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  if (args->repair >= 0 && args->image.share)
    return tool_usage (_("-U only looks: it does not go with -r"));
  if (args->drop && args->repair != REPAIR_ALL)
    return tool_usage (_("--drop-broken goes with -r all"));
  if (args->repair >= 0)
    flags |= IMG_OPENF_RDWR;
  params = image_open_params (&args->image, flags);
  status = image_run (names[0], &params, check, args);
  progress_release (&args->watch);
  return status;
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "check", N_("Check whether an image is consistent."), N_("FILE"), opts, run
  };
  struct args args = { .output = OUTPUT_HUMAN, .repair = -1 };

  return tool_main (argc, argv, &command, &args);
}
