/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* encode.c - makes compressed clusters; no placement, no lock but for the list of idle encoders.
 *
 * A stream stands for a whole cluster, so the short last cluster of an image is filled up with
 * zeroes.  Distances stay within 4096 bytes: that is what all readers of deflate clusters
 * accept.  Refuses: compression levels that the codec does not have.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "write.h"

struct qcow2_encoding {
  const struct img_codec *codec;
  struct img_codec_params params;
  struct idle_pool encoders;
};

void
qcow2_encoding_free (struct qcow2_encoding *e)
{
  if (e == NULL)
    return;
  idle_pool_clear (&e->encoders, e->codec->encoder_free);
  free (e);
}

/* The codec is loaded for the first cluster. */
static struct qcow2_encoding *
encoding_of (struct qcow2 *q, struct img_error *err)
{
  struct qcow2_writer *w = q->writer;
  IMG_GUARD (&q->lazy);
  if (w->encoding)
    return w->encoding;
  const struct img_codec *codec
    = img_codec_find (q->h.compression_type == QCOW2_ZSTD ? "zstd" : "deflate", err);
  if (codec == NULL)
    return NULL;
  if (w->level && (w->level < codec->level_min || w->level > codec->level_max)) {
    img_error_set (err, EINVAL, _("compression level %d: %s has %d to %d"), w->level, codec->name,
                   codec->level_min, codec->level_max);
    return NULL;
  }
  struct qcow2_encoding *e = calloc (1, sizeof *e);
  if (e == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  e->codec = codec;
  e->params = (struct img_codec_params) {
    .struct_size = sizeof e->params, .level = w->level, .window_bits = 12,
    .framing = IMG_FRAMING_RAW,
  };
  idle_pool_init (&e->encoders);
  return w->encoding = e;
}

int
qcow2_encode (struct img_node *node, const void *in, size_t length, void *out, size_t cap,
              size_t *out_length, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  IMG_CLEANUP (free) uint8_t *whole = NULL;
  if (q->data != q->file)
    return img_error_set (err, ENOTSUP, _("an image with an external data file cannot have"
                                          " compressed clusters"));
  struct qcow2_encoding *e = encoding_of (q, err);
  if (e == NULL)
    return -1;
  if (length < q->cluster_size) {
    whole = calloc (1, q->cluster_size);
    if (whole == NULL)
      return img_error_set (err, ENOMEM, _("out of memory"));
    memcpy (whole, in, length);
    in = whole;
  }
  void *encoder = idle_pool_take (&e->encoders);
  if (encoder == NULL)
    encoder = e->codec->encoder_new (&e->params, err);
  if (encoder == NULL)
    return -1;
  cap = img_min (cap, q->cluster_size - 1);
  int r = e->codec->encode (encoder, in, q->cluster_size, out, cap, out_length, err);
  idle_pool_put (&e->encoders, encoder, e->codec->encoder_free);
  IMG_TRACE ("qcow2_encode", node, "%zu %zu", length, r == 0 ? *out_length : 0);
  return r;
}
