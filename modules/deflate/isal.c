/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ISA-L (igzip): the fast levels 1 to 3; decoding where libdeflate is missing.
 *
 * What igzip writes depends on what its stream and level buffer held before, even after its own
 * reset functions: both are zeroed before each unit, or the output would depend on the threads.
 */

#include <config.h>

#include "coder.h"

#ifdef HAVE_ISAL

#include <stdlib.h>
#include <string.h>

#include <isa-l/igzip_lib.h>

/* Tokens of 4 bytes that igzip collects for one block.  With 24 K units of 64 KiB come out a little
 * smaller and no later than with the advised 64 K.  12 K: 0.2 % smaller still, 5 to 8 % later. */
#define TOKENS_FAST (24u * 1024 * 4)
#define TOKENS_SMALL (12u * 1024 * 4)

struct encoder {
  struct deflate_encoder base;
  struct img_codec_params params;
  struct isal_zstream stream;
  uint32_t level_size;
  uint8_t level_buf[];
};

struct decoder {
  struct deflate_decoder base;
  uint32_t framing;
  struct inflate_state state;
};

static uint32_t
level_buf_size (int level)
{
  switch (level) {
  case 1: return ISAL_DEF_LVL1_REQ + TOKENS_FAST;
  case 2: return ISAL_DEF_LVL2_REQ + TOKENS_SMALL;
  default: return (ISAL_DEF_LVL3_REQ) + TOKENS_FAST;
  }
}

static int
isal_encode (struct deflate_encoder *base, const void *in, size_t length, void *out, size_t cap,
             size_t *out_length, struct img_error *err)
{
  static const uint16_t flags[] = {
    [IMG_FRAMING_RAW] = IGZIP_DEFLATE,
    [IMG_FRAMING_ZLIB] = IGZIP_ZLIB,
    [IMG_FRAMING_GZIP] = IGZIP_GZIP,
  };
  struct encoder *e = (struct encoder *) base;
  struct isal_zstream *s = &e->stream;
  memset (s, 0, sizeof *s);
  memset (e->level_buf, 0, e->level_size);
  isal_deflate_stateless_init (s);
  s->level = (uint32_t) e->params.level;
  s->level_buf = e->level_buf;
  s->level_buf_size = e->level_size;
  s->hist_bits = (uint16_t) e->params.window_bits;
  s->gzip_flag = flags[e->params.framing];
  s->end_of_stream = 1;
  s->next_in = (uint8_t *) in;
  s->avail_in = (uint32_t) length;
  s->next_out = out;
  s->avail_out = (uint32_t) cap;
  switch (isal_deflate_stateless (s)) {
  case COMP_OK:
    *out_length = s->total_out;
    return 0;
  case STATELESS_OVERFLOW:
    return 1;
  default:
    return img_error_set (err, EINVAL, _("ISA-L refuses level %d"), e->params.level);
  }
}

static void
isal_encoder_free (struct deflate_encoder *base)
{
  free (base);
}

struct deflate_encoder *
deflate_isal_encoder (const struct img_codec_params *params, struct img_error *err)
{
  uint32_t size = level_buf_size (params->level);
  struct encoder *e = malloc (sizeof *e + size);
  if (e == NULL) {
    img_error_errno (err, ENOMEM, "ISA-L");
    return NULL;
  }
  e->base.encode = isal_encode;
  e->base.free = isal_encoder_free;
  e->params = *params;
  e->level_size = size;
  return &e->base;
}

static int
isal_decode (struct deflate_decoder *base, const void *in, size_t length, void *out,
             size_t out_length, struct img_error *err)
{
  struct decoder *d = (struct decoder *) base;
  isal_inflate_init (&d->state);
  d->state.crc_flag = d->framing;
  d->state.next_in = (uint8_t *) in;
  d->state.avail_in = (uint32_t) length;
  d->state.next_out = out;
  d->state.avail_out = (uint32_t) out_length;
  switch (isal_inflate_stateless (&d->state)) {
  case ISAL_DECOMP_OK:
    return d->state.avail_out == 0 ? 0 : deflate_err_short (out_length, err);
  case ISAL_END_INPUT:
    return deflate_err_short (out_length, err);
  case ISAL_OUT_OVERFLOW:
    return deflate_err_long (out_length, err);
  default:
    return deflate_err_damaged (err);
  }
}

static void
isal_decoder_free (struct deflate_decoder *base)
{
  free (base);
}

struct deflate_decoder *
deflate_isal_decoder (const struct img_codec_params *params, struct img_error *err)
{
  static const uint32_t flags[] = {
    [IMG_FRAMING_RAW] = ISAL_DEFLATE,
    [IMG_FRAMING_ZLIB] = ISAL_ZLIB,
    [IMG_FRAMING_GZIP] = ISAL_GZIP,
  };
  struct decoder *d = malloc (sizeof *d);
  if (d == NULL) {
    img_error_errno (err, ENOMEM, "ISA-L");
    return NULL;
  }
  d->base.decode = isal_decode;
  d->base.free = isal_decoder_free;
  d->framing = flags[params->framing];
  return &d->base;
}

#endif
