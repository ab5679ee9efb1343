/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-luks: headers of both versions, facts, and unlocking with the seeds' passphrase.
 *
 * The work that an honest header may ask for is cut down first, and version 2's checksums are put
 * right, or nothing behind them would ever be seen. */
#include <stdlib.h>
#include <string.h>

#include <blkimg/endian.h>

#include "image.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { MAX_DIGITS = 4, CHECKSUM = 448 };

/* Of long numbers the last digits are left.  False: memory and time may be asked for. */
static bool
tame_json (char *text)
{
  char *p = text;
  while ((p = strstr (p, "\"iterations\":")) != NULL) {
    p += strlen ("\"iterations\":");
    p += *p == '"';
    for (size_t n = strspn (p, "0123456789"); n > MAX_DIGITS; n--)
      *p++ = ' ';
  }
  return strstr (text, "argon2") == NULL;
}

static bool
tame_copy (uint8_t *p, size_t size, uint64_t offset)
{
  const struct img_crypto *crypto;
  struct img_error err = IMG_ERROR_INIT;
  uint64_t length;
  bool unlock;
  if (offset > size || size - offset < 4096)
    return false;
  p += offset;
  length = be64_get (p + 8);
  if (length < 4096 || length > size - offset)
    return false;
  p[length - 1] = '\0';
  unlock = tame_json ((char *) p + 4096);
  crypto = img_crypto_find (&err);
  memset (p + CHECKSUM, 0, 64);
  if (crypto == NULL || crypto->hash ("sha256", p, length, p + CHECKSUM, &err) < 0)
    abort ();
  return unlock;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  uint8_t *p = malloc (size + 1);
  struct img_node *node;
  bool unlock = true;
  if (p == NULL)
    return 0;
  memcpy (p, data, size);
  if (size > 4096 && be16_get (p + 6) == 2) {
    uint64_t second = be64_get (p + 8);
    unlock = tame_copy (p, size, 0);
    unlock = tame_copy (p, size, second) && unlock;
  } else {
    fuzz_tame_luks (p, size);
  }
  node = unlock ? fuzz_open_unlocked (p, size, "luks", "key-secret")
                : fuzz_open (p, size, "luks", IMG_OPENF_INFO);
  free (p);
  if (node == NULL)
    return 0;
  struct img_error err = IMG_ERROR_INIT;
  struct img_value *info = img_info (node, &err);
  if (info == NULL)
    fuzz_explained (&err);
  img_value_free (info);
  fuzz_map (node);
  if (unlock)
    fuzz_read (node);
  fuzz_close (node);
  return 0;
}
