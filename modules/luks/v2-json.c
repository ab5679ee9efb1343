/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* v2-json.c - members of the objects in a LUKS2 header's JSON area.
 *
 * Owns: every conversion of what stands there, so that nothing is taken for what it is not. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>

#include "luks-slot.h"
#include "v2.h"

static int
faulty (const char *what, const char *key, struct img_error *err)
{
  return img_error_set (err, EINVAL, _("%s in the LUKS2 header has no valid '%s'"), what, key);
}

int
luks_v2_number (const json_t *object, const char *what, const char *key, uint64_t *n,
                struct img_error *err)
{
  const json_t *v = json_object_get (object, key);
  const char *s = json_string_value (v);
  char *end;

  if (json_is_integer (v) && json_integer_value (v) >= 0) {
    *n = (uint64_t) json_integer_value (v);
    return 0;
  }
  if (s == NULL || *s < '0' || *s > '9')
    return faulty (what, key, err);
  errno = 0;
  *n = strtoull (s, &end, 10);
  return errno || *end ? faulty (what, key, err) : 0;
}

const char *
luks_v2_text (const json_t *object, const char *what, const char *key, struct img_error *err)
{
  const char *s = json_string_value (json_object_get (object, key));

  if (s == NULL)
    faulty (what, key, err);
  return s;
}

const json_t *
luks_v2_object (const json_t *object, const char *what, const char *key, struct img_error *err)
{
  const json_t *v = json_object_get (object, key);

  if (json_is_object (v))
    return v;
  faulty (what, key, err);
  return NULL;
}

int
luks_v2_bytes (const json_t *object, const char *what, const char *key, uint8_t *out, size_t cap,
               size_t *n, struct img_error *err)
{
  const char *s = luks_v2_text (object, what, key, err);
  IMG_CLEANUP (free) uint8_t *copy = NULL;

  if (s == NULL)
    return -1;
  copy = (uint8_t *) strdup (s);
  if (copy == NULL)
    return img_error_errno (err, ENOMEM, "%s", what);
  *n = strlen (s);
  if (img_base64_decode (copy, n, err) < 0 || *n == 0 || *n > cap)
    return faulty (what, key, err);
  memcpy (out, copy, *n);
  return 0;
}

int
luks_v2_hash (const json_t *object, const char *what, enum crypt_hash *hash, struct img_error *err)
{
  const char *word = luks_v2_text (object, what, "hash", err);
  int h;

  if (word == NULL)
    return -1;
  h = crypt_word (crypt_hash_words, word, strlen (word));
  if (h < 0)
    return img_error_set (err, ENOTSUP, _("hash '%s' is not supported"), word);
  *hash = (enum crypt_hash) h;
  return 0;
}

bool
luks_v2_lists (const json_t *object, const char *key, const char *name)
{
  const json_t *array = json_object_get (object, key);

  for (size_t i = 0; i < json_array_size (array); i++) {
    const char *s = json_string_value (json_array_get (array, i));
    if (s && strcmp (s, name) == 0)
      return true;
  }
  return false;
}

int
luks_v2_spec (const char *encryption, uint64_t key_length, struct crypt_spec *spec,
              struct img_error *err)
{
  const char *mode = strchr (encryption, '-');
  char cipher[32];
  struct luks l;

  memset (&l, 0, sizeof l);
  if (mode == NULL || (size_t) (mode - encryption) >= sizeof cipher || key_length > CRYPT_MAX_KEY)
    return img_error_set (err, ENOTSUP, _("encryption '%s' with a key of %" PRIu64 " bytes is not "
                                          "supported"), encryption, key_length);
  memcpy (cipher, encryption, (size_t) (mode - encryption));
  cipher[mode - encryption] = '\0';
  l.key_length = (uint32_t) key_length;
  if (luks_parse_cipher (&l, cipher, mode + 1, err) < 0)
    return -1;
  *spec = l.spec;
  return 0;
}
