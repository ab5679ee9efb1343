/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-bitmap: adds, removes and changes dirty bitmaps that an image keeps. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/vec.h>

#include "common/opt-image.h"
#include "common/out-result.h"

enum kind { ADD, REMOVE, REMOVE_ALL, CLEAR, ENABLE, DISABLE, MERGE };

static const char *const kind_names[] = { "add",    "remove",  "remove-all", "clear",
                                          "enable", "disable", "merge" };

struct action {
  enum kind kind;
  const char *source; /* of a merge */
};

/* In the order of the command line. */
typedef IMG_VEC (struct action) action_list;

struct args {
  struct image_args image;
  action_list actions;
  struct opt_number granularity;
  const char *source_file, *source_format;
  int output;
};

static int
append (void *field, enum kind kind, const char *source)
{
  action_list *list = field;
  struct action action = { kind, source };

  if (img_vec_push (list, action) < 0)
    tool_no_memory ();
  return 0;
}

#define ACTION(name, kind)                                          \
  static int                                                        \
  name (void *field, const char *arg, struct img_error *err)        \
  {                                                                 \
    (void) err;                                                     \
    return append (field, kind, arg);                               \
  }
ACTION (set_add, ADD)
ACTION (set_remove, REMOVE)
ACTION (set_remove_all, REMOVE_ALL)
ACTION (set_clear, CLEAR)
ACTION (set_enable, ENABLE)
ACTION (set_disable, DISABLE)
ACTION (set_merge, MERGE)

#define ACTION_ROW(n, f, h) OPT_CALL_ROW (0, n, NULL, f, struct args, actions, h)

static const struct opt opts[] = {
  ACTION_ROW ("add", set_add, N_("make the bitmap; it records from now on")),
  OPT_SIZE_ROW ('g', "granularity", N_("BYTES"), struct args, granularity,
                N_("what a bit of a new bitmap stands for (default: 64k)")),
  ACTION_ROW ("remove", set_remove, N_("remove the bitmap")),
  ACTION_ROW ("remove-all", set_remove_all, N_("remove all bitmaps of the image")),
  ACTION_ROW ("clear", set_clear, N_("clear all that the bitmap has marked")),
  ACTION_ROW ("enable", set_enable, N_("the bitmap records writes from now on")),
  ACTION_ROW ("disable", set_disable, N_("the bitmap records writes no longer")),
  OPT_CALL_ROW (0, "merge", N_("SOURCE"), set_merge, struct args, actions,
                N_("mark what bitmap SOURCE has marked, too")),
  OPT_TEXT_ROW ('b', "source-file", N_("FILE"), struct args, source_file,
                N_("the image that has SOURCE (default: the same)")),
  OPT_TEXT_ROW ('F', "source-format", N_("FMT"), struct args, source_format,
                N_("format of that image")),
  OPT_FORMAT_ROW ('f', "format", struct args, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_RESULT_ROW (struct args, output),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

/* ---- actions ---- */

typedef IMG_VEC (struct img_bitmap_change) change_list;

static void
push (change_list *list, struct img_bitmap_change change)
{
  if (img_vec_push (list, change) < 0)
    tool_no_memory ();
}

static void
plan (const struct args *args, const struct action *action, const char *name,
      struct img_node *source, change_list *list)
{
  static const enum img_bitmap_action actions[] = {
    [ADD] = IMG_BITMAP_ADD,       [REMOVE] = IMG_BITMAP_REMOVE,  [REMOVE_ALL] = IMG_BITMAP_REMOVE,
    [CLEAR] = IMG_BITMAP_CLEAR,   [ENABLE] = IMG_BITMAP_ENABLE,  [DISABLE] = IMG_BITMAP_ENABLE,
    [MERGE] = IMG_BITMAP_MERGE
  };
  struct img_bitmap_change change = { .action = actions[action->kind], .name = name };

  change.granularity = args->granularity.value;
  change.enabled = action->kind != DISABLE;
  change.from = source;
  change.from_name = action->source;
  push (list, change);
}

/* Those before the one that fails have happened. */
static int
perform_all (const struct args *args, struct img_node *node, const char *name,
             struct img_node *source, const struct img_value *all, struct img_error *err)
{
  change_list list = { .v = NULL };
  size_t done = 0;
  int rc = 0;

  for (size_t i = 0; name && i < args->actions.n; i++)
    plan (args, &args->actions.v[i], name, source ? source : node, &list);
  for (size_t i = name ? 0 : img_value_count (all); i > 0; i--) /* the last is quickest to find */
    plan (args, &args->actions.v[0],
          img_value_string (img_value_get (img_value_at (all, i - 1), "name")), NULL, &list);
  if (list.n > 0)
    rc = img_bitmap_change (node, list.v, list.n, &done, err);
  img_vec_free (&list);
  if (rc == 0)
    return 0;
  if (name)
    return img_error_prefix (err, _("Operation %s on bitmap %s failed"),
                             kind_names[args->actions.v[done].kind], name);
  return img_error_prefix (err, _("Operation %s failed"), kind_names[REMOVE_ALL]);
}

/* ---- the result ---- */

/* Bytes that are marked. */
static int
count (struct img_node *node, const char *name, uint64_t *bytes, struct img_error *err)
{
  uint64_t from = 0, start, length;
  int r;

  *bytes = 0;
  while ((r = img_bitmap_next (node, name, from, &start, &length, err)) > 0) {
    *bytes += length;
    from = start + length;
  }
  return r;
}

static int
report (struct img_node *node, struct img_value *facts, struct img_error *err)
{
  struct img_value *list = img_bitmap_list (node, err), *array;
  int rc = list ? 0 : -1;

  array = img_value_add_array (facts, "bitmaps");
  for (size_t i = 0; rc == 0 && i < img_value_count (list); i++) {
    const struct img_value *b = img_value_at (list, i), *flags = img_value_get (b, "flags");
    struct img_value *v = img_value_add_object (array, NULL), *f;
    const char *name = img_value_string (img_value_get (b, "name"));
    bool in_use = false;
    uint64_t bytes;
    img_value_set_string (v, "name", name);
    img_value_set_uint (v, "granularity", img_value_uint (img_value_get (b, "granularity")));
    f = img_value_add_array (v, "flags");
    for (size_t k = 0; k < img_value_count (flags); k++) {
      const char *flag = img_value_string (img_value_at (flags, k));
      in_use |= strcmp (flag, "in-use") == 0;
      img_value_set_string (f, NULL, flag);
    }
    if (!in_use && (rc = count (node, name, &bytes, err)) == 0)
      img_value_set_uint (v, "dirty-bytes", bytes);
  }
  img_value_free (list);
  return rc;
}

/* ---- the work ---- */

static int
work (const struct args *args, const char *file, const char *name, struct out_result *result,
      struct img_error *err)
{
  struct img_open_params params =
    image_open_params (&args->image, IMG_OPENF_RDWR | IMG_OPENF_NO_BACKING);
  struct img_node *node = img_open (file, &params, err), *source = NULL;
  struct img_value *all = NULL; /* bitmaps that are to go */
  struct img_error late = IMG_ERROR_INIT;
  int rc = node ? 0 : -1;

  if (rc == 0 && args->source_file) {
    struct image_args from = args->image;
    from.format = args->source_format;
    from.image_opts = false;
    params = image_open_params (&from, IMG_OPENF_NO_BACKING);
    source = img_open (args->source_file, &params, err);
    rc = source ? 0 : -1;
  }
  if (rc == 0 && name == NULL && (all = img_bitmap_list (node, err)) == NULL)
    rc = img_error_prefix (err, _("Operation %s failed"), kind_names[REMOVE_ALL]);
  if (rc == 0)
    rc = perform_all (args, node, name, source, all, err);
  if (rc == 0 && result->json)
    rc = report (node, result->facts, err);
  img_value_free (all);
  img_close (source, &late);
  if (img_close (node, &late) < 0 && rc == 0) {
    *err = late;
    rc = -1;
  }
  return rc;
}

/* 0, or the exit status of a fault in what options mean together. */
static int
check (const struct args *args, int n)
{
  bool adds = false, merges = false, all = false, one = false;

  for (size_t i = 0; i < args->actions.n; i++) {
    enum kind kind = args->actions.v[i].kind;
    adds |= kind == ADD;
    merges |= kind == MERGE;
    all |= kind == REMOVE_ALL;
    one |= kind != REMOVE_ALL;
  }
  if (args->actions.n == 0)
    return tool_usage (_("Need at least one of --add, --remove, --remove-all, --clear, --enable, "
                         "--disable, or --merge"));
  if (all && one)
    return tool_usage (_("--remove-all goes with no other action"));
  if (args->granularity.given && !adds)
    return tool_usage (_("granularity only supported with --add"));
  if (args->source_format && !args->source_file)
    return tool_usage (_("-F only supported with -b"));
  if (args->source_file && !merges)
    return tool_usage (_("Merge bitmap source file only supported with --merge"));
  if (args->image.image_opts && args->image.format)
    return tool_usage (_("--image-opts and --format are mutually exclusive"));
  if (all && n != 1)
    return tool_usage (_("Expecting one image file name"));
  if (!all && n != 2)
    return tool_usage (_("Expecting filename and bitmap name"));
  return 0;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_error err = IMG_ERROR_INIT;
  struct out_result result;
  int rc = check (args, n);

  if (rc)
    return rc;
  out_result_init (&result, args->output);
  img_value_set_string (result.facts, "filename", names[0]);
  rc = work (args, names[0], n > 1 ? names[1] : NULL, &result, &err);
  out_result_end (&result, rc == 0);
  return rc == 0 ? EXIT_SUCCESS : tool_fail (&err);
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "bitmap", N_("Add, remove and change dirty bitmaps that an image keeps."),
    N_("FILE [BITMAP]"), opts, run
  };
  struct args args = { .output = OUTPUT_HUMAN };
  int status = tool_main (argc, argv, &command, &args);

  img_vec_free (&args.actions);
  return status;
}
