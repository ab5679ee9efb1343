/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map as a picture in SVG: one file, no links, no scripts.
 *
 * Owns: colours and measures.  A cell of several kinds is their mixture; neighbours of one colour
 * are one rectangle, so the file's size is bounded by the grid's. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/options.h>

#include "img-map-picture.h"

enum {
  WIDTH = 900, LEFT = 96, TOP = 92, CELL_WIDTH = 6, CELL_HEIGHT = 14, ROW = 17, LEGEND = 22,
  LEGEND_COLUMNS = 3
};

/* Data is blue and compressed data orange, fainter with each layer down; see picture.h. */
static const uint32_t colours[PICTURE_KINDS] = {
  0x1d4e89, 0x4a8ac9, 0x8bbbe6, 0xbcd9f2, 0xb4470f, 0xe07b39, 0xf0ab78, 0xf7d0b1, 0xb9d8b4,
  0xeef0f2
};

static void
put_text (const char *s)
{
  for (; *s; s++)
    switch (*s) {
    case '&':
      printf ("&amp;");
      break;
    case '<':
      printf ("&lt;");
      break;
    case '>':
      printf ("&gt;");
      break;
    default: /* control characters are not XML */
      putchar ((unsigned char) *s < 0x20 || *s == 0x7f ? '?' : *s);
    }
}

/* The mixture; little of something is still seen. */
static uint32_t
cell_colour (const struct picture_cell *cell)
{
  double weight[PICTURE_KINDS], all = 0, sum = 0, mixed[3] = { 0, 0, 0 };
  uint32_t colour = 0;

  for (unsigned k = 0; k < PICTURE_KINDS; k++)
    all += (double) cell->bytes[k];
  for (unsigned k = 0; k < PICTURE_KINDS; k++) {
    double part = all > 0 ? (double) cell->bytes[k] / all : 0;
    weight[k] = k >= PICTURE_ZERO || part == 0 ? part : 0.6 + 0.4 * part;
    sum += weight[k];
  }
  for (unsigned k = 0; sum > 0 && k < PICTURE_KINDS; k++)
    for (unsigned c = 0; c < 3; c++)
      mixed[c] += weight[k] / sum * (double) (colours[k] >> (16 - 8 * c) & 255);
  for (unsigned c = 0; c < 3; c++)
    colour = colour << 8 | (uint32_t) (mixed[c] + 0.5);
  return colour;
}

static void
put_rect (unsigned x, unsigned y, unsigned width, unsigned height, uint32_t colour)
{
  printf ("<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"#%06" PRIx32 "\"/>\n", x, y,
          width, height, colour);
}

static void
put_row (const struct picture *p, unsigned row)
{
  const struct picture_cell *cells = p->cells + (size_t) row * p->columns;
  unsigned n = picture_row_cells (p, row), from = 0, y = TOP + row * ROW;
  uint64_t offset = p->start + (uint64_t) row * p->columns * p->cell;
  char size[32];

  printf ("<text class=\"o\" x=\"%d\" y=\"%u\">%s</text>\n", LEFT - 10, y + CELL_HEIGHT - 3,
          offset ? img_size_format (offset, size) : "0");
  for (unsigned i = 1; i <= n; i++) {
    uint32_t colour = cell_colour (&cells[from]);
    if (i < n && cell_colour (&cells[i]) == colour)
      continue;
    put_rect (LEFT + from * CELL_WIDTH, y, (i - from) * CELL_WIDTH, CELL_HEIGHT, colour);
    from = i;
  }
}

static void
put_legend (const struct picture *p, unsigned y)
{
  char name[80], size[32];
  unsigned shown = 0;

  for (unsigned k = 0; k < PICTURE_KINDS; k++) {
    unsigned x = LEFT + shown % LEGEND_COLUMNS * 260, row = y + shown / LEGEND_COLUMNS * LEGEND;
    if (p->total.bytes[k] == 0)
      continue;
    picture_kind_name (k, name, sizeof name);
    put_rect (x, row, 12, 12, colours[k]);
    printf ("<text x=\"%u\" y=\"%u\">%s <tspan class=\"n\">%s, %.*f%%</tspan></text>\n", x + 20,
            row + 10, name, img_size_format (p->total.bytes[k], size),
            p->total.bytes[k] * 10 < p->length ? 1 : 0,
            100.0 * (double) p->total.bytes[k] / (double) p->length);
    shown++;
  }
}

static unsigned
legend_rows (const struct picture *p)
{
  unsigned n = 0;

  for (unsigned k = 0; k < PICTURE_KINDS; k++)
    n += p->total.bytes[k] > 0;
  return (n + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS;
}

static void
put_head (const struct picture *p, const struct img_node *node)
{
  const char *path = img_filename (node), *slash = strrchr (path, '/');
  char size[32], cell[32], part[100] = "";

  printf ("<text class=\"t\" x=\"%d\" y=\"40\">", LEFT);
  put_text (slash && slash[1] ? slash + 1 : path);
  printf ("</text>\n");
  if (p->length != img_size (node))
    snprintf (part, sizeof part, _(", from 0x%" PRIx64 " on %s"), p->start,
              img_size_format (p->length, cell));
  printf ("<text class=\"n\" x=\"%d\" y=\"64\">", LEFT);
  printf (_("%s, %s (%" PRIu64 " bytes)%s; "), img_driver_name (node),
          img_size_format (img_size (node), size), img_size (node), part);
  printf (_("a cell is %s"), img_size_format (p->cell, cell));
  printf ("</text>\n");
}

void
picture_svg (const struct picture *p, const struct img_node *node)
{
  unsigned bottom = TOP + p->rows * ROW + 16, height = bottom + legend_rows (p) * LEGEND + 18;

#if ENABLE_NLS
  bind_textdomain_codeset ("blkimg", "UTF-8"); /* whatever the terminal's is */
#endif
  printf ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
          "viewBox=\"0 0 %d %u\">\n<style>text{font:13px system-ui,\"DejaVu Sans\",sans-serif;"
          "fill:#22303c}.t{font-size:22px;font-weight:600}.n{fill:#66747f}"
          ".o{font-size:11px;fill:#66747f;text-anchor:end}</style>\n",
          WIDTH, height, WIDTH, height);
  put_rect (0, 0, WIDTH, height, 0xffffff);
  put_head (p, node);
  printf ("<g shape-rendering=\"crispEdges\">\n");
  for (unsigned row = 0; row < p->rows; row++)
    put_row (p, row);
  printf ("</g>\n");
  put_legend (p, bottom);
  printf ("</svg>\n");
}
