/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* v2-slot.c - LUKS2 key slots (LUKS2 On-Disk Format Specification 1.1, 3.2, 3.5, 4): from a
 * passphrase to the key of the data.
 *
 * Owns: the limits on what a header may make us compute and allocate.  Refuses: slots for other
 * keys than that of the segment. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "luks-slot.h"
#include "v2.h"

struct try {
  const struct luks_v2 *v;
  const struct luks_io *io;
  const uint8_t *pass;
  size_t n;
  uint64_t work; /* that is left for all slots, as luks_work counts it */
};

/* ---- key derivation ---- */

/* An argon2 pass over one KiB takes as long as so many hashes, roughly. */
enum { WORK_OF_KIB = 6, MAX_SLOTS = 32 };

static int
too_much (struct img_error *err)
{
  return img_error_set (err, EFBIG, _("the key slot asks for more work than is allowed"));
}

/* Slots are tried in turn, since argon2 is meant to need all memory, so that the slots before the
 * right one count. */
static int
spend (struct try *t, uint64_t work, struct img_error *err)
{
  if (work > t->work)
    return too_much (err);
  t->work -= work;
  return 0;
}

static int
derive_argon2 (struct try *t, enum img_argon2 type, const json_t *kdf, const uint8_t *salt,
               size_t n_salt, uint8_t *key, size_t length, struct img_error *err)
{
  const struct img_crypto *lib = img_crypto_find (err);
  uint64_t time, memory, lanes, work;

  if (lib == NULL || luks_v2_number (kdf, "kdf", "time", &time, err) < 0 ||
      luks_v2_number (kdf, "kdf", "memory", &memory, err) < 0 ||
      luks_v2_number (kdf, "kdf", "cpus", &lanes, err) < 0)
    return -1;
  if (lanes == 0 || lanes > 64 || memory < 8 * lanes || time == 0)
    return img_error_set (err, EINVAL, _("the key slot's argon2 parameters are not valid"));
  if (memory > LUKS_V2_MAX_MEMORY)
    return img_error_set (err, EFBIG, _("the key slot wants %" PRIu64 " KiB of memory, more than "
                                        "%" PRIu32), memory, LUKS_V2_MAX_MEMORY);
  if (!img_mul (time, memory, &work) || !img_mul (work, WORK_OF_KIB, &work))
    return too_much (err);
  if (spend (t, work, err) < 0)
    return -1;
  return lib->argon2 (type, t->pass, t->n, salt, n_salt, (uint32_t) time, (uint32_t) memory,
                      (uint32_t) lanes, key, length, err);
}

static int
derive_pbkdf2 (struct try *t, const json_t *kdf, const uint8_t *salt, size_t n_salt,
               uint8_t *key, size_t length, struct img_error *err)
{
  enum crypt_hash hash;
  uint64_t iterations;

  if (luks_v2_hash (kdf, "kdf", &hash, err) < 0 ||
      luks_v2_number (kdf, "kdf", "iterations", &iterations, err) < 0)
    return -1;
  if (iterations == 0 || iterations > LUKS_MAX_ITERATIONS)
    return too_much (err);
  if (spend (t, luks_work (hash, iterations, length), err) < 0)
    return -1;
  return crypt_pbkdf2 (hash, t->pass, t->n, salt, n_salt, iterations, key, length, err);
}

static int
derive (struct try *t, const json_t *slot, uint8_t *key, size_t length,
        struct img_error *err)
{
  const json_t *kdf = luks_v2_object (slot, "keyslot", "kdf", err);
  const char *type = kdf ? luks_v2_text (kdf, "kdf", "type", err) : NULL;
  uint8_t salt[LUKS_V2_MAX_SALT];
  size_t n;

  if (type == NULL || luks_v2_bytes (kdf, "kdf", "salt", salt, sizeof salt, &n, err) < 0)
    return -1;
  if (strcmp (type, "pbkdf2") == 0)
    return derive_pbkdf2 (t, kdf, salt, n, key, length, err);
  if (strcmp (type, "argon2i") == 0)
    return derive_argon2 (t, IMG_ARGON2I, kdf, salt, n, key, length, err);
  if (strcmp (type, "argon2id") == 0)
    return derive_argon2 (t, IMG_ARGON2ID, kdf, salt, n, key, length, err);
  return img_error_set (err, ENOTSUP, _("key derivation '%s' is not supported"), type);
}

/* ---- key material ---- */

struct area {
  uint64_t offset, key_length;
  struct crypt_spec spec;
  enum crypt_hash af_hash;
  uint64_t stripes;
};

static int
parse_area (const struct try *t, const json_t *slot, uint64_t key_length, struct area *a,
            struct img_error *err)
{
  const json_t *area = luks_v2_object (slot, "keyslot", "area", err);
  const json_t *af = area ? luks_v2_object (slot, "keyslot", "af", err) : NULL;
  const char *encryption = af ? luks_v2_text (area, "area", "encryption", err) : NULL;
  uint64_t size;

  if (encryption == NULL || luks_v2_number (area, "area", "offset", &a->offset, err) < 0 ||
      luks_v2_number (area, "area", "size", &size, err) < 0 ||
      luks_v2_number (area, "area", "key_size", &a->key_length, err) < 0 ||
      luks_v2_spec (encryption, a->key_length, &a->spec, err) < 0 ||
      luks_v2_hash (af, "af", &a->af_hash, err) < 0 ||
      luks_v2_number (af, "af", "stripes", &a->stripes, err) < 0)
    return -1;
  if (a->stripes != LUKS_STRIPES)
    return img_error_set (err, EINVAL, _("%s has %" PRIu64 " stripes, not %d"), _("the key slot"),
                          a->stripes, LUKS_STRIPES);
  if (a->offset < 2 * t->v->header || !img_within (a->offset, size, t->io->size) ||
      size < key_length * LUKS_STRIPES)
    return img_error_set (err, EINVAL, _("the key slot's area 0x%" PRIx64 " is out of place"),
                          a->offset);
  return 0;
}

static int
merge (const struct try *t, const struct area *a, const uint8_t *area_key, uint8_t *key,
       uint64_t key_length, struct img_error *err)
{
  uint64_t n = img_div_up (key_length * LUKS_STRIPES, CRYPT_SECTOR) * CRYPT_SECTOR;
  uint8_t *material = calloc (1, n);
  struct crypt *c = NULL;
  int rc = material ? 0 : img_error_errno (err, ENOMEM, _("key material"));

  if (rc == 0 && !img_within (a->offset, n, t->io->size))
    rc = img_error_set (err, EINVAL, _("the key slot's area 0x%" PRIx64 " is out of place"),
                        a->offset);
  if (rc == 0)
    rc = t->io->read (t->io->arg, material, n, a->offset, err);
  if (rc == 0)
    rc = crypt_new (&c, &a->spec, area_key, a->key_length, err);
  if (rc == 0)
    rc = crypt_sectors (c, false, material, n, 0, err);
  if (rc == 0)
    rc = crypt_af_merge (a->af_hash, material, key_length, LUKS_STRIPES, key, err);
  crypt_free (c);
  if (material)
    explicit_bzero (material, n);
  free (material);
  return rc;
}

/* The digest that slot and segment have in common, or NULL: the slot is for something else. */
static const json_t *
digest_of (const struct luks_v2 *v, const char *slot)
{
  const char *name;
  json_t *d;

  json_object_foreach (json_object_get (v->root, "digests"), name, d) {
    const char *type = json_string_value (json_object_get (d, "type"));
    if (type && strcmp (type, "pbkdf2") == 0 && luks_v2_lists (d, "keyslots", slot) &&
        luks_v2_lists (d, "segments", v->segment))
      return d;
  }
  return NULL;
}

/* 1: it is the key. */
static int
check_digest (struct try *t, const json_t *d, const uint8_t *key, size_t length,
              struct img_error *err)
{
  uint8_t salt[LUKS_V2_MAX_SALT], said[CRYPT_MAX_DIGEST], is[CRYPT_MAX_DIGEST];
  enum crypt_hash hash;
  uint64_t iterations;
  size_t n_salt, n;

  if (luks_v2_hash (d, "digest", &hash, err) < 0 ||
      luks_v2_bytes (d, "digest", "salt", salt, sizeof salt, &n_salt, err) < 0 ||
      luks_v2_bytes (d, "digest", "digest", said, sizeof said, &n, err) < 0 ||
      luks_v2_number (d, "digest", "iterations", &iterations, err) < 0)
    return -1;
  if (n < LUKS_DIGEST || iterations == 0 || iterations > LUKS_MAX_ITERATIONS)
    return too_much (err);
  if (spend (t, luks_work (hash, iterations, n), err) < 0 ||
      crypt_pbkdf2 (hash, key, length, salt, n_salt, iterations, is, n, err) < 0)
    return -1;
  return memcmp (is, said, n) == 0;
}

/* ---- slots ---- */

/* 1: it opens, *C is made; 0: it does not. */
static int
try_slot (struct try *t, const char *name, const json_t *slot, struct crypt **c,
          struct img_error *err)
{
  const json_t *digest = digest_of (t->v, name);
  const char *type = json_string_value (json_object_get (slot, "type"));
  uint8_t key[CRYPT_MAX_KEY], area_key[CRYPT_MAX_KEY];
  struct crypt_spec spec;
  struct area a;
  uint64_t length;
  int rc;

  if (digest == NULL || type == NULL || strcmp (type, "luks2") != 0)
    return 0;
  if (luks_v2_number (slot, "keyslot", "key_size", &length, err) < 0 ||
      luks_v2_spec (t->v->encryption, length, &spec, err) < 0 ||
      parse_area (t, slot, length, &a, err) < 0)
    return -1;
  spec.sector_size = t->v->sector_size;
  rc = derive (t, slot, area_key, a.key_length, err);
  if (rc == 0)
    rc = merge (t, &a, area_key, key, length, err);
  if (rc == 0)
    rc = check_digest (t, digest, key, length, err);
  if (rc == 1 && crypt_new (c, &spec, key, length, err) < 0)
    rc = -1;
  explicit_bzero (key, sizeof key);
  explicit_bzero (area_key, sizeof area_key);
  return rc;
}

int
luks_v2_unlock (const struct luks_v2 *v, const struct luks_io *io, const uint8_t *pass, size_t n,
                struct crypt **c, struct img_error *err)
{
  struct try t = { v, io, pass, n, LUKS_MAX_WORK };
  struct img_error first = IMG_ERROR_INIT;
  const char *name;
  json_t *slots = json_object_get (v->root, "keyslots"), *slot;

  if (json_object_size (slots) > MAX_SLOTS)
    return too_much (err);

  /* A slot that cannot be used must not keep the others from being tried. */
  json_object_foreach (slots, name, slot) {
    struct img_error why = IMG_ERROR_INIT;
    int rc = try_slot (&t, name, slot, c, &why);
    if (rc == 1)
      return 0;
    if (rc < 0 && first.code == 0)
      first = why;
  }
  if (first.code) {
    *err = first;
    return -1;
  }
  return img_error_set (err, EACCES, _("Invalid password, cannot unlock any keyslot"));
}
