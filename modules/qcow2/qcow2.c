/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qcow2: QEMU's image format, versions 2 and 3, after docs/interop/qcow2.txt of QEMU.
 *
 * This file is the driver table, open and close; qcow2.h says which file does what.  Refuses, by
 * name: unknown incompatible features, writing to images marked corrupt or dirty.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2.h"

enum {
  L2_CACHE = 2 << 20,
  L2_CACHE_READ = 512 << 10, /* a chain has many of them, and each is walked in order */
  REFCOUNT_CACHE = 1 << 20,
  SLICE = 64 << 10,
  MAX_CACHE = 1 << 30 /* what a user may ask for */
};

static const struct img_optdesc open_opts[] = {
  { "encrypt.format", IMG_OPT_ENUM, NULL, qcow2_crypt_words,
    N_("the encryption that the image must have"), 0 },
  { "encrypt.key-secret", IMG_OPT_STRING, NULL, NULL,
    N_("id of the secret that the image is encrypted with"), 0 },
  { "cache-size", IMG_OPT_SIZE, NULL, NULL, N_("memory for all cached tables"), 0 },
  { "l2-cache-size", IMG_OPT_SIZE, NULL, NULL,
    N_("memory for cached L2 tables (2M; readers 512K)"), 0 },
  { "l2-cache-entry-size", IMG_OPT_SIZE, NULL, NULL,
    N_("what is read of an L2 table at a time (64K, or the cluster size)"), 0 },
  { "refcount-cache-size", IMG_OPT_SIZE, NULL, NULL,
    N_("memory for cached refcount blocks (1M)"), 0 },
  { "compress-level", IMG_OPT_NUMBER, NULL, NULL,
    N_("effort of compression; what the levels are depends on the codec"), 0 },
  IMG_OPT_END
};

static int
probe (const uint8_t *head, size_t head_len, const uint8_t *tail, size_t tail_len, uint64_t size)
{
  (void) tail, (void) tail_len, (void) size;
  return head_len >= 8 && be32_get (head) == QCOW2_MAGIC && be32_get (head + 4) >= 2 ? 100 : 0;
}

/* ---- open ---- */

static void
set_geometry (struct qcow2 *q)
{
  const struct qcow2_header *h = &q->h;
  q->cluster_bits = h->cluster_bits;
  q->cluster_size = 1ull << h->cluster_bits;
  q->extended = h->incompat & QCOW2_INCOMPAT_EXTENDED_L2;
  q->raw_data = (h->incompat & QCOW2_INCOMPAT_DATA_FILE)
                && (h->autoclear & QCOW2_AUTOCLEAR_DATA_FILE_RAW);
  q->l2_entry_size = q->extended ? 16 : 8;
  q->l2_bits = h->cluster_bits - (q->extended ? 4 : 3);
  q->sub_bits = h->cluster_bits - (q->extended ? 5 : 0);
  q->rb_bits = h->cluster_bits + 3 - h->refcount_order;
  q->slice_size = (uint32_t) img_min (q->cluster_size, SLICE);
  img_node_set_size (q->node, h->size);
  img_node_limits_mut (q->node)->alloc_unit = 1u << q->sub_bits;
  img_node_limits_mut (q->node)->encode_unit = (uint32_t) q->cluster_size;
}

static int
load_l1 (struct qcow2 *q, struct img_error *err)
{
  uint64_t bytes = (uint64_t) q->h.l1_size * 8;
  q->l1 = malloc (bytes + 8);
  if (q->l1 == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  /* Only for a check may it pass the end of the file. */
  uint64_t size = img_size (q->file), at = q->h.l1_offset;
  uint64_t there = at < size ? img_min (bytes, size - at) : 0;
  memset ((uint8_t *) q->l1 + there, 0, bytes - there);
  if (there && img_pread (q->file, q->l1, there, at, 0, err) < 0)
    return img_error_prefix (err, _("L1 table at 0x%" PRIx64), q->h.l1_offset);
  q->l1_size = q->h.l1_size;
  return qcow2_l1_take (q, q->l1, q->l1_size, err);
}

/* The sizes that the user asked for, or ours. */
static int
make_caches (struct qcow2 *q, const struct img_opts *opts, struct img_error *err)
{
  uint64_t both = img_opts_number (opts, "cache-size");
  uint64_t l2 = img_opts_number (opts, "l2-cache-size");
  uint64_t rb = img_opts_number (opts, "refcount-cache-size");
  uint64_t slice = img_opts_number (opts, "l2-cache-entry-size");
  if (both && (l2 > both || rb > both || (l2 && rb && l2 + rb > both)))
    return img_error_set (err, EINVAL, _("l2-cache-size and refcount-cache-size may not exceed"
                                         " cache-size"));
  if (both && rb == 0)
    rb = l2 ? both - l2 : both / 4;
  if (both && l2 == 0)
    l2 = both - rb;
  if (slice && (slice < 512 || slice > q->cluster_size || !img_is_pow2 (slice)))
    return img_error_set (err, EINVAL, _("l2-cache-entry-size must be a power of two from 512 to"
                                         " the cluster size"));
  if (slice)
    q->slice_size = (uint32_t) slice;
  for (q->slice_bits = 0; q->l2_entry_size << q->slice_bits < q->slice_size;)
    q->slice_bits++;
  if (l2 == 0)
    l2 = q->flags & IMG_OPEN_RDWR ? L2_CACHE : L2_CACHE_READ;
  q->l2_cache = qcow2_cache_new (q->file, q->slice_size, img_min (l2, MAX_CACHE), err);
  if (q->l2_cache && (q->flags & IMG_OPEN_RDWR))
    q->rb_cache = qcow2_cache_new (q->file, (uint32_t) q->cluster_size,
                                   img_min (rb ? rb : REFCOUNT_CACHE, MAX_CACHE), err);
  if (q->l2_cache)
    qcow2_cache_events (q->l2_cache, "l2_load", "l2_update");
  if (q->rb_cache)
    qcow2_cache_events (q->rb_cache, "refblock_load", "refblock_update");
  return q->l2_cache && (q->rb_cache || !(q->flags & IMG_OPEN_RDWR)) ? 0 : -1;
}

/* Where guest clusters live (spec: incompatible feature bit 2). */
static int
open_data (struct qcow2 *q, struct img_error *err)
{
  q->data = q->file;
  q->data_child = 0;
  if (!(q->h.incompat & QCOW2_INCOMPAT_DATA_FILE))
    return 0;
  q->data = NULL;
  if (q->flags & IMG_OPEN_NO_IO)
    return 0;
  int child = img_node_open_child (q->node, "data-file", q->h.data_file, NULL,
                                   IMG_CHILD_WORKING_DIR, err);
  if (child < 0)
    return -1;
  q->data_child = (uint32_t) child;
  q->data = img_child (q->node, q->data_child);
  return 0;
}

static void
release (struct qcow2 *q)
{
  qcow2_reader_drop (q);
  qcow2_writer_free (q->writer);
  qcow2_decompress_free (q->decompress);
  qcow2_crypt_free (q->crypt);
  qcow2_cache_free (q->l2_cache);
  qcow2_cache_free (q->rb_cache);
  free (q->l1);
  qcow2_header_free (&q->h);
  pthread_rwlock_destroy (&q->lock);
  pthread_mutex_destroy (&q->lazy);
}

static int
open_all (struct qcow2 *q, const struct img_opts *opts, struct img_error *err)
{
  if (qcow2_header_read (&q->h, q->file, q->flags, err) < 0)
    return -1;
  set_geometry (q);
  if (qcow2_crypt_open (q, opts, err) < 0)
    return -1;
  if (q->h.backing_name
      && img_node_set_backing (q->node, q->h.backing_name, q->h.backing_format, err) < 0)
    return -1;
  if (open_data (q, err) < 0)
    return -1;
  if (q->flags & IMG_OPEN_NO_IO)
    return 0;
  if (load_l1 (q, err) < 0 || make_caches (q, opts, err) < 0)
    return -1;
  if ((q->flags & IMG_OPEN_RDWR) && !(q->flags & IMG_OPEN_CHECK))
    return qcow2_writer_open (q, opts, err);
  return 0;
}

static int
open_image (struct img_node *node, const struct img_opts *opts, unsigned flags,
            struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  pthread_rwlockattr_t attr;
  q->node = node;
  q->file = img_child (node, 0);
  q->flags = flags;
  /* Readers come all the time: a writer that waits goes first. */
  pthread_rwlockattr_init (&attr);
  pthread_rwlockattr_setkind_np (&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  pthread_rwlock_init (&q->lock, &attr);
  pthread_rwlockattr_destroy (&attr);
  pthread_mutex_init (&q->lazy, NULL);
  q->last_l1 = UINT64_MAX;
  if (open_all (q, opts, err) == 0)
    return 0;
  release (q);
  return -1;
}

static void
close_image (struct img_node *node)
{
  release (img_node_priv (node));
}

/* ---- the table ---- */

static const struct img_magic magics[] = { IMG_MAGIC (0, "QFI\xfb"), { 0, NULL, 0 } };
static const char *const extensions[] = { "qcow2", NULL };

static const struct img_driver qcow2_driver = {
  .struct_size = sizeof qcow2_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .threads = IMG_THREADS_PARALLEL,
  .caps = IMG_CAP_BACKING | IMG_CAP_COMPRESS | IMG_CAP_ZERO_INIT,
  .name = "qcow2",
  .longname = N_("QEMU copy-on-write, version 2 and 3"),
  .priv_size = sizeof (struct qcow2),
  .extensions = extensions,
  .magics = magics,
  .open_opts = open_opts,
  .create_opts = qcow2_create_opts,
  .probe = probe,
  .open = open_image,
  .close = close_image,
  .create = qcow2_create,
  .get_info = qcow2_get_info,
  .map = qcow2_map,
  .pread = qcow2_pread,
  .crypt = qcow2_crypt,
  .reserve = qcow2_reserve,
  .commit = qcow2_commit,
  .abandon = qcow2_abandon,
  .encode = qcow2_encode,
  .zero = qcow2_zero,
  .discard = qcow2_discard,
  .resize = qcow2_resize,
  .flush = qcow2_flush,
  .check = qcow2_check,
  .measure = qcow2_measure,
  .layout = qcow2_lay_out,
  .snapshot = &qcow2_snapshot_ops,
  .amend_opts = qcow2_amend_opts,
  .amend = qcow2_amend,
  .judge_amend = qcow2_amend_judge,
  .set_backing = qcow2_set_backing,
  .make_empty = qcow2_make_empty,
  .bitmap = &qcow2_bitmap_ops,
  .changing = qcow2_changing,
};

static const struct img_driver *const drivers[] = { &qcow2_driver, NULL };
static const struct img_module qcow2_module = {
  .struct_size = sizeof qcow2_module,
  .abi = IMG_ABI,
  .drivers = drivers,
};
IMG_MODULE_ENTRY (qcow2_module)
