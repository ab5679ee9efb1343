/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* af.c - the anti-forensic splitter (LUKS On-Disk Format Specification 1.2.3, 2.4).
 *
 * Owns: spreading a key over so many bytes that wiping any part of them destroys it. */
#include <string.h>

#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "cipher.h"

/* H1: each digest-sized piece of BLOCK becomes the hash of its number and itself. */
static int
diffuse (enum crypt_hash hash, uint8_t *block, size_t length, struct img_error *err)
{
  size_t digest = crypt_hash_length (hash, err);
  uint8_t in[4 + CRYPT_MAX_DIGEST], out[CRYPT_MAX_DIGEST];
  uint32_t i = 0;
  int rc = digest ? 0 : -1;

  while (length && rc == 0) {
    size_t n = (size_t) img_min (length, digest);
    be32_put (in, i++);
    memcpy (in + 4, block, n);
    rc = crypt_digest (hash, in, 4 + n, out, err);
    memcpy (block, out, n);
    block += n;
    length -= n;
  }
  explicit_bzero (in, sizeof in);
  explicit_bzero (out, sizeof out);
  return rc;
}

static void
xor_into (uint8_t *to, const uint8_t *from, size_t length)
{
  for (size_t i = 0; i < length; i++)
    to[i] ^= from[i];
}

/* The accumulated first STRIPES - 1 blocks of MATERIAL in D. */
static int
fold (enum crypt_hash hash, const uint8_t *material, size_t length, uint32_t stripes, uint8_t *d,
      struct img_error *err)
{
  memset (d, 0, length);
  for (uint32_t i = 0; i + 1 < stripes; i++) {
    xor_into (d, material + i * length, length);
    if (diffuse (hash, d, length, err) < 0)
      return -1;
  }
  return 0;
}

int
crypt_af_split (enum crypt_hash hash, const uint8_t *in, size_t length, uint32_t stripes,
                uint8_t *out, struct img_error *err)
{
  uint8_t d[CRYPT_MAX_KEY];
  uint8_t *last = out + (stripes - 1) * length;
  int rc = crypt_random (out, (stripes - 1) * length, err);

  if (rc == 0)
    rc = fold (hash, out, length, stripes, d, err);
  memcpy (last, in, length);
  if (rc == 0)
    xor_into (last, d, length);
  explicit_bzero (d, sizeof d);
  return rc;
}

int
crypt_af_merge (enum crypt_hash hash, const uint8_t *in, size_t length, uint32_t stripes,
                uint8_t *out, struct img_error *err)
{
  uint8_t d[CRYPT_MAX_KEY];
  int rc = fold (hash, in, length, stripes, d, err);

  memcpy (out, in + (stripes - 1) * length, length);
  if (rc == 0)
    xor_into (out, d, length);
  explicit_bzero (d, sizeof d);
  return rc;
}
