/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of images -> options.
 *
 * Owns: telling a path from a scheme, json: and option lists.  Names come from inside images too,
 * so length and number of options are bounded.  Refuses: looking anything up; drivers and the gate
 * are the opener's, and JSON is read by a module. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/driver.h"
#include "core/spec.h"

#define MAX_TEXT (1u << 20)
#define MAX_OPTIONS 4096

static int
no_memory (struct img_error *err)
{
  return img_error_errno (err, ENOMEM, _("image name"));
}

size_t
img_spec_scheme_length (const char *name)
{
  size_t n = strcspn (name, ":/");

  return name[n] == ':' ? n : 0;
}

int
img_spec_path (struct img_spec *spec, const char *name, struct img_error *err)
{
  *spec = (struct img_spec) { .kind = IMG_SPEC_PATH, .text = strdup (name) };
  return spec->text ? 0 : no_memory (err);
}

static int
parse_json (struct img_opts *opts, const char *text, struct img_error *err)
{
  const struct img_json *json = img_json_find (err);

  return json ? json->flatten (opts, text, err) : -1;
}

static int
parse_options (struct img_spec *spec, const char *name, bool image_opts, struct img_error *err)
{
  int rc;

  spec->kind = IMG_SPEC_OPTIONS;
  spec->opts = img_opts_new ();
  if (spec->opts == NULL)
    return no_memory (err);
  if (!image_opts)
    return parse_json (spec->opts, name + strlen ("json:"), err);
  rc = img_opts_parse (spec->opts, name, "file", err);
  if (rc == 0 && img_opts_count (spec->opts) > MAX_OPTIONS)
    return img_error_set (err, EINVAL, _("more than %d options"), MAX_OPTIONS);
  return rc;
}

int
img_spec_parse (struct img_spec *spec, const char *name, bool image_opts, struct img_error *err)
{
  size_t n = img_spec_scheme_length (name);

  *spec = (struct img_spec) { .kind = IMG_SPEC_PATH };
  if (*name == '\0')
    return img_error_set (err, EINVAL, _("the image name is empty"));
  if (strlen (name) > MAX_TEXT)
    return img_error_set (err, ENAMETOOLONG, _("the image name is longer than 1 MiB"));
  if (image_opts || strncmp (name, "json:", 5) == 0) {
    if (parse_options (spec, name, image_opts, err) == 0)
      return 0;
    img_spec_release (spec);
    return -1;
  }
  spec->text = strdup (name);
  if (n > 0) {
    spec->kind = IMG_SPEC_SCHEME;
    spec->scheme = strndup (name, n);
  }
  if (spec->text && (n == 0 || spec->scheme))
    return 0;
  img_spec_release (spec);
  return no_memory (err);
}

void
img_spec_release (struct img_spec *spec)
{
  free (spec->scheme);
  free (spec->text);
  img_opts_free (spec->opts);
  *spec = (struct img_spec) { .kind = IMG_SPEC_PATH };
}
