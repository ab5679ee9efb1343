/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cipher.c - ciphers over sectors.
 *
 * Owns: IV generators, key lengths, a pool of handles so that any number of threads can work.
 * Refuses: the algorithms, which the module behind img_crypto_find has. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <blkimg/cleanup.h>
#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "cipher.h"
#include "pool.h"

const char *const crypt_cipher_words[] = {
  "aes-128", "aes-192", "aes-256", "des", "3des", "cast5-128", "serpent-128", "serpent-192",
  "serpent-256", "twofish-128", "twofish-192", "twofish-256", "sm4", NULL
};
const char *const crypt_mode_words[] = { "ecb", "cbc", "xts", "ctr", NULL };
const char *const crypt_ivgen_words[] = { "plain", "plain64", "essiv", NULL };
const char *const crypt_hash_words[] = { "md5", "sha1", "sha224", "sha256", "sha384", "sha512",
                                         "ripemd160", "sm3", NULL };

/* Bytes of a key and of a block, by crypt_cipher. */
static const struct {
  uint8_t key, block;
} sizes[] = { { 16, 16 }, { 24, 16 }, { 32, 16 }, { 8, 8 },   { 24, 8 },  { 16, 8 }, { 16, 16 },
              { 24, 16 }, { 32, 16 }, { 16, 16 }, { 24, 16 }, { 32, 16 }, { 16, 16 } };

enum { BATCH = 64, MAX_BLOCK = 16 };

struct crypt {
  const struct img_crypto *lib;
  struct crypt_spec spec;
  enum crypt_cipher essiv;
  size_t block, key_length, salt_length;
  struct idle_pool idle;
  uint8_t key[CRYPT_MAX_KEY], salt[CRYPT_MAX_DIGEST]; /* salt: essiv's key */
};

/* What one thread works with. */
struct worker {
  const struct img_crypto *lib;
  void *main, *essiv;
};

int
crypt_word (const char *const *words, const char *word, size_t n)
{
  for (int i = 0; words[i]; i++)
    if (strlen (words[i]) == n && memcmp (words[i], word, n) == 0)
      return i;
  return -1;
}

size_t
crypt_key_length (const struct crypt_spec *spec)
{
  size_t key = sizes[spec->cipher].key;

  if (spec->mode != CRYPT_XTS)
    return key;
  return sizes[spec->cipher].block == 16 ? 2 * key : 0;
}

int
crypt_random (void *buf, size_t length, struct img_error *err)
{
  uint8_t *p = buf;

  while (length) {
    ssize_t n = getrandom (p, length, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return img_error_errno (err, errno, _("random bytes"));
    p += n;
    length -= (size_t) n;
  }
  return 0;
}

/* ---- handles ---- */

static void
worker_free (void *worker)
{
  struct worker *w = worker;

  if (w->main)
    w->lib->cipher_free (w->main);
  if (w->essiv)
    w->lib->cipher_free (w->essiv);
  free (w);
}

static struct worker *
worker_new (const struct crypt *c, struct img_error *err)
{
  struct worker *w = calloc (1, sizeof *w);

  if (w == NULL) {
    img_error_errno (err, ENOMEM, _("encryption"));
    return NULL;
  }
  w->lib = c->lib;
  w->main = c->lib->cipher_new (crypt_cipher_words[c->spec.cipher], crypt_mode_words[c->spec.mode],
                                c->key, c->key_length, err);
  if (w->main && c->salt_length)
    w->essiv = c->lib->cipher_new (crypt_cipher_words[c->essiv], "ecb", c->salt, c->salt_length,
                                   err);
  if (w->main && (w->essiv || c->salt_length == 0))
    return w;
  worker_free (w);
  return NULL;
}

/* ESSIV: the sector's number encrypted with a hash of the key, by the cipher of the same family
 * whose keys are as long as digests of that hash. */
static int
prepare_essiv (struct crypt *c, struct img_error *err)
{
  const char *name = crypt_cipher_words[c->spec.cipher], *dash = strrchr (name, '-');
  size_t family = dash ? (size_t) (dash - name) : strlen (name);

  c->salt_length = crypt_hash_length (c->spec.ivgen_hash, err);
  if (c->salt_length == 0)
    return -1;
  for (unsigned i = 0; crypt_cipher_words[i]; i++)
    if (strncmp (crypt_cipher_words[i], name, family) == 0 && sizes[i].key == c->salt_length) {
      c->essiv = (enum crypt_cipher) i;
      return crypt_digest (c->spec.ivgen_hash, c->key, c->key_length, c->salt, err);
    }
  return img_error_set (err, EINVAL, _("the IV generator essiv with hash '%s' does not go with "
                                       "cipher '%s'"), crypt_hash_words[c->spec.ivgen_hash], name);
}

int
crypt_new (struct crypt **out, const struct crypt_spec *spec, const uint8_t *key,
           size_t key_length, struct img_error *err)
{
  const struct img_crypto *lib = img_crypto_find (err);
  size_t block;

  if (lib == NULL)
    return -1;
  if (crypt_key_length (spec) == 0 ||
      lib->key_length (crypt_cipher_words[spec->cipher], crypt_mode_words[spec->mode], &block) == 0)
    return img_error_set (err, ENOTSUP, _("cipher '%s' in mode '%s' is not supported"),
                          crypt_cipher_words[spec->cipher], crypt_mode_words[spec->mode]);
  if (crypt_key_length (spec) != key_length)
    return img_error_set (err, EINVAL, _("cipher '%s' in mode '%s' has keys of %zu bytes, not "
                                         "%zu"), crypt_cipher_words[spec->cipher],
                          crypt_mode_words[spec->mode], crypt_key_length (spec), key_length);
  struct crypt *c = calloc (1, sizeof *c);
  if (c == NULL)
    return img_error_errno (err, ENOMEM, _("encryption"));
  c->lib = lib;
  c->spec = *spec;
  c->spec.sector_size = spec->sector_size ? spec->sector_size : CRYPT_SECTOR;
  c->block = block;
  c->key_length = key_length;
  memcpy (c->key, key, key_length);
  idle_pool_init (&c->idle);
  struct worker *first = NULL;
  if (spec->ivgen != CRYPT_ESSIV || spec->mode == CRYPT_ECB || prepare_essiv (c, err) == 0)
    first = worker_new (c, err);
  if (first == NULL) {
    crypt_free (c);
    return -1;
  }
  idle_pool_put (&c->idle, first, worker_free);
  *out = c;
  return 0;
}

void
crypt_free (struct crypt *c)
{
  if (c == NULL)
    return;
  idle_pool_clear (&c->idle, worker_free);
  explicit_bzero (c, sizeof *c);
  free (c);
}

/* ---- sectors ---- */

/* IVs for COUNT sectors from number FIRST on, STEP apart. */
static int
make_ivs (const struct crypt *c, const struct worker *w, uint8_t *ivs, size_t count,
          uint64_t first, uint32_t step, struct img_error *err)
{
  memset (ivs, 0, count * c->block);
  for (size_t i = 0; i < count; i++)
    if (c->spec.ivgen == CRYPT_PLAIN)
      le32_put (ivs + i * c->block, (uint32_t) (first + i * step));
    else
      le64_put (ivs + i * c->block, first + i * step);
  return w->essiv ? c->lib->cipher_run (w->essiv, true, ivs, c->block, count, NULL, err) : 0;
}

static int
run (const struct crypt *c, struct worker *w, bool encrypt, uint8_t *p, uint64_t sectors,
     uint64_t first, struct img_error *err)
{
  uint8_t ivs[BATCH * MAX_BLOCK];
  uint32_t size = c->spec.sector_size, step = size / CRYPT_SECTOR;

  while (sectors) {
    size_t n = (size_t) img_min (sectors, BATCH);
    if (make_ivs (c, w, ivs, n, first, step, err) < 0 ||
        c->lib->cipher_run (w->main, encrypt, p, size, n, ivs, err) < 0)
      return -1;
    p += n * size;
    first += (uint64_t) n * step;
    sectors -= n;
  }
  return 0;
}

int
crypt_sectors (struct crypt *c, bool encrypt, void *buf, uint64_t length, uint64_t first_sector,
               struct img_error *err)
{
  struct worker *w = idle_pool_take (&c->idle);
  int rc;

  if (w == NULL)
    w = worker_new (c, err);
  if (w == NULL)
    return -1;
  if (length % c->spec.sector_size == 0)
    rc = run (c, w, encrypt, buf, length / c->spec.sector_size, first_sector, err);
  else
    rc = img_error_set (err, EINVAL, _("%llu bytes are not whole sectors of %u"),
                        (unsigned long long) length, c->spec.sector_size);
  idle_pool_put (&c->idle, w, worker_free);
  return rc;
}
