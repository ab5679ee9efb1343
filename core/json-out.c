/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree of facts as JSON text (RFC 8259).
 *
 * Owns: the layout that programs have come to expect: 4 spaces a level, a line an element, an empty
 * container still on two lines; ASCII only, everything else as \uXXXX (surrogate pairs past the
 * BMP), what is not UTF-8 as U+FFFD. */

#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/blkimg.h>
#include <blkimg/vec.h>

struct out {
  IMG_VEC (char) text;
  bool failed;
  bool one_line;
};

static void
put (struct out *o, const char *s, size_t n)
{
  if (o->failed || img_vec_reserve (&o->text, o->text.n + n + 1) < 0) {
    o->failed = true;
    return;
  }
  memcpy (o->text.v + o->text.n, s, n);
  o->text.n += n;
  o->text.v[o->text.n] = '\0';
}

static void
puts_out (struct out *o, const char *s)
{
  put (o, s, strlen (s));
}

static void
new_line (struct out *o, unsigned depth)
{
  if (o->one_line)
    return;
  put (o, "\n", 1);
  while (depth--)
    put (o, "    ", 4);
}

/* Reads one code point at *P (not at the end) and moves past it; U+FFFD for each byte or sequence
 * that is not UTF-8 (overlong forms, surrogates and what lies past U+10FFFF included). */
static uint32_t
next_code_point (const unsigned char **p)
{
  static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
  unsigned char c = *(*p)++;
  unsigned extra = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1, i;
  uint32_t cp = c & (0x3fu >> extra);

  if (c < 0x80)
    return c;
  if (c < 0xc0 || c >= 0xf8)
    return 0xfffd;
  for (i = 0; i < extra; i++) {
    if (((*p)[0] & 0xc0) != 0x80)
      return 0xfffd;
    cp = cp << 6 | (*(*p)++ & 0x3f);
  }
  if (cp < least[extra] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
    return 0xfffd;
  return cp;
}

static void
put_unit (struct out *o, uint32_t unit)
{
  char buf[8];

  snprintf (buf, sizeof buf, "\\u%04X", (unsigned) (unit & 0xffff));
  puts_out (o, buf);
}

static void
put_string (struct out *o, const char *s)
{
  static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: character, letter */
  const unsigned char *p = (const unsigned char *) s;

  put (o, "\"", 1);
  while (*p) {
    uint32_t cp = next_code_point (&p);
    const char *pair = NULL;
    for (const char *n = names; *n; n += 2)
      if ((unsigned char) *n == cp)
        pair = n;
    if (pair) {
      put (o, "\\", 1);
      put (o, pair + 1, 1);
    } else if (cp >= 0x20 && cp < 0x7f) {
      char c = (char) cp;
      put (o, &c, 1);
    } else if (cp < 0x10000) {
      put_unit (o, cp);
    } else {
      put_unit (o, 0xd800 + ((cp - 0x10000) >> 10));
      put_unit (o, 0xdc00 + ((cp - 0x10000) & 0x3ff));
    }
  }
  put (o, "\"", 1);
}

static void
put_real (struct out *o, double x)
{
  char buf[40];
  char *comma;

  if (!isfinite (x)) { /* JSON has no word for it */
    puts_out (o, "null");
    return;
  }
  snprintf (buf, sizeof buf, "%.15g", x);
  comma = strchr (buf, ',');
  if (comma)
    *comma = '.';
  puts_out (o, buf);
}

static void
put_scalar (struct out *o, const struct img_value *v)
{
  char buf[32];

  switch (img_value_kind (v)) {
  case IMG_VALUE_BOOL:
    puts_out (o, img_value_bool (v) ? "true" : "false");
    break;
  case IMG_VALUE_INT:
    snprintf (buf, sizeof buf, "%" PRId64, img_value_int (v));
    puts_out (o, buf);
    break;
  case IMG_VALUE_UINT:
    snprintf (buf, sizeof buf, "%" PRIu64, img_value_uint (v));
    puts_out (o, buf);
    break;
  case IMG_VALUE_REAL:
    put_real (o, img_value_real (v));
    break;
  default:
    put_string (o, img_value_string (v) ? img_value_string (v) : "");
  }
}

static void
put_value (struct out *o, const struct img_value *v, unsigned depth)
{
  bool object = img_value_kind (v) == IMG_VALUE_OBJECT;
  size_t n = img_value_count (v);

  if (!object && img_value_kind (v) != IMG_VALUE_ARRAY) {
    put_scalar (o, v);
    return;
  }
  puts_out (o, object ? "{" : "[");
  for (size_t i = 0; i < n; i++) {
    if (i > 0)
      puts_out (o, o->one_line ? ", " : ",");
    new_line (o, depth + 1);
    if (object) {
      put_string (o, img_value_key_at (v, i));
      puts_out (o, ": ");
    }
    put_value (o, img_value_at (v, i), depth + 1);
  }
  new_line (o, depth);
  puts_out (o, object ? "}" : "]");
}

char *
img_value_json (const struct img_value *v, bool one_line)
{
  struct out o = { .one_line = one_line };

  put_value (&o, v, 0);
  if (o.failed)
    img_vec_free (&o.text);
  return o.text.v;
}
