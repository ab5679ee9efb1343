/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/create.h - making a new image in two steps: all decisions first, then the files. */
#ifndef CORE_CREATE_H
#define CORE_CREATE_H

#include <blkimg/vec.h>

#include "core/node.h"

struct img_create_plan {
  const struct img_driver *driver;   /* of the format, or a protocol's own */
  const struct img_driver *protocol; /* what NAME is */
  struct img_opts *opts, *protocol_opts; /* checked */
  enum img_prealloc prealloc; /* as the protocol's option of that name says */
  uint64_t size;
  bool has_size;
  unsigned flags; /* IMG_CREATE_* */
  struct img_objects *objects; /* or NULL */
  bool sync;      /* flush what was made; false: somebody will, or nobody wants it */
  IMG_VEC (char *) made; /* extra files that img_create_make made and that are good */
};

/* Settles everything about the new image NAME without touching it; to be released, also on failure.
 * *SUMMARY, if not NULL, is the text after `Formatting 'NAME', `, malloc'ed; NULL where things were
 * not settled (create-plan.c). */
int img_create_plan (struct img_create_plan *plan, const char *name,
                     const struct img_create_params *params, char **summary,
                     struct img_error *err);
void img_create_plan_release (struct img_create_plan *plan);

/* Splits -o TEXT among a format's and a protocol's create options (PROTOCOL may be NULL), checks
 * them and fills in defaults; `size` is taken out into plan->size. */
int img_create_options (struct img_create_plan *plan, struct img_opts *all, struct img_error *err);

/* Makes the files; PATH is where, NAME what the image is called.  Removes what it made if it fails
 * (create.c). */
int img_create_make (struct img_create_plan *plan, const char *name, const char *path,
                     struct img_error *err);

#endif
