/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/gate.h - which files an image may make us open. */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include "core/node.h"

struct img_gate_pass {
  char *name;        /* what to open, relative names resolved; malloc'ed */
  bool literal;      /* it is a path whatever it looks like */
  uint64_t file_id[2]; /* of a local file */
};

enum {
  IMG_GATE_LITERAL = 1,    /* the format says that it is a path */
  IMG_GATE_WORKING_DIR = 2 /* relative to the working folder */
};
/* Decides on NAME, which NODE's image gives as its WHAT ("backing file").  -1: refused; the hint
 * says which option allows it. */
int img_gate_check (struct img_node *node, const char *what, const char *name, unsigned flags,
                    struct img_gate_pass *pass, struct img_error *err);

/* Decides on FORMAT (NULL allowed), which NODE's image gives for its WHAT: not a protocol, which
 * would read the name in its own way. */
int img_gate_check_format (struct img_node *node, const char *what, const char *format,
                           struct img_error *err);

/* The file of NODE, an image, as device and inode; 0 0 when it is not a local file. */
const uint64_t *img_gate_file_id (struct img_node *node);
/* The same of a path. */
void img_gate_path_id (const char *path, uint64_t id[2]);
/* Whether NODE's file has that id; 0 0 is nobody's. */
bool img_gate_is_file (struct img_node *node, const uint64_t id[2]);

/* NAME as NODE's image means it: relative to the image.  malloc'ed; NULL when that cannot be told,
 * or memory runs out. */
char *img_gate_resolve (const struct img_node *node, const char *name, unsigned flags);

#endif
