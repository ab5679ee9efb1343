/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* compressed.c - reads compressed clusters (spec section "Compressed Clusters Descriptor").
 *
 * Owns: finding the streams of a guest range, reading them in runs (a converted image has them side
 * by side), and decoding.  Whole clusters are decoded straight into the caller's buffer.  A cluster
 * of which only a part is wanted is decoded into a buffer that is kept, so that reading a cluster
 * piece by piece decodes it once.  Refuses: anything that is not a compressed cluster.
 *
 * The stream's length is known only to the end of its last 512-byte sector; what follows in that
 * sector is another stream's.  A file may end inside that last sector.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "qcow2.h"

enum {
  RUN_CLUSTERS = 64,     /* looked up in one go */
  RUN_BYTES = 256 << 10, /* read in one go, unless one stream is longer */
  MAX_KEPT = 16,         /* decoded clusters of partial reads */
  KEPT_BYTES = 1 << 20   /* what they may take, beyond two */
};

/* One decoded cluster that was read in part. */
struct kept {
  uint8_t *bytes;
  uint64_t entry, age; /* q->packed_age: the place may hold another stream by now */
  uint64_t used;
};

struct qcow2_decompress {
  const struct img_codec *codec;
  struct img_codec_params params;
  struct idle_pool decoders, buffers, clusters;
  pthread_mutex_t lock; /* of what follows */
  struct kept kept[MAX_KEPT];
  unsigned n_kept;
  uint64_t clock;
};

/* A run of compressed clusters as looked up under the lock. */
struct run {
  uint64_t guest; /* of the first */
  uint64_t age;
  uint32_t n;
  uint64_t entry[RUN_CLUSTERS];
};

/* A buffer of the pool: grows when a stream asks for it. */
struct buffer {
  uint8_t *bytes;
  uint64_t size;
};

static void
buffer_free (void *x)
{
  struct buffer *b = x;
  free (b->bytes);
  free (b);
}

static struct buffer *
buffer_take (struct qcow2_decompress *d, uint64_t size, struct img_error *err)
{
  struct buffer *b = idle_pool_take (&d->buffers);
  if (b == NULL)
    b = calloc (1, sizeof *b);
  if (b && b->size < size) {
    free (b->bytes);
    b->size = size;
    b->bytes = malloc (size);
    if (b->bytes == NULL) {
      free (b);
      b = NULL;
    }
  }
  if (b == NULL)
    img_error_set (err, ENOMEM, _("out of memory"));
  return b;
}

void
qcow2_decompress_free (struct qcow2_decompress *d)
{
  if (d == NULL)
    return;
  idle_pool_clear (&d->decoders, d->codec->decoder_free);
  idle_pool_clear (&d->buffers, buffer_free);
  idle_pool_clear (&d->clusters, free);
  for (unsigned i = 0; i < MAX_KEPT; i++)
    free (d->kept[i].bytes);
  pthread_mutex_destroy (&d->lock);
  free (d);
}

/* The codec is loaded when the first compressed cluster is read. */
static struct qcow2_decompress *
decompress_of (struct qcow2 *q, struct img_error *err)
{
  IMG_GUARD (&q->lazy);
  if (q->decompress)
    return q->decompress;
  const struct img_codec *codec
    = img_codec_find (q->h.compression_type == QCOW2_ZSTD ? "zstd" : "deflate", err);
  if (codec == NULL)
    return NULL;
  struct qcow2_decompress *d = calloc (1, sizeof *d);
  if (d == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  d->codec = codec;
  d->params = (struct img_codec_params) {
    .struct_size = sizeof d->params, .window_bits = 12, .framing = IMG_FRAMING_RAW,
  };
  idle_pool_init (&d->decoders);
  idle_pool_init (&d->buffers);
  idle_pool_init (&d->clusters);
  d->n_kept = (unsigned) img_max (2, img_min (MAX_KEPT, KEPT_BYTES >> q->cluster_bits));
  pthread_mutex_init (&d->lock, NULL);
  return q->decompress = d;
}

/* ---- looking up ---- */

/* The compressed clusters from GUEST to END; none when there is another kind at GUEST. */
static int
look_up (struct qcow2 *q, uint64_t guest, uint64_t end, struct run *run, struct img_error *err)
{
  struct qcow2_table *table;
  uint64_t clusters = img_div_up (end, q->cluster_size) - (guest >> q->cluster_bits);
  uint32_t i = qcow2_slice_index (q, guest), slice = 1u << q->slice_bits;
  uint32_t max = (uint32_t) img_min (RUN_CLUSTERS, img_min (clusters, slice - i));
  run->guest = guest & ~(q->cluster_size - 1);
  run->n = 0;
  pthread_rwlock_rdlock (&q->lock);
  run->age = atomic_load (&q->packed_age);
  int r = qcow2_l2_get (q, guest, end - guest, &table, err);
  if (r == 0 && table) {
    for (; run->n < max; run->n++) {
      run->entry[run->n] = be64_get (qcow2_entry_at (q, table, i + run->n));
      if (!(run->entry[run->n] & QCOW2_COMPRESSED))
        break;
    }
    qcow2_cache_put (q->l2_cache, table);
  }
  pthread_rwlock_unlock (&q->lock);
  return r;
}

/* The streams of entries I.. of the run that one read brings: *LO, *HI in the file.  Returns where
 * the next group begins, 0 on failure. */
static uint32_t
group (const struct qcow2 *q, const struct run *run, uint32_t i, uint64_t *lo, uint64_t *hi,
       struct img_error *err)
{
  uint64_t size = img_size (q->file);
  *lo = UINT64_MAX;
  *hi = 0;
  for (; i < run->n; i++) {
    uint64_t offset, length;
    qcow2_packed_range (q, run->entry[i], &offset, &length);
    if (offset >= size && *hi == 0) {
      img_error_set (err, EIO, _("compressed cluster at 0x%" PRIx64 " (guest offset 0x%" PRIx64
                                 ") lies past the end of the file"),
                     offset, run->guest + i * q->cluster_size);
      return 0;
    }
    uint64_t from = img_min (*lo, offset), to = img_max (*hi, img_min (offset + length, size));
    if (*hi && (offset >= size || to - from > RUN_BYTES))
      break;
    *lo = from;
    *hi = to;
  }
  return i;
}

/* ---- decoding ---- */

/* What one cluster gives to the caller: LENGTH bytes at SKIP of it. */
struct want {
  uint64_t guest, entry, age, skip, length;
  uint8_t *out;
};

static int
decode (struct qcow2 *q, struct qcow2_decompress *d, const struct want *want, const uint8_t *in,
        uint64_t in_length, uint8_t *out, struct img_error *err)
{
  void *decoder = idle_pool_take (&d->decoders);
  IMG_TRACE ("qcow2_decode", q->node, "0x%" PRIx64 " %" PRIu64, want->guest, in_length);
  if (decoder == NULL)
    decoder = d->codec->decoder_new (&d->params, err);
  if (decoder == NULL)
    return -1;
  int r = d->codec->decode (decoder, in, in_length, out, q->cluster_size, err);
  idle_pool_put (&d->decoders, decoder, d->codec->decoder_free);
  if (r == 0)
    return 0;
  uint64_t host, length;
  qcow2_packed_range (q, want->entry, &host, &length);
  return img_error_prefix (err, _("compressed cluster at 0x%" PRIx64 " (guest offset 0x%" PRIx64
                                  ")"), host, want->guest);
}

static bool
kept_read (struct qcow2_decompress *d, const struct want *want)
{
  IMG_GUARD (&d->lock);
  for (unsigned i = 0; i < d->n_kept; i++) {
    struct kept *k = &d->kept[i];
    if (k->bytes == NULL || k->entry != want->entry || k->age != want->age)
      continue;
    memcpy (want->out, k->bytes + want->skip, want->length);
    k->used = ++d->clock;
    return true;
  }
  return false;
}

/* Keeps BYTES, a decoded cluster, instead of what was used longest ago. */
static void
kept_add (struct qcow2_decompress *d, const struct want *want, uint8_t *bytes)
{
  pthread_mutex_lock (&d->lock);
  struct kept *oldest = &d->kept[0];
  for (unsigned i = 1; i < d->n_kept; i++)
    if (d->kept[i].used < oldest->used)
      oldest = &d->kept[i];
  uint8_t *old = oldest->bytes;
  *oldest = (struct kept) {
    .bytes = bytes, .entry = want->entry, .age = want->age, .used = ++d->clock,
  };
  pthread_mutex_unlock (&d->lock);
  if (old)
    idle_pool_put (&d->clusters, old, free);
}

static int
decode_want (struct qcow2 *q, struct qcow2_decompress *d, const struct want *want,
             const uint8_t *in, uint64_t in_length, struct img_error *err)
{
  if (want->length == q->cluster_size)
    return decode (q, d, want, in, in_length, want->out, err);
  uint8_t *cluster = idle_pool_take (&d->clusters);
  if (cluster == NULL)
    cluster = malloc (q->cluster_size);
  if (cluster == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (decode (q, d, want, in, in_length, cluster, err) < 0) {
    free (cluster);
    return -1;
  }
  memcpy (want->out, cluster + want->skip, want->length);
  kept_add (d, want, cluster);
  return 0;
}

/* ---- reading ---- */

/* The caller's guest range, and where it is to go. */
struct request {
  uint64_t offset, end;
  uint8_t *buf;
};

/* What REQ wants of cluster I of the run. */
static struct want
want_of (const struct qcow2 *q, const struct run *run, uint32_t i, const struct request *req)
{
  uint64_t guest = run->guest + i * q->cluster_size;
  uint64_t from = img_max (guest, req->offset), to = img_min (guest + q->cluster_size, req->end);
  return (struct want) {
    .guest = guest, .entry = run->entry[i], .age = run->age, .skip = from - guest,
    .length = to - from, .out = req->buf + (from - req->offset),
  };
}

/* As many clusters from I on as one read brings; *NEXT is the one behind them. */
static int
read_group (struct qcow2 *q, struct qcow2_decompress *d, const struct run *run, uint32_t i,
            uint32_t *next, const struct request *req, struct img_error *err)
{
  uint64_t lo, hi;
  *next = group (q, run, i, &lo, &hi, err);
  if (*next == 0)
    return -1;
  struct buffer *b = buffer_take (d, img_max (hi - lo, RUN_BYTES), err);
  if (b == NULL)
    return -1;
  img_event (q->file, "read_compressed");
  int r = img_pread (q->file, b->bytes, hi - lo, lo, 0, err);
  for (; r == 0 && i < *next; i++) {
    struct want want = want_of (q, run, i, req);
    uint64_t at, length;
    qcow2_packed_range (q, want.entry, &at, &length);
    r = decode_want (q, d, &want, b->bytes + (at - lo), img_min (length, hi - at), err);
  }
  idle_pool_put (&d->buffers, b, buffer_free);
  return r;
}

static int
read_run (struct qcow2 *q, struct qcow2_decompress *d, const struct run *run,
          const struct request *req, struct img_error *err)
{
  for (uint32_t i = 0, next; i < run->n; i = next) {
    struct want want = want_of (q, run, i, req);
    next = i + 1;
    if (want.length < q->cluster_size && kept_read (d, &want))
      continue;
    if (read_group (q, d, run, i, &next, req, err) < 0)
      return -1;
  }
  return 0;
}

int
qcow2_packed_read (struct qcow2 *q, uint64_t entry, uint64_t guest, uint8_t *buf,
                   struct img_error *err)
{
  struct qcow2_decompress *d = decompress_of (q, err);
  struct run run = { .guest = guest, .age = q->packed_age, .n = 1, .entry = { entry } };
  struct request req = { .offset = guest, .end = guest + q->cluster_size, .buf = buf };
  return d ? read_run (q, d, &run, &req, err) : -1;
}

/* The cluster at OFFSET was compressed when the caller mapped it and was written since.  *LENGTH:
 * how much of it was read. */
static int
read_changed (struct qcow2 *q, uint8_t *buf, uint64_t *length, uint64_t offset,
              struct img_error *err)
{
  struct img_extent ext;
  if (qcow2_map (q->node, offset, *length, &ext, 1, err) < 0)
    return -1;
  *length = ext.length;
  if (ext.kind == IMG_EXTENT_DATA)
    return qcow2_crypt_read (q, buf, ext.length, offset, ext.host_offset, err);
  if (ext.kind != IMG_EXTENT_ZERO)
    return img_error_set (err, EIO, _("cluster at guest offset 0x%" PRIx64 " is not compressed"),
                          offset);
  memset (buf, 0, ext.length);
  return 0;
}

int
qcow2_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
             struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct qcow2_decompress *d = decompress_of (q, err);
  uint64_t end = offset + length;
  uint8_t *out = buf;
  if (d == NULL)
    return -1;
  while (offset < end) {
    struct run run;
    uint64_t part = end - offset;
    if (look_up (q, offset, end, &run, err) < 0)
      return -1;
    if (run.n > 0) {
      part = img_min (part, run.guest + run.n * q->cluster_size - offset);
      struct request req = { .offset = offset, .end = offset + part, .buf = out };
      if (read_run (q, d, &run, &req, err) < 0)
        return -1;
    } else if (read_changed (q, out, &part, offset, err) < 0) {
      return -1;
    }
    out += part;
    offset += part;
  }
  return 0;
}
