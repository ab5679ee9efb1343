/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/write.h - the three steps of a write: reserve, write the data, commit.
 *
 * img_pwrite goes through them with a range lock and fills partial units (write.c).  The copy
 * engine calls them itself: reserve in guest order, data in parallel, commit in any order.  Drivers
 * without `reserve` (raw) get places from their map; protocols get their own range.
 */
#ifndef CORE_WRITE_H
#define CORE_WRITE_H

#include "core/node.h"

/* As the driver's reserve; works for every writable node.  OFFSET and LENGTH multiples of the
 * node's alloc_unit (the last unit may pass the end of the image). */
int img_write_reserve (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded,
                       unsigned flags, struct img_place *place, struct img_error *err);
/* Writes LENGTH bytes of BUF at DELTA bytes into the place (plain: guest bytes; encoded: the
 * stream). */
int img_write_place (struct img_node *node, const struct img_place *place, uint64_t delta,
                     const void *buf, uint64_t length, struct img_error *err);
/* Fills the whole of a plain place with SRC's bytes from SRC_OFFSET on, as img_copy_range does: 0
 * done, 1 not possible (write it yourself). */
int img_write_share (struct img_node *node, const struct img_place *place, struct img_node *src,
                     uint64_t src_offset, unsigned flags, struct img_error *err);
/* What of LENGTH bytes of BUF is worth writing where zeroes read already (IMG_PLACE_ZEROES): moves
 * *FROM, 0 at first, to the next such part and returns its length; 0: there is none. */
uint64_t img_write_part (const void *buf, uint64_t length, uint64_t *from);
int img_write_commit (struct img_node *node, const struct img_place *place, struct img_error *err);
void img_write_abandon (struct img_node *node, const struct img_place *place);
/* As img_pwrite with IMG_IO_COMPRESS, in bounds (encoded.c). */
int img_write_compressed (struct img_node *node, const uint8_t *buf, uint64_t length,
                          uint64_t offset, struct img_error *err);
/* As the driver's encode. */
int img_write_encode (struct img_node *node, const void *in, size_t length, void *out, size_t cap,
                      size_t *out_length, struct img_error *err);

#endif
