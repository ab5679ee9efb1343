/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/node.h - an open image and the bytes in it.
 *
 * A node is one driver at work on one thing: a protocol (a file, an NBD export), a format (qcow2)
 * or a filter.  Nodes form a tree: a format's child `file` is its protocol, `backing` the image
 * below, and so on.  Tools hold the top node; a driver holds its own node and reads and writes its
 * children with the same functions.
 *
 * Offsets and lengths are bytes, everywhere.  I/O functions are positional, synchronous and may be
 * called from any number of threads at once; what opens, closes, resizes or otherwise changes more
 * than bytes (blkimg.h) needs the tree to itself.
 *
 * Functions that can fail return -1 or NULL and fill *err: EACCES when the node is not open for
 * writing, EINVAL past its end, EIO and the like from below, with the name of the file in front.
 * What the facts below return belongs to the node and lives as long.
 */
#ifndef BLKIMG_NODE_H
#define BLKIMG_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <blkimg/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct img_node;

/* ---- facts ---- */

uint64_t img_size (const struct img_node *node);           /* guest-visible bytes */
const char *img_filename (const struct img_node *node);    /* as messages name it; never NULL */
const char *img_driver_name (const struct img_node *node); /* "qcow2" */
bool img_is_writable (const struct img_node *node);

/* What I/O should look like.  0 = no limit or no wish. */
struct img_limits {
  /* Offsets and lengths must be multiples; the core bounces what is not.  >= 1.  When the size is
   * no multiple, requests for the last block pass the end: read zeroes there, drop what is
   * written. */
  uint32_t request_align;
  uint32_t mem_align;      /* of buffers (O_DIRECT) */
  uint32_t alloc_unit;     /* bytes that `reserve` and `zero` handle whole: cluster or subcluster */
  uint64_t max_transfer;   /* longest pread/pwrite; the core splits */
  uint64_t opt_transfer;   /* best length */
  uint64_t max_zero, zero_align;
  uint64_t max_discard, discard_align;
  uint32_t encode_unit;    /* guest bytes that `encode` takes whole; 0: alloc_unit */
  uint32_t crypt_unit;     /* the image is encrypted in sectors of this size (512 .. 4096, a power
                              of two); 0: it is not */
};
const struct img_limits *img_node_limits (const struct img_node *node);

/* Children in the order they were opened.  `backing` is one of them, by that name. */
unsigned img_child_count (const struct img_node *node);
struct img_node *img_child (const struct img_node *node, unsigned i);   /* NULL: I is no child's */
const char *img_child_name (const struct img_node *node, unsigned i);   /* likewise */
struct img_node *img_child_by_name (const struct img_node *node, const char *name); /* or NULL */
struct img_node *img_backing (const struct img_node *node);                         /* or NULL */

/* ---- reading and writing ---- */

enum {
  IMG_IO_UNMAP = 1,       /* zero: the range may become unallocated where that reads as zero */
  /* zero: ENOTSUP rather than write zero bytes (but parts of a unit); discard, copy: same */
  IMG_IO_NO_FALLBACK = 2,
  /* zero, whole units (but the last): the image itself says so afterwards, whatever will stand
   * below it; ENOTSUP where the format has no such entries */
  IMG_IO_PIN = 4,
  /* pwrite: compress; whole units of img_limits.encode_unit (or to the end of the image) only;
   * ENOTSUP where the format cannot */
  IMG_IO_COMPRESS = 8
};

/* All or nothing: a short transfer is an error, after which any of the range may be written.  FLAGS
 * here and below: IMG_IO_*, of which each function heeds those that name it.  LENGTH 0 does
 * nothing. */
int img_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset, unsigned flags,
               struct img_error *err);
int img_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                unsigned flags, struct img_error *err);
/* Makes the range read as zero. */
int img_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
              struct img_error *err);
/* Says that the contents do not matter any more; what is read afterwards is old data or zero. */
int img_discard (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
                 struct img_error *err);
/* Everything written before is on stable storage afterwards (unless the cache mode says otherwise);
 * drivers write their metadata out in crash-safe order. */
int img_flush (struct img_node *node, struct img_error *err);

enum img_prealloc {
  IMG_PREALLOC_OFF,
  IMG_PREALLOC_METADATA, /* tables map everything, space is not taken */
  IMG_PREALLOC_FALLOC,   /* space is taken, contents zero, no data written */
  IMG_PREALLOC_FULL      /* space is taken by writing zeroes */
};
enum {
  IMG_RESIZE_SHRINK = 1, /* allow the new size to be smaller */
  /* A new area of what encrypts without tables (luks) may read as noise; else its zeroes have to
   * be written, all of them. */
  IMG_RESIZE_NOISE = 2,
  IMG_RESIZE_GROW = 4 /* at least that size: what is longer by now stays as it is */
};
/* Changes the guest-visible size; a new area reads as zero. */
int img_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
                struct img_error *err);
/* Takes space for a range that will be written soon, without changing contents or size.  A hint:
 * 1 when nothing was done because the driver cannot. */
int img_allocate (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err);
/* Moves bytes between two nodes without looking at them (reflink, copy_file_range).  0 done;
 * 1 not possible here (nothing or something of the range was written: write it yourself).  FLAGS:
 * IMG_IO_NO_FALLBACK, share blocks or do nothing. */
int img_copy_range (struct img_node *dst, uint64_t dst_offset, struct img_node *src,
                    uint64_t src_offset, uint64_t length, unsigned flags, struct img_error *err);

/* ---- where bytes live ---- */

enum img_extent_kind {
  IMG_EXTENT_DATA,    /* at host_offset in child number `child` */
  IMG_EXTENT_ZERO,    /* reads as zero */
  IMG_EXTENT_UNALLOC, /* ask the backing image; zero where there is none */
  IMG_EXTENT_SPECIAL  /* only the driver's pread can make it: compressed */
};
enum {
  IMG_EXTENT_HOST = 1,       /* host_offset and child are valid although kind is not DATA: the
                                place that is kept for it */
  IMG_EXTENT_COMPRESSED = 2, /* SPECIAL because of compression */
  IMG_EXTENT_ENCRYPTED = 4,  /* DATA: `child` holds ciphertext; SPECIAL: because of encryption */
  /* DATA of a layer that adds nothing of its own: a hole of the child is a hole here, not data that
   * reads as zero.  Filters and plain formats need not say so. */
  IMG_EXTENT_THROUGH = 8
};
#define IMG_CHILD_SELF UINT32_MAX /* `child` of a protocol's own extents */

/* One run of guest bytes that live alike, as ONE layer sees it. */
struct img_extent {
  uint64_t offset, length;
  uint64_t host_offset;
  uint32_t kind, child, flags;
};

/* One layer's own view of [offset, offset + length), without its backing images.  Fills up to N
 * extents, adjoining and in order, the first at OFFSET; returns how many (>= 1), or -1. */
int img_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
             unsigned n, struct img_error *err);

/* One run of guest bytes resolved through all layers down to the node that has the bytes. */
enum {
  IMG_BLOCK_DATA = 1,       /* holds data (may still be zeroes) */
  IMG_BLOCK_ZERO = 2,       /* known to read as zero */
  IMG_BLOCK_PRESENT = 4,    /* some layer of the chain defines it */
  IMG_BLOCK_COMPRESSED = 8,
  IMG_BLOCK_HOST = 16,      /* the bytes are at host_offset in `node`: img_pread (node, ...) */
  IMG_BLOCK_ENCRYPTED = 32  /* never HOST: what the file holds there is ciphertext */
};
struct img_block {
  uint64_t offset, length;
  uint64_t host_offset;  /* with IMG_BLOCK_HOST: in `node`; else the guest offset in `node` */
  struct img_node *node; /* read here: the lowest node when HOST, else the layer that must decode */
  struct img_node *layer; /* the image of the chain that defines this range */
  unsigned flags, depth; /* depth: 0 = the top image */
};

enum {
  IMG_WALK_HOLES = 1,  /* also resolve holes of host files: DATA in a hole becomes ZERO as well */
  IMG_WALK_TOP = 2,    /* this layer only: what its backing would define is not PRESENT */
  IMG_WALK_PLAIN = 4   /* HOLES only where no format's tables are above them (raw on a file) */
};
struct img_walk;
/* A cursor over [offset, offset + length) that reads each layer's tables once, in order; owned by
 * the caller, used by one thread.  Adjoining alike ranges come as one block. */
struct img_walk *img_walk_new (struct img_node *node, uint64_t offset, uint64_t length,
                               unsigned flags, struct img_error *err);
/* 1: *block filled; 0: the end; -1: error. */
int img_walk_next (struct img_walk *walk, struct img_block *block, struct img_error *err);
void img_walk_free (struct img_walk *walk);

/* Takes one block, -1 ends the walk.  Called by one thread at a time, not always the same. */
typedef int img_walk_fn (void *arg, const struct img_block *block, struct img_error *err);
/* Gives FN all that img_walk_next would give of that range, in order: a long walk is made by
 * several threads. */
int img_walk_all (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
                  img_walk_fn *fn, void *arg, struct img_error *err);

/* ---- dirty bitmaps (blkimg.h), as drivers need them ---- */

enum img_bitmap_action {
  IMG_BITMAP_ADD, /* granularity, enabled */
  IMG_BITMAP_REMOVE,
  IMG_BITMAP_CLEAR,
  IMG_BITMAP_ENABLE, /* enabled: or disables it */
  IMG_BITMAP_MERGE /* from, from_name */
};
/* One of several changes of an image's bitmaps; what ACTION does not need is not looked at. */
struct img_bitmap_change {
  enum img_bitmap_action action;
  const char *name;
  uint64_t granularity; /* 0: the format's default */
  bool enabled;         /* it records from now on */
  struct img_node *from;
  const char *from_name;
};
/* The first marked range that ends behind FROM, cut off before FROM.  1: *START, *LENGTH; 0: there
 * is none. */
int img_bitmap_next (struct img_node *node, const char *name, uint64_t from, uint64_t *start,
                     uint64_t *length, struct img_error *err);

#ifdef __cplusplus
}
#endif
#endif
