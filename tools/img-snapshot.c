/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-snapshot: internal snapshots of an image. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <blkimg/i18n.h>

#include "common/opt-image.h"
#include "common/out-result.h"

/* What to do, and with which snapshot. */
struct action {
  char letter; /* 0: not said */
  bool mixed;
  const char *name;
};

struct args {
  struct image_args image;
  struct action action;
  bool quiet;
  int output;
};

static int
set_action (struct action *action, char letter, const char *name)
{
  action->mixed = action->letter != 0;
  action->letter = letter;
  action->name = name;
  return 0;
}

static int
set_list (void *field, const char *arg, struct img_error *err)
{
  (void) err;
  return set_action (field, 'l', arg);
}

static int
set_apply (void *field, const char *arg, struct img_error *err)
{
  (void) err;
  return set_action (field, 'a', arg);
}

static int
set_create (void *field, const char *arg, struct img_error *err)
{
  (void) err;
  return set_action (field, 'c', arg);
}

static int
set_delete (void *field, const char *arg, struct img_error *err)
{
  (void) err;
  return set_action (field, 'd', arg);
}

static const struct opt opts[] = {
  OPT_CALL_ROW ('l', "list", NULL, set_list, struct args, action,
                N_("print the snapshots (the default)")),
  OPT_CALL_ROW ('a', "apply", N_("SNAPSHOT"), set_apply, struct args, action,
                N_("turn the image back into what it was")),
  OPT_CALL_ROW ('c', "create", N_("NAME"), set_create, struct args, action,
                N_("keep what the image is now as a snapshot")),
  OPT_CALL_ROW ('d', "delete", N_("SNAPSHOT"), set_delete, struct args, action,
                N_("delete a snapshot")),
  OPT_FORMAT_ROW ('f', "format", struct args, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_SHARE_ROW (struct args, image),
  OPT_RESULT_ROW (struct args, output),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

/* ---- listing ---- */

static int
list (struct img_node *node, void *data)
{
  const struct args *args = data;
  struct img_error err = IMG_ERROR_INIT;
  struct img_value *all = img_snapshot_list (node, &err);

  if (all == NULL)
    return tool_fail (&err);
  if (args->output == OUTPUT_JSON)
    out_json (all);
  else
    out_snapshots (all);
  img_value_free (all);
  return EXIT_SUCCESS;
}

/* ---- changing ---- */

static bool
is_called (const struct img_value *snapshot, const char *key, const char *text)
{
  return strcmp (img_value_string (img_value_get (snapshot, key)), text) == 0;
}

/* The one of ALL that the user means; NULL: there is none. */
static const struct img_value *
find (const struct img_value *all, const struct action *action)
{
  static const char *const keys[] = { "id", "name" };

  for (int k = 0; k < 2; k++)
    for (size_t i = 0; i < img_value_count (all); i++)
      if (is_called (img_value_at (all, i), keys[action->letter == 'a' ? k : 1 - k], action->name))
        return img_value_at (all, i);
  return NULL;
}

/* The tool people know deletes by name only. */
static int
check_name (struct img_node *node, const struct action *action, struct img_error *err)
{
  const struct img_value *snapshot;
  struct img_value *all;
  bool there;

  if (!tool_compat () || action->letter != 'd')
    return 0;
  all = img_snapshot_list (node, err);
  if (all == NULL)
    return -1;
  snapshot = find (all, action);
  there = snapshot && is_called (snapshot, "name", action->name);
  img_value_free (all);
  return there ? 0 : img_error_set (err, ENOENT, _("Could not delete snapshot '%s': snapshot not"
                                                   " found"), action->name);
}

/* What a new snapshot is dated: SOURCE_DATE_EPOCH makes the same bytes of the same command. */
static struct timespec
date_now (void)
{
  const char *epoch = getenv ("SOURCE_DATE_EPOCH");
  struct timespec now = { .tv_nsec = 0 };

  if (epoch && *epoch)
    now.tv_sec = (time_t) strtoul (epoch, NULL, 10);
  else
    clock_gettime (CLOCK_REALTIME, &now);
  return now;
}

static int
change (struct img_node *node, const struct action *action, struct img_error *err)
{
  struct timespec now;

  switch (action->letter) {
  case 'a':
    return img_snapshot_apply (node, action->name, err);
  case 'c':
    now = date_now ();
    return img_snapshot_create (node, action->name, (uint64_t) now.tv_sec, (uint32_t) now.tv_nsec,
                                err);
  default:
    return check_name (node, action, err) < 0 ? -1
                                              : img_snapshot_remove (node, action->name, err);
  }
}

/* What was done with which snapshot: of those BEFORE, or the last that there is now. */
static void
set_facts (struct img_value *facts, struct img_node *node, const struct action *action,
           const struct img_value *before)
{
  static const struct { char letter; const char *word; } words[] = {
    { 'a', "apply" }, { 'c', "create" }, { 'd', "delete" }
  };
  struct img_error ignored = IMG_ERROR_INIT;
  struct img_value *now = action->letter == 'c' ? img_snapshot_list (node, &ignored) : NULL;
  const struct img_value *snapshot = now ? img_value_at (now, img_value_count (now) - 1)
                                         : find (before, action);

  img_value_set_string (facts, "filename", img_filename (node));
  img_value_set_string (facts, "format", img_driver_name (node));
  for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
    if (words[i].letter == action->letter)
      img_value_set_string (facts, "action", words[i].word);
  if (snapshot)
    img_value_take (facts, "snapshot", out_ordered (snapshot));
  img_value_free (now);
}

static int
run_change (struct img_node *node, void *data)
{
  const struct args *args = data;
  struct img_error err = IMG_ERROR_INIT;
  struct img_value *before = NULL;
  struct out_result result;
  int rc = 0;

  out_result_init (&result, args->output);
  if (result.json && args->action.letter != 'c')
    rc = (before = img_snapshot_list (node, &err)) ? 0 : -1;
  if (rc == 0)
    rc = change (node, &args->action, &err);
  if (rc == 0 && result.json)
    set_facts (result.facts, node, &args->action, before);
  img_value_free (before);
  out_result_end (&result, rc == 0);
  return rc == 0 ? EXIT_SUCCESS : tool_fail (&err);
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_open_params params;
  bool changes = args->action.letter && args->action.letter != 'l';

  if (args->action.mixed)
    return tool_usage (_("Cannot mix '-l', '-a', '-c', '-d'"));
  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  /* Nobody could say which one is meant; the other tool makes it. */
  if (args->action.letter == 'c' && *args->action.name == '\0' && !tool_compat ())
    return tool_usage (_("The name of a snapshot cannot be empty"));
  if (changes && args->image.share)
    return tool_usage (_("-U only looks: it does not go with -a, -c and -d"));
  params = image_open_params (&args->image, IMG_OPENF_NO_BACKING |
                                            (changes ? IMG_OPENF_RDWR | IMG_OPENF_UNMAP
                                                     : IMG_OPENF_INFO));
  return image_run (names[0], &params, changes ? run_change : list, args);
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "snapshot", N_("List, make, apply and delete internal snapshots."), N_("FILE"), opts, run
  };
  struct args args = { .output = OUTPUT_HUMAN };

  return tool_main (argc, argv, &command, &args);
}
