/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks.h - LUKS version 1 headers (LUKS On-Disk Format Specification 1.2.3): read, checked,
 * unlocked, made, changed.  A header may stand anywhere: `luks` has it at the start of a file,
 * qcow2 in clusters of its own; so all I/O goes through struct luks_io. */
#ifndef LUKS_H
#define LUKS_H

#include "cipher.h"

/* Offsets begin with the header.  The callbacks never see anything past SIZE. */
struct luks_io {
  int (*read) (void *arg, void *buf, uint64_t length, uint64_t offset, struct img_error *err);
  int (*write) (void *arg, const void *buf, uint64_t length, uint64_t offset,
                struct img_error *err);
  /* What was written is on stable storage before what follows; NULL: order does not matter. */
  int (*flush) (void *arg, struct img_error *err);
  void *arg;
  uint64_t size; /* bytes there are from the header on: key material has to be in them */
  bool detached; /* the data are elsewhere, so that payload_offset says nothing about this place */
};
/* The common case: a node and an offset in it. */
struct luks_at {
  struct img_node *node;
  uint64_t offset;
};
struct luks_io luks_io_at (struct luks_at *at); /* refers to *AT; SIZE is all that follows */

enum { LUKS_SLOTS = 8, LUKS_STRIPES = 4000, LUKS_SALT = 32, LUKS_DIGEST = 20 };

struct luks_slot {
  bool active;
  uint32_t iterations, stripes;
  uint8_t salt[LUKS_SALT];
  uint64_t key_offset;
};

struct luks {
  struct crypt_spec spec;
  bool has_ivgen_hash; /* it is written, whether the generator wants it or not */
  enum crypt_hash hash;
  uint32_t key_length;
  uint64_t payload_offset;
  uint8_t digest[LUKS_DIGEST], digest_salt[LUKS_SALT];
  uint32_t digest_iterations;
  char uuid[41];
  bool detached; /* as the io it was read from said */
  struct luks_slot slots[LUKS_SLOTS];
};

/* Reads and checks the header.  Needs no library and no key. */
int luks_read (struct luks *l, const struct luks_io *io, struct img_error *err);
/* Adds the facts that `info` tells, in its order; FORMAT: with the key "format" (qcow2). */
void luks_info (const struct luks *l, bool format, struct img_value *object);

/* Finds the key: tries all active slots.  EACCES: no slot opens with this passphrase. */
int luks_unlock (const struct luks *l, const struct luks_io *io, const uint8_t *pass, size_t n,
                 uint8_t key[CRYPT_MAX_KEY], struct img_error *err);
/* The same, and what en- and decrypts with it.  SECRET is an object's id, looked up at NODE; NULL:
 * the option KEY_OPTION ("encrypt.key-secret") is missing, which is the error. */
int luks_open (const struct luks *l, const struct luks_io *io, const struct img_node *node,
               const char *secret, const char *key_option, struct crypt **c,
               struct img_error *err);

/* ---- making one ---- */

struct luks_params {
  struct crypt_spec spec;
  bool has_ivgen_hash;
  enum crypt_hash hash;
  uint64_t iter_time; /* milliseconds */
  bool detached;      /* the data go elsewhere */
};
/* Rows of a table of create options; P is the prefix: "" or "encrypt.". */
#define LUKS_CREATE_OPTS(p)                                                                        \
  { p "cipher-alg", IMG_OPT_ENUM, NULL, crypt_cipher_words,                                        \
    N_("Name of encryption cipher algorithm"), 0 },                                                \
  { p "cipher-mode", IMG_OPT_ENUM, NULL, crypt_mode_words, N_("Name of encryption cipher mode"),   \
    0 },                                                                                           \
  { p "ivgen-alg", IMG_OPT_ENUM, NULL, crypt_ivgen_words, N_("Name of IV generator algorithm"),    \
    0 },                                                                                           \
  { p "ivgen-hash-alg", IMG_OPT_ENUM, NULL, crypt_hash_words,                                      \
    N_("Name of IV generator hash algorithm"), 0 },                                                \
  { p "hash-alg", IMG_OPT_ENUM, NULL, crypt_hash_words, N_("Name of encryption hash algorithm"),   \
    0 },                                                                                           \
  { p "iter-time", IMG_OPT_NUMBER, NULL, NULL, N_("Time to spend in PBKDF in milliseconds"), 0 }
/* What OPTS, checked against those rows, say; PREFIX as above.  -1: it makes no sense. */
int luks_params_from (struct luks_params *params, const struct img_opts *opts, const char *prefix,
                      struct img_error *err);
/* Bytes of header and key material: where the payload begins, unless it is elsewhere. */
uint64_t luks_length (const struct luks_params *params);
/* Writes a new header with one slot, key material first.  *C, if C is not NULL, is what encrypts
 * with the new key. */
int luks_create (struct luks *l, const struct luks_params *params, const struct luks_io *io,
                 const uint8_t *pass, size_t n, struct crypt **c, struct img_error *err);

/* ---- changing slots ---- */

#define LUKS_AMEND_OPTS(p)                                                                         \
  { p "state", IMG_OPT_ENUM, NULL, luks_state_words,                                               \
    N_("Select new state of affected keyslots (active/inactive)"), 0 },                            \
  { p "keyslot", IMG_OPT_NUMBER, NULL, NULL,                                                       \
    N_("Select a single keyslot to modify explicitly"), 0 },                                       \
  { p "old-secret", IMG_OPT_STRING, NULL, NULL,                                                    \
    N_("Select all keyslots that match this password"), 0 },                                       \
  { p "new-secret", IMG_OPT_STRING, NULL, NULL,                                                    \
    N_("New secret to set in the matching keyslots. Empty string to erase"), 0 },                  \
  { p "iter-time", IMG_OPT_NUMBER, NULL, NULL, N_("Time to spend in PBKDF in milliseconds"), 0 }
extern const char *const luks_state_words[];
/* Does what the options of AMEND say, PREFIX as above: adds a passphrase, or erases slots for ever.
 * SECRET, by which the image was opened (NULL: by none), gives the key for a new slot.  Wherever it
 * is interrupted every other slot stays good. */
int luks_amend (struct luks *l, const struct luks_io *io, struct img_node *node,
                const char *secret, const struct img_amend *amend, const char *prefix,
                struct img_error *err);

#endif
