/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets: bytes that a user gives by text, file or the kernel's key store, plain or in base64, and
 * perhaps wrapped with another secret: AES-256-CBC with the padding of PKCS #7 (RFC 5652, 6.3), as
 * QEMU's manual describes the object `secret`.
 *
 * Owns: getting them, and wiping what is left over.  Refuses: to name any of their bytes. */

#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/object.h"

enum { MAX_SECRET = 1 << 20, KEY_BYTES = 32, BLOCK = 16 };

struct bytes {
  uint8_t *p; /* one byte more than n is allocated */
  size_t n;
};

static void
bytes_free (struct bytes *b)
{
  img_secret_free (b->p, b->n);
  b->p = NULL;
}

static int
bytes_new (struct bytes *b, size_t n, struct img_error *err)
{
  b->n = n;
  b->p = calloc (1, n + 1);
  return b->p ? 0 : img_error_errno (err, ENOMEM, _("secret"));
}

/* ---- where they come from ---- */

static int
from_text (struct bytes *b, const char *text, struct img_error *err)
{
  if (bytes_new (b, strlen (text), err) < 0)
    return -1;
  memcpy (b->p, text, b->n);
  return 0;
}

static int
from_file (struct bytes *b, const char *file, struct img_error *err)
{
  IMG_CLEANUP (close) int fd = open (file, O_RDONLY | O_CLOEXEC);
  ssize_t got;

  if (fd < 0)
    return img_error_errno (err, errno, "%s", file);
  if (bytes_new (b, MAX_SECRET + 1, err) < 0)
    return -1;
  b->n = 0;
  do {
    got = read (fd, b->p + b->n, MAX_SECRET + 1 - b->n);
    if (got < 0 && errno != EINTR)
      return img_error_errno (err, errno, "%s", file);
    b->n += got > 0 ? (size_t) got : 0;
  } while (got != 0 && b->n <= MAX_SECRET);
  return b->n <= MAX_SECRET
           ? 0
           : img_error_set (err, EFBIG, _("%s: a secret has at most %d bytes"), file, MAX_SECRET);
}

static int
from_keyring (struct bytes *b, uint64_t serial, struct img_error *err)
{
  enum { KEY_READ = 11 }; /* KEYCTL_READ of keyctl(2) */
  long n = 0;

  if (serial > INT32_MAX)
    return img_error_set (err, EINVAL, _("there is no key %llu"), (unsigned long long) serial);
#ifdef SYS_keyctl
  for (long cap = 0;; cap = n) {
    if (cap && bytes_new (b, (size_t) cap, err) < 0)
      return -1;
    n = syscall (SYS_keyctl, KEY_READ, (long) serial, b->p, (unsigned long) cap, 0);
    if (n < 0)
      return img_error_errno (err, errno, _("key %llu"), (unsigned long long) serial);
    if (n > MAX_SECRET)
      return img_error_set (err, EFBIG, _("key %llu is too long"), (unsigned long long) serial);
    if (b->p && n <= cap)
      break;
    bytes_free (b);
    if (n == 0)
      return bytes_new (b, 0, err);
  }
  b->n = (size_t) n;
  return 0;
#else
  (void) b;
  (void) n;
  return img_error_set (err, ENOTSUP, _("this system has no key store"));
#endif
}

static int
get_bytes (struct bytes *b, const struct img_object *o, struct img_error *err)
{
  const char *data = img_opts_string (o->opts, "data"), *file = img_opts_string (o->opts, "file");

  if (strcmp (o->type, "secret_keyring") == 0) {
    if (img_opts_string (o->opts, "serial") == NULL)
      return img_error_set (err, EINVAL, _("'%s' must be given"), "serial");
    return from_keyring (b, img_opts_number (o->opts, "serial"), err);
  }
  if (data && file)
    return img_error_set (err, EINVAL, _("'file' and 'data' are mutually exclusive"));
  if (data == NULL && file == NULL)
    return img_error_set (err, EINVAL, _("Either 'file' or 'data' must be provided"));
  return data ? from_text (b, data, err) : from_file (b, file, err);
}

/* ---- base64 (RFC 4648, 4) ---- */

static int
digit (uint8_t c)
{
  static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *at = c ? strchr (digits, c) : NULL;

  return at ? (int) (at - digits) : -1;
}

int
img_base64_decode (uint8_t *p, size_t *n, struct img_error *err)
{
  uint32_t bits = 0;
  unsigned n_bits = 0;
  size_t out = 0, i;

  for (i = 0; i < *n && p[i] != '='; i++) {
    int d = digit (p[i]);
    if (d < 0 && (p[i] == '\n' || p[i] == '\r'))
      continue;
    if (d < 0)
      break;
    bits = bits << 6 | (uint32_t) d;
    n_bits += 6;
    if (n_bits >= 8) {
      n_bits -= 8;
      p[out++] = (uint8_t) (bits >> n_bits);
    }
  }
  while (i < *n && (p[i] == '=' || p[i] == '\n' || p[i] == '\r'))
    i++;
  if (i < *n)
    return img_error_set (err, EINVAL, _("Base64 data contains invalid characters"));
  explicit_bzero (p + out, *n - out);
  *n = out;
  return 0;
}

/* ---- wrapped secrets ---- */

static int
strip_padding (struct bytes *b, struct img_error *err)
{
  uint8_t n = b->n ? b->p[b->n - 1] : 0;
  bool good = n > 0 && n <= BLOCK && n <= b->n;

  for (size_t i = 0; good && i < n; i++)
    good = b->p[b->n - 1 - i] == n;
  if (!good)
    return img_error_set (err, EACCES, _("the secret does not decrypt with this key and IV"));
  b->n -= n;
  return 0;
}

static int
unwrap_with (struct bytes *b, const struct img_object *key, const struct bytes *iv,
             struct img_error *err)
{
  const struct img_crypto *crypto;
  void *cipher;
  int rc;

  if (key->n != KEY_BYTES)
    return img_error_set (err, EINVAL, _("Key should be %d bytes in length"), KEY_BYTES);
  if (iv->n != BLOCK)
    return img_error_set (err, EINVAL, _("IV should be %d bytes in length not %zu"), BLOCK, iv->n);
  if (b->n == 0 || b->n % BLOCK)
    return img_error_set (err, EINVAL, _("an encrypted secret is a multiple of %d bytes, not %zu"),
                          BLOCK, b->n);
  crypto = img_crypto_find (err);
  cipher = crypto ? crypto->cipher_new ("aes-256", "cbc", key->secret, KEY_BYTES, err) : NULL;
  if (cipher == NULL)
    return -1;
  rc = crypto->cipher_run (cipher, false, b->p, b->n, 1, iv->p, err);
  crypto->cipher_free (cipher);
  return rc < 0 ? -1 : strip_padding (b, err);
}

static int
unwrap (struct bytes *b, const struct img_object *o, const struct img_objects *objects,
        struct img_error *err)
{
  const char *id = img_opts_string (o->opts, "keyid"), *iv_text = img_opts_string (o->opts, "iv");
  const struct img_object *key;
  struct bytes iv = { NULL, 0 };
  int rc;

  if (id == NULL)
    return iv_text ? img_error_set (err, EINVAL, _("'iv' is of no use without 'keyid'")) : 0;
  key = img_objects_secret (objects, id, err);
  if (key == NULL)
    return -1;
  if (iv_text == NULL)
    return img_error_set (err, EINVAL, _("IV is required to decrypt secret"));
  rc = from_text (&iv, iv_text, err);
  if (rc == 0)
    rc = img_base64_decode (iv.p, &iv.n, err);
  if (rc == 0)
    rc = unwrap_with (b, key, &iv, err);
  bytes_free (&iv);
  return rc;
}

int
img_secret_load (struct img_object *o, const struct img_objects *objects, struct img_error *err)
{
  struct bytes b = { NULL, 0 };
  const char *data = img_opts_string (o->opts, "data");
  int rc = get_bytes (&b, o, err);

  if (data) {
    explicit_bzero ((char *) data, strlen (data)); /* the list is ours */
    img_opts_set (o->opts, "data", NULL, err);
  }
  if (rc == 0 && strcmp (img_opts_string (o->opts, "format"), "base64") == 0)
    rc = img_base64_decode (b.p, &b.n, err);
  if (rc == 0)
    rc = unwrap (&b, o, objects, err);
  if (rc == 0) {
    o->secret = b.p;
    o->n = b.n;
    return 0;
  }
  bytes_free (&b);
  return img_error_prefix (err, _("secret '%s'"), o->id);
}
