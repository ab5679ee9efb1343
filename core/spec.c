/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of images -> options.
 *
 * Owns: telling a path from a scheme, json: and option lists, and flattening JSON to dotted keys.
 * Names come from inside images too, so depth, length and number of options are bounded.  Refuses:
 * looking anything up; drivers and the gate are the opener's. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/spec.h"

#define MAX_TEXT (1u << 20)
#define MAX_DEPTH 256
#define MAX_OPTIONS 4096
#define MAX_KEY 4096

static int
no_memory (struct img_error *err)
{
  return img_error_errno (err, ENOMEM, _("image name"));
}

/* ---- JSON ---- */

struct flatten {
  struct img_opts *opts;
  char key[MAX_KEY]; /* of the value being looked at */
  struct img_error *err;
};

static int flatten_value (struct flatten *f, size_t key_len, json_t *value, unsigned depth);

/* Appends `.NAME` to the key; the new length, or -1. */
static int
push_key (struct flatten *f, size_t key_len, const char *name)
{
  size_t len = strlen (name);

  if (*name == '\0')
    return img_error_set (f->err, EINVAL, _("an empty key in a json: name"));
  if (key_len + len + 2 > sizeof f->key)
    return img_error_set (f->err, EINVAL, _("a key in a json: name is too long"));
  if (key_len > 0)
    f->key[key_len++] = '.';
  memcpy (f->key + key_len, name, len + 1);
  return (int) (key_len + len);
}

static int
flatten_object (struct flatten *f, size_t key_len, json_t *object, unsigned depth)
{
  const char *name;
  json_t *value;

  json_object_foreach (object, name, value) {
    int len = push_key (f, key_len, name);
    if (len < 0 || flatten_value (f, (size_t) len, value, depth + 1) < 0)
      return -1;
  }
  return 0;
}

static int
flatten_array (struct flatten *f, size_t key_len, json_t *array, unsigned depth)
{
  size_t i;
  json_t *value;

  json_array_foreach (array, i, value) {
    char name[24];
    snprintf (name, sizeof name, "%zu", i);
    int len = push_key (f, key_len, name);
    if (len < 0 || flatten_value (f, (size_t) len, value, depth + 1) < 0)
      return -1;
  }
  return 0;
}

static const char *
scalar_text (json_t *value, char buf[40])
{
  switch (json_typeof (value)) {
  case JSON_STRING:
    return json_string_value (value);
  case JSON_INTEGER:
    snprintf (buf, 40, "%" JSON_INTEGER_FORMAT, json_integer_value (value));
    return buf;
  case JSON_REAL:
    snprintf (buf, 40, "%.15g", json_real_value (value));
    return buf;
  case JSON_TRUE:
    return "on";
  case JSON_FALSE:
    return "off";
  default:
    return "";
  }
}

static int
flatten_value (struct flatten *f, size_t key_len, json_t *value, unsigned depth)
{
  char buf[40];

  if (depth > MAX_DEPTH && (json_is_object (value) || json_is_array (value)))
    return img_error_set (f->err, EINVAL, _("json: name is nested deeper than %d"), MAX_DEPTH);
  if (json_is_object (value))
    return flatten_object (f, key_len, value, depth);
  if (json_is_array (value))
    return flatten_array (f, key_len, value, depth);
  if (img_opts_get (f->opts, f->key))
    return img_error_set (f->err, EINVAL, _("json: name gives '%s' twice"), f->key);
  if (img_opts_count (f->opts) >= MAX_OPTIONS)
    return img_error_set (f->err, EINVAL, _("json: name has more than %d options"), MAX_OPTIONS);
  return img_opts_set (f->opts, f->key, scalar_text (value, buf), f->err);
}

static int
parse_json (struct img_opts *opts, const char *text, struct img_error *err)
{
  json_error_t fault;
  json_t *root = json_loads (text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
  struct flatten *f;
  int rc = -1;

  if (root == NULL)
    return img_error_set (err, EINVAL, _("json: name is not valid JSON at character %d: %s"),
                          fault.position, fault.text);
  f = calloc (1, sizeof *f);
  if (f == NULL) {
    rc = no_memory (err);
  } else if (!json_is_object (root)) {
    img_error_set (err, EINVAL, _("json: name must be an object"));
  } else {
    f->opts = opts;
    f->err = err;
    rc = flatten_object (f, 0, root, 1);
  }
  free (f);
  json_decref (root);
  return rc;
}

/* ---- names ---- */

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
