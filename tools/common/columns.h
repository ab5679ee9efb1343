/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* common/columns.h - columns of text whose letters may take several bytes, and two places. */
#ifndef COMMON_COLUMNS_H
#define COMMON_COLUMNS_H

/* The places that TEXT takes on a terminal. */
int column_width (const char *text);

/* WIDTH, or as much more as HEADING needs.  Less than zero, as in printf: flush left. */
int column_fit (int width, const char *heading);

/* Prints TEXT in WIDTH places, as printf's %*s would if letters were bytes. */
void column_print (const char *text, int width);

/* Prints N headings over columns of numbers, and LAST over what follows them.  WIDTHS: what to
 * print the numbers with. */
void column_headings (const char *const *headings, unsigned n, int *widths, const char *last);

#endif
