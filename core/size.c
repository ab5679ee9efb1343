/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes as people write and read them.
 *
 * Owns: the two functions.  Independent of the locale: scripts write `1.5G` and read `1.5 GiB`
 * wherever they run. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/options.h>
#include <blkimg/overflow.h>

static int
digit_value (char c, unsigned base)
{
  int v = -1;

  if (c >= '0' && c <= '9')
    v = c - '0';
  else if (c >= 'a' && c <= 'f')
    v = c - 'a' + 10;
  else if (c >= 'A' && c <= 'F')
    v = c - 'A' + 10;
  return v < (int) base ? v : -1;
}

/* Bits to shift for a suffix letter; -1 when it is none. */
static int
suffix_bits (char c)
{
  static const char letters[] = "bkmgtpe";
  const char *p;

  if (c >= 'A' && c <= 'Z')
    c = (char) (c - 'A' + 'a');
  p = c ? strchr (letters, c) : NULL;
  return p ? (int) (p - letters) * 10 : -1;
}

/* Reads the digits after the point at *TEXT: their value below 1.  More than 18 do not count. */
static double
read_fraction (const char **text, bool *any)
{
  uint64_t digits = 0, scale = 1;
  int v;

  for (; (v = digit_value (**text, 10)) >= 0; (*text)++) {
    *any = true;
    if (scale < UINT64_C (1000000000000000000)) {
      digits = digits * 10 + (uint64_t) v;
      scale *= 10;
    }
  }
  return (double) digits / (double) scale;
}

static int
bad_size (const char *text, struct img_error *err)
{
  return img_error_set (err, EINVAL,
                        _("'%s' is not a size: a number of bytes, or one with suffix "
                          "k, M, G, T, P or E"), text);
}

static int
too_big (const char *text, struct img_error *err)
{
  return img_error_set (err, ERANGE, _("size '%s' is too large"), text);
}

int
img_size_parse (const char *text, uint64_t *bytes, struct img_error *err)
{
  const char *p = text;
  unsigned base = 10;
  uint64_t whole = 0, part;
  double fraction = 0;
  bool any = false;
  int v, bits = 0;

  p += strspn (p, " \t\n\v\f\r");
  if (*p == '+')
    p++;
  if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
    base = 16;
    p += 2;
  }
  for (; (v = digit_value (*p, base)) >= 0; p++) {
    any = true;
    if (!img_mul (whole, base, &whole) || !img_add (whole, (uint64_t) v, &whole))
      return too_big (text, err);
  }
  if (base == 10 && *p == '.') {
    p++;
    fraction = read_fraction (&p, &any);
  }
  if (*p) {
    bits = suffix_bits (*p++);
    if (bits < 0 || *p)
      return bad_size (text, err);
  }
  if (!any || (fraction > 0 && bits == 0))
    return bad_size (text, err);
  part = (uint64_t) (fraction * (double) (UINT64_C (1) << bits) + 0.5);
  if (!img_shl (whole, (unsigned) bits, &whole) || !img_add (whole, part, &whole))
    return too_big (text, err);
  *bytes = whole;
  return 0;
}

char *
img_size_format (uint64_t bytes, char buf[32])
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  unsigned i = 0;
  char *comma;

  /* The next unit from 1000 on, not 1024: never more than three digits before the point. */
  while (i < 6 && bytes >= UINT64_C (1000) << (10 * i))
    i++;
  snprintf (buf, 32, "%0.3g %s", (double) bytes / (double) (UINT64_C (1) << (10 * i)), units[i]);
  comma = strchr (buf, ',');
  if (comma)
    *comma = '.';
  return buf;
}
