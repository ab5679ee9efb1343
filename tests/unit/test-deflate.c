/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The deflate codec, as it is chosen, and each library's room by itself. */
#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "codec.h"
#include "suite.h"
#include "modules/deflate/coder.h"

#define UNIT 65536u

/* A room as a codec, so that one set of tests serves all. */
static struct deflate_encoder *(*room_encoder) (const struct img_codec_params *params,
                                                struct img_error *err);
static struct deflate_decoder *(*room_decoder) (const struct img_codec_params *params,
                                                struct img_error *err);

static void *
room_encoder_new (const struct img_codec_params *params, struct img_error *err)
{
  return room_encoder (params, err);
}

static int
room_encode (void *encoder, const void *in, size_t length, void *out, size_t cap,
             size_t *out_length, struct img_error *err)
{
  struct deflate_encoder *e = encoder;
  return e->encode (e, in, length, out, cap, out_length, err);
}

static void
room_encoder_free (void *encoder)
{
  struct deflate_encoder *e = encoder;
  e->free (e);
}

static void *
room_decoder_new (const struct img_codec_params *params, struct img_error *err)
{
  return room_decoder (params, err);
}

static int
room_decode (void *decoder, const void *in, size_t length, void *out, size_t out_length,
             struct img_error *err)
{
  struct deflate_decoder *d = decoder;
  return d->decode (d, in, length, out, out_length, err);
}

static void
room_decoder_free (void *decoder)
{
  struct deflate_decoder *d = decoder;
  d->free (d);
}

static struct img_codec room_codec = {
  .name = "room",
  .encoder_new = room_encoder_new,
  .encode = room_encode,
  .encoder_free = room_encoder_free,
  .decoder_new = room_decoder_new,
  .decode = room_decode,
  .decoder_free = room_decoder_free,
};

static const struct room {
  const char *name;
  struct deflate_encoder *(*encoder) (const struct img_codec_params *, struct img_error *);
  struct deflate_decoder *(*decoder) (const struct img_codec_params *, struct img_error *);
  int level_min, level_max;
  bool short_window;
} rooms[] = {
  { "zlib", deflate_zlib_encoder, deflate_zlib_decoder, 1, 9, true },
#ifdef HAVE_ISAL
  { "isal", deflate_isal_encoder, deflate_isal_decoder, 1, 3, true },
#endif
#ifdef HAVE_LIBDEFLATE
  { "libdeflate", deflate_libdeflate_encoder, deflate_libdeflate_decoder, 1, 9, false },
#endif
};
#define N_ROOMS ((int) (sizeof rooms / sizeof *rooms))

static const struct img_codec *
use_room (int i)
{
  room_encoder = rooms[i].encoder;
  room_decoder = rooms[i].decoder;
  room_codec.level_min = rooms[i].level_min;
  room_codec.level_max = rooms[i].level_max;
  return &room_codec;
}

/* A reader with a window of 4 KiB that gets its output byte by byte: it cannot follow a match that
 * reaches back farther. */
static bool
narrow_reader_follows (const uint8_t *in, size_t length, size_t wanted)
{
  z_stream z = { .next_in = (Bytef *) in, .avail_in = (uInt) length };
  int rc = inflateInit2 (&z, -12);
  while (rc == Z_OK) {
    uint8_t byte;
    z.next_out = &byte;
    z.avail_out = 1;
    rc = inflate (&z, Z_NO_FLUSH);
  }
  bool ok = rc == Z_STREAM_END && z.total_out == wanted;
  inflateEnd (&z);
  return ok;
}

/* Whether what LEVEL writes for data full of far repeats keeps to 4 KiB. */
static bool
keeps_short (const struct img_codec *codec, int level, int window_bits)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_codec_params params = codec_params (level, window_bits, IMG_FRAMING_RAW);
  static uint8_t in[UNIT], out[UNIT + 1024];
  size_t n = 0;
  codec_fill (in, UNIT, CODEC_FAR, 7);
  void *e = codec->encoder_new (&params, &err);
  ck_assert_ptr_nonnull (e);
  ck_assert_int_eq (codec->encode (e, in, UNIT, out, sizeof out, &n, &err), 0);
  codec->encoder_free (e);
  return narrow_reader_follows (out, n, UNIT);
}

START_TEST (round_trips)
{
  static const int windows[] = { 9, 12, 0 };
  const struct img_codec *codec = codec_module ();
  for (int level = 0; level <= codec->level_max; level++)
    for (int w = 0; w < 3; w++) {
      struct img_codec_params p = codec_params (level, windows[w], (enum img_framing) (level % 3));
      codec_round_trips (codec, &p);
    }
}
END_TEST

START_TEST (room_round_trips)
{
  const struct img_codec *codec = use_room (_i);
  for (int framing = IMG_FRAMING_RAW; framing <= IMG_FRAMING_GZIP; framing++) {
    struct img_codec_params p = codec_params (codec->level_max, 15, (enum img_framing) framing);
    codec_round_trips (codec, &p);
  }
}
END_TEST

START_TEST (room_is_deterministic)
{
  const struct img_codec *codec = use_room (_i);
  for (int level = codec->level_min; level <= codec->level_max; level++) {
    struct img_codec_params p = codec_params (level, rooms[_i].short_window ? 12 : 15,
                                              IMG_FRAMING_RAW);
    codec_is_deterministic (codec, &p);
  }
}
END_TEST

START_TEST (room_fits_or_says_so)
{
  struct img_codec_params p = codec_params (rooms[_i].level_max, 15, IMG_FRAMING_RAW);
  codec_minds_its_cap (use_room (_i), &p);
}
END_TEST

START_TEST (room_refuses_bad_streams)
{
  for (int framing = IMG_FRAMING_RAW; framing <= IMG_FRAMING_GZIP; framing++) {
    struct img_codec_params p = codec_params (3, 15, (enum img_framing) framing);
    codec_refuses_bad_streams (use_room (_i), &p);
  }
}
END_TEST

START_TEST (short_windows_are_kept)
{
  const struct img_codec *codec = codec_module ();
  for (int level = codec->level_min; level <= codec->level_max; level++)
    ck_assert_msg (keeps_short (codec, level, 12), "level %d", level);
  /* The reader does notice. */
  ck_assert (!keeps_short (codec, 6, 15));
}
END_TEST

START_TEST (rooms_read_each_other)
{
  static uint8_t in[UNIT], out[UNIT + 1024], back[UNIT];
  struct img_error err = IMG_ERROR_INIT;
  for (int framing = IMG_FRAMING_RAW; framing <= IMG_FRAMING_GZIP; framing++)
    for (int w = 0; w < N_ROOMS; w++)
      for (int r = 0; r < N_ROOMS; r++) {
        struct img_codec_params p = codec_params (2, 15, (enum img_framing) framing);
        size_t n = 0;
        codec_fill (in, UNIT, CODEC_TEXT, (unsigned) (w * 8 + r));
        const struct img_codec *codec = use_room (w);
        void *e = codec->encoder_new (&p, &err);
        ck_assert_int_eq (codec->encode (e, in, UNIT, out, sizeof out, &n, &err), 0);
        codec->encoder_free (e);
        codec = use_room (r);
        void *d = codec->decoder_new (&p, &err);
        ck_assert_msg (codec->decode (d, out, n, back, UNIT, &err) == 0, "%s -> %s, framing %d: %s",
                       rooms[w].name, rooms[r].name, framing, err.message);
        ck_assert_mem_eq (in, back, UNIT);
        codec->decoder_free (d);
      }
}
END_TEST

START_TEST (bad_params_are_refused)
{
  static const struct img_codec_params bad[] = {
    { .level = 10 }, { .level = -1 }, { .window_bits = 8 }, { .window_bits = 16 },
  };
  const struct img_codec *codec = codec_module ();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct img_error err = IMG_ERROR_INIT;
    ck_assert_ptr_null (codec->encoder_new (&bad[i], &err));
    ck_assert_int_eq (err.code, EINVAL);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("deflate");
  TCase *tc = tcase_create ("deflate");
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, round_trips);
  tcase_add_test (tc, short_windows_are_kept);
  tcase_add_test (tc, rooms_read_each_other);
  tcase_add_test (tc, bad_params_are_refused);
  tcase_add_loop_test (tc, room_round_trips, 0, N_ROOMS);
  tcase_add_loop_test (tc, room_is_deterministic, 0, N_ROOMS);
  tcase_add_loop_test (tc, room_fits_or_says_so, 0, N_ROOMS);
  tcase_add_loop_test (tc, room_refuses_bad_streams, 0, N_ROOMS);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
