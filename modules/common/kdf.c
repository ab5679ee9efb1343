/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdf.c - hashes and PBKDF2 by the enums of cipher.h, and how fast this machine is at it.
 *
 * Owns: the benchmark.  Refuses: judging iteration counts that a file names; luks.c does. */
#include <time.h>

#include "cipher.h"

size_t
crypt_hash_length (enum crypt_hash hash, struct img_error *err)
{
  const struct img_crypto *lib = img_crypto_find (err);
  size_t n = lib ? lib->hash_length (crypt_hash_words[hash]) : 0;

  if (lib && n == 0)
    img_error_set (err, ENOTSUP, _("hash '%s' is not supported"), crypt_hash_words[hash]);
  return n;
}

int
crypt_digest (enum crypt_hash hash, const void *in, size_t length, void *out,
              struct img_error *err)
{
  const struct img_crypto *lib = img_crypto_find (err);

  return lib ? lib->hash (crypt_hash_words[hash], in, length, out, err) : -1;
}

int
crypt_pbkdf2 (enum crypt_hash hash, const void *pass, size_t pass_length, const void *salt,
              size_t salt_length, uint64_t iterations, void *out, size_t out_length,
              struct img_error *err)
{
  const struct img_crypto *lib = img_crypto_find (err);

  if (lib == NULL)
    return -1;
  return lib->pbkdf2 (crypt_hash_words[hash], pass, pass_length, salt, salt_length, iterations,
                      out, out_length, err);
}

/* ---- speed ---- */

enum { MIN_ITERATIONS = 1000, ENOUGH_MS = 20, MAX_OUT = 64 };

/* Of this thread: others' load must not weaken keys. */
static uint64_t
cpu_ns (void)
{
  struct timespec t;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

int
crypt_pbkdf2_iterations (enum crypt_hash hash, size_t out_length, uint64_t milliseconds,
                         uint64_t *iterations, struct img_error *err)
{
  uint8_t out[MAX_OUT], salt[32] = { 0 };
  uint64_t n = MIN_ITERATIONS, took = 0;
  uint64_t enough = 1000000 * (milliseconds < ENOUGH_MS ? milliseconds : ENOUGH_MS);
  double wanted;

  if (out_length > sizeof out)
    return img_error_set (err, EINVAL, _("a key of %zu bytes is too long"), out_length);
  /* Doubled until it takes long enough to be measured; 2^40 is out of any machine's reach. */
  for (; took <= enough && n < UINT64_C (1) << 40; n *= 2) {
    uint64_t start = cpu_ns ();
    if (crypt_pbkdf2 (hash, "passphrase", 10, salt, sizeof salt, n, out, out_length, err) < 0)
      return -1;
    took = cpu_ns () - start;
  }
  wanted = (double) (n / 2) * (double) milliseconds * 1e6 / (double) (took ? took : 1);
  if (wanted < MIN_ITERATIONS)
    wanted = MIN_ITERATIONS;
  *iterations = wanted > UINT32_MAX ? UINT32_MAX : (uint64_t) wanted;
  return 0;
}
