/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* crypt.c - encryption of guest data (spec sections "Full disk encryption header pointer" and "Data
 * encryption").
 *
 * Owns: the key of an open image, and the numbers of the sectors that it is used for: with LUKS the
 * sector of the file, with AES that of the disk, so that moving a cluster means to encrypt it anew
 * with the one and not with the other.  The work itself is the core's, which calls qcow2_crypt.
 * Without a secret an image opens all the same, as long as nobody asks for data: maps, checks and
 * changes of tables need none.  Refuses: compressed clusters of encrypted images (write.c).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypt.h"
#include "write.h"

struct qcow2_crypt {
  struct luks luks; /* method LUKS */
  struct luks_at at;
  struct crypt *cipher; /* NULL: without a secret */
  char *secret;         /* its id, or NULL */
};

const char *const qcow2_crypt_words[] = { "aes", "luks", NULL };

/* The header's clusters are all that the callbacks may see. */
static struct luks_io
header_io (struct qcow2 *q)
{
  struct qcow2_crypt *c = q->crypt;
  c->at = (struct luks_at) { q->file, q->h.crypto_offset };
  struct luks_io io = luks_io_at (&c->at);
  io.size = img_min (io.size, q->h.crypto_length);
  return io;
}

/* ---- open ---- */

/* The key is the password, cut or padded with zeroes to 16 bytes. */
int
qcow2_crypt_aes (struct crypt **cipher, const struct img_node *node, const char *secret,
                 struct img_error *err)
{
  static const struct crypt_spec spec = { .cipher = CRYPT_AES_128, .mode = CRYPT_CBC,
                                          .ivgen = CRYPT_PLAIN64 };
  uint8_t key[16] = { 0 }, *pass;
  size_t n;
  if (img_node_secret (node, secret, &pass, &n, err) < 0)
    return -1;
  memcpy (key, pass, img_min (n, sizeof key));
  img_secret_free (pass, n);
  int r = crypt_new (cipher, &spec, key, sizeof key, err);
  explicit_bzero (key, sizeof key);
  return r;
}

static int
judge_format (const struct qcow2 *q, const struct img_opts *opts, struct img_error *err)
{
  int said = img_opts_choice (opts, "encrypt.format", qcow2_crypt_words);
  if (said < 0 || (uint32_t) said + 1 == q->h.crypt_method)
    return 0;
  if (q->h.crypt_method == QCOW2_CRYPT_NONE)
    return img_error_set (err, EINVAL, _("No encryption in image header, but options specified"
                                         " format '%s'"), qcow2_crypt_words[said]);
  return img_error_set (err, EINVAL, _("Header reported '%s' encryption format but options"
                                       " specify '%s'"),
                        qcow2_crypt_words[q->h.crypt_method - 1], qcow2_crypt_words[said]);
}

static int
needs_secret (struct img_error *err)
{
  return img_error_set (err, EACCES, _("Parameter 'encrypt.key-secret' is required for cipher"));
}

/* Makes q->crypt->cipher, unless there is no secret. */
static int
unlock (struct qcow2 *q, const char *secret, struct img_error *err)
{
  struct qcow2_crypt *c = q->crypt;
  if (secret == NULL) /* who copies the image will want its data */
    return q->flags & IMG_OPEN_STABLE ? needs_secret (err) : 0;
  c->secret = strdup (secret);
  if (c->secret == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (q->h.crypt_method == QCOW2_CRYPT_AES)
    return qcow2_crypt_aes (&c->cipher, q->node, secret, err);
  struct luks_io io = header_io (q);
  return luks_open (&c->luks, &io, q->node, secret, "encrypt.key-secret", &c->cipher, err);
}

int
qcow2_crypt_open (struct qcow2 *q, const struct img_opts *opts, struct img_error *err)
{
  if (judge_format (q, opts, err) < 0)
    return -1;
  if (q->h.crypt_method == QCOW2_CRYPT_NONE)
    return 0;
  q->crypt = calloc (1, sizeof *q->crypt);
  if (q->crypt == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  img_node_limits_mut (q->node)->crypt_unit = CRYPT_SECTOR;
  if (q->h.crypt_method == QCOW2_CRYPT_LUKS) {
    struct luks_io io = header_io (q);
    if (luks_read (&q->crypt->luks, &io, err) < 0)
      return img_error_prefix (err, _("encryption header at 0x%" PRIx64), q->h.crypto_offset);
  }
  if (q->flags & IMG_OPEN_NO_IO)
    return 0;
  return unlock (q, img_opts_string (opts, "encrypt.key-secret"), err);
}

void
qcow2_crypt_free (struct qcow2_crypt *c)
{
  if (c == NULL)
    return;
  crypt_free (c->cipher);
  free (c->secret);
  free (c);
}

void
qcow2_crypt_info (const struct qcow2 *q, struct img_value *object)
{
  if (q->h.crypt_method == QCOW2_CRYPT_LUKS)
    luks_info (&q->crypt->luks, true, object);
  else
    img_value_set_string (object, "format", "aes");
}

int
qcow2_crypt_amend (struct qcow2 *q, const struct img_amend *amend, struct img_error *err)
{
  if (q->h.crypt_method != QCOW2_CRYPT_LUKS)
    return img_error_set (err, EINVAL,
                          _("only an image that is encrypted with LUKS has key slots"));
  if (q->writer == NULL)
    return img_error_set (err, EROFS, _("the image is not open for writing"));
  struct luks_io io = header_io (q);
  return luks_amend (&q->crypt->luks, &io, q->node, q->crypt->secret, amend, "encrypt.", err);
}

/* ---- data ---- */

int
qcow2_crypt (struct img_node *node, bool encrypt, void *buf, uint64_t length, uint64_t offset,
             uint64_t host, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  uint64_t at = q->h.crypt_method == QCOW2_CRYPT_AES ? offset : host;
  if (q->crypt->cipher == NULL)
    return needs_secret (err);
  return crypt_sectors (q->crypt->cipher, encrypt, buf, length, at / CRYPT_SECTOR, err);
}

int
qcow2_crypt_moved (struct qcow2 *q, uint8_t *buf, uint64_t length, uint64_t guest, uint64_t from,
                   uint64_t to, struct img_error *err)
{
  if (q->h.crypt_method != QCOW2_CRYPT_LUKS)
    return 0;
  if (qcow2_crypt (q->node, false, buf, length, guest, from, err) < 0)
    return -1;
  return qcow2_crypt (q->node, true, buf, length, guest, to, err);
}

int
qcow2_crypt_read (struct qcow2 *q, uint8_t *buf, uint64_t length, uint64_t guest, uint64_t host,
                  struct img_error *err)
{
  if (q->crypt == NULL)
    return img_pread (q->data, buf, length, host, 0, err);
  uint64_t into = guest % CRYPT_SECTOR, span = img_div_up (into + length, CRYPT_SECTOR);
  span *= CRYPT_SECTOR;
  IMG_CLEANUP (free) uint8_t *sectors = malloc (span);
  if (sectors == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (img_pread (q->data, sectors, span, host - into, 0, err) < 0
      || qcow2_crypt (q->node, false, sectors, span, guest - into, host - into, err) < 0)
    return -1;
  memcpy (buf, sectors + into, length);
  return 0;
}
