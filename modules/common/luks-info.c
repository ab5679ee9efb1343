/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks-info.c - the facts that `info` tells of a LUKS1 header, in the order in which it does. */
#include "luks.h"

static void
add_slot (struct img_value *slots, const struct luks_slot *slot)
{
  struct img_value *object = img_value_add_object (slots, NULL);

  img_value_set_bool (object, "active", slot->active);
  if (slot->active)
    img_value_set_uint (object, "iters", slot->iterations);
  img_value_set_uint (object, "key-offset", slot->key_offset);
  if (slot->active)
    img_value_set_uint (object, "stripes", slot->stripes);
}

void
luks_info (const struct luks *l, bool format, struct img_value *object)
{
  struct img_value *slots;

  img_value_set_string (object, "ivgen-alg", crypt_ivgen_words[l->spec.ivgen]);
  if (l->has_ivgen_hash)
    img_value_set_string (object, "ivgen-hash-alg", crypt_hash_words[l->spec.ivgen_hash]);
  img_value_set_bool (object, "detached-header", l->detached);
  img_value_set_string (object, "hash-alg", crypt_hash_words[l->hash]);
  img_value_set_string (object, "cipher-alg", crypt_cipher_words[l->spec.cipher]);
  img_value_set_string (object, "uuid", l->uuid);
  if (format)
    img_value_set_string (object, "format", "luks");
  img_value_set_string (object, "cipher-mode", crypt_mode_words[l->spec.mode]);
  slots = img_value_add_array (object, "slots");
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    add_slot (slots, &l->slots[i]);
  img_value_set_uint (object, "payload-offset", l->payload_offset);
  img_value_set_uint (object, "master-key-iters", l->digest_iterations);
}
