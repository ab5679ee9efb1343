/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec.h explains.  Every output is followed by guard bytes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define UNIT 65536u
#define GUARD 64u
#define GUARD_BYTE 0xa5

const struct img_module *img_module_entry (void);

static uint32_t
next_random (uint32_t *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static void
fill_text (uint8_t *buf, size_t length, uint32_t *rng)
{
  static const char *const words[] = {
    "cluster ", "extent ", "backing ", "refcount ", "the ", "of ", "image ", "snapshot\n",
    "\0\0\0\0",
  };
  for (size_t i = 0; i < length;) {
    uint32_t r = next_random (rng);
    const char *w = words[r % 9];
    size_t n = r % 9 == 8 ? 4 : strlen (w);
    for (size_t k = 0; k < n && i < length; k++)
      buf[i++] = (uint8_t) w[k];
    if (r % 5 == 0 && i < length)
      buf[i++] = (uint8_t) (r >> 24);
  }
}

static void
fill_far (uint8_t *buf, size_t length, uint32_t *rng)
{
  size_t i = 0;
  while (i < length) {
    size_t n = 40 + next_random (rng) % 200;
    size_t back = 5000 + next_random (rng) % 25000;
    bool repeat = i > back && next_random (rng) % 2;
    for (; n > 0 && i < length; n--, i++)
      buf[i] = repeat ? buf[i - back] : (uint8_t) next_random (rng);
  }
}

void
codec_fill (uint8_t *buf, size_t length, enum codec_data kind, unsigned seed)
{
  uint32_t rng = seed * 2654435761u + 1;
  switch (kind) {
  case CODEC_TEXT: fill_text (buf, length, &rng); return;
  case CODEC_FAR: fill_far (buf, length, &rng); return;
  case CODEC_CONST: memset (buf, (int) (seed & 0xff), length); return;
  default: break;
  }
  for (size_t i = 0; i < length; i++)
    buf[i] = (uint8_t) next_random (&rng);
}

struct img_codec_params
codec_params (int level, int window_bits, enum img_framing framing)
{
  return (struct img_codec_params) {
    .struct_size = sizeof (struct img_codec_params),
    .level = level,
    .window_bits = window_bits,
    .framing = framing,
  };
}

const struct img_codec *
codec_module (void)
{
  return img_module_entry ()->codecs[0];
}

/* N bytes and guards behind them. */
static uint8_t *
guarded_new (size_t n)
{
  uint8_t *p = malloc (n + GUARD);
  ck_assert_ptr_nonnull (p);
  memset (p + n, GUARD_BYTE, GUARD);
  return p;
}

static void
guarded_free (uint8_t *p, size_t n)
{
  for (size_t i = 0; i < GUARD; i++)
    ck_assert_msg (p[n + i] == GUARD_BYTE, "wrote %zu bytes past the end of %zu", i + 1, n);
  free (p);
}

void
codec_round_trips (const struct img_codec *codec, const struct img_codec_params *params)
{
  static const size_t lengths[] = { 1, 2, 511, 4096, UNIT };
  struct img_error err = IMG_ERROR_INIT;
  void *e = codec->encoder_new (params, &err);
  void *d = codec->decoder_new (params, &err);
  ck_assert_msg (e && d, "%s", err.message);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
    for (int kind = 0; kind < CODEC_KINDS; kind++) {
      size_t n = lengths[i], cap = n + n / 4 + 1024, made = 0;
      uint8_t *in = guarded_new (n), *out = guarded_new (cap), *back = guarded_new (n);
      codec_fill (in, n, (enum codec_data) kind, (unsigned) n);
      ck_assert_int_eq (codec->encode (e, in, n, out, cap, &made, &err), 0);
      ck_assert_uint_le (made, cap);
      if ((kind == CODEC_TEXT || kind == CODEC_CONST) && n == UNIT)
        ck_assert_uint_lt (made, n);
      memset (out + made, 0x5a, cap - made); /* more than the stream */
      ck_assert_msg (codec->decode (d, out, cap, back, n, &err) == 0, "level %d window %d: %s",
                     params->level, params->window_bits, err.message);
      ck_assert_mem_eq (in, back, n);
      guarded_free (in, n);
      guarded_free (out, cap);
      guarded_free (back, n);
    }
  codec->encoder_free (e);
  codec->decoder_free (d);
}

/* Fails and tells the two apart: which one a third encoder agrees with, and which can be read. */
static void
fail_unlike (const struct img_codec *codec, const struct img_codec_params *params, unsigned round,
             const uint8_t *in, const uint8_t *const out[2], const size_t length[2])
{
  struct img_error err = IMG_ERROR_INIT;
  uint8_t *third = guarded_new (2 * UNIT), *back = guarded_new (UNIT);
  void *e = codec->encoder_new (params, &err), *d = codec->decoder_new (params, &err);
  size_t n = 0;
  bool same[2], reads[2];
  ck_assert_int_eq (codec->encode (e, in, UNIT, third, 2 * UNIT, &n, &err), 0);
  for (int i = 0; i < 2; i++) {
    same[i] = n == length[i] && memcmp (third, out[i], n) == 0;
    reads[i] = codec->decode (d, out[i], length[i], back, UNIT, &err) == 0
               && memcmp (back, in, UNIT) == 0;
  }
  ck_abort_msg ("level %d, round %u: a fresh encoder's %zu bytes (as a third's: %d, read back: %d)"
                " are not the used one's %zu (%d, %d)",
                params->level, round, length[0], same[0], reads[0], length[1], same[1], reads[1]);
}

/* Wherever there is memory for an encoder: many short units with the same few strings, for what
 * depends on an address shows in one of hundreds. */
static void
same_bytes_anywhere (const struct img_codec *codec, const struct img_codec_params *params)
{
  enum { ENCODERS = 16, LINE = 7, LINES = 60, SHORT = 512 };
  struct img_error err = IMG_ERROR_INIT;
  void *e[ENCODERS];
  uint8_t in[SHORT], first[2 * SHORT], again[2 * SHORT];
  for (int i = 0; i < ENCODERS; i++) {
    e[i] = codec->encoder_new (params, &err);
    ck_assert_msg (e[i] != NULL, "%s", err.message);
  }
  for (int line = 0; line < LINES; line++)
    for (int start = 0; start < LINE; start++) {
      char text[LINE + 1];
      size_t n = 0, m = 0;
      snprintf (text, sizeof text, "line%02d\n", line);
      for (int i = 0; i < SHORT; i++)
        in[i] = (uint8_t) text[(i + start) % LINE];
      ck_assert_int_eq (codec->encode (e[0], in, SHORT, first, sizeof first, &n, &err), 0);
      for (int i = 1; i < ENCODERS; i++) {
        ck_assert_int_eq (codec->encode (e[i], in, SHORT, again, sizeof again, &m, &err), 0);
        ck_assert_msg (n == m && memcmp (first, again, n) == 0,
                       "level %d: encoder %d gives %zu bytes for '%.6s', not %zu", params->level, i,
                       m, text, n);
      }
    }
  for (int i = 0; i < ENCODERS; i++)
    codec->encoder_free (e[i]);
}

void
codec_is_deterministic (const struct img_codec *codec, const struct img_codec_params *params)
{
  enum { ROUNDS = 12 };
  struct img_error err = IMG_ERROR_INIT;
  uint8_t *in = guarded_new (UNIT);
  uint8_t *first = guarded_new (2 * UNIT), *again = guarded_new (2 * UNIT);
  void *used = codec->encoder_new (params, &err);
  for (unsigned i = 0; i < ROUNDS; i++) {
    size_t n = 0, m = 0;
    void *fresh = codec->encoder_new (params, &err);
    codec_fill (in, UNIT, i % 2 ? CODEC_TEXT : CODEC_FAR, i);
    ck_assert_int_eq (codec->encode (fresh, in, UNIT, first, 2 * UNIT, &n, &err), 0);
    ck_assert_int_eq (codec->encode (used, in, UNIT, again, 2 * UNIT, &m, &err), 0);
    if (n != m || memcmp (first, again, n) != 0)
      fail_unlike (codec, params, i, in, (const uint8_t *const[]) { first, again },
                   (const size_t[]) { n, m });
    /* Neither a unit that did not fit nor a short one leaves traces. */
    codec_fill (in, UNIT, CODEC_TEXT, i + 100);
    ck_assert_int_eq (codec->encode (used, in, UNIT - i, again, 100, &m, &err), 1);
    codec->encoder_free (fresh);
  }
  codec->encoder_free (used);
  guarded_free (in, UNIT);
  guarded_free (first, 2 * UNIT);
  guarded_free (again, 2 * UNIT);
  same_bytes_anywhere (codec, params);
}

void
codec_minds_its_cap (const struct img_codec *codec, const struct img_codec_params *params)
{
  enum { N = 3000 };
  struct img_error err = IMG_ERROR_INIT;
  void *e = codec->encoder_new (params, &err);
  for (int kind = 0; kind < CODEC_KINDS; kind++) {
    uint8_t in[N];
    size_t full = 0, n = 0;
    uint8_t *out = guarded_new (2 * N);
    codec_fill (in, N, (enum codec_data) kind, 3);
    ck_assert_int_eq (codec->encode (e, in, N, out, 2 * N, &full, &err), 0);
    guarded_free (out, 2 * N);
    for (size_t cap = 0; cap < full; cap += 1 + full / 200) {
      out = guarded_new (cap);
      int rc = codec->encode (e, in, N, out, cap, &n, &err);
      ck_assert (rc == 1 || (rc == 0 && n <= cap));
      guarded_free (out, cap);
    }
    /* A unit that is not to grow: what `encode` of a format asks for. */
    out = guarded_new (N - 1);
    int rc = codec->encode (e, in, N, out, N - 1, &n, &err);
    ck_assert_int_eq (rc, kind == CODEC_TEXT || kind == CODEC_CONST ? 0 : 1);
    guarded_free (out, N - 1);
  }
  codec->encoder_free (e);
}

void
codec_refuses_bad_streams (const struct img_codec *codec, const struct img_codec_params *params)
{
  enum { N = 5000 };
  struct img_error err = IMG_ERROR_INIT;
  uint8_t in[N], out[2 * N];
  size_t n = 0;
  void *e = codec->encoder_new (params, &err);
  void *d = codec->decoder_new (params, &err);
  codec_fill (in, N, CODEC_TEXT, 11);
  ck_assert_int_eq (codec->encode (e, in, N, out, sizeof out, &n, &err), 0);
  codec->encoder_free (e);
  uint8_t *back = guarded_new (N);
  for (size_t cut = 0; cut < n; cut++) {
    uint8_t *part = guarded_new (cut); /* of exactly that size: reading past it shows */
    memcpy (part, out, cut);
    img_error_clear (&err);
    ck_assert_int_eq (codec->decode (d, part, cut, back, N, &err), -1);
    ck_assert_int_ne (err.code, 0);
    guarded_free (part, cut);
  }
  ck_assert_int_eq (codec->decode (d, out, n, back, N - 1, &err), -1); /* makes more */
  guarded_free (back, N);
  back = guarded_new (N + 1);
  ck_assert_int_eq (codec->decode (d, out, n, back, N + 1, &err), -1); /* makes less */
  uint32_t rng = 5;
  for (int i = 0; i < 3000; i++) {
    uint32_t r = next_random (&rng);
    size_t at = r % n;
    out[at] ^= (uint8_t) (1 + (r >> 20) % 255);
    codec->decode (d, out, n, back, N, &err); /* any answer, but inside the buffer */
    if (i % 8 == 0)
      codec_fill (out + at, n - at < 16 ? n - at : 16, CODEC_NOISE, r);
  }
  guarded_free (back, N + 1);
  codec->decoder_free (d);
}
