/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* common/stream.h - images that come from standard input or go to standard output, a FIFO or a
 * character device: what is read or written once, from front to back.
 *
 * The name is "-"; a file of that name is "./-".  In drop-in mode all names are names of files. */
#ifndef COMMON_STREAM_H
#define COMMON_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include <blkimg/error.h>

#include "common/progress.h"

bool stream_is_stdio (const char *name);
/* How messages call it. */
const char *stream_input_name (void);
const char *stream_output_name (const char *name);
/* 1: NAME is a stream to write to, *FD is open, to be given back with stream_close_output; 0: it is
 * not, or what is not there yet.  Refuses terminals: images are binary.  A FIFO waits for its
 * reader: until then nothing may be unfinished, as a signal ends the program (progress_unwatch). */
int stream_open_output (const char *name, struct progress *watch, int *fd, struct img_error *err);
int stream_write_zeroes (const char *name, int fd, uint64_t n, struct img_error *err);
int stream_close_output (const char *name, int fd, struct img_error *err);

#endif
