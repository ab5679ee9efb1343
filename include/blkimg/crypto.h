/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/crypto.h - ciphers, hashes and key derivation that formats share: one module brings the
 * library, loaded when it is first used.  Part of the module ABI (module.h).
 *
 * Algorithms are named by words: hashes "sha256", ciphers "aes-256", modes "ecb" "cbc" "ctr" "xts".
 * All but cipher_run may be called on any thread; a cipher serves one thread at a time. */
#ifndef BLKIMG_CRYPTO_H
#define BLKIMG_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <blkimg/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum img_argon2 { IMG_ARGON2I, IMG_ARGON2ID };
struct img_crypto {
  size_t struct_size;
  uint32_t abi;
  const char *name; /* of the library: "gcrypt" */
  const char *version;
  /* Bytes of a digest; 0: there is no such hash. */
  size_t (*hash_length) (const char *hash);
  int (*hash) (const char *hash, const void *in, size_t length, void *out, struct img_error *err);
  /* RFC 8018, with HMAC of HASH. */
  int (*pbkdf2) (const char *hash, const void *pass, size_t pass_length, const void *salt,
                 size_t salt_length, uint64_t iterations, void *out, size_t out_length,
                 struct img_error *err);
  /* RFC 9106; MEMORY in KiB. */
  int (*argon2) (enum img_argon2 type, const void *pass, size_t pass_length, const void *salt,
                 size_t salt_length, uint32_t time, uint32_t memory, uint32_t lanes, void *out,
                 size_t out_length, struct img_error *err);
  /* Bytes of a key (XTS: of both), and of a block; 0: there is no such cipher in this mode. */
  size_t (*key_length) (const char *cipher, const char *mode, size_t *block);
  void *(*cipher_new) (const char *cipher, const char *mode, const uint8_t *key, size_t key_length,
                       struct img_error *err);
  /* COUNT units of UNIT bytes each at BUF, in place, each with an IV of its own, one block long, at
   * IVS (ecb: NULL). */
  int (*cipher_run) (void *cipher, bool encrypt, void *buf, size_t unit, size_t count,
                     const uint8_t *ivs, struct img_error *err);
  void (*cipher_free) (void *cipher); /* wipes the key */
};
/* Loads the module that has the library if need be.  Never freed.  Any thread. */
const struct img_crypto *img_crypto_find (struct img_error *err);

#ifdef __cplusplus
}
#endif
#endif
