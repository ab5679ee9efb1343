/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of options: parsing, checking against a driver's table, reading.
 *
 * Owns: struct img_opts, pairs in order with unique keys.  After img_opts_check every value is in
 * its normal form (on/off, plain decimal), so getters cannot fail.  Turning names into options is
 * spec.c. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/options.h>
#include <blkimg/vec.h>

#include "core/optdesc.h"

struct pair {
  char *key, *value;
};

struct img_opts {
  IMG_VEC (struct pair) pairs;
};

static int
no_memory (struct img_error *err)
{
  return img_error_errno (err, ENOMEM, _("options"));
}

/* ---- the list ---- */

struct img_opts *
img_opts_new (void)
{
  return calloc (1, sizeof (struct img_opts));
}

static void
pair_release (struct pair *p)
{
  free (p->key);
  free (p->value);
}

void
img_opts_free (struct img_opts *opts)
{
  if (opts == NULL)
    return;
  for (size_t i = 0; i < opts->pairs.n; i++)
    pair_release (&opts->pairs.v[i]);
  img_vec_free (&opts->pairs);
  free (opts);
}

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

static struct pair *
find (const struct img_opts *opts, const char *key)
{
  for (size_t i = 0; i < opts->pairs.n; i++)
    if (strcmp (opts->pairs.v[i].key, key) == 0)
      return &opts->pairs.v[i];
  return NULL;
}

static void
remove_at (struct img_opts *opts, size_t i)
{
  pair_release (&opts->pairs.v[i]);
  opts->pairs.n--;
  memmove (opts->pairs.v + i, opts->pairs.v + i + 1, (opts->pairs.n - i) * sizeof *opts->pairs.v);
}

int
img_opts_set (struct img_opts *opts, const char *key, const char *value, struct img_error *err)
{
  struct pair *old = find (opts, key), fresh = { NULL, NULL };

  if (value == NULL) {
    if (old)
      remove_at (opts, (size_t) (old - opts->pairs.v));
    return 0;
  }
  fresh.value = strdup (value);
  if (fresh.value == NULL)
    return no_memory (err);
  if (old) {
    free (old->value);
    old->value = fresh.value;
    return 0;
  }
  fresh.key = strdup (key);
  if (fresh.key == NULL || img_vec_push (&opts->pairs, fresh) < 0) {
    pair_release (&fresh);
    return no_memory (err);
  }
  return 0;
}

struct img_opts *
img_opts_copy (const struct img_opts *opts)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *copy = img_opts_new ();
  struct img_error err;

  for (size_t i = 0; copy && i < opts->pairs.n; i++)
    if (img_opts_set (copy, opts->pairs.v[i].key, opts->pairs.v[i].value, &err) < 0)
      return NULL;
  return img_steal (copy);
}

const char *
img_opts_get (const struct img_opts *opts, const char *key)
{
  struct pair *p = find (opts, key);

  return p ? p->value : NULL;
}

size_t
img_opts_count (const struct img_opts *opts)
{
  return opts->pairs.n;
}

void
img_opts_pair (const struct img_opts *opts, size_t i, const char **key, const char **value)
{
  *key = opts->pairs.v[i].key;
  *value = opts->pairs.v[i].value;
}

struct img_opts *
img_opts_take_subtree (struct img_opts *opts, const char *prefix, struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *sub = img_opts_new ();
  size_t len = strlen (prefix), kept = 0;

  if (sub == NULL || img_vec_reserve (&sub->pairs, opts->pairs.n) < 0) {
    no_memory (err);
    return NULL;
  }
  for (size_t i = 0; i < opts->pairs.n; i++) {
    struct pair *p = &opts->pairs.v[i];
    if (strncmp (p->key, prefix, len) == 0 && p->key[len] == '.') {
      memmove (p->key, p->key + len + 1, strlen (p->key + len + 1) + 1);
      sub->pairs.v[sub->pairs.n++] = *p;
    } else {
      opts->pairs.v[kept++] = *p;
    }
  }
  opts->pairs.n = kept;
  return img_steal (sub);
}

/* ---- text -> list ---- */

/* Takes the text up to the next single comma at *TEXT, with doubled commas undone; malloc'ed.
 * *TEXT is then at the start of what follows, or NULL at the end. */
static char *
take_item (const char **text)
{
  const char *p = *text;
  char *item = malloc (strlen (p) + 1), *w = item;

  if (item == NULL)
    return NULL;
  while (*p && (*p != ',' || p[1] == ',')) {
    if (*p == ',')
      p++;
    *w++ = *p++;
  }
  *w = '\0';
  *text = *p ? p + 1 : NULL;
  return item;
}

int
img_opts_parse (struct img_opts *opts, const char *text, const char *implied, struct img_error *err)
{
  bool first = true;

  while (text && (*text || !first)) {
    const char *key, *value;
    IMG_CLEANUP (free) char *item = take_item (&text);
    if (item == NULL)
      return no_memory (err);
    char *equals = strchr (item, '=');
    key = item;
    if (equals) {
      *equals = '\0';
      value = equals + 1;
    } else if (first && implied) {
      key = implied;
      value = item;
    } else {
      value = "on";
    }
    if (*key == '\0')
      return img_error_set (err, EINVAL, _("an option without a name in the option list"));
    if (img_opts_set (opts, key, value, err) < 0)
      return -1;
    first = false;
  }
  return 0;
}

/* ---- checking ---- */

/* NAME against PATTERN, in which a segment may be `*`. */
static bool
name_matches (const char *pattern, const char *name)
{
  while (*pattern && *name) {
    if (pattern[0] == '*' && (pattern[1] == '.' || pattern[1] == '\0')) {
      size_t n = strcspn (name, ".");
      if (n == 0)
        return false;
      pattern++;
      name += n;
    } else if (*pattern++ != *name++) {
      return false;
    }
  }
  return *pattern == *name;
}

const struct img_optdesc *
img_optdesc_find (const struct img_optdesc *table, const char *name)
{
  const struct img_optdesc *d;

  for (d = table; d && d->name; d++)
    if (strcmp (d->name, name) == 0)
      return d;
  for (d = table; d && d->name; d++)
    if (strchr (d->name, '*') && name_matches (d->name, name))
      return d;
  return NULL;
}

static const char *
normal_bool (const char *value)
{
  static const char *const on[] = { "on", "yes", "true", "y", NULL };
  static const char *const off[] = { "off", "no", "false", "n", NULL };

  for (unsigned i = 0; on[i]; i++) {
    if (strcmp (value, on[i]) == 0)
      return "on";
    if (strcmp (value, off[i]) == 0)
      return "off";
  }
  return NULL;
}

static int
parse_number (const char *text, uint64_t *n)
{
  int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
  char *end;

  if (*text < '0' || *text > '9')
    return -1;
  errno = 0;
  *n = strtoumax (text, &end, base);
  return errno == 0 && *end == '\0' && *n <= UINT64_MAX ? 0 : -1;
}

static int
bad_choice (const struct img_optdesc *d, const char *name, const char *value,
            struct img_error *err)
{
  char words[400] = "";
  size_t used = 0;

  for (unsigned i = 0; d->choices[i] && used < sizeof words; i++)
    used += (size_t) snprintf (words + used, sizeof words - used, "%s%s", i ? ", " : "",
                               d->choices[i]);
  return img_error_set (err, EINVAL, _("option '%s' does not accept '%s': it is one of %s"), name,
                        value, words);
}

/* The normal form of VALUE in BUF or elsewhere; NULL and *err when it is not of D's type. */
static const char *
normal_value (const struct img_optdesc *d, const char *name, const char *value, char buf[32],
              struct img_error *err)
{
  uint64_t n;
  const char *word;

  switch (d->type) {
  case IMG_OPT_BOOL:
    word = normal_bool (value);
    if (word == NULL)
      img_error_set (err, EINVAL, _("option '%s' is 'on' or 'off', not '%s'"), name, value);
    return word;
  case IMG_OPT_NUMBER:
    if (parse_number (value, &n) < 0) {
      img_error_set (err, EINVAL, _("option '%s' is a number, not '%s'"), name, value);
      return NULL;
    }
    break;
  case IMG_OPT_SIZE:
    if (img_size_parse (value, &n, err) < 0) {
      img_error_prefix (err, _("option '%s'"), name);
      return NULL;
    }
    break;
  case IMG_OPT_ENUM:
    for (unsigned i = 0; d->choices[i]; i++)
      if (strcmp (value, d->choices[i]) == 0)
        return value;
    bad_choice (d, name, value, err);
    return NULL;
  default:
    return value;
  }
  snprintf (buf, 32, "%" PRIu64, n);
  return buf;
}

static int
check_pair (struct img_opts *opts, size_t i, const struct img_optdesc *table, const char *what,
            struct img_error *err)
{
  const struct pair *p = &opts->pairs.v[i];
  const struct img_optdesc *d = img_optdesc_find (table, p->key);
  const char *value;
  char buf[32];

  if (d == NULL)
    return img_error_set (err, EINVAL, _("%s has no option '%s'"), what, p->key);
  value = normal_value (d, p->key, p->value, buf, err);
  if (value == NULL)
    return -1;
  if (strcmp (value, p->value) == 0)
    return 0;
  return img_opts_set (opts, p->key, value, err);
}

int
img_opts_check (struct img_opts *opts, const struct img_optdesc *table, const char *what,
                struct img_error *err)
{
  char buf[32];

  for (size_t i = 0; i < opts->pairs.n; i++)
    if (check_pair (opts, i, table, what, err) < 0)
      return -1;
  for (const struct img_optdesc *d = table; d && d->name; d++) {
    if (d->def == NULL || find (opts, d->name))
      continue;
    const char *value = normal_value (d, d->name, d->def, buf, err);
    if (value == NULL || img_opts_set (opts, d->name, value, err) < 0)
      return -1;
  }
  return 0;
}

/* ---- getters ---- */

const char *
img_opts_string (const struct img_opts *opts, const char *key)
{
  return img_opts_get (opts, key);
}

bool
img_opts_bool (const struct img_opts *opts, const char *key)
{
  const char *value = img_opts_get (opts, key);

  return value && strcmp (value, "on") == 0;
}

uint64_t
img_opts_number (const struct img_opts *opts, const char *key)
{
  const char *value = img_opts_get (opts, key);
  uint64_t n = 0;

  if (value == NULL || parse_number (value, &n) < 0)
    return 0;
  return n;
}

int
img_opts_choice (const struct img_opts *opts, const char *key, const char *const *choices)
{
  const char *value = img_opts_get (opts, key);

  for (int i = 0; value && choices[i]; i++)
    if (strcmp (value, choices[i]) == 0)
      return i;
  return -1;
}
