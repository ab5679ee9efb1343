/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks-slot.h - what the files that make up luks.h share. */
#ifndef LUKS_SLOT_H
#define LUKS_SLOT_H

#include "luks.h"

enum {
  LUKS_HEADER_BYTES = 592,
  LUKS_ALIGN = 4096,
  LUKS_DEFAULT_ITER_TIME = 2000
};
/* Of one slot or digest.  The time that default settings take is some 15 million of today's fast
 * machines; nobody should have to wait for hours because a file says so. */
#define LUKS_MAX_ITERATIONS 0x8000000u
/* Of all slots, with the digest for each: iterations times the hashes that a key is long.  That is
 * about a minute of one processor; eight slots of default settings take a third of it. */
#define LUKS_MAX_WORK UINT64_C (0x20000000)
uint64_t luks_work (enum crypt_hash hash, uint64_t iterations, uint64_t length);
int luks_check_work (const struct luks *l, struct img_error *err); /* EFBIG: too much */

/* Fills in l->spec from the words of a header; key_length is set (luks.c). */
int luks_parse_cipher (struct luks *l, const char *cipher, const char *mode,
                       struct img_error *err);
/* Writes the header, not the key material. */
int luks_write (const struct luks *l, const struct luks_io *io, struct img_error *err);
/* Bytes of a slot's key material, whole sectors. */
uint64_t luks_material (const struct luks *l);

/* 1: slot I, which is active, opens with the passphrase, KEY is the key; 0: it does not. */
int luks_try_slot (const struct luks *l, unsigned i, const struct luks_io *io, const uint8_t *pass,
                   size_t n, uint8_t *key, struct img_error *err);
/* The same for the active ones among the slots with a bit in WHICH: until one opens, or all when
 * OPENS is asked for, the bits of those that do (luks-unlock.c). */
int luks_try_slots (const struct luks *l, const struct luks_io *io, const uint8_t *pass, size_t n,
                    unsigned which, unsigned *opens, uint8_t *key, struct img_error *err);
/* What takes ITER_TIME milliseconds, unless slot I would then be too much beside the others. */
int luks_slot_iterations (const struct luks *l, unsigned i, uint64_t iter_time,
                          uint32_t *iterations, struct img_error *err);
/* Fills slot I with KEY under the passphrase: material on disk, slot active in memory only. */
int luks_fill_slot (struct luks *l, unsigned i, const struct luks_io *io, const uint8_t *pass,
                    size_t n, const uint8_t *key, uint32_t iterations, struct img_error *err);
/* Overwrites the key material of slot I on disk, and what it was derived from in memory. */
int luks_wipe_slot (struct luks *l, unsigned i, const struct luks_io *io, struct img_error *err);

#endif
