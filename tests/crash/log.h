/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log.h - what record.c writes and replay.c reads: entries, those of FILE and WRITE followed by
 * `length` bytes.  Made and read on one machine, so in its own byte order. */
#ifndef CRASH_LOG_H
#define CRASH_LOG_H

#include <stdint.h>

enum log_kind {
  LOG_FILE = 1, /* its bytes are the name of the file with that number */
  LOG_WRITE,
  LOG_ZERO,  /* [offset, offset + length) reads as zero; no change of size */
  LOG_SIZE,  /* the file is `offset` bytes long */
  LOG_FLUSH  /* what was logged before for this file is on the disk once the next entry comes */
};

struct log_entry {
  uint32_t kind, file;
  uint64_t offset, length;
};

#endif
