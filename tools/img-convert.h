/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-convert.h - what the parts of img-convert share: the command line (img-convert.c), the work
 * (img-convert-run.c), bitmaps (img-convert-bitmaps.c), streams (img-convert-stream.c). */
#ifndef TOOLS_IMG_CONVERT_H
#define TOOLS_IMG_CONVERT_H

#include <blkimg/copy.h>

#include "common/opt-image.h"
#include "common/out-result.h"
#include "common/progress.h"

struct target_cache {
  enum img_cache mode;
  bool given;
};

struct convert_args {
  struct image_args image; /* of the sources */
  const char *snapshot;
  bool salvage, bitmaps, skip_broken;
  const char *target_format, *backing, *backing_format;
  char *options;
  bool target_image_opts, no_create, target_is_zero;
  struct target_cache target_cache;
  struct opt_number sparse, rate, level;
  unsigned workers;
  bool out_of_order, copy_range, compress;
  int reflink;
  struct progress_args progress;
  int output;
  bool quiet;
};

/* Converts; the last of N names is the target.  The exit status. */
int convert_run (const struct convert_args *args, int n, char **names);

/* img-convert-bitmaps.c: what --bitmaps asks of source and target, before anything is made; FORMAT
 * NULL: not known.  *LIST: the source's bitmaps, to be freed in any case. */
int convert_bitmaps_judge (const struct convert_args *args, struct img_node *source,
                           const char *format, struct img_value **list, struct img_error *err);
int convert_bitmaps_copy (const struct convert_args *args, struct img_node *dst,
                          struct img_node *source, const struct img_value *list,
                          struct img_error *err);

/* img-convert-stream.c */
bool convert_names_preallocation (const char *options);
int convert_judge_input (const struct convert_args *a, unsigned n_sources, struct img_error *err);
int convert_judge_output (const struct convert_args *a, const char *name, int fd,
                          struct img_error *err);
/* 1: it cannot be written from front to back as it comes. */
int convert_needs_spool (const struct convert_args *a, bool reads_stream, struct img_error *err);
struct convert_spool {
  char *folder, *image; /* NULL: there is none */
};
int convert_spool_init (struct convert_spool *s, struct img_error *err);
void convert_spool_release (struct convert_spool *s); /* removes it */
int convert_spool_send (const struct convert_spool *s, const char *name, int to,
                        struct img_progress *progress, struct img_error *err);

#endif
