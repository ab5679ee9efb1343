/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-luks: headers of both versions, facts, and unlocking with the seeds' passphrase.
 *
 * The work that an honest header may ask for is cut down first, and version 2's checksums are put
 * right, or nothing behind them would ever be seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/endian.h>

#include "image.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { MAX_ITERATIONS = 20000, MAX_DIGITS = 4, SLOTS = 208, SLOT_BYTES = 48, CHECKSUM = 448 };

static void
few (uint8_t *p)
{
  if (be32_get (p) > MAX_ITERATIONS && be32_get (p) < 0x8000000)
    be32_put (p, MAX_ITERATIONS);
}

static void
tame_v1 (uint8_t *p, size_t size)
{
  if (size < 592)
    return;
  few (p + 164);
  for (unsigned i = 0; i < 8; i++)
    few (p + SLOTS + i * SLOT_BYTES + 4);
}

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

/* The secret lives as long as the program. */
static struct img_node *
open_unlocked (const uint8_t *data, size_t size)
{
  static struct img_objects *objects;
  static struct img_opts *extra;
  struct img_open_params params = { .struct_size = sizeof params, .format = "luks" };
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node;
  int fd = fuzz_file (data, size);
  char name[64];
  if (objects == NULL) {
    objects = img_objects_new ();
    extra = img_opts_new ();
    if (objects == NULL || extra == NULL
        || img_objects_add (objects, "secret,id=x,data=abc", &err) < 0
        || img_opts_set (extra, "key-secret", "x", &err) < 0)
      abort ();
  }
  snprintf (name, sizeof name, "/proc/self/fd/%d", fd);
  params.gate = IMG_GATE_UNTRUSTED;
  params.objects = objects;
  params.extra = extra;
  node = img_open (name, &params, &err);
  close (fd);
  if (node == NULL)
    fuzz_explained (&err);
  return node;
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
    tame_v1 (p, size);
  }
  node = unlock ? open_unlocked (p, size) : fuzz_open (p, size, "luks", IMG_OPENF_INFO);
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
