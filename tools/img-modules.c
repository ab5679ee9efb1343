/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-modules: which formats, protocols and codecs are installed, and why one does not load. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/blkimg.h>
#include <blkimg/i18n.h>

#include "common/opt.h"
#include "common/out.h"

struct args {
  int output;
  bool json, options;
};

static const struct opt opts[] = {
  OPT_FLAG_ROW ('o', "options", struct args, options, N_("also the options of each driver")),
  OPT_OUTPUT_ROW (struct args, output),
  OPT_FLAG_ROW (0, "json", struct args, json, N_("the same as --output=json")),
  OPT_END_ROW
};

static const char *
text (const struct img_value *v, const char *key)
{
  const char *s = img_value_string (img_value_get (v, key));

  return s ? s : "";
}

/* What a module says of itself for people; in JSON it stays as it is. */
static const char *
translated (const struct img_value *object, const char *key)
{
  const char *s = text (object, key);

  return *s ? _(s) : s;
}

static void
print_words (const char *label, const struct img_value *array)
{
  if (img_value_count (array) == 0)
    return;
  printf ("    %s:", label);
  for (size_t i = 0; i < img_value_count (array); i++)
    printf (" %s", img_value_string (img_value_at (array, i)));
  putchar ('\n');
}

static void
print_magics (const struct img_value *array)
{
  if (img_value_count (array) == 0)
    return;
  printf ("    %s:", _("magics"));
  for (size_t i = 0; i < img_value_count (array); i++) {
    const struct img_value *m = img_value_at (array, i);
    printf (" %s@%" PRId64, text (m, "bytes"), img_value_int (img_value_get (m, "offset")));
  }
  putchar ('\n');
}

static void
print_options (const char *label, const struct img_value *array)
{
  if (img_value_count (array) == 0)
    return;
  printf ("    %s:\n", label);
  for (size_t i = 0; i < img_value_count (array); i++) {
    const struct img_value *o = img_value_at (array, i), *words = img_value_get (o, "choices");
    printf ("      %s=", text (o, "name"));
    if (img_value_count (words) == 0)
      printf ("<%s>", text (o, "type"));
    for (size_t k = 0; k < img_value_count (words); k++)
      printf ("%s%s", k ? "|" : "", img_value_string (img_value_at (words, k)));
    if (*text (o, "default"))
      printf (_(" (default: %s)"), text (o, "default"));
    printf (*text (o, "help") ? ": %s\n" : "%s\n", translated (o, "help"));
  }
}

static void
print_driver (const struct img_value *d, bool options)
{
  printf ("  %s %s", translated (d, "kind"), text (d, "name"));
  if (*text (d, "longname"))
    printf (": %s", translated (d, "longname"));
  if (*text (d, "version"))
    printf (", %s", text (d, "version"));
  putchar ('\n');
  printf ("    %s: %s\n", _("threads"), text (d, "threads"));
  print_words (_("capabilities"), img_value_get (d, "caps"));
  print_words (_("schemes"), img_value_get (d, "schemes"));
  print_words (_("extensions"), img_value_get (d, "extensions"));
  print_magics (img_value_get (d, "magics"));
  if (options) {
    print_options (_("options for opening"), img_value_get (d, "open-options"));
    print_options (_("options for creating"), img_value_get (d, "create-options"));
    print_options (_("options for amending"), img_value_get (d, "amend-options"));
  }
}

static void
print_codec (const struct img_value *c)
{
  printf (_("  codec %s"), text (c, "name"));
  if (*text (c, "version"))
    printf (": %s", text (c, "version"));
  if (img_value_get (c, "level-max"))
    printf (_(", levels %" PRId64 " to %" PRId64 ", default %" PRId64),
            img_value_int (img_value_get (c, "level-min")),
            img_value_int (img_value_get (c, "level-max")),
            img_value_int (img_value_get (c, "level-default")));
  putchar ('\n');
}

static void
print_module (const struct img_value *m, bool options)
{
  const struct img_value *drivers = img_value_get (m, "drivers");
  const struct img_value *codecs = img_value_get (m, "codecs");

  printf ("%s", text (m, "name"));
  if (img_value_get (m, "abi"))
    printf (", ABI %" PRIu64, img_value_uint (img_value_get (m, "abi")));
  if (*text (m, "path"))
    printf (", %s", text (m, "path"));
  putchar ('\n');
  if (*text (m, "error"))
    printf (_("  does not load: %s\n"), text (m, "error"));
  for (size_t i = 0; i < img_value_count (drivers); i++)
    print_driver (img_value_at (drivers, i), options);
  for (size_t i = 0; i < img_value_count (codecs); i++)
    print_codec (img_value_at (codecs, i));
  if (img_value_get (m, "crypto"))
    printf (_("  encryption %s\n"), text (m, "crypto"));
  if (img_value_get (m, "json"))
    printf (_("  JSON %s\n"), text (m, "json"));
}

/* Is M, or a driver or codec in it, called NAME? */
static bool
has_name (const struct img_value *m, const char *name)
{
  static const char *const lists[] = { "drivers", "codecs" };

  if (strcmp (text (m, "name"), name) == 0)
    return true;
  for (unsigned l = 0; l < 2; l++) {
    const struct img_value *list = img_value_get (m, lists[l]);
    for (size_t i = 0; i < img_value_count (list); i++)
      if (strcmp (text (img_value_at (list, i), "name"), name) == 0)
        return true;
  }
  return false;
}

/* Prints NAME's module, or all. */
static bool
print_named (const struct img_value *all, const char *name, bool options)
{
  bool found = false;

  for (size_t i = 0; i < img_value_count (all); i++)
    if (name == NULL || has_name (img_value_at (all, i), name)) {
      print_module (img_value_at (all, i), options);
      found = true;
    }
  return found;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_error err = IMG_ERROR_INIT;
  struct img_value *all;
  int status = EXIT_SUCCESS;

  if (n > 0 && (args->json || args->output == OUTPUT_JSON))
    return tool_usage (_("JSON output always lists all modules"));
  all = img_modules (&err);
  if (all == NULL)
    return tool_fail (&err);
  if (args->json || args->output == OUTPUT_JSON)
    out_json (all);
  else if (n == 0)
    print_named (all, NULL, args->options);
  for (int i = 0; i < n; i++)
    if (!print_named (all, names[i], true)) {
      tool_say (_("no module provides '%s'"), names[i]);
      status = EXIT_FAILURE;
    }
  img_value_free (all);
  return status;
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "modules", N_("Print which formats, protocols and codecs are installed."),
    N_("[NAME]..."), opts, run
  };
  struct args args = { .output = OUTPUT_HUMAN };

  return tool_main (argc, argv, &command, &args);
}
