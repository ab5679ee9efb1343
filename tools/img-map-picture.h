/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-map-picture.h - a map as a grid of cells: gathered here, drawn as SVG or in characters. */
#ifndef TOOLS_IMG_MAP_PICTURE_H
#define TOOLS_IMG_MAP_PICTURE_H

#include <blkimg/blkimg.h>

enum { PICTURE_DEPTHS = 4 }; /* what is deeper counts as the last */

/* What a byte may be: data of depth 0, 1, 2, 3 or more; compressed, the same; ... */
enum {
  PICTURE_DATA = 0,
  PICTURE_COMPRESSED = PICTURE_DEPTHS,
  PICTURE_ZERO = 2 * PICTURE_DEPTHS,
  PICTURE_NONE, /* no layer has it */
  PICTURE_KINDS
};

struct picture_cell {
  uint64_t bytes[PICTURE_KINDS];
};

struct picture {
  uint64_t start, length;
  uint64_t cell;          /* bytes of one, a power of two */
  unsigned columns, rows;
  struct picture_cell *cells, total;
};

/* A grid of COLUMNS and at most ROWS over [start, start + length). */
void picture_init (struct picture *p, uint64_t start, uint64_t length, unsigned columns,
                   unsigned rows);
void picture_release (struct picture *p);
void picture_add (struct picture *p, const struct img_block *b);

/* Of row ROW: how many cells are in the image. */
unsigned picture_row_cells (const struct picture *p, unsigned row);
/* The kind a cell is drawn as when it can be one only: what data it has most of, else zero. */
unsigned picture_main_kind (const struct picture_cell *cell);
/* "data", "data of backing image 2", ...: the legend's words. */
void picture_kind_name (unsigned kind, char *buf, size_t size);

/* On standard output. */
void picture_svg (const struct picture *p, const struct img_node *node);
void picture_blocks (const struct picture *p, const struct img_node *node);
/* How many columns of characters there is room for. */
unsigned picture_text_columns (void);

#endif
