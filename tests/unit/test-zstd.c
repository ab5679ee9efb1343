/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "suite.h"

#define UNIT 65536u

START_TEST (round_trips)
{
  static const int levels[] = { 0, 1, 3, 9, 19, 22 };
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    struct img_codec_params p = codec_params (levels[i], 0, IMG_FRAMING_RAW);
    codec_round_trips (codec_module (), &p);
  }
}
END_TEST

START_TEST (is_deterministic)
{
  for (int level = 1; level <= 9; level += 2) {
    struct img_codec_params p = codec_params (level, 0, IMG_FRAMING_RAW);
    codec_is_deterministic (codec_module (), &p);
  }
}
END_TEST

START_TEST (fits_or_says_so)
{
  struct img_codec_params p = codec_params (3, 0, IMG_FRAMING_RAW);
  codec_minds_its_cap (codec_module (), &p);
}
END_TEST

START_TEST (refuses_bad_streams)
{
  struct img_codec_params p = codec_params (3, 0, IMG_FRAMING_RAW);
  codec_refuses_bad_streams (codec_module (), &p);
}
END_TEST

START_TEST (reads_frames_in_a_row)
{
  static uint8_t in[UNIT], out[2 * UNIT], back[UNIT];
  /* RFC 8878 section 3.1.2: a skippable frame of 5 bytes. */
  static const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5 };
  const struct img_codec *codec = codec_module ();
  struct img_codec_params p = codec_params (0, 0, IMG_FRAMING_RAW);
  struct img_error err = IMG_ERROR_INIT;
  void *e = codec->encoder_new (&p, &err);
  void *d = codec->decoder_new (&p, &err);
  size_t at = 0;
  codec_fill (in, UNIT, CODEC_TEXT, 1);
  for (size_t done = 0; done < UNIT; done += UNIT / 4) {
    size_t n = 0;
    memcpy (out + at, skippable, sizeof skippable);
    at += sizeof skippable;
    ck_assert_int_eq (codec->encode (e, in + done, UNIT / 4, out + at, sizeof out - at, &n, &err),
                      0);
    at += n;
  }
  memset (out + at, 0, 512); /* up to the end of the sector */
  ck_assert_msg (codec->decode (d, out, at + 512, back, UNIT, &err) == 0, "%s", err.message);
  ck_assert_mem_eq (in, back, UNIT);
  ck_assert_int_eq (codec->decode (d, out, at - 1, back, UNIT, &err), -1);
  codec->encoder_free (e);
  codec->decoder_free (d);
}
END_TEST

START_TEST (bad_levels_are_refused)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_codec_params p = codec_params (23, 0, IMG_FRAMING_RAW);
  ck_assert_ptr_null (codec_module ()->encoder_new (&p, &err));
  ck_assert_int_eq (err.code, EINVAL);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("zstd");
  TCase *tc = tcase_create ("zstd");
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, round_trips);
  tcase_add_test (tc, is_deterministic);
  tcase_add_test (tc, fits_or_says_so);
  tcase_add_test (tc, refuses_bad_streams);
  tcase_add_test (tc, reads_frames_in_a_row);
  tcase_add_test (tc, bad_levels_are_refused);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
