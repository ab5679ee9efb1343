/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a new image shall be: drivers, options, size, backing file.
 *
 * Owns: the rules of `create` and the summary that it prints.  Touches no file but the backing one,
 * which is looked at for its size and format.  What is wrong is found here, before anything that
 * stands in the new image's place is lost. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/create.h"
#include "core/driver.h"
#include "core/gate.h"
#include "core/open.h"
#include "core/optdesc.h"
#include "core/spec.h"

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

static int
no_memory (struct img_error *err)
{
  return img_error_errno (err, ENOMEM, _("options"));
}

/* ---- drivers ---- */

static int
find_drivers (struct img_create_plan *plan, const char *name, const char *format,
              struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = img_opts_new ();

  if (opts == NULL)
    return no_memory (err);
  plan->driver = img_driver_find (format ? format : "raw", err);
  if (plan->driver == NULL)
    return -1;
  if (*name == '\0')
    return img_error_set (err, EINVAL, _("the image name is empty"));
  if (strncmp (name, "json:", 5) == 0)
    return img_error_set (err, EINVAL, _("an image cannot be created with a json: name"));
  plan->protocol = img_open_protocol (name, false, opts, err);
  if (plan->protocol == NULL)
    return -1;
  if (plan->driver->create == NULL)
    return img_error_set (err, ENOTSUP, _("Format driver '%s' does not support image creation"),
                          plan->driver->name);
  return 0;
}

/* ---- options ---- */

static int
take_size (struct img_create_plan *plan, struct img_opts *all, struct img_error *err)
{
  const char *text = img_opts_get (all, "size");

  if (text == NULL)
    return 0;
  if (plan->has_size)
    return img_error_set (err, EINVAL, _("The image size must be specified only once"));
  if (img_size_parse (text, &plan->size, err) < 0)
    return img_error_prefix (err, _("option '%s'"), "size");
  plan->has_size = true;
  return img_opts_set (all, "size", NULL, err);
}

/* Moves what TABLE knows from ALL to a new list. */
static struct img_opts *
take_known (struct img_opts *all, const struct img_optdesc *table, struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *known = img_opts_new ();
  size_t i = 0;

  if (known == NULL) {
    no_memory (err);
    return NULL;
  }
  while (i < img_opts_count (all)) {
    const char *key, *value;
    img_opts_pair (all, i, &key, &value);
    if (img_optdesc_find (table, key) == NULL) {
      i++;
      continue;
    }
    IMG_CLEANUP (free) char *copy = strdup (key);
    if (copy == NULL || img_opts_set (known, copy, value, err) < 0 ||
        img_opts_set (all, copy, NULL, err) < 0) {
      no_memory (err);
      return NULL;
    }
  }
  return img_steal (known);
}

static int
unknown_option (const struct img_create_plan *plan, const struct img_opts *all,
                struct img_error *err)
{
  const char *key, *value;

  if (img_opts_count (all) == 0)
    return 0;
  img_opts_pair (all, 0, &key, &value);
  if (strcmp (key, "backing_file") == 0)
    return img_error_set (err, ENOTSUP, _("Backing file not supported for file format '%s'"),
                          plan->driver->name);
  if (strcmp (key, "backing_fmt") == 0)
    return img_error_set (err, ENOTSUP, _("Backing format not supported for file format '%s'"),
                          plan->driver->name);
  return img_error_set (err, EINVAL, _("format '%s' has no create option '%s'"),
                        plan->driver->name, key);
}

static enum img_prealloc
prealloc_mode (const char *word)
{
  static const char *const words[] = { "off", "metadata", "falloc", "full" };

  for (unsigned i = 0; word && i < sizeof words / sizeof *words; i++)
    if (strcmp (word, words[i]) == 0)
      return (enum img_prealloc) i;
  return IMG_PREALLOC_OFF;
}

/* img_opts_check, with `size`, which tables list for its place and its help, left out. */
static int
check_options (struct img_opts *opts, const struct img_driver *driver, struct img_error *err)
{
  if (img_opts_check (opts, driver->create_opts, driver->name, err) < 0)
    return -1;
  return img_opts_set (opts, "size", NULL, err);
}

int
img_create_options (struct img_create_plan *plan, struct img_opts *all, struct img_error *err)
{
  if (take_size (plan, all, err) < 0)
    return -1;
  plan->opts = take_known (all, plan->driver->create_opts, err);
  if (plan->opts == NULL || check_options (plan->opts, plan->driver, err) < 0)
    return -1;
  if (plan->protocol && plan->protocol != plan->driver) {
    plan->protocol_opts = take_known (all, plan->protocol->create_opts, err);
    if (plan->protocol_opts == NULL ||
        check_options (plan->protocol_opts, plan->protocol, err) < 0)
      return -1;
    plan->prealloc = prealloc_mode (img_opts_string (plan->protocol_opts, "preallocation"));
  }
  return unknown_option (plan, all, err);
}

/* ---- backing file ---- */

/* True when both are the same file; false when one is not there. */
static bool
same_file (const char *a, const char *b)
{
  struct stat one, other;

  if (strcmp (a, b) == 0)
    return true;
  return stat (a, &one) == 0 && stat (b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

/* Where the backing file stands: its name is relative to the new image. */
static char *
backing_path (const char *name, const char *backing)
{
  struct img_context context = { .gate = IMG_GATE_OPEN };
  struct img_node place = { .path = (char *) name, .context = &context };

  return img_gate_resolve (&place, backing, 0);
}

static int
look_at_backing (struct img_create_plan *plan, const char *path, const char *format,
                 const struct img_create_params *params, struct img_error *err)
{
  struct img_open_params open = { .struct_size = sizeof open, .format = format };
  struct img_node *node;

  open.flags = IMG_OPENF_INFO;
  open.gate = params->gate;
  open.objects = params->objects;
  node = img_open (path, &open, err);
  if (node == NULL) {
    img_error_prefix (err, _("Could not open backing image"));
    return -1;
  }
  if (format == NULL) {
    img_error_set (err, EINVAL, _("Backing file specified without backing format"));
    img_error_hint (err, _("Detected format of %s."), img_driver_name (node));
  } else if (!plan->has_size) {
    plan->size = img_size (node);
    plan->has_size = true;
  }
  img_node_drop (node);
  return format ? 0 : -1;
}

static int
settle_backing (struct img_create_plan *plan, const char *name, struct img_opts *all,
                const struct img_create_params *params, struct img_error *err)
{
  const char *backing = img_opts_get (all, "backing_file");
  const char *format = img_opts_get (all, "backing_fmt");
  IMG_CLEANUP (free) char *path = NULL;

  if (backing == NULL || *backing == '\0')
    return 0;
  if (img_optdesc_find (plan->driver->create_opts, "backing_file") == NULL)
    return img_error_set (err, ENOTSUP, _("Backing file not supported for file format '%s'"),
                          plan->driver->name);
  path = backing_path (name, backing);
  if (path == NULL)
    return img_error_set (err, EINVAL,
                          _("backing file '%s' is relative to a name that has no place"),
                          backing);
  if (same_file (name, path))
    return img_error_set (err, EINVAL,
                          _("Error: Trying to create an image with the same filename as the "
                            "backing file"));
  if (!params->backing_unsafe)
    return look_at_backing (plan, path, format, params, err);
  if (format == NULL)
    return img_error_set (err, EINVAL, _("Backing file specified without backing format"));
  return img_driver_find (format, err) ? 0 : -1;
}

/* ---- the summary ---- */

struct text {
  char *v;
  size_t n;
};

/* Appends ` NAME=VALUE`, commas doubled, as -o would take it. */
static int
add_pair (FILE *to, const char *name, const char *value)
{
  fprintf (to, " %s=", name);
  for (; *value; value++) {
    if (*value == ',')
      fputc (',', to);
    fputc (*value, to);
  }
  return 0;
}

static void
add_list (struct img_value *facts, const struct img_optdesc *d, const struct img_opts *opts)
{
  for (; d && d->name; d++) {
    const char *value = img_opts_string (opts, d->name);
    if (value == NULL || strcmp (d->name, "size") == 0)
      continue;
    if (d->type == IMG_OPT_BOOL)
      img_value_set_bool (facts, d->name, img_opts_bool (opts, d->name));
    else if (d->type == IMG_OPT_NUMBER || d->type == IMG_OPT_SIZE)
      img_value_set_uint (facts, d->name, img_opts_number (opts, d->name));
    else
      img_value_set_string (facts, d->name, value);
  }
}

/* The same for programs: what was settled, with defaults. */
static void
add_facts (const struct img_create_plan *plan, struct img_value *facts)
{
  struct img_value *options;

  img_value_set_string (facts, "format", plan->driver->name);
  img_value_set_uint (facts, "virtual-size", plan->size);
  options = img_value_add_object (facts, "options");
  add_list (options, plan->driver->create_opts, plan->opts);
  if (plan->protocol_opts)
    add_list (options, plan->protocol->create_opts, plan->protocol_opts);
}

static void
add_table (FILE *to, const struct img_create_plan *plan, const struct img_optdesc *table,
           const struct img_opts *opts)
{
  char size[32];

  for (; table && table->name; table++) {
    const char *value = img_opts_string (opts, table->name);
    if (strcmp (table->name, "size") == 0) {
      snprintf (size, sizeof size, "%" PRIu64, plan->size);
      add_pair (to, "size", size);
    } else if (value) {
      add_pair (to, table->name, value);
    }
  }
}

static char *
summarize (const struct img_create_plan *plan)
{
  static const struct img_optdesc size[] = {
    { "size", IMG_OPT_SIZE, NULL, NULL, NULL, 0 }, IMG_OPT_END
  };
  char *text = NULL;
  size_t n;
  FILE *to = open_memstream (&text, &n);

  if (to == NULL)
    return NULL;
  fprintf (to, "fmt=%s", plan->driver->name);
  if (img_optdesc_find (plan->driver->create_opts, "size") == NULL)
    add_table (to, plan, size, plan->opts);
  add_table (to, plan, plan->driver->create_opts, plan->opts);
  if (plan->protocol_opts)
    add_table (to, plan, plan->protocol->create_opts, plan->protocol_opts);
  if (fclose (to) == 0)
    return text;
  free (text);
  return NULL;
}

/* ---- all together ---- */

static struct img_opts *
parse_options (const struct img_create_params *params, struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *all = img_opts_new ();

  if (all == NULL) {
    no_memory (err);
    return NULL;
  }
  if (params->options && img_opts_parse (all, params->options, NULL, err) < 0)
    return NULL;
  if (params->backing && img_opts_set (all, "backing_file", params->backing, err) < 0)
    return NULL;
  if (params->backing_format && img_opts_set (all, "backing_fmt", params->backing_format, err) < 0)
    return NULL;
  return img_steal (all);
}

static int
make_plan (struct img_create_plan *plan, const char *name, const struct img_create_params *params,
           struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *all = NULL;

  if (find_drivers (plan, name, params->format, err) < 0)
    return -1;
  all = parse_options (params, err);
  if (all == NULL)
    return -1;
  if (take_size (plan, all, err) < 0 || settle_backing (plan, name, all, params, err) < 0 ||
      img_create_options (plan, all, err) < 0)
    return -1;
  if (!plan->has_size)
    return img_error_set (err, EINVAL, _("Image creation needs a size parameter"));
  if (plan->size > INT64_MAX)
    return img_error_set (err, EFBIG, _("Image size must be less than 8 EiB!"));
  return 0;
}

int
img_create_plan (struct img_create_plan *plan, const char *name,
                 const struct img_create_params *params, char **summary, struct img_error *err)
{
  struct img_create_params p = { .struct_size = sizeof p };

  /* A caller that was built earlier may know a smaller struct. */
  memcpy (&p, params, img_min (params->struct_size, sizeof p));
  *plan = (struct img_create_plan) { .size = p.size, .has_size = p.has_size };
  plan->flags = p.compat ? IMG_CREATE_COMPAT : 0;
  plan->objects = p.objects;
  if (summary)
    *summary = NULL;
  if (make_plan (plan, name, &p, err) < 0)
    return img_error_name (name, err);
  if (p.facts)
    add_facts (plan, p.facts);
  if (summary == NULL)
    return 0;
  *summary = summarize (plan);
  return *summary ? 0 : no_memory (err);
}

void
img_create_plan_release (struct img_create_plan *plan)
{
  img_opts_free (plan->opts);
  img_opts_free (plan->protocol_opts);
  for (size_t i = 0; i < plan->made.n; i++)
    free (plan->made.v[i]);
  img_vec_free (&plan->made);
  plan->opts = plan->protocol_opts = NULL;
}
