/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/node.h - what a node is inside the core.
 *
 * Owns: the struct, its life, its children, the order of flush and close (node.c).  Opening is
 * open.c, reading and writing io.c and write.c, mapping map.c and walk.c.  Nobody outside core/
 * sees this.
 */
#ifndef CORE_NODE_H
#define CORE_NODE_H

#include <pthread.h>
#include <stdatomic.h>

#include <blkimg/blkimg.h>
#include <blkimg/module.h>

struct img_rangelock;
struct img_holes;
struct img_crypt_room;

struct img_child {
  char *name; /* "file", "backing", "data-file", "extents.0" */
  struct img_node *node;
};

/* What all nodes of one img_open share.  Lives in the top node; children point to it. */
struct img_context {
  enum img_gate gate;
  enum img_cache cache;
  unsigned openf; /* IMG_OPENF_* as the user asked */
  struct img_objects *objects; /* or NULL */
};

struct img_node {
  const struct img_driver *driver; /* the registry's copy, full size, unknown callbacks NULL */
  void *priv;
  char *filename;        /* as messages and info name it; json:{...} when no plain name fits */
  char *path;            /* what relative names inside this image are relative to; NULL: nothing */
  unsigned flags;        /* IMG_OPEN_* */
  _Atomic uint64_t size; /* grows under I/O: a format extends its file while it writes */
  struct img_limits limits;

  struct img_child *children;
  unsigned n_children;
  struct img_opts *child_opts; /* what the user said of children: "backing.driver", ... */
  struct img_opts *backing_opts; /* of these what began with "backing.", once it was looked at */
  char *backing_name, *backing_format; /* as the image says; NULL: none */
  struct img_node *backing;            /* a child as well, or NULL */
  unsigned depth;                      /* below the top image, by backing links */
  struct img_context *context;
  struct img_node *parent; /* whom it is opened for, before it is a child of it, too; NULL: top */
  struct img_opts *given;  /* the driver's own options as the user gave them, or NULL */
  uint64_t file_id[2];     /* of a local file: device and inode, for the gate; 0 0: none */

  pthread_mutex_t serial;          /* held around each callback of a SERIAL driver (serial.h) */
  struct img_rangelock *writes; /* unit-aligned ranges being written (write.c), made on first use */
  struct img_holes *holes;         /* of a read-only protocol node (holes.c), made on first use */
  pthread_mutex_t lazy;            /* guards the making of the two above, and the list below */
  struct img_crypt_room *rooms;    /* idle buffers for encryption (crypt.c) */
  bool sequential; /* written once, from front to back (stream-out.c) */
  bool told_size; /* by the driver, in the resize that runs: img_node_set_size was called */
};

/* Protocols and filters move bytes themselves; of formats the core asks where the bytes are. */
static inline bool
img_moves_bytes (const struct img_node *node)
{
  return node->driver->kind != IMG_FORMAT;
}

/* A node of DRIVER, not yet open: priv allocated, limits at their defaults.  Takes nothing over. */
struct img_node *img_node_new (const struct img_driver *driver, const char *filename,
                               unsigned flags, struct img_context *context,
                               struct img_error *err);
/* Appends CHILD, which NODE owns afterwards, as NAME.  Its number, or -1 (CHILD is still the
 * caller's). */
int img_node_add_child (struct img_node *node, const char *name, struct img_node *child,
                        struct img_error *err);
/* Puts NAME and ": " before the message, unless it begins with them.  -1. */
int img_error_name (const char *name, struct img_error *err);
/* Closes (driver->close when OPENED) and frees NODE and its children, top down, without
 * flushing. */
void img_node_free (struct img_node *node, bool opened);
/* As img_close, without flushing: what img_open made is not wanted. */
void img_node_drop (struct img_node *top);

#endif
