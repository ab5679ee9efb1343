/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options that most commands share.
 *
 * Owns: cache modes, --object, the gate that the options choose, opening the one image of most
 * commands, the list of create options. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/columns.h"
#include "common/opt-image.h"

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/module.h>

int
opt_set_cache (void *field, const char *arg, struct img_error *err)
{
  return img_cache_parse (arg, field, err);
}

/* ---- objects ---- */

/* They outlive every image that a command opens; what is secret is wiped at the end. */
static struct img_objects *objects;

static void
free_objects (void)
{
  img_objects_free (objects);
  objects = NULL;
}

int
opt_set_object (void *field, const char *arg, struct img_error *err)
{
  struct img_objects **all = field;

  if (objects == NULL) {
    objects = img_objects_new ();
    if (objects == NULL)
      tool_no_memory ();
    atexit (free_objects);
  }
  *all = objects;
  return img_objects_add (objects, arg, err);
}

int
opt_set_workers (void *field, const char *arg, struct img_error *err)
{
  const unsigned long most = tool_compat () ? 16 : 256;
  char *end;
  unsigned long n = strtoul (arg, &end, 10);

  if (*arg < '0' || *arg > '9' || *end)
    return img_error_set (err, EINVAL, _("'%s' is not a number"), arg);
  if (n < 1 || n > most)
    return img_error_set (err, EINVAL, _("-m takes 1 to %d"), (int) most);
  *(unsigned *) field = (unsigned) n;
  return 0;
}

/* ---- opening ---- */

enum img_gate
image_gate (const struct image_args *image)
{
  if (image->untrusted)
    return IMG_GATE_UNTRUSTED;
  return image->trust || tool_compat () ? IMG_GATE_OPEN : IMG_GATE_LOCAL;
}

struct img_open_params
image_open_params (const struct image_args *image, unsigned flags)
{
  struct img_open_params p = { .struct_size = sizeof p };

  p.format = image->format;
  p.flags = flags | (image->share ? IMG_OPENF_SHARE : 0) |
            (image->image_opts ? IMG_OPENF_IMAGE_OPTS : 0) |
            (tool_compat () ? IMG_OPENF_COMPAT : 0);
  p.cache = image->cache;
  p.gate = image_gate (image);
  p.objects = image->objects;
  return p;
}

bool
image_same_file (const char *a, const char *b)
{
  struct stat sa, sb;

  return stat (a, &sa) == 0 && stat (b, &sb) == 0 && sa.st_dev == sb.st_dev &&
         sa.st_ino == sb.st_ino;
}

int
image_check_args (const struct img_open_params *params)
{
  if (params->format && (params->flags & IMG_OPENF_IMAGE_OPTS))
    return tool_usage (_("--image-opts and --format are mutually exclusive"));
  return 0;
}

int
image_run (const char *name, const struct img_open_params *params, image_work *work, void *args)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node;
  int status = image_check_args (params);

  if (status)
    return status;
  node = img_open (name, params, &err);
  if (node == NULL)
    return tool_fail (&err);
  status = work (node, args);
  if (img_close (node, &err) < 0 && status == EXIT_SUCCESS)
    status = tool_fail (&err);
  return status;
}

/* ---- -o help ---- */

bool
opt_wants_help (const char *text)
{
  const char *p = text;

  while (p && *p) {
    size_t n = strcspn (p, ",");
    if ((n == 4 && strncmp (p, "help", 4) == 0) || (n == 1 && *p == '?'))
      return true;
    p += n + (p[n] == ',');
  }
  return false;
}

static const char *
type_word (const struct img_optdesc *d)
{
  switch (d->type) {
  case IMG_OPT_BOOL:
    return N_("<bool (on/off)>");
  case IMG_OPT_NUMBER:
    return N_("<num>");
  case IMG_OPT_SIZE:
    return N_("<size>");
  default:
    return N_("<str>");
  }
}

static int
by_name (const void *a, const void *b)
{
  return strcmp ((*(const struct img_optdesc *const *) a)->name,
                 (*(const struct img_optdesc *const *) b)->name);
}

static void
print_option (const struct img_optdesc *d)
{
  char left[120];

  snprintf (left, sizeof left, "%s=%s", d->name, _(type_word (d)));
  printf ("  ");
  column_print (left, -22);
  printf (" - %s", _(d->help));
  if (d->type == IMG_OPT_ENUM && !tool_compat ()) {
    for (int i = 0; d->choices[i]; i++)
      printf ("%s%s", i ? "|" : " (", d->choices[i]);
    printf (")");
  }
  printf ("\n");
}

/* Adds what LIST has and names[] lacks. */
static unsigned
collect (const struct img_optdesc **all, unsigned n, unsigned max, const struct img_optdesc *list)
{
  for (; list && list->name && n < max; list++) {
    bool known = (list->flags & IMG_OPTF_HIDDEN) != 0;
    for (unsigned i = 0; i < n; i++)
      known = known || strcmp (all[i]->name, list->name) == 0;
    if (!known)
      all[n++] = list;
  }
  return n;
}

int
opt_print_create_options (const char *format, const char *filename)
{
  static const struct img_optdesc size[] = {
    { "size", IMG_OPT_SIZE, NULL, NULL, N_("Virtual disk size"), 0 }, IMG_OPT_END
  };
  const struct img_optdesc *all[100];
  struct img_error err = IMG_ERROR_INIT;
  const struct img_driver *driver = img_driver_find (format, &err), *file;
  unsigned n;

  if (driver == NULL)
    return tool_fail (&err);
  if (driver->create == NULL) {
    tool_say (_("Format driver '%s' does not support image creation"), format);
    return EXIT_FAILURE;
  }
  n = collect (all, 0, 100, driver->create_opts);
  n = collect (all, n, 100, size);
  file = filename ? img_driver_find ("file", &err) : NULL;
  if (file)
    n = collect (all, n, 100, file->create_opts);
  qsort (all, n, sizeof all[0], by_name);
  printf (filename ? _("Supported options:\n") : _("Supported %s options:\n"), format);
  for (unsigned i = 0; i < n; i++)
    print_option (all[i]);
  if (filename == NULL)
    printf (_("\nThe protocol level may support further options.\n"
              "Specify the target filename to include those options.\n"));
  return EXIT_SUCCESS;
}

int
opt_print_amend_options (const char *format)
{
  const struct img_optdesc *all[100];
  struct img_error err = IMG_ERROR_INIT;
  const struct img_driver *driver = img_driver_find (format, &err);
  unsigned n;

  if (driver == NULL)
    return tool_fail (&err);
  if (driver->amend == NULL) {
    tool_say (_("Format driver '%s' does not support option amendment"), format);
    return EXIT_FAILURE;
  }
  n = collect (all, 0, 100, driver->amend_opts);
  qsort (all, n, sizeof all[0], by_name);
  printf (_("Amend options for '%s':\n"), format);
  for (unsigned i = 0; i < n; i++)
    print_option (all[i]);
  return EXIT_SUCCESS;
}
