/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks-info.c - what `info` says of an image encrypted with LUKS.
 *
 * Owns: reading the public part of the LUKS1 header (LUKS On-Disk Format Specification 1.2.3,
 * figures 2 and 3).  Refuses: keys.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "qcow2.h"

enum {
  HEADER_BYTES = 592,
  SLOTS = 8,
  SLOT_BYTES = 48,
  SECTOR = 512
};
#define SLOT_ENABLED 0x00ac71f3u

/* A field of N bytes, padded with zeroes, into S of N + 1. */
static const char *
field (const uint8_t *p, unsigned n, char *s)
{
  memcpy (s, p, n);
  s[n] = '\0';
  return s;
}

static void
slots_info (const uint8_t *p, struct img_value *object)
{
  struct img_value *slots = img_value_add_array (object, "slots");
  for (unsigned i = 0; i < SLOTS; i++, p += SLOT_BYTES) {
    struct img_value *slot = img_value_add_object (slots, NULL);
    bool active = be32_get (p) == SLOT_ENABLED;
    img_value_set_bool (slot, "active", active);
    if (active)
      img_value_set_uint (slot, "iters", be32_get (p + 4));
    img_value_set_uint (slot, "key-offset", (uint64_t) be32_get (p + 40) * SECTOR);
    if (active)
      img_value_set_uint (slot, "stripes", be32_get (p + 44));
  }
}

int
qcow2_luks_info (struct qcow2 *q, struct img_value *object, struct img_error *err)
{
  uint8_t p[HEADER_BYTES];
  char cipher[33], mode[33], hash[33], uuid[41], alg[64];
  if (!q->h.has_crypto)
    return img_error_set (err, EINVAL, _("the encryption header extension is missing"));
  if (!img_within (q->h.crypto_offset, sizeof p, img_size (q->file)))
    return img_error_set (err, EINVAL, _("encryption header at 0x%" PRIx64
                                         " lies past the end of the file"), q->h.crypto_offset);
  if (img_pread (q->file, p, sizeof p, q->h.crypto_offset, 0, err) < 0)
    return -1;
  if (memcmp (p, "LUKS\xba\xbe\0\1", 8) != 0)
    return img_error_set (err, EINVAL, _("encryption header at 0x%" PRIx64 " is not LUKS version"
                                         " 1"), q->h.crypto_offset);
  field (p + 8, 32, cipher);
  field (p + 40, 32, mode); /* "xts-plain64", "cbc-essiv:sha256" */
  char *ivgen = strchr (mode, '-');
  char *ivgen_hash = ivgen ? strchr (ivgen, ':') : NULL;
  if (ivgen)
    *ivgen++ = '\0';
  if (ivgen_hash)
    *ivgen_hash++ = '\0';
  uint32_t bits = be32_get (p + 108) * 8;
  if (strcmp (mode, "xts") == 0)
    bits /= 2;
  snprintf (alg, sizeof alg, "%s-%" PRIu32, cipher, bits);

  img_value_set_string (object, "ivgen-alg", ivgen ? ivgen : "plain");
  if (ivgen_hash)
    img_value_set_string (object, "ivgen-hash-alg", ivgen_hash);
  img_value_set_string (object, "hash-alg", field (p + 72, 32, hash));
  img_value_set_string (object, "cipher-alg", alg);
  img_value_set_string (object, "uuid", field (p + 168, 40, uuid));
  img_value_set_string (object, "format", "luks");
  img_value_set_string (object, "cipher-mode", mode);
  slots_info (p + 208, object);
  img_value_set_uint (object, "payload-offset", (uint64_t) be32_get (p + 104) * SECTOR);
  img_value_set_uint (object, "master-key-iters", be32_get (p + 164));
  return 0;
}
