/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec.h - what every codec must stand: shared by the codecs' tests. */
#ifndef TESTS_CODEC_H
#define TESTS_CODEC_H

#include <blkimg/module.h>

enum codec_data {
  CODEC_TEXT,   /* words, numbers, zeroes: compresses well */
  CODEC_FAR,    /* repeats some 5 to 30 KiB apart */
  CODEC_NOISE,  /* does not compress */
  CODEC_CONST,  /* one byte, again and again */
  CODEC_KINDS
};

void codec_fill (uint8_t *buf, size_t length, enum codec_data kind, unsigned seed);
struct img_codec_params codec_params (int level, int window_bits, enum img_framing framing);
/* The codec of the module that the test is linked with. */
const struct img_codec *codec_module (void);

void codec_round_trips (const struct img_codec *codec, const struct img_codec_params *params);
void codec_is_deterministic (const struct img_codec *codec, const struct img_codec_params *params);
void codec_minds_its_cap (const struct img_codec *codec, const struct img_codec_params *params);
void codec_refuses_bad_streams (const struct img_codec *codec,
                                const struct img_codec_params *params);

#endif
