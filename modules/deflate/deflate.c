/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* deflate: RFC 1951 streams, bare or framed as zlib (RFC 1950) or gzip (RFC 1952).
 *
 * Owns the choice of the library; the rooms beside it own the calls.  ISA-L is some ten times as
 * fast as zlib and writes files 8 % larger: levels 1 to 3.  zlib writes the smallest streams that
 * keep to a short window: levels 4 to 9.  libdeflate beats it in both ways where distances up to
 * 32 KiB are allowed, and decodes fastest.  zlib stands in for each library that configure did not
 * find.
 *
 * Decoders take any distance whatever window the writer promised: the whole output is at hand.
 * Refuses: dictionaries, streams that do not give exactly the bytes asked for.
 */

#include <config.h>

#include "coder.h"

enum {
  LEVEL_FAST = 2,     /* the default: a third faster than level 3, files 0.6 % larger */
  LEVEL_FAST_MAX = 3, /* the last level that trades size for speed */
};

int
deflate_err_damaged (struct img_error *err)
{
  return img_error_set (err, EIO, _("the deflate stream is damaged"));
}

int
deflate_err_short (size_t wanted, struct img_error *err)
{
  return img_error_set (err, EIO, _("the deflate stream ends before it has given %zu bytes"),
                          wanted);
}

int
deflate_err_long (size_t wanted, struct img_error *err)
{
  return img_error_set (err, EIO, _("the deflate stream gives more than %zu bytes"), wanted);
}

static const struct img_codec deflate_codec;

static void *
encoder_new (const struct img_codec_params *params, struct img_error *err)
{
  struct img_codec_params p = *params;
  if (p.level == 0)
    p.level = deflate_codec.level_default;
  if (p.window_bits == 0)
    p.window_bits = DEFLATE_WINDOW_MAX;
  if (p.level < deflate_codec.level_min || p.level > deflate_codec.level_max) {
    img_error_set (err, EINVAL, _("deflate has no level %d, only %d to %d"), p.level,
                   deflate_codec.level_min, deflate_codec.level_max);
    return NULL;
  }
  if (p.window_bits < DEFLATE_WINDOW_MIN || p.window_bits > DEFLATE_WINDOW_MAX) {
    img_error_set (err, EINVAL, _("deflate has no window of %d bits"), p.window_bits);
    return NULL;
  }
#ifdef HAVE_ISAL
  if (p.level <= LEVEL_FAST_MAX)
    return deflate_isal_encoder (&p, err);
#endif
#ifdef HAVE_LIBDEFLATE
  if (p.window_bits == DEFLATE_WINDOW_MAX)
    return deflate_libdeflate_encoder (&p, err);
#endif
  return deflate_zlib_encoder (&p, err);
}

static int
encode (void *encoder, const void *in, size_t length, void *out, size_t cap, size_t *out_length,
        struct img_error *err)
{
  struct deflate_encoder *e = encoder;
  if (length > DEFLATE_LENGTH_MAX)
    return img_error_set (err, EFBIG, _("%zu bytes are too many for one deflate stream"), length);
  if (cap > DEFLATE_LENGTH_MAX)
    cap = DEFLATE_LENGTH_MAX;
  return e->encode (e, in, length, out, cap, out_length, err);
}

static void
encoder_free (void *encoder)
{
  struct deflate_encoder *e = encoder;
  if (e)
    e->free (e);
}

static void *
decoder_new (const struct img_codec_params *params, struct img_error *err)
{
#if defined HAVE_LIBDEFLATE
  return deflate_libdeflate_decoder (params, err);
#elif defined HAVE_ISAL
  return deflate_isal_decoder (params, err);
#else
  return deflate_zlib_decoder (params, err);
#endif
}

static int
decode (void *decoder, const void *in, size_t length, void *out, size_t out_length,
        struct img_error *err)
{
  struct deflate_decoder *d = decoder;
  if (out_length > DEFLATE_LENGTH_MAX)
    return img_error_set (err, EFBIG, _("%zu bytes are too many for one deflate stream"),
                          out_length);
  if (length > DEFLATE_LENGTH_MAX)
    length = DEFLATE_LENGTH_MAX;
  return d->decode (d, in, length, out, out_length, err);
}

static void
decoder_free (void *decoder)
{
  struct deflate_decoder *d = decoder;
  if (d)
    d->free (d);
}

static const struct img_codec deflate_codec = {
  .struct_size = sizeof deflate_codec,
  .abi = IMG_ABI,
  .name = "deflate",
#if defined HAVE_ISAL && defined HAVE_LIBDEFLATE
  .version = "zlib, ISA-L, libdeflate",
#elif defined HAVE_ISAL
  .version = "zlib, ISA-L",
#elif defined HAVE_LIBDEFLATE
  .version = "zlib, libdeflate",
#else
  .version = "zlib",
#endif
  .level_min = 1,
#ifdef HAVE_ISAL
  .level_default = LEVEL_FAST,
#else
  .level_default = 6,
#endif
  .level_max = 9,
  .encoder_new = encoder_new,
  .encode = encode,
  .encoder_free = encoder_free,
  .decoder_new = decoder_new,
  .decode = decode,
  .decoder_free = decoder_free,
};

static const struct img_codec *const codecs[] = { &deflate_codec, NULL };

static const struct img_module deflate_module = {
  .struct_size = sizeof deflate_module,
  .abi = IMG_ABI,
  .codecs = codecs,
};

IMG_MODULE_ENTRY (deflate_module)
