/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gcrypt.h - what the files of this module share. */
#ifndef GCRYPT_H
#define GCRYPT_H

#include <gcrypt.h>

#include <blkimg/module.h>

/* Turns what libgcrypt says into *err; -1. */
int gcrypt_failed (const char *what, gcry_error_t code, struct img_error *err);
/* The library's number of a hash; 0: unknown, or not offered by the library as it was built. */
int gcrypt_hash (const char *hash);

/* As in struct img_crypto (kdf.c). */
int gcrypt_pbkdf2 (const char *hash, const void *pass, size_t pass_length, const void *salt,
                   size_t salt_length, uint64_t iterations, void *out, size_t out_length,
                   struct img_error *err);
int gcrypt_argon2 (enum img_argon2 type, const void *pass, size_t pass_length, const void *salt,
                   size_t salt_length, uint32_t time, uint32_t memory, uint32_t lanes, void *out,
                   size_t out_length, struct img_error *err);

#endif
