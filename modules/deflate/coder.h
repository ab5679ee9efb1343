/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* coder.h - what one library can do for the codec.
 *
 * deflate.c chooses a library for each level and window; zlib.c, isal.c and libdeflate.c each make
 * encoders and decoders of this shape.  The library's state follows the struct in memory.
 */
#ifndef DEFLATE_CODER_H
#define DEFLATE_CODER_H

#include <blkimg/module.h>

#define DEFLATE_WINDOW_MIN 9  /* zlib's smallest for raw streams */
#define DEFLATE_WINDOW_MAX 15 /* RFC 1951: distances up to 32 KiB */
/* The libraries count in 32 bits, partly signed. */
#define DEFLATE_LENGTH_MAX ((size_t) 1 << 30)

struct deflate_encoder {
  int (*encode) (struct deflate_encoder *e, const void *in, size_t length, void *out, size_t cap,
                 size_t *out_length, struct img_error *err);
  void (*free) (struct deflate_encoder *e);
};

struct deflate_decoder {
  int (*decode) (struct deflate_decoder *d, const void *in, size_t length, void *out,
                 size_t out_length, struct img_error *err);
  void (*free) (struct deflate_decoder *d);
};

/* PARAMS here have a level and a window that are in range. */
struct deflate_encoder *deflate_zlib_encoder (const struct img_codec_params *params,
                                              struct img_error *err);
struct deflate_decoder *deflate_zlib_decoder (const struct img_codec_params *params,
                                              struct img_error *err);
/* Levels 1 to 3. */
struct deflate_encoder *deflate_isal_encoder (const struct img_codec_params *params,
                                              struct img_error *err);
struct deflate_decoder *deflate_isal_decoder (const struct img_codec_params *params,
                                              struct img_error *err);
/* The whole window of 32 KiB only: the library cannot be told to keep distances shorter. */
struct deflate_encoder *deflate_libdeflate_encoder (const struct img_codec_params *params,
                                                    struct img_error *err);
struct deflate_decoder *deflate_libdeflate_decoder (const struct img_codec_params *params,
                                                    struct img_error *err);

/* The ways in which a stream can be wrong, worded once.  Each returns -1. */
int deflate_err_damaged (struct img_error *err);
int deflate_err_short (size_t wanted, struct img_error *err);
int deflate_err_long (size_t wanted, struct img_error *err);

#endif
