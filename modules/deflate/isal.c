/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ISA-L (igzip): the fast levels 1 to 3; decoding where libdeflate is missing.
 *
 * Version 2.30 files the third position of a unit under a hash of its stream's address, not of the
 * data there.  Where that is the hash of one of the first three positions too, other matches are
 * found: what is written would depend on where there was memory.  So a stream has four places, and
 * each unit is encoded at the first that does not meddle with it.
 */

#include <config.h>

#include "coder.h"

#ifdef HAVE_ISAL

#include <stdlib.h>
#include <string.h>

#include <blkimg/endian.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

/* Tokens of 4 bytes that igzip collects for one block.  With 24 K units of 64 KiB come out a little
 * smaller and no later than with the advised 64 K.  12 K: 0.2 % smaller still, 5 to 8 % later. */
#define TOKENS_FAST (24u * 1024 * 4)
#define TOKENS_SMALL (12u * 1024 * 4)

/* What is hashed are bits 16 to 47 of the address.  The places differ in the last two of those, and
 * therefore each hash from the others in its last four bits, whatever the address. */
enum { PLACES = 4, PLACE_SHIFT = 16, PLACE_STEP = 1 << PLACE_SHIFT };

struct encoder {
  struct deflate_encoder base;
  struct img_codec_params params;
  uint8_t *places; /* a stream may begin at each PLACE_STEP */
  uint32_t hashes[PLACES];
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

static uint32_t
hash_of (const uint8_t bytes[4])
{
  return crc32_iscsi ((unsigned char *) bytes, 4, 0);
}

/* The stream where it does not change what is found in the LENGTH bytes at IN. */
static struct isal_zstream *
stream_for (struct encoder *e, const uint8_t *in, size_t length)
{
  enum { FEW = 512, TOO_FEW = 16 };
  /* Short units have small tables: so many bits of a hash count at the least. */
  uint32_t mask = length < FEW ? 15 : FEW - 1;
  unsigned i = 0;
  if (length >= TOO_FEW) {
    uint32_t first = hash_of (in), second = hash_of (in + 1), third = hash_of (in + 2);
    while (i < PLACES - 1
           && (((e->hashes[i] ^ first) & mask) == 0 || ((e->hashes[i] ^ second) & mask) == 0
               || ((e->hashes[i] ^ third) & mask) == 0))
      i++;
  }
  return (struct isal_zstream *) (e->places + (size_t) i * PLACE_STEP);
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
  struct isal_zstream *s = stream_for (e, in, length);
  memset (s, 0, offsetof (struct isal_zstream, internal_state.buffer));
  if (e->params.level == 3) /* some processors' variant reads more of it than was written */
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
  struct encoder *e = (struct encoder *) base;
  free (e->places);
  free (e);
}

struct deflate_encoder *
deflate_isal_encoder (const struct img_codec_params *params, struct img_error *err)
{
  uint32_t size = level_buf_size (params->level);
  const size_t align = (size_t) PLACES * PLACE_STEP;
  size_t room = align + sizeof (struct isal_zstream) - PLACE_STEP;
  struct encoder *e = malloc (sizeof *e + size);
  if (e)
    e->places = aligned_alloc (align, (room / align + 1) * align);
  if (e == NULL || e->places == NULL) {
    free (e);
    img_error_errno (err, ENOMEM, "ISA-L");
    return NULL;
  }
  e->base.encode = isal_encode;
  e->base.free = isal_encoder_free;
  e->params = *params;
  e->level_size = size;
  for (unsigned i = 0; i < PLACES; i++) {
    uint8_t bytes[4];
    le32_put (bytes, (uint32_t) (((uintptr_t) e->places >> PLACE_SHIFT) + i));
    e->hashes[i] = hash_of (bytes);
  }
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
