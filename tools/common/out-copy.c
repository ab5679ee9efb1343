/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trees of facts made fit for print.
 *
 * Order: JSON objects have none, but logs get compared and old scripts match lines: in drop-in
 * mode, and in the human form of format-specific facts, keys stand as qemu-img prints them
 * (observed on 7.2, and for newer keys in published output of 8 and later).  Keys that are not
 * listed follow.
 *
 * Safety: file names and words inside images may hold what drives a terminal. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/out.h"
#include "common/tool.h"

static const char *const order[] = {
  "children", "backing-filename-format", "icount", "vm-clock-nsec",
  /* luks */
  "ivgen-alg", "hash-alg",
  /* vmdk */
  "cid", "parent-cid", "create-type", "extents",
  /* check */
  "image-end-offset", "compressed-clusters", "total-clusters", "corruptions", "corruptions-fixed",
  "check-errors", "leaks", "leaks-fixed", "allocated-clusters",
  "snapshots", "virtual-size", "filename", "cipher-alg", "uuid", "cluster-size", "format",
  "cipher-mode", "slots", "payload-offset", "master-key-iters", "actual-size",
  "active", "iters", "key-offset", "stripes",
  "fragmented-clusters", "type", "data", "compat", "compression-type", "lazy-refcounts", "flags",
  "bitmaps",
  "refcount-bits", "encrypt", "data-file", "data-file-raw", "corrupt", "extended-l2",
  "format-specific", "encrypted", "full-backing-filename", "backing-filename", "name",
  "granularity", "info", "date-sec", "date-nsec", "vm-clock-sec", "id", "vm-state-size",
  "dirty-flag", "required", "fully-allocated", NULL
};

static unsigned
rank (const char *key)
{
  unsigned i = 0;

  while (order[i] && strcmp (order[i], key) != 0)
    i++;
  return i;
}

typedef struct img_value *copy_fn (const struct img_value *v);

/* How many bytes the control character (C0, DEL, and C1 in UTF-8) at P has; 0: it is none. */
static unsigned
control_at (const char *p)
{
  const unsigned char *c = (const unsigned char *) p;

  if (*c < 0x20 || *c == 0x7f)
    return 1;
  return c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0 ? 2 : 0;
}

/* TEXT, in which control characters have become '?'. */
static char *
printable (const char *text)
{
  char *copy = strdup (text);

  if (copy == NULL)
    tool_no_memory ();
  for (char *p = copy; *p; p++)
    memset (p, '?', control_at (p));
  return copy;
}

static bool
is_printable (const struct img_value *v)
{
  if (img_value_kind (v) == IMG_VALUE_STRING)
    for (const char *p = img_value_string (v); *p; p++)
      if (control_at (p))
        return false;
  for (size_t i = 0; i < img_value_count (v); i++)
    if (!is_printable (img_value_at (v, i)))
      return false;
  return true;
}

static void
set_printable (struct img_value *to, const char *key, const char *text)
{
  char *copy = printable (text);

  img_value_set_string (to, key, copy);
  free (copy);
}

void
out_text (const char *text)
{
  char *copy = printable (text);

  fputs (copy, stdout);
  free (copy);
}

static struct img_value *copy_printable (const struct img_value *v);

/* Copies V into TO; containers by SUB. */
static void
copy_value (struct img_value *to, const char *key, const struct img_value *v, copy_fn *sub)
{
  switch (img_value_kind (v)) {
  case IMG_VALUE_BOOL:
    img_value_set_bool (to, key, img_value_bool (v));
    break;
  case IMG_VALUE_INT:
    img_value_set_int (to, key, img_value_int (v));
    break;
  case IMG_VALUE_UINT:
    img_value_set_uint (to, key, img_value_uint (v));
    break;
  case IMG_VALUE_REAL:
    img_value_set_real (to, key, img_value_real (v));
    break;
  case IMG_VALUE_STRING:
    if (sub == copy_printable)
      set_printable (to, key, img_value_string (v));
    else
      img_value_set_string (to, key, img_value_string (v));
    break;
  default:
    img_value_take (to, key, sub (v));
  }
}

struct place {
  unsigned rank;
  size_t member;
};

static int
by_rank (const void *a, const void *b)
{
  const struct place *x = a, *y = b;

  if (x->rank != y->rank)
    return x->rank < y->rank ? -1 : 1;
  return x->member < y->member ? -1 : 1;
}

static void
copy_object (struct img_value *to, const struct img_value *v)
{
  size_t n = img_value_count (v);
  struct place *places = calloc (n + 1, sizeof *places);

  if (places == NULL)
    tool_no_memory ();
  for (size_t i = 0; i < n; i++)
    places[i] = (struct place) { rank (img_value_key_at (v, i)), i };
  qsort (places, n, sizeof *places, by_rank);
  for (size_t i = 0; i < n; i++)
    copy_value (to, img_value_key_at (v, places[i].member), img_value_at (v, places[i].member),
                out_ordered);
  free (places);
}

struct img_value *
out_ordered (const struct img_value *v)
{
  bool object = img_value_kind (v) == IMG_VALUE_OBJECT;
  struct img_value *to = object ? img_value_object () : img_value_array ();

  if (object)
    copy_object (to, v);
  for (size_t i = 0; !object && i < img_value_count (v); i++)
    copy_value (to, NULL, img_value_at (v, i), out_ordered);
  if (!img_value_ok (to))
    tool_no_memory ();
  return to;
}

static struct img_value *
copy_printable (const struct img_value *v)
{
  bool object = img_value_kind (v) == IMG_VALUE_OBJECT;
  struct img_value *to = object ? img_value_object () : img_value_array ();

  for (size_t i = 0; i < img_value_count (v); i++)
    copy_value (to, img_value_key_at (v, i), img_value_at (v, i), copy_printable);
  if (!img_value_ok (to))
    tool_no_memory ();
  return to;
}

struct img_value *
out_printable (const struct img_value *v)
{
  return is_printable (v) ? NULL : copy_printable (v);
}
