/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libdeflate: decoding, and the levels for small size where the whole window of 32 KiB is allowed.
 *
 * Works on whole buffers; the state that it keeps between units does not change what it writes.
 */

#include <config.h>

#include "coder.h"

#ifdef HAVE_LIBDEFLATE

#include <stdlib.h>

#include <libdeflate.h>

struct encoder {
  struct deflate_encoder base;
  enum img_framing framing;
  struct libdeflate_compressor *c;
};

struct decoder {
  struct deflate_decoder base;
  enum img_framing framing;
  struct libdeflate_decompressor *d;
};

static int
libdeflate_encode (struct deflate_encoder *base, const void *in, size_t length, void *out,
                   size_t cap, size_t *out_length, struct img_error *err)
{
  struct encoder *e = (struct encoder *) base;
  size_t n = 0;
  (void) err;
  switch (e->framing) {
  case IMG_FRAMING_RAW: n = libdeflate_deflate_compress (e->c, in, length, out, cap); break;
  case IMG_FRAMING_ZLIB: n = libdeflate_zlib_compress (e->c, in, length, out, cap); break;
  case IMG_FRAMING_GZIP: n = libdeflate_gzip_compress (e->c, in, length, out, cap); break;
  }
  if (n == 0)
    return 1;
  *out_length = n;
  return 0;
}

static void
libdeflate_encoder_free (struct deflate_encoder *base)
{
  struct encoder *e = (struct encoder *) base;
  libdeflate_free_compressor (e->c);
  free (e);
}

struct deflate_encoder *
deflate_libdeflate_encoder (const struct img_codec_params *params, struct img_error *err)
{
  struct encoder *e = calloc (1, sizeof *e);
  if (e)
    e->c = libdeflate_alloc_compressor (params->level);
  if (e == NULL || e->c == NULL) {
    free (e);
    img_error_errno (err, ENOMEM, "libdeflate");
    return NULL;
  }
  e->base.encode = libdeflate_encode;
  e->base.free = libdeflate_encoder_free;
  e->framing = params->framing;
  return &e->base;
}

static int
libdeflate_decode (struct deflate_decoder *base, const void *in, size_t length, void *out,
                   size_t out_length, struct img_error *err)
{
  struct decoder *d = (struct decoder *) base;
  enum libdeflate_result r = LIBDEFLATE_BAD_DATA;
  size_t used; /* asked for: without it the stream would have to end where IN does */
  switch (d->framing) {
  case IMG_FRAMING_RAW:
    r = libdeflate_deflate_decompress_ex (d->d, in, length, out, out_length, &used, NULL);
    break;
  case IMG_FRAMING_ZLIB:
    r = libdeflate_zlib_decompress_ex (d->d, in, length, out, out_length, &used, NULL);
    break;
  case IMG_FRAMING_GZIP:
    r = libdeflate_gzip_decompress_ex (d->d, in, length, out, out_length, &used, NULL);
    break;
  }
  switch (r) {
  case LIBDEFLATE_SUCCESS: return 0;
  case LIBDEFLATE_SHORT_OUTPUT: return deflate_err_short (out_length, err);
  case LIBDEFLATE_INSUFFICIENT_SPACE: return deflate_err_long (out_length, err);
  default: return deflate_err_damaged (err);
  }
}

static void
libdeflate_decoder_free (struct deflate_decoder *base)
{
  struct decoder *d = (struct decoder *) base;
  libdeflate_free_decompressor (d->d);
  free (d);
}

struct deflate_decoder *
deflate_libdeflate_decoder (const struct img_codec_params *params, struct img_error *err)
{
  struct decoder *d = calloc (1, sizeof *d);
  if (d)
    d->d = libdeflate_alloc_decompressor ();
  if (d == NULL || d->d == NULL) {
    free (d);
    img_error_errno (err, ENOMEM, "libdeflate");
    return NULL;
  }
  d->base.decode = libdeflate_decode;
  d->base.free = libdeflate_decoder_free;
  d->framing = params->framing;
  return &d->base;
}

#endif
