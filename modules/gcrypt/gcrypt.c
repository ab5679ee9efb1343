/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gcrypt: ciphers and hashes of libgcrypt.
 *
 * Owns: names, handles, the loop over units.  Knows nothing about images.  Refuses: chaining from
 * one unit to the next. */
#include <stdlib.h>
#include <string.h>

#include "gcrypt.h"

int
gcrypt_failed (const char *what, gcry_error_t code, struct img_error *err)
{
  if (gcry_err_code (code) == GPG_ERR_ENOMEM)
    return img_error_errno (err, ENOMEM, "%s", what);
  return img_error_set (err, EIO, "%s: %s", what, gcry_strerror (code));
}

/* ---- names ---- */

struct word {
  const char *word;
  int algo;
};

static int
find (const struct word *list, const char *word)
{
  for (; list->word; list++)
    if (strcmp (list->word, word) == 0)
      return list->algo;
  return 0;
}

int
gcrypt_hash (const char *hash)
{
  static const struct word hashes[] = {
    { "md5", GCRY_MD_MD5 },       { "sha1", GCRY_MD_SHA1 },     { "sha224", GCRY_MD_SHA224 },
    { "sha256", GCRY_MD_SHA256 }, { "sha384", GCRY_MD_SHA384 }, { "sha512", GCRY_MD_SHA512 },
    { "ripemd160", GCRY_MD_RMD160 }, { "sm3", GCRY_MD_SM3 },    { NULL, 0 }
  };
  int algo = find (hashes, hash);

  return algo && gcry_md_test_algo (algo) == 0 ? algo : 0;
}

static int
cipher_algo (const char *cipher)
{
  static const struct word ciphers[] = {
    { "aes-128", GCRY_CIPHER_AES128 },         { "aes-192", GCRY_CIPHER_AES192 },
    { "aes-256", GCRY_CIPHER_AES256 },         { "des", GCRY_CIPHER_DES },
    { "3des", GCRY_CIPHER_3DES },              { "cast5-128", GCRY_CIPHER_CAST5 },
    { "serpent-128", GCRY_CIPHER_SERPENT128 }, { "serpent-192", GCRY_CIPHER_SERPENT192 },
    { "serpent-256", GCRY_CIPHER_SERPENT256 }, { "twofish-128", GCRY_CIPHER_TWOFISH128 },
    { "twofish-256", GCRY_CIPHER_TWOFISH },    { "sm4", GCRY_CIPHER_SM4 },
    { NULL, 0 }
  };
  int algo = find (ciphers, cipher);

  return algo && gcry_cipher_test_algo (algo) == 0 ? algo : 0;
}

static int
cipher_mode (const char *mode)
{
  static const struct word modes[] = {
    { "ecb", GCRY_CIPHER_MODE_ECB }, { "cbc", GCRY_CIPHER_MODE_CBC },
    { "ctr", GCRY_CIPHER_MODE_CTR }, { "xts", GCRY_CIPHER_MODE_XTS }, { NULL, 0 }
  };

  return find (modes, mode);
}

/* ---- hashes ---- */

static size_t
hash_length (const char *hash)
{
  int algo = gcrypt_hash (hash);

  return algo ? gcry_md_get_algo_dlen (algo) : 0;
}

static int
hash_bytes (const char *hash, const void *in, size_t length, void *out, struct img_error *err)
{
  int algo = gcrypt_hash (hash);

  if (algo == 0)
    return img_error_set (err, ENOTSUP, _("hash '%s' is not offered by libgcrypt"), hash);
  gcry_md_hash_buffer (algo, out, in, length);
  return 0;
}

/* ---- ciphers ---- */

struct cipher {
  gcry_cipher_hd_t handle;
  int mode;
  size_t block;
};

static size_t
key_length (const char *cipher, const char *mode, size_t *block)
{
  int algo = cipher_algo (cipher), m = cipher_mode (mode);

  if (algo == 0 || m == 0)
    return 0;
  *block = gcry_cipher_get_algo_blklen (algo);
  if (m == GCRY_CIPHER_MODE_XTS)
    return *block == 16 ? 2 * gcry_cipher_get_algo_keylen (algo) : 0;
  return gcry_cipher_get_algo_keylen (algo);
}

static void
cipher_free (void *cipher)
{
  struct cipher *c = cipher;

  gcry_cipher_close (c->handle);
  free (c);
}

static void *
cipher_new (const char *cipher, const char *mode, const uint8_t *key, size_t length,
            struct img_error *err)
{
  struct cipher *c = calloc (1, sizeof *c);
  gcry_error_t code;

  if (c == NULL) {
    img_error_errno (err, ENOMEM, "%s", cipher);
    return NULL;
  }
  if (key_length (cipher, mode, &c->block) != length) {
    img_error_set (err, ENOTSUP, _("cipher '%s' in mode '%s' with a key of %zu bytes is not offered"
                                   " by libgcrypt"), cipher, mode, length);
    free (c);
    return NULL;
  }
  c->mode = cipher_mode (mode);
  code = gcry_cipher_open (&c->handle, cipher_algo (cipher), c->mode, 0);
  if (code == 0) {
    /* Keys are random, and who has a weak one wants his data nevertheless. */
    gcry_cipher_ctl (c->handle, GCRYCTL_SET_ALLOW_WEAK_KEY, NULL, 1);
    code = gcry_cipher_setkey (c->handle, key, length);
  }
  if (code == 0 || gcry_err_code (code) == GPG_ERR_WEAK_KEY)
    return c;
  gcrypt_failed (cipher, code, err);
  gcry_cipher_close (c->handle); /* NULL allowed */
  free (c);
  return NULL;
}

static int
cipher_run (void *cipher, bool encrypt, void *buf, size_t unit, size_t count, const uint8_t *ivs,
            struct img_error *err)
{
  struct cipher *c = cipher;
  gcry_error_t code = 0;
  uint8_t *p = buf;

  if (c->mode == GCRY_CIPHER_MODE_ECB) { /* units do not matter */
    unit *= count;
    count = 1;
  }
  for (size_t i = 0; i < count && code == 0; i++, p += unit) {
    if (c->mode == GCRY_CIPHER_MODE_CTR)
      code = gcry_cipher_setctr (c->handle, ivs + i * c->block, c->block);
    else if (c->mode != GCRY_CIPHER_MODE_ECB)
      code = gcry_cipher_setiv (c->handle, ivs + i * c->block, c->block);
    if (code == 0)
      code = encrypt ? gcry_cipher_encrypt (c->handle, p, unit, NULL, 0)
                     : gcry_cipher_decrypt (c->handle, p, unit, NULL, 0);
  }
  return code ? gcrypt_failed (encrypt ? _("encryption") : _("decryption"), code, err) : 0;
}

/* ---- the module ---- */

static const struct img_crypto gcrypt = {
  .struct_size = sizeof gcrypt,
  .abi = IMG_ABI,
  .name = "gcrypt",
  .version = GCRYPT_VERSION,
  .hash_length = hash_length,
  .hash = hash_bytes,
  .pbkdf2 = gcrypt_pbkdf2,
  .argon2 = gcrypt_argon2,
  .key_length = key_length,
  .cipher_new = cipher_new,
  .cipher_run = cipher_run,
  .cipher_free = cipher_free,
};

static const struct img_module module = {
  .struct_size = sizeof module,
  .abi = IMG_ABI,
  .crypto = &gcrypt,
};

const struct img_module *IMG_ENTRY_SYMBOL (void);

/* Called under the registry's lock, which is what the library's initialisation needs.  Another part
 * of the program may have initialised it already, and have the right to. */
const struct img_module *
IMG_ENTRY_SYMBOL (void)
{
  if (!gcry_control (GCRYCTL_INITIALIZATION_FINISHED_P)) {
    gcry_check_version (NULL);
    gcry_control (GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control (GCRYCTL_INITIALIZATION_FINISHED, 0);
  }
  return &module;
}
