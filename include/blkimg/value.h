/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/value.h - an ordered tree of facts: what `info` returns and what JSON output prints.
 *
 * Objects keep the order in which keys were set.  Setters copy what they are given.  They cannot
 * fail visibly: when memory runs out the tree is marked, and img_value_ok() tells at the end.
 * A tree belongs to one thread at a time.
 */
#ifndef BLKIMG_VALUE_H
#define BLKIMG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum img_value_kind {
  IMG_VALUE_BOOL,
  IMG_VALUE_INT,    /* int64_t */
  IMG_VALUE_UINT,   /* uint64_t */
  IMG_VALUE_REAL,   /* double */
  IMG_VALUE_STRING, /* any bytes up to NUL; printing escapes what is not UTF-8 */
  IMG_VALUE_ARRAY,
  IMG_VALUE_OBJECT
};

struct img_value;

/* A new empty object or array, owned by the caller (NULL when out of memory). */
struct img_value *img_value_object (void);
struct img_value *img_value_array (void);
/* Frees a whole tree; only for roots.  NULL is allowed. */
void img_value_free (struct img_value *v);
/* False when any setter on this tree (or a tree taken into it) ran out of memory. */
bool img_value_ok (const struct img_value *v);

/* In an object: sets KEY, in place if it is there, else at the end.  In an array KEY is NULL and
 * the value is appended. */
void img_value_set_bool (struct img_value *v, const char *key, bool b);
void img_value_set_int (struct img_value *v, const char *key, int64_t n);
void img_value_set_uint (struct img_value *v, const char *key, uint64_t n);
void img_value_set_real (struct img_value *v, const char *key, double x);
void img_value_set_string (struct img_value *v, const char *key, const char *s);
/* Add an empty object or array below and return it (owned by the tree; never NULL: a dummy that
 * swallows everything when memory runs out). */
struct img_value *img_value_add_object (struct img_value *v, const char *key);
struct img_value *img_value_add_array (struct img_value *v, const char *key);
/* Moves SUB, a root, below; the tree owns it afterwards. */
void img_value_take (struct img_value *v, const char *key, struct img_value *sub);

/* Reading.  Getters of another kind than the value has return false, 0 or NULL. */
enum img_value_kind img_value_kind (const struct img_value *v);
bool img_value_bool (const struct img_value *v);
int64_t img_value_int (const struct img_value *v);
uint64_t img_value_uint (const struct img_value *v);
double img_value_real (const struct img_value *v);
const char *img_value_string (const struct img_value *v);
size_t img_value_count (const struct img_value *v);                               /* children */
const struct img_value *img_value_at (const struct img_value *v, size_t i);       /* i < count */
const char *img_value_key_at (const struct img_value *v, size_t i);               /* of an object */
const struct img_value *img_value_get (const struct img_value *v, const char *key); /* or NULL */

#ifdef __cplusplus
}
#endif
#endif
