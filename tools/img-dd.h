/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-dd.h - what the files of img-dd share.
 *
 *   img-dd.c       options, the job, statistics
 *   img-dd-args.c  operands
 *   img-dd-run.c   the copy
 */
#ifndef IMG_DD_H
#define IMG_DD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/opt-image.h"
#include "common/out-result.h"
#include "common/progress.h"

enum { DD_STATUS_ALL, DD_STATUS_NOXFER, DD_STATUS_NONE, DD_STATUS_PROGRESS };

/* conv=, iflag=, oflag= */
enum {
  DD_NOTRUNC = 1,
  DD_NOCREAT = 2,
  DD_EXCL = 4,
  DD_SPARSE = 8,
  DD_SYNC = 16,
  DD_NOERROR = 32,
  DD_FSYNC = 64,
  DD_COUNT_BYTES = 128,
  DD_SKIP_BYTES = 256,
  DD_SEEK_BYTES = 512
};

struct dd_args {
  struct image_args image;
  const char *target_format;
  unsigned workers;
  int output;
  /* operands */
  const char *in, *out; /* "-": standard input, output */
  uint64_t ibs, obs, count, skip, seek; /* as given: blocks, or bytes by flags */
  bool has_count;
  unsigned flags; /* DD_* */
  int status;
};

/* In bytes. */
struct dd_range {
  uint64_t skip, seek;
  uint64_t most; /* to be read; UINT64_MAX: all */
};

struct dd_done {
  uint64_t in, out; /* bytes read and written */
  bool short_source; /* skip= leads behind its end */
};

/* 0, or the exit status of a fault. */
int dd_parse (struct dd_args *args, int n, char **operands);

/* Does it all. */
int dd_run (const struct dd_args *args, const struct dd_range *range, struct progress *watch,
            struct dd_done *done, struct img_error *err);

#endif
