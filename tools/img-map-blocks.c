/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map in characters, as wide as the terminal.
 *
 * Owns: which characters the locale has, and colours where a terminal shows them.  What colours
 * tell, the characters tell, too. */

#include <config.h>

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <blkimg/i18n.h>
#include <blkimg/options.h>

#include "common/out.h"
#include "img-map-picture.h"

enum { LABEL = 10, FRAME = 3, WIDTH = 80 };

struct look {
  const char *text;
  unsigned colour; /* of 256 */
};

static const struct look unicode[PICTURE_KINDS] = {
  { "\xe2\x96\x88", 25 }, { "\xe2\x96\x93", 32 }, { "\xe2\x96\x92", 74 }, { "\xe2\x96\x91", 110 },
  { "\xe2\x97\x86", 166 }, { "\xe2\x97\x87", 208 }, { "\xe2\x97\x87", 215 },
  { "\xe2\x97\x87", 223 }, { "\xc2\xb7", 71 }, { " ", 0 }
};
static const struct look ascii[PICTURE_KINDS] = {
  { "#", 25 }, { "+", 32 }, { "=", 74 }, { "-", 110 }, { "C", 166 }, { "c", 208 }, { "c", 215 },
  { "c", 223 }, { ".", 71 }, { " ", 0 }
};

unsigned
picture_text_columns (void)
{
  const char *given = getenv ("COLUMNS");
  struct winsize w = { .ws_col = 0 };
  unsigned columns = given ? (unsigned) atoi (given) : 0, n = 16;

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
    columns = w.ws_col;
  if (columns == 0 || columns > 1000)
    columns = WIDTH;
  while (2 * n + LABEL + FRAME <= columns)
    n *= 2;
  return n;
}

static bool
has_unicode (void)
{
  locale_t here = newlocale (LC_CTYPE_MASK, "", (locale_t) 0);
  bool yes = here != (locale_t) 0 && strcmp (nl_langinfo_l (CODESET, here), "UTF-8") == 0;

  if (here != (locale_t) 0)
    freelocale (here);
  return yes;
}

static void
put_kind (const struct look *looks, unsigned kind, bool colour)
{
  if (colour && looks[kind].colour)
    printf ("\033[38;5;%um%s\033[0m", looks[kind].colour, looks[kind].text);
  else
    printf ("%s", looks[kind].text);
}

static void
put_row (const struct picture *p, unsigned row, const struct look *looks, bool colour)
{
  uint64_t offset = p->start + (uint64_t) row * p->columns * p->cell;
  unsigned n = picture_row_cells (p, row);
  char size[32];

  printf ("%*s |", LABEL, offset ? img_size_format (offset, size) : "0");
  for (unsigned i = 0; i < n; i++)
    put_kind (looks, picture_main_kind (&p->cells[(size_t) row * p->columns + i]), colour);
  printf ("|\n");
}

void
picture_blocks (const struct picture *p, const struct img_node *node)
{
  bool colour = isatty (STDOUT_FILENO) && getenv ("NO_COLOR") == NULL;
  const struct look *looks = has_unicode () ? unicode : ascii;
  char name[80], size[32], cell[32];

  out_text (img_filename (node));
  printf (": %s, %s; ", img_driver_name (node), img_size_format (img_size (node), size));
  printf (_("a cell is %s"), img_size_format (p->cell, cell));
  printf ("\n\n");
  for (unsigned row = 0; row < p->rows; row++)
    put_row (p, row, looks, colour);
  putchar ('\n');
  for (unsigned k = 0; k < PICTURE_KINDS; k++) {
    if (p->total.bytes[k] == 0)
      continue;
    picture_kind_name (k, name, sizeof name);
    printf ("  [");
    put_kind (looks, k, colour);
    printf ("] %s: %s, %.1f%%\n", name, img_size_format (p->total.bytes[k], size),
            100.0 * (double) p->total.bytes[k] / (double) p->length);
  }
}
