/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qcow2.h - what the files of this driver share: on-disk constants, state, table cache.
 *
 * Section names in comments are those of QEMU's docs/interop/qcow2.txt, the format's specification.
 *
 * Where to look.  Each header says how the files that share it work together; files of one concern
 * begin with its name, but those that write.h and amend.h list:
 *
 *   open, close      qcow2 (the driver table), header, info; crypt.h: crypt
 *   read             tables (their cache), map (guest -> host), compressed
 *   write            write.h: writer, write, write-sub, l2, alloc, refcount, pack, encode, zero,
 *                    overlap, flush, header-write
 *   new images       create.h: create, create-*, measure; emit.h: emit
 *   sizes            resize (larger); shrink, empty (turn.h)
 *   whole states     turn.h: turn, turn-*: another state of all tables by one write of the header
 *   snapshots        snapshot.h: snapshot, snapshot-*
 *   dirty bitmaps    bitmap.h: bitmap, bitmap-*
 *   amend, rebase    amend.h: amend, amend-*, refcount-width; backing
 *   check, repair    check.h: check, check-*; repair.h: repair, repair-*
 *
 * Locks.  `lock` guards everything that may change under I/O: l1, header fields, and the *contents*
 * of cached tables.  Readers (map, pread) hold it shared, whoever changes a table or hands out
 * space holds it exclusively, both only for the look-up: never while guest data moves.  The cache
 * has a mutex of its own for finding, loading and evicting; it is taken last.
 *
 * Write order.  The cache never writes by itself, and never evicts a dirty table: when the dirty
 * ones alone pass the budget it grows.  The writer asks qcow2_cache_pressure() after each change
 * and writes out in its own safe order (data, refcount blocks, L2, L1, header, img_flush between).
 */
#ifndef QCOW2_H
#define QCOW2_H

#include <pthread.h>

#include <blkimg/cleanup.h>
#include <blkimg/endian.h>
#include <blkimg/module.h>
#include <blkimg/overflow.h>

/* ---- on disk ---- */

enum {
  QCOW2_MAGIC = 0x514649fb,
  QCOW2_V2_HEADER = 72, /* bytes; "Header" */
  QCOW2_V3_HEADER = 104,
  QCOW2_KNOWN_HEADER = 105, /* end of the last field that we know, compression_type */
  QCOW2_OUR_HEADER = 112,   /* what we write for v3 */
  QCOW2_MIN_CLUSTER_BITS = 9,
  QCOW2_MAX_CLUSTER_BITS = 21,
  QCOW2_MIN_SUBCLUSTER_CLUSTER_BITS = 14, /* of images with extended L2 entries */
  QCOW2_SUBCLUSTERS = 32,
  QCOW2_MAX_REFCOUNT_ORDER = 6,
  QCOW2_MAX_BACKING_NAME = 1023,
  QCOW2_MAX_L1_BYTES = 32 << 20,
  QCOW2_MAX_REFTABLE_BYTES = 8 << 20,
  QCOW2_MAX_SNAPSHOTS = 65536,
  QCOW2_MAX_SNAPSHOT_EXTRA = 1024,
  QCOW2_MAX_SNAPSHOT_TABLE = 64 << 20, /* bytes */
  QCOW2_MAX_BITMAPS = 65535,
  QCOW2_MAX_BITMAP_DIRECTORY = 65535 * (24 + 1023 + 1) /* bytes, without extra data */
};

/* incompatible_features */
#define QCOW2_INCOMPAT_DIRTY UINT64_C (1)
#define QCOW2_INCOMPAT_CORRUPT UINT64_C (2)
#define QCOW2_INCOMPAT_DATA_FILE UINT64_C (4)
#define QCOW2_INCOMPAT_COMPRESSION UINT64_C (8)
#define QCOW2_INCOMPAT_EXTENDED_L2 UINT64_C (16)
#define QCOW2_INCOMPAT_KNOWN UINT64_C (31)
/* compatible_features */
#define QCOW2_COMPAT_LAZY_REFCOUNTS UINT64_C (1)
/* autoclear_features */
#define QCOW2_AUTOCLEAR_BITMAPS UINT64_C (1)
#define QCOW2_AUTOCLEAR_DATA_FILE_RAW UINT64_C (2)
#define QCOW2_AUTOCLEAR_KNOWN UINT64_C (3)

/* "Header extensions" */
enum {
  QCOW2_EXT_END = 0,
  QCOW2_EXT_CRYPTO = 0x0537be77,
  QCOW2_EXT_BITMAPS = 0x23852875,
  QCOW2_EXT_DATA_FILE = 0x44415441,
  QCOW2_EXT_FEATURES = 0x6803f857
};
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acau

enum { QCOW2_CRYPT_NONE, QCOW2_CRYPT_AES, QCOW2_CRYPT_LUKS };
enum { QCOW2_ZLIB, QCOW2_ZSTD }; /* compression_type */

/* "Cluster mapping": L1 and L2 entries */
#define QCOW2_OFFSET_MASK UINT64_C (0x00fffffffffffe00) /* bits 9-55 */
#define QCOW2_COPIED (UINT64_C (1) << 63)
#define QCOW2_COMPRESSED (UINT64_C (1) << 62)
#define QCOW2_ZERO UINT64_C (1)
/* "Host cluster management": refcount table entries */
#define QCOW2_REFTABLE_OFFSET_MASK UINT64_C (0xfffffffffffffe00)

/* ---- the header ---- */

struct qcow2_ext {
  uint32_t type, length;
  uint8_t *data;
};

/* Header and header extensions in memory; header.c. */
struct qcow2_header {
  uint32_t version, cluster_bits, crypt_method, l1_size, reftable_clusters, n_snapshots;
  uint64_t size, l1_offset, reftable_offset, snapshots_offset;
  uint64_t incompat, compat, autoclear;
  uint32_t refcount_order, header_length;
  uint8_t compression_type;
  uint8_t *unknown_fields; /* bytes QCOW2_KNOWN_HEADER..header_length, kept for rewriting */
  uint32_t unknown_length;
  char *backing_name, *backing_format, *data_file; /* NULL: none */
  bool has_bitmaps;
  uint32_t n_bitmaps;
  uint64_t bitmap_dir_offset, bitmap_dir_size;
  bool has_crypto;
  uint64_t crypto_offset, crypto_length;
  struct qcow2_ext *ext; /* unknown extensions, in order, kept for rewriting */
  uint32_t n_ext;
};

struct qcow2;

/* Reads and judges the header of FILE.  FLAGS: IMG_OPEN_*.  *H is zeroed first; free it always. */
int qcow2_header_read (struct qcow2_header *h, struct img_node *file, unsigned flags,
                       struct img_error *err);
void qcow2_header_free (struct qcow2_header *h);
/* Makes the first cluster: header, extensions (backing format, data file, bitmaps, crypto, our
 * feature name table for v3, the unknown ones), backing name.  BUF holds one cluster and is zeroed
 * first.  ENOSPC when all that does not fit. */
int qcow2_header_encode (const struct qcow2_header *h, uint8_t *buf, struct img_error *err);
/* The same, but only the first sector of BUF is filled where all fits into it.  *SIZE: how much. */
int qcow2_header_encode_short (const struct qcow2_header *h, uint8_t *buf, uint64_t *size,
                               struct img_error *err);
/* Encodes and writes the first cluster of q (does not flush).  Clears autoclear bits that we do not
 * know.  BLANK: without the magic, the image is not whole yet. */
int qcow2_header_write (struct qcow2 *q, bool blank, struct img_error *err);
/* Everything changed so far reaches the disk, then the first cluster as *H, a changed copy of q->h,
 * has it, by one sector that is written; q->h is *H afterwards.  When this fails q->h is as before,
 * but the file may have either: what only *H refers to must not be given back.  Needs q->writer and
 * q->lock held exclusively. */
int qcow2_header_switch (struct qcow2 *q, struct qcow2_header *h, struct img_error *err);

/* ---- the table cache ---- */

struct qcow2_cache;

/* One cached table, pinned from get/make until put. */
struct qcow2_table {
  uint8_t *bytes;  /* table_size bytes as on disk (big endian) */
  uint64_t offset; /* in the file */
  uint32_t pins;
  uint8_t state; /* these and what follows: tables.c only */
  bool dirty, used;
  struct qcow2_table *next;
};

struct qcow2_cache *qcow2_cache_new (struct img_node *file, uint32_t table_size, uint64_t budget,
                                     struct img_error *err);
/* The events (img_event) of reading and writing tables. */
void qcow2_cache_events (struct qcow2_cache *cache, const char *load, const char *update);
/* Drops everything, dirty or not.  NULL allowed. */
void qcow2_cache_free (struct qcow2_cache *cache);
/* The table at OFFSET, read if it is not here.  MORE: bytes of adjoining tables behind it that will
 * be asked for next; they come with the same read (a multiple of the table size; 0 is always
 * right).  Any thread. */
struct qcow2_table *qcow2_cache_get (struct qcow2_cache *cache, uint64_t offset, uint64_t more,
                                     struct img_error *err);
/* The table at OFFSET as zero bytes, dirty, without reading. */
struct qcow2_table *qcow2_cache_make (struct qcow2_cache *cache, uint64_t offset,
                                      struct img_error *err);
/* The table at OFFSET if it is here already; NULL: load it. */
struct qcow2_table *qcow2_cache_find (struct qcow2_cache *cache, uint64_t offset);
void qcow2_cache_put (struct qcow2_cache *cache, struct qcow2_table *table);

/* These need q->lock held exclusively. */
void qcow2_cache_dirty (struct qcow2_cache *cache, struct qcow2_table *table);
/* Writes all dirty tables, ascending, adjoining ones in one request.  No flush.  On failure those
 * not written stay dirty. */
int qcow2_cache_write (struct qcow2_cache *cache, struct img_error *err);
bool qcow2_cache_is_dirty (struct qcow2_cache *cache);
/* More than half of the budget is dirty: time to write out. */
bool qcow2_cache_pressure (struct qcow2_cache *cache);
/* Tables in [offset, offset + length) are gone (freed): never write them.  None may be pinned. */
void qcow2_cache_forget (struct qcow2_cache *cache, uint64_t offset, uint64_t length);
/* All of them. */
void qcow2_cache_forget_all (struct qcow2_cache *cache);

/* ---- the state of one open image ---- */

struct qcow2_writer;     /* write.h */
struct qcow2_decompress; /* compressed.c */
struct qcow2_bits;       /* bitmap.h */
struct qcow2_bitmaps;
struct qcow2_crypt;      /* crypt.c */

struct qcow2 {
  struct img_node *node;
  struct img_node *file;  /* child 0 */
  struct img_node *data;  /* where guest clusters live: file, or the data file (NULL with NO_IO) */
  uint32_t data_child;    /* its number */
  unsigned flags;         /* IMG_OPEN_* */
  struct qcow2_header h;  /* of the active state; snapshot select changes l1 and the size only */

  /* geometry, fixed after open */
  uint32_t cluster_bits, l2_bits; /* l2_bits: entries an L2 table */
  uint32_t l2_entry_size;         /* 8, or 16 with extended L2 entries */
  uint32_t sub_bits;              /* log2 of the subcluster size; without: cluster_bits */
  uint32_t slice_size;            /* bytes of an L2 table that the cache handles as one */
  uint32_t slice_bits;            /* log2 of its entries */
  uint32_t rb_bits;               /* log2 of the refcounts in a refcount block */
  uint64_t cluster_size;
  bool extended, raw_data; /* subclusters; data file with guest offset = host offset */

  pthread_rwlock_t lock;
  uint64_t *l1;     /* host order, as stored (COPIED and all) */
  uint32_t l1_size; /* entries */
  struct qcow2_cache *l2_cache, *rb_cache; /* L2 slices; refcount blocks (NULL when read-only) */
  _Atomic uint64_t last_l1;                /* where the last L2 load was: is the walk sequential? */

  _Atomic uint64_t packed_age; /* the writer adds 1 when it links a compressed cluster */
  struct qcow2_decompress *decompress; /* made on first use under `lazy` */
  pthread_mutex_t lazy;
  struct qcow2_writer *writer; /* NULL when read-only */
  struct qcow2_crypt *crypt;   /* NULL: the image is not encrypted */

  struct qcow2_bits *reader; /* bitmap-ops.c: the bitmap that is being read, or NULL */
  struct qcow2_bitmaps *reader_all; /* the directory that it is in, or NULL */
  const char *reader_name;
};

/* ---- guest offsets and L2 entries ---- */

static inline uint64_t
qcow2_l1_index (const struct qcow2 *q, uint64_t guest)
{
  return guest >> (q->cluster_bits + q->l2_bits);
}

static inline uint32_t
qcow2_l2_index (const struct qcow2 *q, uint64_t guest)
{
  return (uint32_t) (guest >> q->cluster_bits) & ((1u << q->l2_bits) - 1);
}

/* Index inside the slice. */
static inline uint32_t
qcow2_slice_index (const struct qcow2 *q, uint64_t guest)
{
  return (uint32_t) (guest >> q->cluster_bits) & ((1u << q->slice_bits) - 1);
}

static inline uint8_t *
qcow2_entry_at (const struct qcow2 *q, const struct qcow2_table *table, uint32_t slice_index)
{
  return table->bytes + (size_t) slice_index * q->l2_entry_size;
}

enum qcow2_kind {
  QCOW2_UNALLOCATED,
  QCOW2_ZERO_PLAIN, /* no host cluster */
  QCOW2_ZERO_ALLOC, /* host cluster kept */
  QCOW2_NORMAL,     /* with extended entries: look at the bitmap */
  QCOW2_PACKED      /* compressed */
};

/* What a standard 8-byte entry (or the first half of an extended one) is.  With a data file, offset
 * 0 is a place when COPIED is set and the zero flag is not. */
static inline enum qcow2_kind
qcow2_entry_kind (const struct qcow2 *q, uint64_t entry)
{
  if (entry & QCOW2_COMPRESSED)
    return QCOW2_PACKED;
  if ((entry & QCOW2_ZERO) && !q->extended && q->h.version >= 3)
    return entry & QCOW2_OFFSET_MASK ? QCOW2_ZERO_ALLOC : QCOW2_ZERO_PLAIN;
  if ((entry & QCOW2_OFFSET_MASK)
      || ((entry & QCOW2_COPIED) && (q->h.incompat & QCOW2_INCOMPAT_DATA_FILE)))
    return QCOW2_NORMAL;
  return QCOW2_UNALLOCATED;
}

/* "Compressed Clusters Descriptor": start of the stream, bytes to the end of its last sector. */
static inline void
qcow2_packed_range (const struct qcow2 *q, uint64_t entry, uint64_t *offset, uint64_t *length)
{
  unsigned x = 62 - (q->cluster_bits - 8);
  uint64_t sectors = ((entry & (QCOW2_COMPRESSED - 1)) >> x) + 1;
  *offset = entry & ((1ull << x) - 1);
  *length = sectors * 512 - (*offset & 511);
}

/* Takes an L1 table as read from the file: makes it host order.  Unless the image is opened for a
 * check, refuses one that names more L2 tables than the file has room for: whatever walks through
 * such an image would hardly end. */
int qcow2_l1_take (const struct qcow2 *q, uint64_t *l1, uint32_t size, struct img_error *err);

/* Pins the L2 slice that holds GUEST: *table, or NULL when L1 has no L2 table there.  MORE: guest
 * bytes behind GUEST that will be looked at next (hint).  Judges the L1 entry: alignment, end of
 * file.  Needs q->lock; give *table back with qcow2_cache_put (q->l2_cache, ...). */
int qcow2_l2_get (struct qcow2 *q, uint64_t guest, uint64_t more, struct qcow2_table **table,
                  struct img_error *err);

/* ---- directories: the snapshot table, the bitmap directory ---- */

struct qcow2_snapshot {
  char *id, *name;
  uint64_t l1_offset;
  uint32_t l1_size, date_sec, date_nsec, extra_size;
  uint64_t vm_clock_nsec, vm_state_size;
  uint64_t disk_size; /* the image's where the entry does not say */
  uint64_t icount;    /* UINT64_MAX: none */
  bool has_icount;
  uint64_t at; /* file offset of the entry */
  bool dropped; /* is not to be in the table that is made of these */
};
struct qcow2_snapshots {
  struct qcow2_snapshot *v;
  uint32_t n;
  uint64_t bytes; /* of the table */
};
/* Reads the snapshot table; free *S in any case. */
int qcow2_snapshots_read (struct qcow2 *q, struct qcow2_snapshots *s, struct img_error *err);
void qcow2_snapshots_free (struct qcow2_snapshots *s);
/* The numbers that an entry gives must hold before they are used. */
int qcow2_snapshot_judge (const struct qcow2 *q, const struct qcow2_snapshot *s,
                          struct img_error *err);

enum { QCOW2_BITMAP_IN_USE = 1, QCOW2_BITMAP_AUTO = 2, QCOW2_BITMAP_EXTRA_OK = 4 };
struct qcow2_bitmap {
  char *name;
  uint32_t hash; /* of the name */
  uint64_t table_offset;
  uint32_t table_size, flags; /* entries; QCOW2_BITMAP_* */
  uint8_t type, granularity_bits;
  uint8_t *extra; /* kept as it is */
  uint32_t extra_size;
  uint64_t at; /* of the entry in the file */
  bool blank;  /* in an edit: marks nothing, and its table is yet to be written */
};
struct qcow2_bitmaps {
  struct qcow2_bitmap *v;
  uint32_t n, near; /* near: where the last one was found */
};
/* Reads the bitmap directory (none: *B is empty); free *B in any case. */
int qcow2_bitmaps_read (struct qcow2 *q, struct qcow2_bitmaps *b, struct img_error *err);
void qcow2_bitmaps_free (struct qcow2_bitmaps *b);

/* Forgets what bitmap is being read, and the directory. */
void qcow2_reader_drop (struct qcow2 *q);

/* ---- encryption ---- */

extern const char *const qcow2_crypt_words[]; /* of encrypt.format; index = method - 1 */
/* Reads what the header points to and unlocks it when OPTS have a secret; sets q->crypt. */
int qcow2_crypt_open (struct qcow2 *q, const struct img_opts *opts, struct img_error *err);
void qcow2_crypt_free (struct qcow2_crypt *c); /* NULL allowed */
void qcow2_crypt_info (const struct qcow2 *q, struct img_value *object);
/* Passphrases are added and taken away. */
int qcow2_crypt_amend (struct qcow2 *q, const struct img_amend *amend, struct img_error *err);
/* Guest bytes that lie at HOST as they are, whether or not they begin with a sector. */
int qcow2_crypt_read (struct qcow2 *q, uint8_t *buf, uint64_t length, uint64_t guest,
                      uint64_t host, struct img_error *err);
/* Ciphertext in BUF that lay at FROM becomes what is to lie at TO, if that makes a difference;
 * whole sectors of an encrypted image. */
int qcow2_crypt_moved (struct qcow2 *q, uint8_t *buf, uint64_t length, uint64_t guest,
                       uint64_t from, uint64_t to, struct img_error *err);

/* ---- driver callbacks, reading side ---- */

int qcow2_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
               unsigned n, struct img_error *err);
int qcow2_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err);
/* The compressed cluster that ENTRY refers to, into cluster_size bytes at BUF.  Does not look at
 * tables, so q->lock may be held. */
int qcow2_packed_read (struct qcow2 *q, uint64_t entry, uint64_t guest, uint8_t *buf,
                       struct img_error *err);
void qcow2_decompress_free (struct qcow2_decompress *d);
int qcow2_crypt (struct img_node *node, bool encrypt, void *buf, uint64_t length, uint64_t offset,
                 uint64_t host, struct img_error *err);
int qcow2_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err);
int qcow2_check (struct img_node *node, struct img_check *check, unsigned repair,
                 struct img_error *err);
extern const struct img_snapshot_ops qcow2_snapshot_ops;
extern const struct img_bitmap_ops qcow2_bitmap_ops;

/* ---- driver callbacks, writing side ---- */

extern const struct img_optdesc qcow2_create_opts[];
/* End of a writable open (everything above is filled in, rb_cache made): makes q->writer.  Refuses
 * what cannot be written safely.  Close frees it; flush came before. */
int qcow2_writer_open (struct qcow2 *q, const struct img_opts *opts, struct img_error *err);
void qcow2_writer_free (struct qcow2_writer *w);
int qcow2_create (struct img_create *c, struct img_error *err);
int qcow2_measure (struct img_measure *m, struct img_error *err);
int qcow2_lay_out (struct img_create *c, struct img_layout *layout, struct img_error *err);
int qcow2_reserve (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded,
                   unsigned flags, struct img_place *place, struct img_error *err);
int qcow2_commit (struct img_node *node, const struct img_place *place, struct img_error *err);
void qcow2_abandon (struct img_node *node, const struct img_place *place);
int qcow2_encode (struct img_node *node, const void *in, size_t length, void *out, size_t cap,
                  size_t *out_length, struct img_error *err);
int qcow2_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
                struct img_error *err);
int qcow2_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err);
/* Can the disk get SIZE bytes, once the image is of VERSION? */
int qcow2_resize_judge (struct qcow2 *q, uint64_t size, uint32_t version,
                        struct img_error *err);
int qcow2_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
                  struct img_error *err);
int qcow2_flush (struct img_node *node, struct img_error *err);
int qcow2_changing (struct img_node *node, uint64_t offset, uint64_t length,
                    struct img_error *err);
extern const struct img_optdesc qcow2_amend_opts[];
int qcow2_amend (struct img_node *node, const struct img_amend *amend, struct img_error *err);
int qcow2_amend_judge (struct img_node *node, const struct img_amend *amend,
                       struct img_error *err);
int qcow2_set_backing (struct img_node *node, const char *name, const char *format,
                       struct img_error *err);
int qcow2_snapshot_create (struct img_node *node, const char *name, uint64_t date_sec,
                           uint32_t date_nsec, struct img_error *err);
int qcow2_snapshot_apply (struct img_node *node, const char *id_or_name, struct img_error *err);
int qcow2_snapshot_remove (struct img_node *node, const char *id_or_name, struct img_error *err);
int qcow2_make_empty (struct img_node *node, struct img_error *err);

#endif
