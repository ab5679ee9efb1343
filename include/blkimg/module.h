/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/module.h - the interface for format, protocol and filter modules, and for codecs.
 *
 * A module is one shared object NAME.so and one text file NAME.manifest in the module folder.  Its
 * one exported symbol, made by IMG_MODULE_ENTRY, returns a constant `struct img_module`; both are
 * described at the end.  In-tree modules use nothing else than this header and the helpers
 * endian.h, overflow.h, cleanup.h and vec.h: what they can do, yours can.  modules/template is a
 * driver to copy.
 *
 * ABI rule: a struct that begins with struct_size is append-only, and whoever made it fills that
 * in.  The core takes min(size) of what a module brings, so a module built against an older header
 * keeps working, and callbacks that it does not know are NULL.  What a module is handed ends where
 * its struct_size says: members that came after version 0.1 may not be there.  All other structs
 * (img_extent, img_place, img_magic, img_optdesc, img_limits, img_aio_io, img_bitmap_change), the
 * order of enums and the meaning of flags are fixed: were one to change, IMG_ABI would, and the
 * core refuses modules of another IMG_ABI.  A module that needs a function which the library lacks
 * is not loaded either.  Bits of `flags` that a callback does not know it ignores.
 *
 * Thread rule: a driver that declares IMG_THREADS_SERIAL (0, the default) has at most one callback
 * running per node at any time.  With IMG_THREADS_PARALLEL these may run at once, on any threads:
 * map pread pwrite reserve commit abandon encode crypt zero discard flush allocate copy_from
 * changing, and for protocols a resize that grows; all others still run alone.  `event` alone may
 * come at any time, whatever is declared.  Callbacks never call back into the tools; they may use
 * the node functions on their children.  State lives in img_node_priv(), never in file-scope
 * variables.
 *
 * Error rule: callbacks return 0, or -1 and a filled *err on failure (img_error_set returns -1),
 * where they do not say otherwise.  Messages say what and where ("L1 table at 0x30000 lies past the
 * end of the file"); the core puts the file name before them.  ENOTSUP means "I cannot, do it
 * without me" where there is another way; every other code ends the work.
 *
 * Ownership: what a callback is handed is the caller's and lives until it returns; texts that it
 * gives to the core are copied.  Nodes are the core's: a driver neither opens nor closes them but
 * with the functions here.
 */
#ifndef BLKIMG_MODULE_H
#define BLKIMG_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <blkimg/codec.h>
#include <blkimg/crypto.h>
#include <blkimg/error.h>
#include <blkimg/i18n.h>
#include <blkimg/json.h>
#include <blkimg/node.h>
#include <blkimg/options.h>
#include <blkimg/value.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IMG_ABI 1u /* raised when what was built before would not work any more */

/* ---- what a driver may use about its node ---- */

/* The driver's state: priv_size bytes, zeroed before open, freed after close. */
void *img_node_priv (const struct img_node *node);
/* Guest-visible bytes: in open (which must say it), and where they change (resize, snapshots). */
void img_node_set_size (struct img_node *node, uint64_t bytes);
/* What open wishes I/O to look like: zeroes, but request_align and mem_align are 1. */
struct img_limits *img_node_limits_mut (struct img_node *node); /* open only */

/* In open: the image names its backing file.  The core opens it afterwards, through the gate.
 * FORMAT may be NULL (probe).  Both are copied. */
int img_node_set_backing (struct img_node *node, const char *name, const char *format,
                          struct img_error *err);
/* In open: opens one more file as child NAME ("data-file", "extents.0").  Options that the user
 * gave for that child win over FILENAME, which is what the image says (NULL: the user must say).
 * FORMAT NULL: the bare protocol.  Subject to the gate; FILENAME is never parsed as a protocol.
 * FLAGS: IMG_CHILD_*.  Returns the child's number, -1 on failure. */
int img_node_open_child (struct img_node *node, const char *name, const char *filename,
                         const char *format, unsigned flags, struct img_error *err);
/* In open: whether the user's options say anything of child NAME. */
bool img_node_names_child (const struct img_node *node, const char *name);
enum {
  IMG_CHILD_READ_ONLY = 1,  /* even when the node is writable */
  IMG_CHILD_WORKING_DIR = 2, /* in drop-in mode FILENAME is relative to the working folder and not
                                to the image, as QEMU has it for qcow2's data files */
  IMG_CHILD_PROBE = 4, /* with FORMAT NULL: an image, of the format that it looks like */
  IMG_CHILD_IF_GIVEN = 8 /* unless the user gave options for it nothing is opened, and 0 returned */
};

/* The properties of the object (--object) ID of TYPE ("secret", "throttle-group") that the user
 * gave with this image; they live as long as the node.  NULL: there is none. */
const struct img_opts *img_node_object (const struct img_node *node, const char *type,
                                        const char *id, struct img_error *err);
/* SIZE bytes, zeroed at first, that all nodes share which name that object; they live as long as
 * it. NULL on failure. */
void *img_node_object_state (const struct img_node *node, const char *type, const char *id,
                             size_t size, struct img_error *err);
/* The bytes of secret ID, decoded and unwrapped.  *BYTES is the caller's, to be given back with
 * img_secret_free, which wipes it.  At create: the node is c->file. */
int img_node_secret (const struct img_node *node, const char *id, uint8_t **bytes, size_t *n,
                     struct img_error *err);
void img_secret_free (uint8_t *bytes, size_t n); /* NULL allowed */
/* Decodes base64 (RFC 4648, 4) where it stands; *N becomes the number of bytes.  Line breaks are
 * skipped, padding may be missing. */
int img_base64_decode (uint8_t *bytes, size_t *n, struct img_error *err);

/* Tells CHILD what is about to happen above it, by the names of QEMU's blkdebug events
 * ("l2_update"), for test devices that make such moments fail.  Any thread; costs nothing
 * elsewhere. */
void img_event (struct img_node *child, const char *event);

/* A trace point: EVENT, snake case and beginning with the module's name (in-tree ones have a row in
 * core/trace.c, which lists them; others are matched by name as well).  NODE may be NULL.  Any
 * thread; one look at a flag when nothing is traced. */
#define IMG_TRACE(event, node, ...) \
  (img_tracing ? img_trace (event, node, __VA_ARGS__) : (void) 0)
extern bool img_tracing;
void img_trace (const char *event, const struct img_node *node, const char *fmt, ...)
  IMG_PRINTF (3, 4);
/* The event `debug`: a remark for developers. */
void img_debug (const struct img_node *node, const char *fmt, ...) IMG_PRINTF (2, 3);

/* ---- open: FLAGS of open and lock ---- */

enum {
  IMG_OPEN_RDWR = 1,       /* what is not opened so is never written to */
  IMG_OPEN_NO_BACKING = 2, /* do not open the backing image */
  IMG_OPEN_NO_IO = 4,      /* only facts are wanted (info): open no files that the image names */
  IMG_OPEN_CHECK = 8,      /* be lenient where a check wants to look: dirty, corrupt, bad tables */
  IMG_OPEN_NEW = 16,       /* just created by us, reads as zero, unseen: no write order needed */
  IMG_OPEN_SHARE = 32,     /* -U: take no locks that others' writers exclude */
  IMG_OPEN_DIRECT = 64,    /* cache.direct: O_DIRECT */
  IMG_OPEN_NO_FLUSH = 128, /* cache.no-flush: img_flush orders nothing and waits for nothing */
  IMG_OPEN_WRITETHROUGH = 256, /* flush after every write */
  IMG_OPEN_UNMAP = 512,    /* discard=unmap: pass discards down */
  IMG_OPEN_PROBED = 1024,  /* raw only because nothing was recognised: the core lets no write make
                              the first block look like another format (EPERM) */
  IMG_OPEN_STABLE = 2048,  /* nobody else may write or resize meanwhile: the file holds a format's
                              metadata, or is the source of a copy */
  IMG_OPEN_DETECT_ZEROES = 4096, /* detect-zeroes=on: the core turns writes of zeroes into zero, */
  IMG_OPEN_DETECT_UNMAP = 8192   /* =unmap: and lets go of their space */
};

/* ---- writing to an allocating format ---- */

enum {
  IMG_PLACE_FRESH = 1,   /* new host space with unknown contents: the core writes whole units */
  IMG_PLACE_ENCODED = 2, /* reserve: for `encoded` bytes that stand for one encode_unit */
  IMG_PLACE_ZEROES = 4,  /* with FRESH: it reads as zero (past the end of the file), so that zeroes
                            need not be written; says nothing where ENCRYPTED */
  IMG_PLACE_ENCRYPTED = 8 /* the core encrypts what it writes there (crypt); not with ENCODED.  A
                            driver without reserve says it in its map */
};

/* Host space for a guest range, from reserve until commit or abandon. */
struct img_place {
  uint64_t offset, length; /* guest range covered, starts at the offset asked for */
  uint64_t host_offset;
  uint32_t child, flags;
  uint64_t encoded;        /* with IMG_PLACE_ENCODED: bytes to write at host_offset */
  uint64_t cookie[4];      /* the driver's own */
};

/* ---- create, check, measure ---- */

struct img_create {
  size_t struct_size;
  const char *filename;    /* as the user named it */
  struct img_node *file;   /* formats: the new, empty file, open for writing; protocols: NULL */
  uint64_t size;           /* guest-visible bytes */
  struct img_opts *opts;   /* checked against create_opts; `size` is not among them, even where the
                              table lists it, which says where it stands among the others */
  unsigned flags;          /* IMG_CREATE_* */
  enum img_prealloc prealloc; /* how to take space: the protocol's option `preallocation` */
};
enum {
  IMG_CREATE_COMPAT = 1 /* drop-in mode: behave as the tool people know where they differ */
};
/* In create: creates FILENAME beside (or opens what stands there) for writing with SIZE bytes, as
 * an extra file of this image (data file, extent).  It reads as zero, unless FLAGS say otherwise.
 * Never a protocol name.  Closed by the core after create; removed by it when create fails. */
struct img_node *img_create_extra (struct img_create *c, const char *filename, uint64_t size,
                                   enum img_prealloc prealloc, unsigned flags,
                                   struct img_error *err);
enum {
  IMG_EXTRA_KEEP = 1, /* FILENAME must exist with at least SIZE bytes; it stays as it is, always */
  IMG_EXTRA_WORKING_DIR = 2 /* as IMG_CHILD_WORKING_DIR */
};

/* What is to be written in one go, and where the driver puts it. */
struct img_layout {
  size_t struct_size;
  const struct img_extent *data; /* offset, length: all else reads as zero; in order, apart */
  size_t n_data;
  /* By the driver, malloc'ed: offset, length, host_offset of whole units that hold all data; both
   * offsets ascend, and no metadata lies behind the first. */
  struct img_extent *runs;
  size_t n_runs;
};

enum {
  IMG_REPAIR_LEAKS = 1, IMG_REPAIR_ERRORS = 2,
  /* With ERRORS: snapshots, bitmaps that are damaged are given up. */
  IMG_REPAIR_DROP_SNAPSHOTS = 4, IMG_REPAIR_DROP_BITMAPS = 8
};
struct img_check {
  size_t struct_size;
  /* results */
  uint64_t check_errors, corruptions, leaks, corruptions_fixed, leaks_fixed;
  uint64_t image_end_offset; /* 0: not known */
  uint64_t total_clusters, allocated_clusters, fragmented_clusters, compressed_clusters;
  /* where findings go, one line each; img_check_say() calls it */
  void (*say) (void *arg, bool corruption, const char *line); /* or NULL */
  void *say_arg;
  /* How far it is, if not NULL; img_check_progress() calls it.  False: it is to end. */
  bool (*progress) (void *arg, uint64_t done, uint64_t total);
  void *progress_arg;
};
/* Reports one finding (counts nothing), printed as it is; those of corruption begin with "ERROR".
 * CORRUPTION false: a leak or a remark. */
void img_check_say (struct img_check *check, bool corruption, const char *fmt, ...)
  IMG_PRINTF (3, 4);
/* Before anything is changed: DONE of TOTAL, of whatever takes long.  -1 with ECANCELED: end. */
int img_check_progress (const struct img_check *check, uint64_t done, uint64_t total,
                        struct img_error *err);

struct img_measure {
  size_t struct_size;
  struct img_node *source; /* whose allocation counts, or NULL: a new image of `size` bytes */
  uint64_t size;
  struct img_opts *opts;   /* create options, checked */
  /* results, bytes of the new file: for what SOURCE holds, and when all of it is written */
  uint64_t required, fully_allocated;
  uint64_t bitmaps;        /* what SOURCE's bitmaps would take on top */
  bool has_bitmaps;        /* SOURCE may have some, and the format can keep them */
};

/* Zeroed by the core; what a driver does not know stays so. */
struct img_driver_info {
  size_t struct_size;
  uint32_t cluster_size;     /* 0: none */
  bool encrypted, compressed; /* compressed: every cluster is (streamOptimized) */
  bool dirty;                /* not closed cleanly */
  const char *specific_type; /* "qcow2"; NULL: no format-specific part */
  struct img_value *specific; /* an object to fill; given by the core */
};

struct img_snapshot_ops {
  size_t struct_size;
  /* Appends one object a snapshot: id name vm-state-size date-sec date-nsec vm-clock-sec
   * vm-clock-nsec icount?. */
  int (*list) (struct img_node *node, struct img_value *array, struct img_error *err);
  /* Makes a read-only node show this snapshot.  Either of ID, NAME may be NULL. */
  int (*select) (struct img_node *node, const char *id, const char *name, struct img_error *err);
  /* These three change the image and have reached the disk when they return; wherever they are
   * interrupted, the image is as before or as after, with leaks at worst.  ID_OR_NAME is what the
   * user typed. */
  int (*create) (struct img_node *node, const char *name, uint64_t date_sec, uint32_t date_nsec,
                 struct img_error *err);
  int (*apply) (struct img_node *node, const char *id_or_name, struct img_error *err);
  int (*remove) (struct img_node *node, const char *id_or_name, struct img_error *err);
};

/* Persistent dirty bitmaps: which guest ranges were written since some moment.  Changes have
 * reached the disk when they return. */
struct img_bitmap_ops {
  size_t struct_size;
  /* Appends one object a bitmap: name granularity flags[in-use, auto] count? (bytes marked). */
  int (*list) (struct img_node *node, struct img_value *array, struct img_error *err);
  /* GRANULARITY 0: the format's default.  ENABLED: it records from now on. */
  int (*add) (struct img_node *node, const char *name, uint64_t granularity, bool enabled,
              struct img_error *err);
  int (*remove) (struct img_node *node, const char *name, struct img_error *err);
  int (*clear) (struct img_node *node, const char *name, struct img_error *err);
  int (*enable) (struct img_node *node, const char *name, bool on, struct img_error *err);
  /* The first marked range that ends behind FROM.  1: *START, *LENGTH; 0: there is none. */
  int (*next) (struct img_node *node, const char *name, uint64_t from, uint64_t *start,
               uint64_t *length, struct img_error *err);
  /* Marks all that NEXT, which works like the above, comes up with. */
  int (*merge) (struct img_node *node, const char *name,
                int (*next) (void *arg, uint64_t from, uint64_t *start, uint64_t *length,
                             struct img_error *err),
                void *arg, struct img_error *err);
  /* Where it is there, called instead of the five that change: the N changes in their order, each
   * seeing what those before it did; wherever it is interrupted the bitmaps are as before or as
   * after all of them.  Merges: FROM is NODE, or is asked by img_bitmap_next and has the same size.
   * When one fails those before it are made; *DONE, which is 0 at first: how many. */
  int (*change) (struct img_node *node, const struct img_bitmap_change *changes, size_t n,
                 size_t *done, struct img_error *err);
};

enum {
  IMG_AMEND_FORCE = 1 /* also what may make the data unreadable for ever */
};
struct img_amend {
  size_t struct_size;
  const struct img_opts *opts; /* checked against amend_opts; only what the user gave */
  unsigned flags;              /* IMG_AMEND_* */
  /* Long work tells how far it is, if not NULL. */
  void (*progress) (void *arg, uint64_t done, uint64_t total);
  void *progress_arg;
};

/* ---- many requests in flight from one thread (aio.h) ---- */

/* One request; unchanged by its owner until reap gives it back.  Fits the node's limits, lies
 * within its size, and is no longer than UINT32_MAX / 4. */
struct img_aio_io {
  bool write;
  void *buf; /* only read from when WRITE */
  uint64_t length, offset;
  /* Out: bytes done or -errno.  -EAGAIN when it would have to wait here: a thread of the core's
   * does it with pread or pwrite, and so it does the rest of what was done in part. */
  int64_t result;
};

/* Optional, for drivers with IMG_THREADS_PARALLEL.  A queue belongs to one thread; a node may have
 * several.  Reads and writes only, started in order, finished in any. */
struct img_aio_ops {
  size_t struct_size;
  /* A queue for DEPTH requests.  ENGINE is a word that the user chose, NULL: what the node's own
   * options say.  NULL when it cannot be had. */
  void *(*open) (struct img_node *node, const char *engine, unsigned depth, struct img_error *err);
  /* Takes N requests, at most DEPTH with those in flight.  May leave the start to reap. */
  void (*submit) (void *queue, struct img_aio_io *const *ios, unsigned n);
  /* Fills up to MAX of what is done, WAIT: waits for one at least.  How many; 0 with WAIT only
   * when nothing is in flight. */
  unsigned (*reap) (void *queue, struct img_aio_io **done, unsigned max, bool wait);
  /* Nothing is in flight. */
  void (*close) (void *queue);
};

/* ---- the driver ---- */

/* A filter is a protocol whose bytes are those of its children, images or files, which its open
 * opens with img_node_open_child. */
enum img_kind { IMG_FORMAT = 1, IMG_PROTOCOL = 2, IMG_FILTER = 3 };
enum img_threads { IMG_THREADS_SERIAL = 0, IMG_THREADS_PARALLEL = 1 };
enum {
  IMG_CAP_BACKING = 1,     /* images may name a backing file */
  IMG_CAP_COMPRESS = 2,    /* encode and reserve with IMG_PLACE_ENCODED */
  IMG_CAP_ZERO_INIT = 4,   /* a new image reads as zero */
  IMG_CAP_READ_ONLY = 8,   /* never writable */
  IMG_CAP_PLAIN = 16       /* the file is guest bytes only, no metadata: raw.  All other formats get
                              their children with IMG_OPEN_STABLE */
};

struct img_magic {
  int64_t offset; /* negative: from the end of the file */
  const char *bytes;
  uint32_t length;
};
#define IMG_MAGIC(offset, text) { offset, text, sizeof text - 1 }

struct img_driver {
  size_t struct_size; /* sizeof (struct img_driver) */
  uint32_t abi;       /* IMG_ABI */
  enum img_kind kind;
  enum img_threads threads;
  uint32_t caps;
  uint32_t max_inflight; /* protocols: requests that hide the latency; 0: as many as cpus */
  const char *name;      /* ^[a-z][a-z0-9_-]{0,31}$ */
  const char *longname, *version;
  size_t priv_size;
  const char *const *schemes;    /* protocols: "nbd", "nbd+unix"; NULL-ended; or NULL */
  const char *const *extensions; /* of file names, NULL-ended; or NULL */
  const struct img_magic *magics; /* ended by length 0; or NULL */
  const struct img_optdesc *open_opts, *create_opts;

  /* After a magic hit (or by name when there are no magics): how sure, 0 (no) to 100.  HEAD is the
   * first HEAD_LEN bytes of the file, TAIL its last TAIL_LEN, SIZE its length. */
  int (*probe) (const uint8_t *head, size_t head_len, const uint8_t *tail, size_t tail_len,
                uint64_t size);
  /* Required.  Child 0 `file` is open already (formats).  OPTS: the driver's own, checked.  Must
   * set the size.  For protocols FILENAME-like facts are options too ("filename"); parse_name makes
   * them from "scheme:..." text. */
  int (*open) (struct img_node *node, const struct img_opts *opts, unsigned flags,
               struct img_error *err);
  /* Always called after a successful open; frees what priv holds.  Data was flushed before. */
  void (*close) (struct img_node *node);
  /* Protocols: turns "nbd://host/x" into options of this driver.  A path without a scheme is given
   * to `file`; setting the option `driver` hands the name on (to `host_device`). */
  int (*parse_name) (const char *name, struct img_opts *opts, struct img_error *err);
  /* Formats write an empty image into c->file; protocols make c->filename, c->size bytes long. */
  int (*create) (struct img_create *c, struct img_error *err);
  /* Required. */
  int (*get_info) (struct img_node *node, struct img_driver_info *info, struct img_error *err);
  /* Bytes the image takes on its host; protocols. -1 with ENOTSUP: not known. */
  int (*get_allocated) (struct img_node *node, uint64_t *bytes, struct img_error *err);

  /* As img_map: how many of the N extents were filled.  Required for formats; table look-ups only,
   * no scan of the disk.  Protocols and filters: DATA, ZERO or UNALLOC with child
   * IMG_CHILD_SELF. */
  int (*map) (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
              unsigned n, struct img_error *err);
  /* Protocols: all I/O.  Formats: SPECIAL extents, one extent at a time. */
  int (*pread) (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                struct img_error *err);
  int (*pwrite) (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err);

  /* Allocating formats.  OFFSET and LENGTH are multiples of alloc_unit (the end of the last unit
   * may lie past the end of the image).  reserve fills *place for a first part of the range: where
   * it may be written in place (flags 0), or fresh space.  Called in guest order for new images;
   * whatever it allocates (tables too) is handed out in call order, so that output does not depend
   * on threads.  ENCODED: bytes of an encoded unit, 0: plain data; FLAGS are 0.  commit makes the
   * range refer to the place after the data was written; abandon gives it back.  Without reserve
   * the core writes where map says DATA. */
  int (*reserve) (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded,
                  unsigned flags, struct img_place *place, struct img_error *err);
  int (*commit) (struct img_node *node, const struct img_place *place, struct img_error *err);
  void (*abandon) (struct img_node *node, const struct img_place *place);
  /* Pure CPU: one encode_unit (or the image's short last one) into at most CAP bytes.  0:
   * *OUT_LENGTH bytes made; 1: not worth it, write it plainly. */
  int (*encode) (struct img_node *node, const void *in, size_t length, void *out, size_t cap,
                 size_t *out_length, struct img_error *err);

  /* Aligned to alloc_unit (formats: the last unit may pass the end of the image) or zero_align,
   * discard_align.  zero: FLAGS as img_zero has them; ENOTSUP: the core writes zeroes. */
  int (*zero) (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
               struct img_error *err);
  int (*discard) (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err);
  /* As img_resize.  The size is SIZE then, unless it said another by img_node_set_size.  The last
   * unit holds only zeroes behind the end; what a longer backing image has in a new part should be
   * hidden before the new size is on disk: the core does it afterwards. */
  int (*resize) (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
                 struct img_error *err);
  /* Writes metadata out in safe order (img_flush on children between the steps); the core flushes
   * the children afterwards. */
  int (*flush) (struct img_node *node, struct img_error *err);
  /* As img_allocate and img_copy_range (SRC is a node of the same driver). */
  int (*allocate) (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err);
  int (*copy_from) (struct img_node *node, uint64_t offset, struct img_node *src,
                    uint64_t src_offset, uint64_t length, unsigned flags, struct img_error *err);

  /* As img_check, img_measure; -1 when it could not be looked at, not for what was found. */
  int (*check) (struct img_node *node, struct img_check *check, unsigned repair,
                struct img_error *err);
  int (*measure) (struct img_measure *m, struct img_error *err);
  const struct img_snapshot_ops *snapshot;

  /* Protocols: takes the advisory locks that other programs honour, or fails.  Called once for each
   * node, after open and after probing, which alone shows what the file will be used for: FLAGS are
   * IMG_OPEN_RDWR NO_IO SHARE STABLE NEW.  Given up by close. */
  int (*lock) (struct img_node *node, unsigned flags, struct img_error *err);

  /* Changes options of an image in place. */
  const struct img_optdesc *amend_opts;
  int (*amend) (struct img_node *node, const struct img_amend *amend, struct img_error *err);
  /* Records another backing file, NULL: none; contents stay as they are.  FORMAT NULL: not said. */
  int (*set_backing) (struct img_node *node, const char *name, const char *format,
                      struct img_error *err);
  /* Makes all of the image UNALLOC again, and gives its space back. */
  int (*make_empty) (struct img_node *node, struct img_error *err);
  const struct img_bitmap_ops *bitmap;
  /* For DATA extents with IMG_EXTENT_ENCRYPTED and places with IMG_PLACE_ENCRYPTED: turns LENGTH
   * bytes at BUF, which stand for guest offset OFFSET and are at HOST in the child, into what the
   * child holds (ENCRYPT) or back.  Pure CPU, called in every worker.  OFFSET and LENGTH are
   * multiples of limits.crypt_unit, which open has set; the last sector may pass the end of the
   * image.  Such extents end where sectors end.  Parts of sectors are the core's business: it
   * reads, deciphers and enciphers whole ones.  Nothing is ever moved or shared undeciphered, and
   * no hole below is taken for zeroes. */
  int (*crypt) (struct img_node *node, bool encrypt, void *buf, uint64_t length, uint64_t offset,
                uint64_t host, struct img_error *err);
  const struct img_aio_ops *aio; /* many requests in flight from one thread; protocols */
  /* Makes the new image's header and tables, to be followed by the data, when all is written once,
   * from front to back, into a pipe perhaps: c->file takes no other order.  Sets its size. */
  int (*layout) (struct img_create *c, struct img_layout *layout, struct img_error *err);
  void (*event) (struct img_node *node, const char *event); /* as img_event; any thread */
  /* The guest is about to change (write, zero, discard) these bytes, not rounded to units, but
   * possibly longer than the image; before reserve, zero and discard.  For dirty bitmaps. */
  int (*changing) (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err);
  /* Before amend, and before the core changes anything for its sake: refuses what amend would
   * refuse on the way.  What was not on disk may be written, but nothing changes. */
  int (*judge_amend) (struct img_node *node, const struct img_amend *amend,
                      struct img_error *err);
};

/* ---- threads ---- */

struct img_pool;
/* WORKER is 0 .. n-1.  Returns 0 when there is no more to do, -1 with *err on failure. */
typedef int img_pool_work (struct img_pool *pool, unsigned worker, void *arg,
                           struct img_error *err);
/* For what only computes: WORK in as many threads as there are processors, at most N, the caller's
 * among them; returns when all have ended, with the first failure.  There may be one only, so that
 * the workers share a list of what is to do. */
int img_parallel (unsigned n, img_pool_work *work, void *arg, struct img_error *err);

/* ---- the module ----
 *
 * NAME.so and NAME.manifest lie in a folder of BLKIMG_MODULE_PATH or in the one that
 * `pkg-config --variable=moduledir blkimg` says.  The manifest says what can be known before the
 * module is loaded, the same facts as its structs, which loading compares.  One statement a line,
 * words separated by blanks; empty lines and lines that begin with # are skipped.  Modules that are
 * installed together may share a file instead, blkimg.manifests: one manifest after another, each
 * from its `module` line on; a module's own file counts more.
 *
 *   module qcow2              the name of the module: that of the file
 *   abi 1                     IMG_ABI of the module
 *   driver qcow2              begins a driver; the lines below describe it
 *   kind format               format, protocol or filter
 *   threads parallel          serial (when the line is missing) or parallel
 *   caps backing compress     of: backing compress zero-init read-only plain
 *   magic 0 QFI\xfb           offset (negative: from the end of the file), bytes; \xNN for a byte
 *                             that is no plain character, \\ for a backslash; one line a magic
 *   schemes nbd nbd+unix      protocols: what stands before `:` in a name
 *   extensions qcow2 qcow     of file names, without the dot
 *   codec deflate             a codec of this module
 *   crypto gcrypt             a library for encryption
 *   json jansson              a library for image names in JSON
 */

struct img_module {
  size_t struct_size;
  uint32_t abi;
  const struct img_driver *const *drivers; /* NULL-ended, or NULL */
  const struct img_codec *const *codecs;   /* NULL-ended, or NULL */
  const struct img_crypto *crypto;         /* or NULL */
  const struct img_json *json;             /* or NULL */
};

#define IMG_CONCAT2(a, b) a##b
#define IMG_CONCAT(a, b) IMG_CONCAT2 (a, b)
#ifdef IMG_MODULE_PRELOADED /* linked in: libltdl finds NAME_LTX_img_module_entry */
#define IMG_ENTRY_SYMBOL IMG_CONCAT (IMG_MODULE_NAME, _LTX_img_module_entry)
#else
#define IMG_ENTRY_SYMBOL img_module_entry
#endif
#define IMG_MODULE_ENTRY(module)                        \
  const struct img_module *IMG_ENTRY_SYMBOL (void);     \
  const struct img_module *IMG_ENTRY_SYMBOL (void)      \
  {                                                     \
    return &(module);                                   \
  }

#ifdef __cplusplus
}
#endif
#endif
