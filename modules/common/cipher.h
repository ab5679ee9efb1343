/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cipher.h - disks encrypted sector by sector: ciphers with their IV generators, and what key slots
 * are made of.  The algorithms themselves come from a module (img_crypto_find), loaded by the first
 * of these functions that needs it. */
#ifndef CIPHER_H
#define CIPHER_H

#include <blkimg/module.h>

/* NULL-ended, for option tables; the index is the value below. */
extern const char *const crypt_cipher_words[], *const crypt_mode_words[],
  *const crypt_ivgen_words[], *const crypt_hash_words[];

enum crypt_cipher {
  CRYPT_AES_128, CRYPT_AES_192, CRYPT_AES_256, CRYPT_DES, CRYPT_3DES, CRYPT_CAST5_128,
  CRYPT_SERPENT_128, CRYPT_SERPENT_192, CRYPT_SERPENT_256, CRYPT_TWOFISH_128, CRYPT_TWOFISH_192,
  CRYPT_TWOFISH_256, CRYPT_SM4
};
enum crypt_mode { CRYPT_ECB, CRYPT_CBC, CRYPT_XTS, CRYPT_CTR };
enum crypt_ivgen { CRYPT_PLAIN, CRYPT_PLAIN64, CRYPT_ESSIV };
enum crypt_hash {
  CRYPT_MD5, CRYPT_SHA1, CRYPT_SHA224, CRYPT_SHA256, CRYPT_SHA384, CRYPT_SHA512, CRYPT_RIPEMD160,
  CRYPT_SM3
};
enum {
  CRYPT_SECTOR = 512,
  CRYPT_MAX_KEY = 64,   /* of any cipher in any mode */
  CRYPT_MAX_DIGEST = 64 /* of any hash */
};

struct crypt_spec {
  enum crypt_cipher cipher;
  enum crypt_mode mode;
  enum crypt_ivgen ivgen;
  enum crypt_hash ivgen_hash; /* essiv */
  uint32_t sector_size;       /* what one IV is for; 0: 512.  IVs count sectors of 512 always */
};

/* Bytes of a key; 0: this mode and cipher do not go together.  Needs no library. */
size_t crypt_key_length (const struct crypt_spec *spec);

struct crypt;
/* *C is the caller's.  KEY_LENGTH must be crypt_key_length. */
int crypt_new (struct crypt **c, const struct crypt_spec *spec, const uint8_t *key,
               size_t key_length, struct img_error *err);
/* LENGTH bytes at BUF, in place; they stand at sector FIRST_SECTOR (of 512 bytes).  Multiples of
 * the sector size.  Pure CPU, any number of threads at once. */
int crypt_sectors (struct crypt *c, bool encrypt, void *buf, uint64_t length,
                   uint64_t first_sector, struct img_error *err);
void crypt_free (struct crypt *c); /* wipes the key; NULL allowed */

/* ---- keys ---- */

int crypt_random (void *buf, size_t length, struct img_error *err);
/* 0: the library does not offer it. */
size_t crypt_hash_length (enum crypt_hash hash, struct img_error *err);
int crypt_digest (enum crypt_hash hash, const void *in, size_t length, void *out,
                  struct img_error *err);
int crypt_pbkdf2 (enum crypt_hash hash, const void *pass, size_t pass_length, const void *salt,
                  size_t salt_length, uint64_t iterations, void *out, size_t out_length,
                  struct img_error *err);
/* How many iterations of PBKDF2 for OUT_LENGTH bytes take MILLISECONDS of this machine, within
 * [1000, UINT32_MAX].  Takes a small part of a second. */
int crypt_pbkdf2_iterations (enum crypt_hash hash, size_t out_length, uint64_t milliseconds,
                             uint64_t *iterations, struct img_error *err);
/* The anti-forensic splitter (LUKS specification, 2.4): LENGTH bytes become STRIPES times as many,
 * all of which are needed to get them back. */
int crypt_af_split (enum crypt_hash hash, const uint8_t *in, size_t length, uint32_t stripes,
                    uint8_t *out, struct img_error *err);
int crypt_af_merge (enum crypt_hash hash, const uint8_t *in, size_t length, uint32_t stripes,
                    uint8_t *out, struct img_error *err);

/* Index of the N bytes at WORD in WORDS, -1: not among them. */
int crypt_word (const char *const *words, const char *word, size_t n);

#endif
