/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON text (RFC 8259) to dotted options.
 *
 * Owns: the grammar, and the bounds on what a text may ask for, for texts come from inside images
 * too.  It makes no tree, and is not a library's work because each command pays at its start for
 * what the core is linked with, and hardly any reads JSON.  Refuses: what the standard refuses,
 * and NUL characters and doubled names besides. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/vec.h>

#include "core/json-in.h"
#include "core/utf8.h"

#define MAX_DEPTH 256
#define MAX_OPTIONS 4096
#define MAX_KEY 4096

struct reader {
  const char *copy; /* of the text: strings are decoded in place */
  char *at;
  struct img_opts *opts;
  IMG_VEC (const char *) names; /* of members so far, in the objects that are open */
  unsigned n_values, depth;
  char key[MAX_KEY]; /* of the value being read */
  struct img_error *err;
};

static int read_value (struct reader *r, size_t key_len);

static int
not_json (const struct reader *r)
{
  return img_error_set (r->err, EINVAL, _("json: name is not valid JSON at character %zu"),
                        (size_t) (r->at - r->copy) + 1);
}

static char
next (struct reader *r)
{
  r->at += strspn (r->at, " \t\n\r");
  return *r->at;
}

/* Steps over C, if it comes next. */
static bool
take (struct reader *r, char c)
{
  if (next (r) != c)
    return false;
  r->at++;
  return true;
}

/* ---- strings ---- */

/* Four hexadecimal digits at P, or -1. */
static int32_t
hex4 (const char *p)
{
  int32_t n = 0;

  for (int i = 0; i < 4; i++) {
    char c = p[i];
    int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ?
      (c | 0x20) - 'a' + 10 : -1;
    if (digit < 0)
      return -1;
    n = n << 4 | digit;
  }
  return n;
}

/* Writes CP, which is never longer than its escape, to *TO. */
static void
put_utf8 (char **to, uint32_t cp)
{
  char *p = *to;

  if (cp < 0x80) {
    *p++ = (char) cp;
  } else if (cp < 0x800) {
    *p++ = (char) (0xc0 | cp >> 6);
    *p++ = (char) (0x80 | (cp & 0x3f));
  } else {
    if (cp < 0x10000) {
      *p++ = (char) (0xe0 | cp >> 12);
    } else {
      *p++ = (char) (0xf0 | cp >> 18);
      *p++ = (char) (0x80 | (cp >> 12 & 0x3f));
    }
    *p++ = (char) (0x80 | (cp >> 6 & 0x3f));
    *p++ = (char) (0x80 | (cp & 0x3f));
  }
  *to = p;
}

/* \uXXXX, or two of them for what needs a surrogate pair; r->at is after the `u`. */
static int
read_unit (struct reader *r, char **to)
{
  int32_t unit = hex4 (r->at), low;

  if (unit <= 0 || (unit >= 0xdc00 && unit < 0xe000))
    return not_json (r);
  r->at += 4;
  if (unit >= 0xd800 && unit < 0xdc00) {
    low = r->at[0] == '\\' && r->at[1] == 'u' ? hex4 (r->at + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff)
      return not_json (r);
    r->at += 6;
    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  }
  put_utf8 (to, (uint32_t) unit);
  return 0;
}

static int
read_escape (struct reader *r, char **to)
{
  static const char names[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* pairs: letter, character */
  char c = *r->at;

  if (c == 'u') {
    r->at++;
    return read_unit (r, to);
  }
  for (const char *n = names; *n; n += 2)
    if (*n == c) {
      *(*to)++ = n[1];
      r->at++;
      return 0;
    }
  return not_json (r);
}

/* r->at is after the opening quote.  The string, decoded where it stood, or NULL. */
static const char *
read_string (struct reader *r)
{
  char *start = r->at, *to = start;

  while (*r->at != '"') {
    const unsigned char *p = (const unsigned char *) r->at, *end = p;
    if (*p == '\\') {
      r->at++;
      if (read_escape (r, &to) < 0)
        return NULL;
      continue;
    }
    if (*p < 0x20 || img_utf8_next (&end) == IMG_UTF8_BAD) {
      not_json (r);
      return NULL;
    }
    memmove (to, r->at, (size_t) (end - p));
    to += end - p;
    r->at += end - p;
  }
  r->at++;
  *to = '\0';
  return start;
}

/* ---- values ---- */

static int
add (struct reader *r, const char *value)
{
  if (img_opts_get (r->opts, r->key))
    return img_error_set (r->err, EINVAL, _("json: name gives '%s' twice"), r->key);
  return img_opts_set (r->opts, r->key, value, r->err);
}

static bool
skip_digits (struct reader *r)
{
  size_t n = strspn (r->at, "0123456789");

  r->at += n;
  return n > 0;
}

static int
read_number (struct reader *r)
{
  char *start = r->at, after;
  int rc;

  if (*r->at == '-')
    r->at++;
  if (*r->at == '0')
    r->at++;
  else if (!skip_digits (r))
    return not_json (r);
  if (*r->at == '.') {
    r->at++;
    if (!skip_digits (r))
      return not_json (r);
  }
  if (*r->at == 'e' || *r->at == 'E') {
    r->at++;
    if (*r->at == '+' || *r->at == '-')
      r->at++;
    if (!skip_digits (r))
      return not_json (r);
  }
  after = *r->at;
  *r->at = '\0';
  rc = add (r, start);
  *r->at = after;
  return rc;
}

static int
read_word (struct reader *r)
{
  static const char *const words[][2] = { { "true", "on" }, { "false", "off" }, { "null", "" } };

  for (unsigned i = 0; i < 3; i++)
    if (strncmp (r->at, words[i][0], strlen (words[i][0])) == 0) {
      r->at += strlen (words[i][0]);
      return add (r, words[i][1]);
    }
  return not_json (r);
}

/* Appends `.NAME` to the key; the new length, or -1. */
static int
push_key (struct reader *r, size_t key_len, const char *name)
{
  size_t len = strlen (name);

  if (*name == '\0')
    return img_error_set (r->err, EINVAL, _("an empty key in a json: name"));
  if (key_len + len + 2 > sizeof r->key)
    return img_error_set (r->err, EINVAL, _("a key in a json: name is too long"));
  if (key_len > 0)
    r->key[key_len++] = '.';
  memcpy (r->key + key_len, name, len + 1);
  return (int) (key_len + len);
}

/* NAME is that of a member, FIRST the index in r->names of its object's first. */
static int
note_name (struct reader *r, size_t first, const char *name)
{
  for (size_t i = first; i < r->names.n; i++)
    if (strcmp (r->names.v[i], name) == 0)
      return img_error_set (r->err, EINVAL, _("json: name gives '%s' twice"), name);
  if (img_vec_push (&r->names, name) < 0)
    return img_error_errno (r->err, ENOMEM, _("image name"));
  return 0;
}

static int
read_object (struct reader *r, size_t key_len)
{
  size_t first = r->names.n;

  r->at++;
  if (take (r, '}'))
    return 0;
  do {
    const char *name;
    int len;
    if (!take (r, '"'))
      return not_json (r);
    name = read_string (r);
    if (name == NULL || note_name (r, first, name) < 0)
      return -1;
    if (!take (r, ':'))
      return not_json (r);
    len = push_key (r, key_len, name);
    if (len < 0 || read_value (r, (size_t) len) < 0)
      return -1;
  } while (take (r, ','));
  r->names.n = first;
  return take (r, '}') ? 0 : not_json (r);
}

static int
read_array (struct reader *r, size_t key_len)
{
  unsigned n = 0;

  r->at++;
  if (take (r, ']'))
    return 0;
  do {
    char name[16];
    snprintf (name, sizeof name, "%u", n++);
    int len = push_key (r, key_len, name);
    if (len < 0 || read_value (r, (size_t) len) < 0)
      return -1;
  } while (take (r, ','));
  return take (r, ']') ? 0 : not_json (r);
}

static int
read_value (struct reader *r, size_t key_len)
{
  const char *string;
  char c = next (r);
  int rc;

  if (r->n_values++ > MAX_OPTIONS)
    return img_error_set (r->err, EINVAL, _("json: name has more than %d options"), MAX_OPTIONS);
  switch (c) {
  case '{':
  case '[':
    if (++r->depth > MAX_DEPTH)
      return img_error_set (r->err, EINVAL, _("json: name is nested deeper than %d"), MAX_DEPTH);
    rc = c == '{' ? read_object (r, key_len) : read_array (r, key_len);
    r->depth--;
    return rc;
  case '"':
    r->at++;
    string = read_string (r);
    return string ? add (r, string) : -1;
  case 't':
  case 'f':
  case 'n':
    return read_word (r);
  default:
    return read_number (r);
  }
}

int
img_json_flatten (struct img_opts *opts, const char *text, struct img_error *err)
{
  IMG_CLEANUP (free) struct reader *r = calloc (1, sizeof *r);
  IMG_CLEANUP (free) char *copy = strdup (text);
  int rc;

  if (r == NULL || copy == NULL)
    return img_error_errno (err, ENOMEM, _("image name"));
  r->copy = r->at = copy;
  r->opts = opts;
  r->err = err;
  if (next (r) != '{')
    return img_error_set (err, EINVAL, _("json: name must be an object"));
  rc = read_value (r, 0);
  img_vec_free (&r->names);
  return rc == 0 && next (r) != '\0' ? not_json (r) : rc;
}
