/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of a node that is being opened: those that every node understands, its driver's own,
 * and those that are for its children.
 *
 * Owns: which is which, so that each option is used once or is an error that names it; and the
 * json: name of a node that only its options describe. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/open.h"
#include "core/optdesc.h"

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

/* ---- what every node understands ---- */

static const char *const discard_words[] = { "ignore", "off", "unmap", "on", NULL };
static const char *const detect_words[] = { "off", "on", "unmap", NULL };

static const struct img_optdesc generic_opts[] = {
  { "driver", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
  { "node-name", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
  { "discard", IMG_OPT_ENUM, NULL, discard_words, NULL, 0 },
  { "cache.direct", IMG_OPT_BOOL, NULL, NULL, NULL, 0 },
  { "cache.no-flush", IMG_OPT_BOOL, NULL, NULL, NULL, 0 },
  { "read-only", IMG_OPT_BOOL, NULL, NULL, NULL, 0 },
  { "auto-read-only", IMG_OPT_BOOL, NULL, NULL, NULL, 0 },
  { "force-share", IMG_OPT_BOOL, NULL, NULL, NULL, 0 },
  { "detect-zeroes", IMG_OPT_ENUM, NULL, detect_words, NULL, 0 },
  IMG_OPT_END
};

static void
set_flag (const struct img_opts *opts, const char *key, unsigned bit, unsigned *flags)
{
  if (img_opts_string (opts, key))
    *flags = img_opts_bool (opts, key) ? *flags | bit : *flags & ~bit;
}

static int
apply_detect (const struct img_opts *opts, unsigned *flags, struct img_error *err)
{
  int detect = img_opts_choice (opts, "detect-zeroes", detect_words);

  if (detect == 2 && !(*flags & IMG_OPEN_UNMAP))
    return img_error_set (err, EINVAL, _("detect-zeroes=unmap needs discard=unmap"));
  if (detect >= 1)
    *flags |= IMG_OPEN_DETECT_ZEROES | (detect == 2 ? IMG_OPEN_DETECT_UNMAP : 0);
  return 0;
}

static int
apply_generic (const struct img_opts *opts, unsigned *flags, struct img_error *err)
{
  int discard = img_opts_choice (opts, "discard", discard_words);

  if (discard >= 0)
    *flags = discard >= 2 ? *flags | IMG_OPEN_UNMAP : *flags & ~(unsigned) IMG_OPEN_UNMAP;
  set_flag (opts, "cache.direct", IMG_OPEN_DIRECT, flags);
  set_flag (opts, "cache.no-flush", IMG_OPEN_NO_FLUSH, flags);
  set_flag (opts, "force-share", IMG_OPEN_SHARE, flags);
  if (img_opts_bool (opts, "read-only") && (*flags & IMG_OPEN_RDWR))
    return img_error_set (err, EACCES, _("read-only=on, but it must be written to"));
  if (img_opts_bool (opts, "force-share") && (*flags & IMG_OPEN_RDWR))
    return img_error_set (err, EINVAL, _("force-share=on is for reading only"));
  return apply_detect (opts, flags, err);
}

int
img_open_generic (struct img_opts *opts, char **driver, unsigned *flags, bool *auto_read_only,
                  struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *mine = img_opts_new ();

  *driver = NULL;
  if (mine == NULL)
    return img_error_errno (err, ENOMEM, _("options"));
  for (const struct img_optdesc *d = generic_opts; d->name; d++) {
    const char *value = img_opts_get (opts, d->name);
    if (value && (img_opts_set (mine, d->name, value, err) < 0 ||
                  img_opts_set (opts, d->name, NULL, err) < 0))
      return -1;
  }
  if (img_opts_check (mine, generic_opts, "", err) < 0 || apply_generic (mine, flags, err) < 0)
    return -1;
  *auto_read_only = img_opts_bool (mine, "auto-read-only");
  if (img_opts_string (mine, "driver") == NULL)
    return 0;
  *driver = strdup (img_opts_string (mine, "driver"));
  return *driver ? 0 : img_error_errno (err, ENOMEM, _("options"));
}

/* ---- the driver's own, and the children's ---- */

/* Moves every pair that the driver's table does not know to node->child_opts, and keeps a copy of
 * the others as they were given. */
static int
split (struct img_node *node, struct img_opts *opts, struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *children = img_opts_new ();
  size_t i = 0;

  if (children == NULL)
    return img_error_errno (err, ENOMEM, _("options"));
  while (i < img_opts_count (opts)) {
    const char *key, *value;
    img_opts_pair (opts, i, &key, &value);
    if (img_optdesc_find (node->driver->open_opts, key)) {
      i++;
      continue;
    }
    IMG_CLEANUP (free) char *copy = strdup (key);
    if (copy == NULL)
      return img_error_errno (err, ENOMEM, _("options"));
    if (img_opts_set (children, copy, value, err) < 0 || img_opts_set (opts, copy, NULL, err) < 0)
      return -1;
  }
  if (img_opts_count (opts) > 0) {
    node->given = img_opts_copy (opts);
    if (node->given == NULL)
      return img_error_errno (err, ENOMEM, _("options"));
  }
  node->child_opts = img_steal (children);
  return 0;
}

int
img_open_own_opts (struct img_node *node, struct img_opts *opts, struct img_error *err)
{
  if (split (node, opts, err) < 0)
    return -1;
  if (node->driver->kind == IMG_PROTOCOL && img_open_leftovers (node, err) < 0)
    return -1;
  return img_opts_check (opts, node->driver->open_opts, node->driver->name, err);
}

int
img_open_leftovers (const struct img_node *node, struct img_error *err)
{
  const char *key, *value;

  for (size_t i = 0; node->child_opts && i < img_opts_count (node->child_opts); i++) {
    img_opts_pair (node->child_opts, i, &key, &value);
    /* Where only facts are wanted, no children were looked for. */
    if ((node->flags & IMG_OPEN_NO_IO) && node->driver->kind != IMG_PROTOCOL &&
        (strchr (key, '.') || strcmp (key, "backing") == 0))
      continue;
    return img_error_set (err, EINVAL, _("%s has no option '%s'"), node->driver->name, key);
  }
  return 0;
}

/* ---- names ---- */

bool
img_open_needs_json (const struct img_node *node)
{
  const char *key, *value;

  for (size_t i = 0; node->given && i < img_opts_count (node->given); i++) {
    img_opts_pair (node->given, i, &key, &value);
    const struct img_optdesc *d = img_optdesc_find (node->driver->open_opts, key);
    if (d && (d->flags & IMG_OPTF_IDENTITY))
      return true;
  }
  return false;
}

static void
describe (const struct img_node *node, struct img_value *object)
{
  const char *key, *value;

  img_value_set_string (object, "driver", node->driver->name);
  for (size_t i = 0; node->given && i < img_opts_count (node->given); i++) {
    img_opts_pair (node->given, i, &key, &value);
    const struct img_optdesc *d = img_optdesc_find (node->driver->open_opts, key);
    if (d && !(d->flags & IMG_OPTF_SECRET))
      img_value_set_string (object, key, value);
  }
  for (unsigned i = 0; i < node->n_children; i++) {
    const struct img_child *child = &node->children[i];
    if (node->driver->kind == IMG_FILTER || strcmp (child->name, "file") == 0)
      describe (child->node, img_value_add_object (object, child->name));
  }
}

char *
img_open_json_name (const struct img_node *node)
{
  struct img_value *object = img_value_object ();
  char *json = NULL, *name = NULL;

  if (object) {
    describe (node, object);
    json = img_value_json (object, true);
  }
  if (json && asprintf (&name, "json:%s", json) < 0)
    name = NULL;
  free (json);
  img_value_free (object);
  return name;
}
