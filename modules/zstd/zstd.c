/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zstd: RFC 8878 frames.
 *
 * Writes one frame with its content size in the header, so that the window is never larger than
 * the unit.  Reads any number of frames, one after the other (the qcow2 specification allows that),
 * each straight into the output: a decoder needs no window of its own, whatever the frame's header
 * asks for, and hostile input can make it take no memory.
 * Refuses: dictionaries, frames that do not give exactly the bytes asked for.
 */

#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

#include <blkimg/module.h>

enum { LEVEL_MIN = 1, LEVEL_DEFAULT = 3, LEVEL_MAX = 22 };

static int
zstd_error (size_t code, struct img_error *err)
{
  if (ZSTD_getErrorCode (code) == ZSTD_error_memory_allocation)
    return img_error_errno (err, ENOMEM, "zstd");
  return img_error_set (err, EIO, _("the zstd stream is damaged: %s"), ZSTD_getErrorName (code));
}

static void *
encoder_new (const struct img_codec_params *params, struct img_error *err)
{
  int level = params->level ? params->level : LEVEL_DEFAULT;
  if (level < LEVEL_MIN || level > LEVEL_MAX) {
    img_error_set (err, EINVAL, _("zstd has no level %d, only %d to %d"), level, LEVEL_MIN,
                   LEVEL_MAX);
    return NULL;
  }
  ZSTD_CCtx *c = ZSTD_createCCtx ();
  if (c == NULL) {
    img_error_errno (err, ENOMEM, "zstd");
    return NULL;
  }
  ZSTD_CCtx_setParameter (c, ZSTD_c_compressionLevel, level);
  return c;
}

static int
encode (void *encoder, const void *in, size_t length, void *out, size_t cap, size_t *out_length,
        struct img_error *err)
{
  size_t n = ZSTD_compress2 (encoder, out, cap, in, length);
  if (!ZSTD_isError (n)) {
    *out_length = n;
    return 0;
  }
  if (ZSTD_getErrorCode (n) == ZSTD_error_dstSize_tooSmall)
    return 1;
  return img_error_set (err, EIO, _("zstd: %s"), ZSTD_getErrorName (n));
}

static void
encoder_free (void *encoder)
{
  ZSTD_freeCCtx (encoder);
}

static void *
decoder_new (const struct img_codec_params *params, struct img_error *err)
{
  (void) params;
  ZSTD_DCtx *d = ZSTD_createDCtx ();
  if (d == NULL)
    img_error_errno (err, ENOMEM, "zstd");
  return d;
}

static int
decode (void *decoder, const void *in, size_t length, void *out, size_t out_length,
        struct img_error *err)
{
  const char *from = in;
  char *to = out;
  size_t wanted = out_length;
  while (out_length > 0) {
    if (length == 0)
      return img_error_set (err, EIO, _("the zstd frames end before they have given %zu bytes"),
                          wanted);
    size_t frame = ZSTD_findFrameCompressedSize (from, length);
    if (ZSTD_isError (frame))
      return zstd_error (frame, err);
    size_t made = ZSTD_decompressDCtx (decoder, to, out_length, from, frame);
    if (ZSTD_isError (made)) {
      if (ZSTD_getErrorCode (made) == ZSTD_error_dstSize_tooSmall)
        return img_error_set (err, EIO, _("the zstd frames give more than %zu bytes"), wanted);
      return zstd_error (made, err);
    }
    from += frame;
    length -= frame;
    to += made;
    out_length -= made;
  }
  return 0;
}

static void
decoder_free (void *decoder)
{
  ZSTD_freeDCtx (decoder);
}

static const struct img_codec zstd_codec = {
  .struct_size = sizeof zstd_codec,
  .abi = IMG_ABI,
  .name = "zstd",
  .version = ZSTD_VERSION_STRING,
  .level_min = LEVEL_MIN,
  .level_default = LEVEL_DEFAULT,
  .level_max = LEVEL_MAX,
  .encoder_new = encoder_new,
  .encode = encode,
  .encoder_free = encoder_free,
  .decoder_new = decoder_new,
  .decode = decode,
  .decoder_free = decoder_free,
};

static const struct img_codec *const codecs[] = { &zstd_codec, NULL };

static const struct img_module zstd_module = {
  .struct_size = sizeof zstd_module,
  .abi = IMG_ABI,
  .codecs = codecs,
};

IMG_MODULE_ENTRY (zstd_module)
