/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks-slot.c - key slots: the way from a passphrase to the key and back (LUKS On-Disk Format
 * Specification 1.2.3, figures 5 to 7).
 *
 * Owns: key material on disk.  Keys in memory are wiped when they are no longer wanted.  Refuses:
 * the header's order of writing, which its callers know. */
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "luks-slot.h"

/* Key material is a secret as much as the key. */
struct material {
  uint8_t *p;
  uint64_t n;
};

static int
material_new (struct material *m, const struct luks *l, struct img_error *err)
{
  m->n = luks_material (l);
  m->p = calloc (1, m->n);
  return m->p ? 0 : img_error_errno (err, ENOMEM, _("key material"));
}

static void
material_free (struct material *m)
{
  if (m->p)
    explicit_bzero (m->p, m->n);
  free (m->p);
}

/* En- or decrypts material with the key that the passphrase gives. */
static int
cross (const struct luks *l, const struct luks_slot *slot, const uint8_t *pass, size_t n,
       bool encrypt, struct material *m, struct img_error *err)
{
  uint8_t key[CRYPT_MAX_KEY];
  struct crypt *c = NULL;
  int rc = crypt_pbkdf2 (l->hash, pass, n, slot->salt, LUKS_SALT, slot->iterations, key,
                         l->key_length, err);

  if (rc == 0)
    rc = crypt_new (&c, &l->spec, key, l->key_length, err);
  explicit_bzero (key, sizeof key);
  if (rc == 0)
    rc = crypt_sectors (c, encrypt, m->p, m->n, 0, err);
  crypt_free (c);
  return rc;
}

static int
digest (const struct luks *l, const uint8_t *key, uint8_t *out, struct img_error *err)
{
  return crypt_pbkdf2 (l->hash, key, l->key_length, l->digest_salt, LUKS_SALT,
                       l->digest_iterations, out, LUKS_DIGEST, err);
}

int
luks_try_slot (const struct luks *l, unsigned i, const struct luks_io *io, const uint8_t *pass,
               size_t n, uint8_t *key, struct img_error *err)
{
  const struct luks_slot *slot = &l->slots[i];
  uint8_t is[LUKS_DIGEST];
  struct material m;
  int rc;

  if (material_new (&m, l, err) < 0)
    return -1;
  rc = io->read (io->arg, m.p, m.n, slot->key_offset, err);
  if (rc == 0)
    rc = cross (l, slot, pass, n, false, &m, err);
  if (rc == 0)
    rc = crypt_af_merge (l->hash, m.p, l->key_length, LUKS_STRIPES, key, err);
  material_free (&m);
  if (rc == 0)
    rc = digest (l, key, is, err);
  if (rc == 0 && memcmp (is, l->digest, LUKS_DIGEST) == 0)
    return 1;
  explicit_bzero (key, l->key_length);
  return rc;
}

/* ---- writing ---- */

int
luks_slot_iterations (const struct luks *l, unsigned i, uint64_t iter_time, uint32_t *iterations,
                      struct img_error *err)
{
  struct luks with = *l;
  uint64_t n;

  if (crypt_pbkdf2_iterations (l->hash, l->key_length, iter_time, &n, err) < 0)
    return -1;
  *iterations = (uint32_t) img_min (n, LUKS_MAX_ITERATIONS);
  with.slots[i].active = true;
  with.slots[i].iterations = *iterations;
  return luks_check_work (&with, err);
}

int
luks_fill_slot (struct luks *l, unsigned i, const struct luks_io *io, const uint8_t *pass,
                size_t n, const uint8_t *key, uint32_t iterations, struct img_error *err)
{
  struct luks_slot *slot = &l->slots[i];
  struct material m = { NULL, 0 };
  int rc = crypt_random (slot->salt, LUKS_SALT, err);

  slot->iterations = iterations;
  slot->stripes = LUKS_STRIPES;
  if (rc == 0)
    rc = material_new (&m, l, err);
  if (rc == 0)
    rc = crypt_af_split (l->hash, key, l->key_length, LUKS_STRIPES, m.p, err);
  if (rc == 0)
    rc = cross (l, slot, pass, n, true, &m, err);
  if (rc == 0)
    rc = io->write (io->arg, m.p, m.n, slot->key_offset, err);
  material_free (&m);
  if (rc == 0)
    slot->active = true;
  return rc;
}

int
luks_wipe_slot (struct luks *l, unsigned i, const struct luks_io *io, struct img_error *err)
{
  struct luks_slot *slot = &l->slots[i];
  struct material m;
  int rc;

  slot->active = false;
  slot->iterations = 0;
  memset (slot->salt, 0, LUKS_SALT);
  if (material_new (&m, l, err) < 0)
    return -1;
  /* Random bytes and not zeroes: a file system could make a hole, and keep the old blocks. */
  rc = crypt_random (m.p, m.n, err);
  if (rc == 0)
    rc = io->write (io->arg, m.p, m.n, slot->key_offset, err);
  material_free (&m);
  return rc;
}
