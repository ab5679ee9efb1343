/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/blkimg.h - open, create, inspect and change disk images.  See node.h for reading and
 * writing, copy.h for converting and comparing, module.h to add a format.
 *
 * All functions may be called from any thread, but on one image (a node and what is below it) one
 * at a time, and not while others read or write it.  They return -1 or NULL on failure and fill
 * *err (error.h).  Texts and structs handed in are the caller's, and needed until the function
 * returns, where nothing else is said; an img_value that is returned is the caller's, to be freed
 * by img_value_free.
 *
 * A struct that begins with struct_size grows at its end: set it to sizeof and all else to zero, as
 *   struct img_open_params p = { .struct_size = sizeof p };
 * does, and a program built today works with a later library. */
#ifndef BLKIMG_BLKIMG_H
#define BLKIMG_BLKIMG_H

#include <blkimg/error.h>
#include <blkimg/node.h>
#include <blkimg/options.h>
#include <blkimg/value.h>

#ifdef __cplusplus
extern "C" {
#endif

const char *img_version (void); /* "0.1.0" */

/* ---- opening ---- */

/* What files an image may make us open (core/gate.c). */
enum img_gate {
  IMG_GATE_LOCAL,     /* default: regular files and block devices, relative to the image */
  IMG_GATE_UNTRUSTED, /* none at all */
  IMG_GATE_OPEN       /* anything, protocols and json: too: the old tool's rules (drop-in mode) */
};

enum img_cache {
  IMG_CACHE_WRITEBACK, /* default */
  IMG_CACHE_NONE,
  IMG_CACHE_WRITETHROUGH,
  IMG_CACHE_DIRECTSYNC,
  IMG_CACHE_UNSAFE
};
/* "none" (or "off"), "writeback", "writethrough", "directsync", "unsafe" -> mode. */
int img_cache_parse (const char *text, enum img_cache *mode, struct img_error *err);

/* What --object makes: secrets, throttle groups, ...  Used by images opened or created with it; has
 * to outlive them. */
struct img_objects;
struct img_objects *img_objects_new (void); /* NULL when out of memory */
void img_objects_free (struct img_objects *objects); /* wipes secrets; NULL allowed */
/* TEXT is `type,id=NAME,key=value...` or JSON with the key qom-type.  Unknown types, unknown
 * properties, secrets that cannot be read or decoded are errors. */
int img_objects_add (struct img_objects *objects, const char *text, struct img_error *err);

/* How a name is to be understood and opened; zeroed = defaults. */
struct img_open_params {
  size_t struct_size;
  const char *format;  /* NULL: probe */
  unsigned flags;      /* IMG_OPENF_* */
  enum img_cache cache;
  enum img_gate gate;
  const char *snapshot; /* -l: ID or name, or snapshot.id=..,snapshot.name=..; NULL: none */
  const struct img_opts *extra; /* runtime options added to the top node, or NULL */
  struct img_objects *objects; /* or NULL */
};
enum {
  IMG_OPENF_RDWR = 1,
  IMG_OPENF_NO_BACKING = 2,
  IMG_OPENF_INFO = 4,       /* open exactly this file; facts only */
  IMG_OPENF_CHECK = 8,
  IMG_OPENF_SHARE = 16,     /* -U */
  IMG_OPENF_IMAGE_OPTS = 32, /* NAME is an option list (driver=qcow2,file.filename=...) */
  IMG_OPENF_UNMAP = 64,
  IMG_OPENF_STABLE = 128, /* source of a copy: nobody may write to it meanwhile (unless SHARE) */
  IMG_OPENF_LIMITS = 256, /* img_info tells the node's limits, too */
  IMG_OPENF_COMPAT = 512  /* drop-in mode, for what IMG_CHILD_WORKING_DIR says */
};

/* Opens NAME: a path, `scheme:...`, or `json:{...}`.  NULL on failure (message begins with the
 * name). */
struct img_node *img_open (const char *name, const struct img_open_params *params,
                           struct img_error *err);
/* Flushes (writable nodes), closes, frees the whole tree.  -1 when the flush or a close failed; the
 * node is gone in any case.  NULL is allowed. */
int img_close (struct img_node *node, struct img_error *err);

/* ---- creating ---- */

struct img_create_params {
  size_t struct_size;
  const char *format;       /* "raw" when NULL */
  const char *options;      /* -o text, or NULL */
  uint64_t size;
  bool has_size;            /* false: take the backing file's */
  const char *backing, *backing_format;
  bool backing_unsafe;      /* -u: do not open the backing file */
  bool compat;              /* drop-in mode */
  enum img_gate gate;
  struct img_objects *objects; /* or NULL */
  struct img_value *facts; /* or NULL: an object to add format, virtual-size and options to */
};
/* Creates an image.  *SUMMARY, if not NULL, becomes the options as `Formatting` prints them
 * ("fmt=qcow2 cluster_size=65536 ..."), malloc'ed, also when making the file fails; NULL when the
 * options already are at fault.  On failure no new file is left. */
int img_create (const char *name, const struct img_create_params *params, char **summary,
                struct img_error *err);

/* A new image that comes into being whole or not at all: it is made under a name of its own beside
 * NAME and renamed by img_target_finish, after a flush unless CACHE is unsafe.  Where that cannot
 * be (a device, a network protocol) it is made in place. */
struct img_target;
struct img_target *img_target_new (const char *name, const struct img_create_params *create,
                                   const struct img_open_params *open, struct img_error *err);
struct img_node *img_target_node (struct img_target *target); /* open for writing */
/* Closes and publishes; TARGET is gone afterwards, as is the unfinished file on failure. */
int img_target_finish (struct img_target *target, struct img_error *err);
void img_target_abort (struct img_target *target); /* closes and removes; NULL allowed */

/* ---- facts and upkeep ---- */

/* Facts of one node, an object with the keys of `img-info --output=json`: filename format
 * virtual-size ... children. */
struct img_value *img_info (struct img_node *node, struct img_error *err);
/* Facts of NAME and of each image below, an array; detects loops. */
struct img_value *img_info_chain (const char *name, const struct img_open_params *params,
                                  struct img_error *err);

struct img_check; /* module.h */
/* Looks at all metadata of an image that was opened with IMG_OPENF_CHECK; fills the results of
 * *CHECK, and tells its `say` what it finds.  REPAIR: 0 or IMG_REPAIR_*, for which the image is
 * open for writing; then the results are what was found before, and what of it was mended.  0
 * whatever was found; ENOTSUP: the format has no check (or cannot repair). */
int img_check (struct img_node *node, struct img_check *check, unsigned repair,
               struct img_error *err);

/* Records another backing file in the image, NULL: none, without a look at it.  What every byte of
 * NODE reads as may change with it; the backing image that is open below NODE stays that.  It has
 * reached the disk; an interruption leaves the old record or the new. */
int img_set_backing (struct img_node *node, const char *name, const char *format,
                     struct img_error *err);

/* Changes options of an image in place; OPTIONS as -o has them.  FLAGS: IMG_AMEND_* of module.h.
 * PROGRESS may be NULL.  It has reached the disk; an interruption leaves an image between two of
 * the changes, with leaks at worst. */
struct img_progress;
int img_amend (struct img_node *node, const char *options, unsigned flags,
               struct img_progress *progress, struct img_error *err);

/* Persistent dirty bitmaps: which guest ranges were written since some moment.  What changes has
 * reached the disk; an interruption leaves all bitmaps as before or as after. */

/* One object a bitmap: name granularity flags["in-use", "auto"].  ENOTSUP: this image has no room
 * for bitmaps. */
struct img_value *img_bitmap_list (struct img_node *node, struct img_error *err);
/* GRANULARITY 0: the format's default.  ENABLED: it records from now on. */
int img_bitmap_add (struct img_node *node, const char *name, uint64_t granularity, bool enabled,
                    struct img_error *err);
/* The only thing that can be done with one that is "in-use": who wrote to the image did not finish,
 * and what it says is wrong perhaps. */
int img_bitmap_remove (struct img_node *node, const char *name, struct img_error *err);
/* Marks nothing any more; records (ON) or does not from now on. */
int img_bitmap_clear (struct img_node *node, const char *name, struct img_error *err);
int img_bitmap_enable (struct img_node *node, const char *name, bool on, struct img_error *err);
/* Marks in bitmap NAME what is marked in FROM_NAME of the image FROM (NODE itself, or one of the
 * same size). */
int img_bitmap_merge (struct img_node *node, const char *name, struct img_node *from,
                      const char *from_name, struct img_error *err);
/* N of these (node.h) in their order, as one: each sees what those before it did, and an
 * interruption leaves all bitmaps as before the first or as after the last.  A thousand cost little
 * more than one, where the functions above write the image's list of bitmaps anew each time.  When
 * one fails those before it have happened: *DONE is how many; it is set in any case. */
int img_bitmap_change (struct img_node *node, const struct img_bitmap_change *changes, size_t n,
                       size_t *done, struct img_error *err);

struct img_measure; /* module.h */
/* How many bytes a new file of FORMAT would take for m->source (or m->size bytes when that is
 * NULL), made with OPTIONS, -o text or NULL; m->opts is not heeded.  Fills the results of *M. */
int img_measure (const char *format, const char *options, struct img_measure *m,
                 struct img_error *err);

/* ---- internal snapshots ---- */

/* An array of objects as `info` has them under "snapshots": id name vm-state-size date-sec ...;
 * empty where the format has none. */
struct img_value *img_snapshot_list (struct img_node *node, struct img_error *err);
/* Keeps the present state as NAME; keeps no state of a machine.  DATE: when that was.  It has
 * reached the disk when this returns, as with the two below; wherever they are interrupted the
 * image is as before or as after. */
int img_snapshot_create (struct img_node *node, const char *name, uint64_t date_sec,
                         uint32_t date_nsec, struct img_error *err);
/* The image is again as it was, in size too; what it is now is lost.  An ID goes before a name. */
int img_snapshot_apply (struct img_node *node, const char *id_or_name, struct img_error *err);
/* A name goes before an ID; of several with one name the oldest entry goes. */
int img_snapshot_remove (struct img_node *node, const char *id_or_name, struct img_error *err);

/* ---- drivers and modules ---- */

struct img_driver; /* module.h */
/* The driver called NAME, loading its module if need be.  The result lives for ever. */
const struct img_driver *img_driver_find (const char *name, struct img_error *err);
/* One object an installed module: name path abi drivers[...] codecs[...] error?.  Loads all. */
struct img_value *img_modules (struct img_error *err);
/* Names of all drivers in manifests, sorted; NULL-ended; free() the array only.  Loads none. */
const char **img_driver_names (struct img_error *err);

/* ---- tracing ---- */

struct img_trace_event {
  const char *name, *arguments; /* arguments: their names, in order */
};
const struct img_trace_event *img_trace_events (void); /* ended by a NULL name */
/* TEXT is `[enable=]PATTERN,events=FILE,file=FILE`: globs over names of events (`-GLOB`: not
 * these; the last that fits decides), a file of them, where lines go (else standard error).  Before
 * there are threads. */
int img_trace_set (const char *text, struct img_error *err);
/* What the environment asks for: BLKIMG_TRACE, a TEXT as above a line; BLKIMG_DEBUG=trace, all. */
int img_trace_init (struct img_error *err);

/* ---- output ---- */

/* The tree as JSON text, 4-space indentation, ASCII only, no newline at the end; malloc'ed.
 * ONE_LINE: no line breaks.  NULL when out of memory. */
char *img_value_json (const struct img_value *v, bool one_line);

#ifdef __cplusplus
}
#endif
#endif
