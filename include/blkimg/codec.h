/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/codec.h - compression that formats share: a module brings a codec, loaded when it is first
 * used; formats find it by name.  Part of the module ABI (module.h). */
#ifndef BLKIMG_CODEC_H
#define BLKIMG_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include <blkimg/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum img_framing { IMG_FRAMING_RAW, IMG_FRAMING_ZLIB, IMG_FRAMING_GZIP };

/* What an encoder or decoder is made for; zeroed = defaults. */
struct img_codec_params {
  size_t struct_size;
  int level;                 /* 0: the codec's default */
  int window_bits;           /* deflate: longest match distance is 2^bits; 0: the codec's own */
  enum img_framing framing;  /* deflate only */
};

/* All of it is required. */
struct img_codec {
  size_t struct_size;
  uint32_t abi;
  const char *name; /* "deflate", "zstd" */
  const char *version;
  int level_min, level_default, level_max;
  /* One encoder or decoder serves one thread at a time and is used again and again; what it writes
   * depends on input and params only, never on what it did before. */
  void *(*encoder_new) (const struct img_codec_params *params, struct img_error *err);
  /* 0: *OUT_LENGTH bytes made; 1: CAP is too small; -1. */
  int (*encode) (void *encoder, const void *in, size_t length, void *out, size_t cap,
                 size_t *out_length, struct img_error *err);
  void (*encoder_free) (void *encoder);
  void *(*decoder_new) (const struct img_codec_params *params, struct img_error *err);
  /* Exactly OUT_LENGTH bytes or an error; IN may be longer than the stream. */
  int (*decode) (void *decoder, const void *in, size_t length, void *out, size_t out_length,
                 struct img_error *err);
  void (*decoder_free) (void *decoder);
};
/* Loads the module that has the codec if need be.  Never freed.  Any thread. */
const struct img_codec *img_codec_find (const char *name, struct img_error *err);

#ifdef __cplusplus
}
#endif
#endif
