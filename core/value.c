/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree of facts.
 *
 * Owns: struct img_value.  One allocation a value; children in an array, in order.  Out of memory
 * marks the root; setters on NULL or on the dummy do nothing, so that callers need to look once, at
 * the end.  Printing is json-out.c and the tools. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/value.h>
#include <blkimg/vec.h>

struct member {
  char *key; /* NULL in arrays */
  struct img_value *value;
};

struct img_value {
  enum img_value_kind kind;
  bool failed; /* of a root: a setter below ran out of memory */
  struct img_value *parent;
  union {
    bool boolean;
    int64_t integer;
    uint64_t uinteger;
    double real;
    char *string;
    IMG_VEC (struct member) members;
  } u;
};

/* What add_object and add_array return when they cannot: every setter leaves it alone. */
static const struct img_value dummy = { .kind = IMG_VALUE_BOOL };

static bool
is_container (const struct img_value *v)
{
  return v->kind == IMG_VALUE_ARRAY || v->kind == IMG_VALUE_OBJECT;
}

static void
mark_failed (struct img_value *v)
{
  while (v->parent)
    v = v->parent;
  v->failed = true;
}

static struct img_value *
new_value (enum img_value_kind kind)
{
  struct img_value *v = calloc (1, sizeof *v);

  if (v)
    v->kind = kind;
  return v;
}

struct img_value *
img_value_object (void)
{
  return new_value (IMG_VALUE_OBJECT);
}

struct img_value *
img_value_array (void)
{
  return new_value (IMG_VALUE_ARRAY);
}

void
img_value_free (struct img_value *v)
{
  if (v == NULL || v == &dummy)
    return;
  if (v->kind == IMG_VALUE_STRING)
    free (v->u.string);
  if (is_container (v)) {
    for (size_t i = 0; i < v->u.members.n; i++) {
      free (v->u.members.v[i].key);
      img_value_free (v->u.members.v[i].value);
    }
    img_vec_free (&v->u.members);
  }
  free (v);
}

bool
img_value_ok (const struct img_value *v)
{
  if (v == NULL || v == &dummy)
    return false;
  while (v->parent)
    v = v->parent;
  return !v->failed;
}

static struct member *
find (const struct img_value *v, const char *key)
{
  for (size_t i = 0; i < v->u.members.n; i++)
    if (strcmp (v->u.members.v[i].key, key) == 0)
      return &v->u.members.v[i];
  return NULL;
}

/* Puts SUB below V, which owns it whatever happens. */
static bool
attach (struct img_value *v, const char *key, struct img_value *sub)
{
  bool object = v->kind == IMG_VALUE_OBJECT;
  struct member m = { NULL, sub }, *old = object && key ? find (v, key) : NULL;

  sub->parent = v;
  if (old) {
    img_value_free (old->value);
    old->value = sub;
    return true;
  }
  m.key = object ? strdup (key ? key : "") : NULL;
  if ((object && m.key == NULL) || img_vec_push (&v->u.members, m) < 0) {
    free (m.key);
    img_value_free (sub);
    mark_failed (v);
    return false;
  }
  return true;
}

/* A new value of KIND below V; NULL when V swallows it. */
static struct img_value *
add (struct img_value *v, const char *key, enum img_value_kind kind)
{
  struct img_value *sub;

  if (v == NULL || !is_container (v))
    return NULL;
  sub = new_value (kind);
  if (sub == NULL) {
    mark_failed (v);
    return NULL;
  }
  return attach (v, key, sub) ? sub : NULL;
}

void
img_value_set_bool (struct img_value *v, const char *key, bool b)
{
  struct img_value *sub = add (v, key, IMG_VALUE_BOOL);

  if (sub)
    sub->u.boolean = b;
}

void
img_value_set_int (struct img_value *v, const char *key, int64_t n)
{
  struct img_value *sub = add (v, key, IMG_VALUE_INT);

  if (sub)
    sub->u.integer = n;
}

void
img_value_set_uint (struct img_value *v, const char *key, uint64_t n)
{
  struct img_value *sub = add (v, key, IMG_VALUE_UINT);

  if (sub)
    sub->u.uinteger = n;
}

void
img_value_set_real (struct img_value *v, const char *key, double x)
{
  struct img_value *sub = add (v, key, IMG_VALUE_REAL);

  if (sub)
    sub->u.real = x;
}

void
img_value_set_string (struct img_value *v, const char *key, const char *s)
{
  struct img_value *sub = add (v, key, IMG_VALUE_STRING);

  if (sub == NULL)
    return;
  sub->u.string = strdup (s);
  if (sub->u.string == NULL)
    mark_failed (sub);
}

struct img_value *
img_value_add_object (struct img_value *v, const char *key)
{
  struct img_value *sub = add (v, key, IMG_VALUE_OBJECT);

  return sub ? sub : (struct img_value *) &dummy;
}

struct img_value *
img_value_add_array (struct img_value *v, const char *key)
{
  struct img_value *sub = add (v, key, IMG_VALUE_ARRAY);

  return sub ? sub : (struct img_value *) &dummy;
}

void
img_value_take (struct img_value *v, const char *key, struct img_value *sub)
{
  bool failed = !img_value_ok (sub);

  if (v == NULL || !is_container (v)) {
    img_value_free (sub);
    return;
  }
  if (failed)
    mark_failed (v);
  if (sub && sub != &dummy)
    attach (v, key, sub);
}

/* ---- reading ---- */

enum img_value_kind
img_value_kind (const struct img_value *v)
{
  return v ? v->kind : IMG_VALUE_BOOL;
}

bool
img_value_bool (const struct img_value *v)
{
  return v && v->kind == IMG_VALUE_BOOL && v->u.boolean;
}

int64_t
img_value_int (const struct img_value *v)
{
  if (v && v->kind == IMG_VALUE_UINT)
    return v->u.uinteger <= INT64_MAX ? (int64_t) v->u.uinteger : 0;
  return v && v->kind == IMG_VALUE_INT ? v->u.integer : 0;
}

uint64_t
img_value_uint (const struct img_value *v)
{
  if (v && v->kind == IMG_VALUE_INT)
    return v->u.integer >= 0 ? (uint64_t) v->u.integer : 0;
  return v && v->kind == IMG_VALUE_UINT ? v->u.uinteger : 0;
}

double
img_value_real (const struct img_value *v)
{
  return v && v->kind == IMG_VALUE_REAL ? v->u.real : 0;
}

const char *
img_value_string (const struct img_value *v)
{
  return v && v->kind == IMG_VALUE_STRING ? v->u.string : NULL;
}

size_t
img_value_count (const struct img_value *v)
{
  return v && is_container (v) ? v->u.members.n : 0;
}

const struct img_value *
img_value_at (const struct img_value *v, size_t i)
{
  return i < img_value_count (v) ? v->u.members.v[i].value : NULL;
}

const char *
img_value_key_at (const struct img_value *v, size_t i)
{
  return i < img_value_count (v) ? v->u.members.v[i].key : NULL;
}

const struct img_value *
img_value_get (const struct img_value *v, const char *key)
{
  struct member *m = v && v->kind == IMG_VALUE_OBJECT ? find (v, key) : NULL;

  return m ? m->value : NULL;
}
