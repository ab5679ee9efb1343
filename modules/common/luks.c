/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks.c - the LUKS1 header (LUKS On-Disk Format Specification 1.2.3, figures 1 to 4).
 *
 * Owns: the bytes of the header, both ways, and every check on them.  After luks_read the numbers
 * are within bounds: key slots overlap nothing, iterations end in bearable time.  Refuses: key
 * material (luks-slot.c), other versions. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "luks-slot.h"

#define SLOT_ACTIVE 0x00ac71f3u
#define SLOT_INACTIVE 0x0000deadu

static const char magic[8] = "LUKS\xba\xbe\0\1";

enum { /* offsets of fields */
  CIPHER = 8, MODE = 40, HASH = 72, PAYLOAD = 104, KEY_BYTES = 108, DIGEST = 112, DIGEST_SALT = 132,
  DIGEST_ITERATIONS = 164, UUID = 168, SLOTS = 208, SLOT_BYTES = 48, FIELD = 32, UUID_FIELD = 40
};

/* How ciphers are called in headers. */
static const struct {
  const char *name;
  uint8_t first, last; /* by growing key, enum crypt_cipher */
} families[] = {
  { "aes", CRYPT_AES_128, CRYPT_AES_256 },
  { "des", CRYPT_DES, CRYPT_DES },
  { "des3_ede", CRYPT_3DES, CRYPT_3DES },
  { "cast5", CRYPT_CAST5_128, CRYPT_CAST5_128 },
  { "serpent", CRYPT_SERPENT_128, CRYPT_SERPENT_256 },
  { "twofish", CRYPT_TWOFISH_128, CRYPT_TWOFISH_256 },
  { "sm4", CRYPT_SM4, CRYPT_SM4 },
};
enum { FAMILIES = sizeof families / sizeof *families };

/* ---- words ---- */

/* The text in the field of N bytes at P, which has to end in it. */
static int
text (const uint8_t *p, size_t n, const char *what, const char **s, struct img_error *err)
{
  if (memchr (p, 0, n) == NULL)
    return img_error_set (err, EINVAL, _("%s in the LUKS header is not terminated"), what);
  *s = (const char *) p;
  return 0;
}

static int
unsupported (const char *what, const char *word, struct img_error *err)
{
  return img_error_set (err, ENOTSUP, _("%s '%s' is not supported"), what, word);
}

/* "xts-plain64", "cbc-essiv:sha256". */
static int
parse_mode (struct luks *l, const char *mode, struct img_error *err)
{
  size_t n = strcspn (mode, "-");
  const char *ivgen = mode[n] ? mode + n + 1 : "plain";
  size_t n_ivgen = strcspn (ivgen, ":");
  const char *hash = ivgen[n_ivgen] ? ivgen + n_ivgen + 1 : NULL;
  int m = crypt_word (crypt_mode_words, mode, n);
  int g = crypt_word (crypt_ivgen_words, ivgen, n_ivgen);
  int h = hash ? crypt_word (crypt_hash_words, hash, strlen (hash)) : CRYPT_SHA256;

  if (m < 0 || g < 0 || h < 0 || (g == CRYPT_ESSIV && hash == NULL))
    return unsupported (_("cipher mode"), mode, err);
  l->spec.mode = (enum crypt_mode) m;
  l->spec.ivgen = (enum crypt_ivgen) g;
  l->spec.ivgen_hash = (enum crypt_hash) h;
  l->has_ivgen_hash = hash != NULL;
  return 0;
}

int
luks_parse_cipher (struct luks *l, const char *cipher, const char *mode, struct img_error *err)
{
  if (parse_mode (l, mode, err) < 0)
    return -1;
  for (unsigned i = 0; i < FAMILIES; i++)
    if (strcmp (cipher, families[i].name) == 0)
      for (unsigned c = families[i].first; c <= families[i].last; c++) {
        l->spec.cipher = (enum crypt_cipher) c;
        if (crypt_key_length (&l->spec) == l->key_length)
          return 0;
      }
  return img_error_set (err, ENOTSUP, _("cipher '%s' in mode '%s' with a key of %" PRIu32 " bytes "
                                        "is not supported"), cipher, mode, l->key_length);
}

static int
parse_words (struct luks *l, const uint8_t *p, struct img_error *err)
{
  const char *cipher, *mode, *hash, *uuid;
  int h;

  if (text (p + CIPHER, FIELD, _("cipher"), &cipher, err) < 0 ||
      text (p + MODE, FIELD, _("cipher mode"), &mode, err) < 0 ||
      text (p + HASH, FIELD, _("hash"), &hash, err) < 0 ||
      text (p + UUID, UUID_FIELD, _("UUID"), &uuid, err) < 0 ||
      luks_parse_cipher (l, cipher, mode, err) < 0)
    return -1;
  h = crypt_word (crypt_hash_words, hash, strlen (hash));
  if (h < 0)
    return unsupported (_("hash"), hash, err);
  l->hash = (enum crypt_hash) h;
  memcpy (l->uuid, uuid, strlen (uuid) + 1); /* it ends in its field */
  return 0;
}

/* ---- slots ---- */

uint64_t
luks_material (const struct luks *l)
{
  uint64_t n = (uint64_t) l->key_length * LUKS_STRIPES;

  return n + (CRYPT_SECTOR - n % CRYPT_SECTOR) % CRYPT_SECTOR;
}

static int
check_iterations (uint64_t n, const char *what, struct img_error *err)
{
  if (n == 0)
    return img_error_set (err, EINVAL, _("%s has no iterations"), what);
  if (n > LUKS_MAX_ITERATIONS)
    return img_error_set (err, EFBIG, _("%s has %" PRIu64 " iterations, more than %u"), what, n,
                          LUKS_MAX_ITERATIONS);
  return 0;
}

/* Digests as long as the hash: what it takes to make LENGTH bytes. */
uint64_t
luks_work (enum crypt_hash hash, uint64_t iterations, uint64_t length)
{
  static const uint8_t bytes[] = { [CRYPT_MD5] = 16, [CRYPT_SHA1] = 20, [CRYPT_SHA224] = 28,
                                   [CRYPT_SHA256] = 32, [CRYPT_SHA384] = 48, [CRYPT_SHA512] = 64,
                                   [CRYPT_RIPEMD160] = 20, [CRYPT_SM3] = 32 };

  return iterations * img_div_up (length, bytes[hash]);
}

int
luks_check_work (const struct luks *l, struct img_error *err)
{
  uint64_t sum = 0;

  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if (l->slots[i].active)
      sum += luks_work (l->hash, l->slots[i].iterations, l->key_length) +
             luks_work (l->hash, l->digest_iterations, LUKS_DIGEST);
  if (sum > LUKS_MAX_WORK)
    return img_error_set (err, EFBIG, _("the key slot asks for more work than is allowed"));
  return 0;
}

static int
parse_slot (const struct luks *l, struct luks_slot *slot, const uint8_t *p, unsigned i,
            const struct luks_io *io, struct img_error *err)
{
  uint32_t state = be32_get (p);
  uint64_t end;
  char name[32];

  snprintf (name, sizeof name, _("key slot %u"), i);
  if (state != SLOT_ACTIVE && state != SLOT_INACTIVE)
    return img_error_set (err, EINVAL, _("%s is neither active nor inactive: 0x%" PRIx32), name,
                          state);
  slot->active = state == SLOT_ACTIVE;
  slot->iterations = be32_get (p + 4);
  memcpy (slot->salt, p + 8, LUKS_SALT);
  slot->key_offset = (uint64_t) be32_get (p + 40) * CRYPT_SECTOR;
  slot->stripes = be32_get (p + 44);
  if (slot->stripes != LUKS_STRIPES)
    return img_error_set (err, EINVAL, _("%s has %" PRIu32 " stripes, not %d"), name,
                          slot->stripes, LUKS_STRIPES);
  end = slot->key_offset + luks_material (l);
  if (slot->key_offset < LUKS_HEADER_BYTES)
    return img_error_set (err, EINVAL, _("%s overlaps the header: 0x%" PRIx64), name,
                          slot->key_offset);
  if (!io->detached && end > l->payload_offset)
    return img_error_set (err, EINVAL, _("%s overlaps the data: 0x%" PRIx64), name,
                          slot->key_offset);
  if (slot->active && end > io->size)
    return img_error_set (err, EINVAL, _("%s lies past the end of the file: 0x%" PRIx64), name,
                          slot->key_offset);
  return slot->active ? check_iterations (slot->iterations, name, err) : 0;
}

static int
check_overlaps (const struct luks *l, struct img_error *err)
{
  uint64_t n = luks_material (l);

  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    for (unsigned k = i + 1; k < LUKS_SLOTS; k++)
      if (l->slots[i].key_offset < l->slots[k].key_offset + n &&
          l->slots[k].key_offset < l->slots[i].key_offset + n)
        return img_error_set (err, EINVAL, _("key slots %u and %u overlap"), i, k);
  return 0;
}

/* ---- the whole ---- */

static int
parse (struct luks *l, const uint8_t *p, const struct luks_io *io, struct img_error *err)
{
  if (memcmp (p, magic, sizeof magic) != 0)
    return img_error_set (err, EINVAL, _("this is not a LUKS header of version 1"));
  l->payload_offset = (uint64_t) be32_get (p + PAYLOAD) * CRYPT_SECTOR;
  l->key_length = be32_get (p + KEY_BYTES);
  memcpy (l->digest, p + DIGEST, LUKS_DIGEST);
  memcpy (l->digest_salt, p + DIGEST_SALT, LUKS_SALT);
  l->digest_iterations = be32_get (p + DIGEST_ITERATIONS);
  if (parse_words (l, p, err) < 0 ||
      check_iterations (l->digest_iterations, _("the key's digest"), err) < 0)
    return -1;
  if (!io->detached && l->payload_offset == 0)
    return img_error_set (err, EINVAL, _("this is the LUKS header of another file, whose option "
                                         "'header' should name it"));
  if (!io->detached && l->payload_offset < LUKS_HEADER_BYTES)
    return img_error_set (err, EINVAL, _("the data overlap the header: 0x%" PRIx64),
                          l->payload_offset);
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if (parse_slot (l, &l->slots[i], p + SLOTS + i * SLOT_BYTES, i, io, err) < 0)
      return -1;
  return check_overlaps (l, err) < 0 ? -1 : luks_check_work (l, err);
}

int
luks_read (struct luks *l, const struct luks_io *io, struct img_error *err)
{
  uint8_t p[LUKS_HEADER_BYTES];

  memset (l, 0, sizeof *l);
  l->detached = io->detached;
  if (io->size < sizeof p)
    return img_error_set (err, EINVAL, _("the LUKS header is cut off"));
  if (io->read (io->arg, p, sizeof p, 0, err) < 0)
    return -1;
  return parse (l, p, io, err);
}

static void
build_words (const struct luks *l, uint8_t *p)
{
  unsigned i = 0;

  while (l->spec.cipher > families[i].last)
    i++;
  snprintf ((char *) p + CIPHER, FIELD, "%s", families[i].name);
  snprintf ((char *) p + MODE, FIELD, "%s-%s%s%s", crypt_mode_words[l->spec.mode],
            crypt_ivgen_words[l->spec.ivgen], l->has_ivgen_hash ? ":" : "",
            l->has_ivgen_hash ? crypt_hash_words[l->spec.ivgen_hash] : "");
  snprintf ((char *) p + HASH, FIELD, "%s", crypt_hash_words[l->hash]);
  snprintf ((char *) p + UUID, UUID_FIELD, "%.39s", l->uuid);
}

int
luks_write (const struct luks *l, const struct luks_io *io, struct img_error *err)
{
  uint8_t header[LUKS_HEADER_BYTES] = { 0 }, *p;

  memcpy (header, magic, sizeof magic);
  build_words (l, header);
  be32_put (header + PAYLOAD, (uint32_t) (l->payload_offset / CRYPT_SECTOR));
  be32_put (header + KEY_BYTES, l->key_length);
  memcpy (header + DIGEST, l->digest, LUKS_DIGEST);
  memcpy (header + DIGEST_SALT, l->digest_salt, LUKS_SALT);
  be32_put (header + DIGEST_ITERATIONS, l->digest_iterations);
  for (unsigned i = 0; i < LUKS_SLOTS; i++) {
    const struct luks_slot *slot = &l->slots[i];
    p = header + SLOTS + i * SLOT_BYTES;
    be32_put (p, slot->active ? SLOT_ACTIVE : SLOT_INACTIVE);
    be32_put (p + 4, slot->iterations);
    memcpy (p + 8, slot->salt, LUKS_SALT);
    be32_put (p + 40, (uint32_t) (slot->key_offset / CRYPT_SECTOR));
    be32_put (p + 44, slot->stripes);
  }
  return io->write (io->arg, header, sizeof header, 0, err);
}

/* ---- a header in a node ---- */

static int
at_read (void *arg, void *buf, uint64_t length, uint64_t offset, struct img_error *err)
{
  const struct luks_at *at = arg;

  return img_pread (at->node, buf, length, at->offset + offset, 0, err);
}

static int
at_write (void *arg, const void *buf, uint64_t length, uint64_t offset, struct img_error *err)
{
  const struct luks_at *at = arg;

  return img_pwrite (at->node, buf, length, at->offset + offset, 0, err);
}

static int
at_flush (void *arg, struct img_error *err)
{
  const struct luks_at *at = arg;

  return img_flush (at->node, err);
}

struct luks_io
luks_io_at (struct luks_at *at)
{
  uint64_t size = img_size (at->node);

  return (struct luks_io) { at_read, at_write, at_flush, at,
                            size > at->offset ? size - at->offset : 0, false };
}
