/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* v2.c - the LUKS2 header (LUKS2 On-Disk Format Specification 1.1, 2 and 3).
 *
 * Owns: the two copies, their checksums, the segment of data.  Refuses: images that are being
 * encrypted anew (several segments), data with integrity tags, requirements that it does not
 * know. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "v2.h"

enum { /* offsets of fields in the binary part */
  VERSION = 6, SIZE = 8, SEQUENCE = 16, LABEL = 24, CHECKSUM_HASH = 72, UUID = 168,
  OWN_OFFSET = 256, CHECKSUM = 448, BINARY = 4096
};

static const char first_magic[6] = "LUKS\xba\xbe", second_magic[6] = "SKUL\xba\xbe";

/* ---- one copy ---- */

/* Owned text, NULL when there is no good copy at OFFSET; then *err says why. */
struct copy {
  uint8_t *bytes;
  uint64_t size, sequence;
};

static int
check_sum (struct copy *c, struct img_error *err)
{
  uint8_t is[CRYPT_MAX_DIGEST], said[CRYPT_MAX_DIGEST];
  const char *word = (const char *) c->bytes + CHECKSUM_HASH;
  int h = crypt_word (crypt_hash_words, word, strnlen (word, 32));
  size_t n;

  if (h < 0)
    return img_error_set (err, ENOTSUP, _("the LUKS2 header's checksum is of an unknown kind"));
  n = crypt_hash_length ((enum crypt_hash) h, err);
  if (n == 0)
    return -1;
  memcpy (said, c->bytes + CHECKSUM, n);
  memset (c->bytes + CHECKSUM, 0, 64);
  if (crypt_digest ((enum crypt_hash) h, c->bytes, c->size, is, err) < 0)
    return -1;
  if (memcmp (is, said, n) != 0)
    return img_error_set (err, EINVAL, _("the checksum of the LUKS2 header is wrong"));
  return 0;
}

static int
read_copy (struct copy *c, const struct luks_io *io, uint64_t offset, const char *magic,
           struct img_error *err)
{
  uint8_t head[512];

  if (!img_within (offset, LUKS_V2_MIN_HEADER, io->size))
    return img_error_set (err, EINVAL, _("the LUKS2 header is cut off"));
  if (io->read (io->arg, head, sizeof head, offset, err) < 0)
    return -1;
  if (memcmp (head, magic, 6) != 0 || be16_get (head + VERSION) != 2)
    return img_error_set (err, EINVAL, _("there is no LUKS2 header at 0x%" PRIx64), offset);
  c->size = be64_get (head + SIZE);
  c->sequence = be64_get (head + SEQUENCE);
  if (!img_is_pow2 (c->size) || c->size < LUKS_V2_MIN_HEADER || c->size > LUKS_V2_MAX_HEADER ||
      !img_within (offset, c->size, io->size))
    return img_error_set (err, EINVAL, _("the LUKS2 header has a wrong size: %" PRIu64), c->size);
  if (be64_get (head + OWN_OFFSET) != offset)
    return img_error_set (err, EINVAL, _("the LUKS2 header at 0x%" PRIx64 " belongs elsewhere"),
                          offset);
  c->bytes = malloc (c->size + 1);
  if (c->bytes == NULL)
    return img_error_errno (err, ENOMEM, _("LUKS2 header"));
  c->bytes[c->size] = '\0';
  if (io->read (io->arg, c->bytes, c->size, offset, err) == 0 && check_sum (c, err) == 0)
    return 0;
  free (c->bytes);
  c->bytes = NULL;
  return -1;
}

/* The second copy follows the first, whose size is not known when the first is damaged. */
static int
read_second (struct copy *c, const struct luks_io *io, uint64_t size, struct img_error *err)
{
  uint64_t from = size ? size : LUKS_V2_MIN_HEADER, to = size ? size : LUKS_V2_MAX_HEADER;

  for (; from <= to; from *= 2)
    if (read_copy (c, io, from, second_magic, err) == 0)
      return 0;
  return -1;
}

static int
read_newer (struct copy *newer, const struct luks_io *io, struct img_error *err)
{
  struct img_error ignored = IMG_ERROR_INIT;
  struct copy first = { NULL, 0, 0 }, second = { NULL, 0, 0 };
  int good = read_copy (&first, io, 0, first_magic, err);

  if (read_second (&second, io, good == 0 ? first.size : 0, &ignored) < 0) {
    *newer = first;
    return good;
  }
  if (good == 0 && first.sequence >= second.sequence) {
    free (second.bytes);
    *newer = first;
  } else {
    free (first.bytes);
    *newer = second;
  }
  return 0;
}

/* ---- what is in it ---- */

static int
check_requirements (const json_t *root, struct img_error *err)
{
  const json_t *list = json_object_get (
    json_object_get (json_object_get (root, "config"), "requirements"), "mandatory");
  const char *first = json_string_value (json_array_get (list, 0));

  if (json_array_size (list) == 0)
    return 0;
  return img_error_set (err, ENOTSUP, _("the LUKS2 header requires '%s', which is not supported"),
                        first ? first : "?");
}

static int
parse_segment (struct luks_v2 *v, const json_t *s, const struct luks_io *io,
               struct img_error *err)
{
  const char *type = luks_v2_text (s, "segment", "type", err);
  const char *size = luks_v2_text (s, "segment", "size", err);
  uint64_t sector;

  if (type == NULL || size == NULL)
    return -1;
  if (strcmp (type, "crypt") != 0 || json_object_get (s, "integrity"))
    return img_error_set (err, ENOTSUP, _("LUKS2 data of type '%s' are not supported"),
                          strcmp (type, "crypt") ? type : "integrity");
  v->encryption = luks_v2_text (s, "segment", "encryption", err);
  if (v->encryption == NULL || luks_v2_number (s, "segment", "offset", &v->offset, err) < 0 ||
      luks_v2_number (s, "segment", "iv_tweak", &v->iv_tweak, err) < 0 ||
      luks_v2_number (s, "segment", "sector_size", &sector, err) < 0 ||
      (strcmp (size, "dynamic") != 0 && luks_v2_number (s, "segment", "size", &v->size, err) < 0))
    return -1;
  if (!img_is_pow2 (sector) || sector < 512 || sector > 4096 || v->size % sector ||
      v->offset % CRYPT_SECTOR || v->offset > INT64_MAX || v->size > INT64_MAX)
    return img_error_set (err, EINVAL, _("offset or size of the LUKS2 data is not valid"));
  if (!io->detached && v->offset < 2 * v->header)
    return img_error_set (err, EINVAL, _("the data overlap the header: 0x%" PRIx64), v->offset);
  v->sector_size = (uint32_t) sector;
  return 0;
}

static int
parse (struct luks_v2 *v, const char *text, const struct luks_io *io, struct img_error *err)
{
  json_error_t fault;
  const json_t *segments, *segment;
  const char *name;
  json_t *value;

  v->root = json_loads (text, JSON_REJECT_DUPLICATES, &fault);
  if (v->root == NULL)
    return img_error_set (err, EINVAL, _("the LUKS2 header is not valid JSON: %s"), fault.text);
  if (check_requirements (v->root, err) < 0)
    return -1;
  segments = luks_v2_object (v->root, "JSON", "segments", err);
  if (segments == NULL)
    return -1;
  if (json_object_size (segments) != 1)
    return img_error_set (err, ENOTSUP, _("LUKS2 data in %zu segments are not supported"),
                          json_object_size (segments));
  segment = NULL;
  json_object_foreach ((json_t *) segments, name, value) {
    v->segment = name;
    segment = value;
  }
  return parse_segment (v, segment, io, err);
}

int
luks_v2_read (struct luks_v2 *v, const struct luks_io *io, struct img_error *err)
{
  struct copy c = { NULL, 0, 0 };
  int rc;

  memset (v, 0, sizeof *v);
  if (read_newer (&c, io, err) < 0)
    return -1;
  v->header = c.size;
  memcpy (v->uuid, c.bytes + UUID, sizeof v->uuid - 1);
  memcpy (v->label, c.bytes + LABEL, sizeof v->label - 1);
  rc = parse (v, (const char *) c.bytes + BINARY, io, err);
  free (c.bytes);
  if (rc < 0)
    luks_v2_release (v);
  return rc;
}

void
luks_v2_release (struct luks_v2 *v)
{
  json_decref (v->root); /* NULL allowed */
  v->root = NULL;
}

/* ---- info ---- */

static void
add_kdf (struct img_value *slot, const json_t *kdf)
{
  static const char *const numbers[] = { "iterations", "time", "memory", "cpus" };
  const char *type = json_string_value (json_object_get (kdf, "type"));
  struct img_error err = IMG_ERROR_INIT;
  uint64_t n;

  if (type)
    img_value_set_string (slot, "kdf", type);
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (json_object_get (kdf, numbers[i]) && luks_v2_number (kdf, "kdf", numbers[i], &n, &err) == 0)
      img_value_set_uint (slot, numbers[i], n);
}

void
luks_v2_info (const struct luks_v2 *v, struct img_value *object)
{
  struct img_value *slots;
  const char *name;
  json_t *value;

  img_value_set_uint (object, "version", 2);
  img_value_set_string (object, "uuid", v->uuid);
  if (*v->label)
    img_value_set_string (object, "label", v->label);
  img_value_set_string (object, "encryption", v->encryption);
  img_value_set_uint (object, "sector-size", v->sector_size);
  slots = img_value_add_array (object, "slots");
  json_object_foreach (json_object_get (v->root, "keyslots"), name, value) {
    struct img_value *slot = img_value_add_object (slots, NULL);
    img_value_set_string (slot, "slot", name);
    add_kdf (slot, json_object_get (value, "kdf"));
  }
  img_value_set_uint (object, "payload-offset", v->offset);
}
