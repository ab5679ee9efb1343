/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image.h - what the fuzz targets that open an image share. */
#ifndef FUZZ_IMAGE_H
#define FUZZ_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include <blkimg/blkimg.h>
#include <blkimg/module.h>

/* Opens DATA as an image of FORMAT, read-only and without what it names; NULL when it is refused.
 * A refusal without a message, or with more than one line, aborts. */
struct img_node *fuzz_open (const uint8_t *data, size_t size, const char *format, unsigned openf);
/* The same for a file of its own, which stays: to open it again and again. */
int fuzz_file (const uint8_t *data, size_t size);
struct img_node *fuzz_open_file (int fd, const char *format, unsigned openf);
/* As fuzz_open, showing SNAPSHOT, as img_open_params has it. */
struct img_node *fuzz_open_snapshot (const uint8_t *data, size_t size, const char *format,
                                     const char *snapshot);
/* As fuzz_open, with the seeds' passphrase, "abc", for the option KEY. */
struct img_node *fuzz_open_unlocked (const uint8_t *data, size_t size, const char *format,
                                     const char *key);
/* Cuts down the work that the LUKS1 header at P asks for, which an honest one may. */
void fuzz_tame_luks (uint8_t *p, size_t size);
void fuzz_close (struct img_node *node);
/* Aborts unless *ERR says what went wrong, in one line. */
void fuzz_explained (const struct img_error *err);

/* What each target does with an open image. */
void fuzz_map (struct img_node *node);
void fuzz_read (struct img_node *node);
void fuzz_check (struct img_node *node);
/* How much is wrong with it, leaks apart; UINT64_MAX: it cannot be checked. */
uint64_t fuzz_faults (struct img_node *node);

#endif
