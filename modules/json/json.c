/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* json - image names in JSON, read by Jansson and flattened to dotted options.
 *
 * A module, because hardly any command reads JSON, and each would pay for the library at its start.
 * Names come from inside images too, so depth, length and number of options are bounded. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <blkimg/module.h>

#define MAX_DEPTH 256
#define MAX_OPTIONS 4096
#define MAX_KEY 4096

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
flatten_text (struct img_opts *opts, const char *text, struct img_error *err)
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
    rc = img_error_errno (err, ENOMEM, _("image name"));
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

static const struct img_json jansson = {
  .struct_size = sizeof jansson,
  .abi = IMG_ABI,
  .name = "jansson",
  .flatten = flatten_text,
};

static const struct img_module module = {
  .struct_size = sizeof module,
  .abi = IMG_ABI,
  .json = &jansson,
};
IMG_MODULE_ENTRY (module)
