/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/crypt.h - reading and writing of extents and places that hold ciphertext (crypt.c). */
#ifndef CORE_CRYPT_H
#define CORE_CRYPT_H

#include "core/io.h"

#define IMG_CRYPT_UNIT_MAX 4096u

/* Whether NODE's driver may speak of ciphertext at all. */
bool img_crypt_possible (const struct img_node *node);
/* Whether space that was taken ahead begins at OFFSET of a new part of NODE: its zeroes decipher to
 * noise. */
bool img_crypt_noise (struct img_node *node, uint64_t offset);
/* The guest bytes of EXT, which is DATA with IMG_EXTENT_ENCRYPTED. */
int img_crypt_read (struct img_node *node, const struct img_extent *ext, uint8_t *buf,
                    struct img_error *err);
/* As img_write_place, into a place with IMG_PLACE_ENCRYPTED.  BUF NULL: zeroes.  Sectors that are
 * written in part are read first. */
int img_crypt_write (struct img_node *node, const struct img_place *place, uint64_t delta,
                     const void *buf, uint64_t length, struct img_error *err);
/* The buffers of a node that goes away. */
void img_crypt_free (struct img_crypt_room *rooms);

#endif
