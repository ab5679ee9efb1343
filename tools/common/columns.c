/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Padding of what is printed in columns.
 *
 * Owns: how wide a text is.  Without a locale (drop-in mode never has one) that is its bytes, as
 * for printf: so columns stand there where qemu-img puts them. */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "common/columns.h"

#define NUMBERS 16 /* places of a column of them */

int
column_width (const char *text)
{
  size_t left = strlen (text), n;
  mbstate_t state = { 0 };
  int width = 0, one;
  wchar_t c;

  for (const char *p = text; left > 0; p += n, left -= n) {
    n = one = 1;
    if (*p < ' ' || *p > '~') { /* ASCII, nearly all that is printed, needs no table */
      n = mbrtowc (&c, p, left, &state);
      one = n <= left ? wcwidth (c) : -1;
    }
    if (one < 0)
      return (int) strlen (text); /* no text of this locale */
    width += one;
  }
  return width;
}

int
column_fit (int width, const char *heading)
{
  int needs = column_width (heading);

  if (width < 0)
    return -needs < width ? -needs : width;
  return needs > width ? needs : width;
}

void
column_print (const char *text, int width)
{
  int room = (width < 0 ? -width : width) - column_width (text);
  int before = width > 0 && room > 0 ? room : 0, after = width < 0 && room > 0 ? room : 0;

  printf ("%*s%s%*s", before, "", text, after, "");
}

void
column_headings (const char *const *headings, unsigned n, int *widths, const char *last)
{
  for (unsigned i = 0; i < n; i++) {
    widths[i] = column_fit (1 - NUMBERS, headings[i]) - 1;
    column_print (headings[i], widths[i]);
  }
  printf ("%s\n", last);
}
