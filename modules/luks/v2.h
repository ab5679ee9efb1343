/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* v2.h - LUKS version 2 (LUKS2 On-Disk Format Specification 1.1): headers are read and never
 * changed, data can be read and written. */
#ifndef V2_H
#define V2_H

#include <jansson.h>

#include "luks.h"

enum {
  LUKS_V2_MIN_HEADER = 0x4000,   /* binary part and JSON area */
  LUKS_V2_MAX_HEADER = 0x400000,
  LUKS_V2_MAX_SALT = 64
};
/* Of argon2, in KiB. */
#define LUKS_V2_MAX_MEMORY (UINT32_C (4) << 20)

struct luks_v2 {
  json_t *root;       /* checked as far as the members below say */
  uint64_t header;    /* bytes of one of the two copies */
  char uuid[41], label[49];
  /* The one segment that there is. */
  const char *segment; /* its name in JSON */
  uint64_t offset, size; /* size 0: all that follows */
  uint64_t iv_tweak;
  uint32_t sector_size;
  const char *encryption; /* "aes-xts-plain64" */
};

/* Reads both copies of the header and takes the newer good one. */
int luks_v2_read (struct luks_v2 *v, const struct luks_io *io, struct img_error *err);
void luks_v2_release (struct luks_v2 *v);
/* What en- and decrypts the segment: tries all key slots.  EACCES: none opens. */
int luks_v2_unlock (const struct luks_v2 *v, const struct luks_io *io, const uint8_t *pass,
                    size_t n, struct crypt **c, struct img_error *err);
void luks_v2_info (const struct luks_v2 *v, struct img_value *object);

/* ---- members of JSON objects (v2-json.c) ---- */

/* Each fails with a line that names WHAT and KEY. */
int luks_v2_number (const json_t *object, const char *what, const char *key, uint64_t *n,
                    struct img_error *err); /* an integer, or one as text */
const char *luks_v2_text (const json_t *object, const char *what, const char *key,
                          struct img_error *err);
const json_t *luks_v2_object (const json_t *object, const char *what, const char *key,
                              struct img_error *err);
/* Base64 into OUT of CAP bytes. */
int luks_v2_bytes (const json_t *object, const char *what, const char *key, uint8_t *out,
                   size_t cap, size_t *n, struct img_error *err);
int luks_v2_hash (const json_t *object, const char *what, enum crypt_hash *hash,
                  struct img_error *err);
/* Is NAME among the texts of the array KEY? */
bool luks_v2_lists (const json_t *object, const char *key, const char *name);
/* "aes-xts-plain64" with keys of KEY_LENGTH bytes. */
int luks_v2_spec (const char *encryption, uint64_t key_length, struct crypt_spec *spec,
                  struct img_error *err);

#endif
