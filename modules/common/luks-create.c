/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks-create.c - new LUKS1 headers (LUKS On-Disk Format Specification 1.2.3, figure 5).
 *
 * Owns: the layout, which is the one that other tools use: key material in units of 4096 bytes. */
#include <stdio.h>
#include <string.h>

#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "luks-slot.h"

/* ---- what the user asks for ---- */

/* The index of option PREFIX NAME, or DEF. */
static int
choice (const struct img_opts *opts, const char *prefix, const char *name,
        const char *const *words, int def, bool *given)
{
  char key[64];
  int i;

  snprintf (key, sizeof key, "%s%s", prefix, name);
  i = img_opts_choice (opts, key, words);
  if (given)
    *given = i >= 0;
  return i < 0 ? def : i;
}

int
luks_params_from (struct luks_params *params, const struct img_opts *opts, const char *prefix,
                  struct img_error *err)
{
  struct crypt_spec *spec = &params->spec;
  char key[64];

  memset (params, 0, sizeof *params);
  spec->cipher = (enum crypt_cipher) choice (opts, prefix, "cipher-alg", crypt_cipher_words,
                                             CRYPT_AES_256, NULL);
  spec->mode = (enum crypt_mode) choice (opts, prefix, "cipher-mode", crypt_mode_words, CRYPT_XTS,
                                         NULL);
  spec->ivgen = (enum crypt_ivgen) choice (opts, prefix, "ivgen-alg", crypt_ivgen_words,
                                           CRYPT_PLAIN64, NULL);
  spec->ivgen_hash = (enum crypt_hash) choice (opts, prefix, "ivgen-hash-alg", crypt_hash_words,
                                               CRYPT_SHA256, &params->has_ivgen_hash);
  params->has_ivgen_hash = params->has_ivgen_hash || spec->ivgen == CRYPT_ESSIV;
  params->hash = (enum crypt_hash) choice (opts, prefix, "hash-alg", crypt_hash_words,
                                           CRYPT_SHA256, NULL);
  snprintf (key, sizeof key, "%s%s", prefix, "iter-time");
  params->iter_time = LUKS_DEFAULT_ITER_TIME;
  if (img_opts_get (opts, key))
    params->iter_time = img_opts_number (opts, key);
  if (params->iter_time == 0)
    return img_error_set (err, EINVAL, _("iter-time must be more than zero"));
  if (crypt_key_length (spec) == 0)
    return img_error_set (err, ENOTSUP, _("cipher '%s' in mode '%s' is not supported"),
                          crypt_cipher_words[spec->cipher], crypt_mode_words[spec->mode]);
  return 0;
}

/* ---- layout ---- */

static void
lay_out (struct luks *l)
{
  uint64_t each = luks_material (l);

  each += (LUKS_ALIGN - each % LUKS_ALIGN) % LUKS_ALIGN;
  for (unsigned i = 0; i < LUKS_SLOTS; i++) {
    l->slots[i].key_offset = LUKS_ALIGN + i * each;
    l->slots[i].stripes = LUKS_STRIPES;
  }
  l->payload_offset = LUKS_ALIGN + LUKS_SLOTS * each;
}

uint64_t
luks_length (const struct luks_params *params)
{
  struct luks l = { .key_length = (uint32_t) crypt_key_length (&params->spec) };

  lay_out (&l);
  return l.payload_offset;
}

/* ---- contents ---- */

/* RFC 4122, 4.4: a UUID of random numbers. */
static int
make_uuid (char *text, size_t size, struct img_error *err)
{
  uint8_t u[16];

  if (crypt_random (u, sizeof u, err) < 0)
    return -1;
  u[6] = (uint8_t) ((u[6] & 0x0f) | 0x40);
  u[8] = (uint8_t) ((u[8] & 0x3f) | 0x80);
  snprintf (text, size, "%08x-%04x-%04x-%04x-%08x%04x", be32_get (u), be16_get (u + 4),
            be16_get (u + 6), be16_get (u + 8), be32_get (u + 10), be16_get (u + 14));
  return 0;
}

/* An eighth of a slot's time for the digest, as the specification advises: it is no secret's only
 * guard. */
static int
make_digest (struct luks *l, const uint8_t *key, uint64_t iter_time, struct img_error *err)
{
  uint64_t n;

  if (crypt_pbkdf2_iterations (l->hash, LUKS_DIGEST, iter_time / 8, &n, err) < 0 ||
      crypt_random (l->digest_salt, LUKS_SALT, err) < 0)
    return -1;
  l->digest_iterations = (uint32_t) img_min (n, LUKS_MAX_ITERATIONS);
  return crypt_pbkdf2 (l->hash, key, l->key_length, l->digest_salt, LUKS_SALT,
                       l->digest_iterations, l->digest, LUKS_DIGEST, err);
}

int
luks_create (struct luks *l, const struct luks_params *params, const struct luks_io *io,
             const uint8_t *pass, size_t n, struct crypt **c, struct img_error *err)
{
  uint8_t key[CRYPT_MAX_KEY];
  struct crypt *made = NULL;
  uint32_t iterations;
  int rc;

  memset (l, 0, sizeof *l);
  l->spec = params->spec;
  l->has_ivgen_hash = params->has_ivgen_hash;
  l->hash = params->hash;
  l->key_length = (uint32_t) crypt_key_length (&params->spec);
  lay_out (l);
  if (params->detached)
    l->payload_offset = 0;
  rc = crypt_random (key, l->key_length, err);
  if (rc == 0) /* first: is there what it takes? */
    rc = crypt_new (&made, &l->spec, key, l->key_length, err);
  if (rc == 0)
    rc = make_uuid (l->uuid, sizeof l->uuid, err);
  if (rc == 0)
    rc = make_digest (l, key, params->iter_time, err);
  if (rc == 0)
    rc = luks_slot_iterations (l, 0, params->iter_time, &iterations, err);
  if (rc == 0)
    rc = luks_fill_slot (l, 0, io, pass, n, key, iterations, err);
  explicit_bzero (key, sizeof key);
  if (rc == 0)
    rc = luks_write (l, io, err);
  if (rc == 0 && c)
    *c = made;
  else
    crypt_free (made);
  return rc;
}
