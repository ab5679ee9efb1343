/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/open.h - making nodes out of names and options; what open*.c and create.c share. */
#ifndef CORE_OPEN_H
#define CORE_OPEN_H

#include <string.h>

#include "core/node.h"

/* How one node is to be opened. */
struct img_open_job {
  struct img_context *context;
  struct img_node *parent; /* for whom, or NULL */
  const char *name;        /* NULL: the options say */
  bool literal;            /* NAME is a path whatever it looks like */
  const char *display;     /* what messages call it; NULL: NAME */
  const char *format;      /* NULL: the options say, else probe */
  unsigned flags;          /* IMG_OPEN_* */
  unsigned depth;          /* images above */
};

#define IMG_MAX_DEPTH 200 /* of a backing chain */

/* OPTS are the node's options, dotted ones of its children too; all are used, the list stays the
 * caller's.  NULL on failure, with a message that begins with a name where there is one. */

/* An image of any format with all that is below it (open.c). */
struct img_node *img_open_image (const struct img_open_job *job, struct img_opts *opts,
                                 struct img_error *err);
/* The same without its backing image. */
struct img_node *img_open_layer (const struct img_open_job *job, struct img_opts *opts,
                                 struct img_error *err);
/* The same for a job whose name may be a json: one; OPTS win over what that says. */
struct img_node *img_open_text (const struct img_open_job *job, struct img_opts *opts,
                                struct img_error *err);
/* A protocol node, without taking its locks; a format where OPTS say so (open-file.c). */
struct img_node *img_open_file (const struct img_open_job *job, struct img_opts *opts,
                                struct img_error *err);
/* The protocol driver that NAME asks for; OPTS get what NAME says. */
const struct img_driver *img_open_protocol (const char *name, bool literal, struct img_opts *opts,
                                            struct img_error *err);
/* True for protocol drivers, and nodes, whose names are paths of this machine. */
bool img_open_name_is_local (const char *driver);
bool img_open_is_local (const struct img_node *file);
/* Takes the locks of a protocol node, once its use is known. */
int img_open_lock (struct img_node *file, bool stable, struct img_error *err);

/* Opens NODE's backing image, if it has one and NODE's flags want it.  1: opened, 0: there is none
 * (open-chain.c).  MORE: flags of the backing image's, beside those that come from NODE. */
int img_open_backing (struct img_node *node, unsigned more, struct img_error *err);
/* The same for all that is below: the backing image's own one without MORE, and so on. */
int img_open_below (struct img_node *node, unsigned more, struct img_error *err);
/* Closes the images below NODE and opens them once more, with MORE; their locks are free meanwhile.
 * On failure there are none. */
int img_open_again (struct img_node *node, unsigned more, struct img_error *err);
/* Makes NODE show an internal snapshot, as img_open_params says. */
int img_open_snapshot (struct img_node *node, const char *snapshot, struct img_error *err);

/* Takes what every node understands (driver, cache.direct, read-only, ...) out of OPTS and changes
 * *FLAGS as it says.  *DRIVER is the driver's name, malloc'ed, or NULL (open-opts.c).
 * *AUTO_READ_ONLY: where it cannot be opened for writing, for reading will do. */
int img_open_generic (struct img_opts *opts, char **driver, unsigned *flags, bool *auto_read_only,
                      struct img_error *err);
/* Checks the driver's own options, fills in defaults, and moves those of children to
 * NODE->child_opts. */
int img_open_own_opts (struct img_node *node, struct img_opts *opts, struct img_error *err);
/* -1 when there is an option for a child that nobody opened. */
int img_open_leftovers (const struct img_node *node, struct img_error *err);
/* NODE's name as json:{...}, malloc'ed, for nodes that no plain name describes; NULL: no memory. */
char *img_open_json_name (const struct img_node *node);
/* True when an option of NODE changes what its file's name stands for. */
bool img_open_needs_json (const struct img_node *node);

/* FROM, which a caller that was built earlier may know smaller, in today's size. */
static inline struct img_open_params
img_open_params_now (const struct img_open_params *from)
{
  struct img_open_params p = { 0 };

  memcpy (&p, from, from->struct_size < sizeof p ? from->struct_size : sizeof p);
  p.struct_size = sizeof p;
  return p;
}

/* As img_open; messages call the image DISPLAY, unless that is NULL; MORE: IMG_OPEN_* flags. */
struct img_node *img_open_displayed (const char *name, const char *display,
                                     const struct img_open_params *params, unsigned more,
                                     struct img_error *err);

#endif
