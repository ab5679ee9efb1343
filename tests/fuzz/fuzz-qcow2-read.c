/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-qcow2-read: the contents of a hostile image, decrypted by the seeds' passphrase. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <blkimg/endian.h>

#include "image.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static struct img_node *
open_encrypted (const uint8_t *data, size_t size)
{
  uint8_t *p = malloc (size), *luks;
  struct img_node *node = NULL;
  if (p == NULL)
    return NULL;
  memcpy (p, data, size);
  luks = memmem (p, size, "LUKS\xba\xbe\0\1", 8);
  if (luks)
    fuzz_tame_luks (luks, size - (size_t) (luks - p));
  node = fuzz_open_unlocked (p, size, "qcow2", "encrypt.key-secret");
  free (p);
  return node;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  bool encrypted = size > 36 && be32_get (data + 32) != 0; /* the method */
  struct img_node *node =
    encrypted ? open_encrypted (data, size) : fuzz_open (data, size, "qcow2", 0);
  if (node == NULL)
    return 0;
  fuzz_read (node);
  fuzz_close (node);
  return 0;
}
