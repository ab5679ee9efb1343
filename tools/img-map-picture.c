/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map of an image as a grid of cells, a bounded number whatever its size.
 *
 * Owns: which cell a byte belongs to and what kind it is.  Cells are powers of two, so that rows
 * begin at round offsets. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "common/tool.h"
#include "img-map-picture.h"

#define SMALLEST 512

void
picture_init (struct picture *p, uint64_t start, uint64_t length, unsigned columns, unsigned rows)
{
  uint64_t cells;

  *p = (struct picture) { .start = start, .length = length, .cell = SMALLEST, .columns = columns };
  while (length / p->cell / columns >= rows && p->cell < UINT64_C (1) << 62)
    p->cell *= 2;
  cells = length ? img_div_up (length, p->cell) : 0;
  p->rows = (unsigned) img_div_up (cells, columns);
  p->cells = calloc ((size_t) p->rows * columns + 1, sizeof *p->cells);
  if (p->cells == NULL)
    tool_no_memory ();
}

void
picture_release (struct picture *p)
{
  free (p->cells);
}

static unsigned
kind_of (const struct img_block *b)
{
  unsigned depth = (unsigned) img_min (b->depth, PICTURE_DEPTHS - 1);

  if ((b->flags & (IMG_BLOCK_DATA | IMG_BLOCK_ZERO)) == IMG_BLOCK_DATA)
    return (b->flags & IMG_BLOCK_COMPRESSED ? PICTURE_COMPRESSED : PICTURE_DATA) + depth;
  return b->flags & IMG_BLOCK_PRESENT ? PICTURE_ZERO : PICTURE_NONE;
}

void
picture_add (struct picture *p, const struct img_block *b)
{
  uint64_t at = b->offset - p->start, end = at + b->length, n;
  unsigned kind = kind_of (b);

  p->total.bytes[kind] += b->length;
  for (; at < end; at += n) {
    n = img_min (end - at, p->cell - at % p->cell);
    p->cells[at / p->cell].bytes[kind] += n;
  }
}

unsigned
picture_row_cells (const struct picture *p, unsigned row)
{
  uint64_t cells = img_div_up (p->length, p->cell);

  return (unsigned) img_min (p->columns, cells - (uint64_t) row * p->columns);
}

unsigned
picture_main_kind (const struct picture_cell *cell)
{
  unsigned best = 0;

  for (unsigned k = 1; k < PICTURE_ZERO; k++)
    if (cell->bytes[k] > cell->bytes[best])
      best = k;
  if (cell->bytes[best] > 0)
    return best;
  return cell->bytes[PICTURE_ZERO] > 0 ? PICTURE_ZERO : PICTURE_NONE;
}

void
picture_kind_name (unsigned kind, char *buf, size_t size)
{
  unsigned depth = kind % PICTURE_DEPTHS;

  if (kind == PICTURE_NONE)
    snprintf (buf, size, "%s", _("unallocated"));
  else if (kind == PICTURE_ZERO)
    snprintf (buf, size, "%s", _("zero"));
  else if (depth == 0)
    snprintf (buf, size, "%s", kind < PICTURE_COMPRESSED ? _("data") : _("compressed"));
  else
    snprintf (buf, size, kind < PICTURE_COMPRESSED ? _("data, depth %u%s")
                                                   : _("compressed, depth %u%s"),
              depth, depth == PICTURE_DEPTHS - 1 ? "+" : "");
}
