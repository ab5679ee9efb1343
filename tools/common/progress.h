/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* common/progress.h - the watcher: shows how far the work is, and ends it when a signal asks.
 *
 *   progress_start (&watch, &args.progress, quiet, apart);   before threads and unfinished files
 *   ... img_copy with watch.work ...; on failure with watch.signal != 0: remove what is unfinished
 *   progress_end (&watch, succeeded);             the last report; print results now
 *   progress_newline (&watch);                    where qemu-img ends its progress line
 *   progress_release (&watch);                    dies by that signal, if there was one */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <blkimg/copy.h>

#include "common/opt.h"

/* What -p asks for. */
struct progress_args {
  bool on, json;
  int fd; /* of JSON lines; 0: standard error */
};

int opt_set_progress (void *field, const char *arg, struct img_error *err);
#define OPT_PROGRESS_ROW(args, field)                                                     \
  { OPT_CALL, 'p', "progress", N_("json[:FD]"), N_("show progress; json: a line a report"), \
    offsetof (args, field), NULL, opt_set_progress, OPTF_OPTIONAL }
#define OPT_NATIVE_PROGRESS_ROW(args, field)                                              \
  { OPT_CALL, 'p', "progress", N_("json[:FD]"), N_("show progress; json: a line a report"), \
    offsetof (args, field), NULL, opt_set_progress, OPTF_OPTIONAL | OPTF_NATIVE }

struct progress {
  struct progress_args args;
  struct img_progress *work; /* for the options of what works */
  FILE *to;
  pthread_t thread;
  bool running, terminal;
  atomic_int signal;   /* that ended the work; 0: none */
  atomic_bool stop;
  int64_t began, asked; /* monotonic milliseconds: start of work, signal */
};

/* QUIET: only JSON lines are shown.  APART: standard output is the result's, what people see goes
 * to standard error. */
void progress_start (struct progress *watch, const struct progress_args *args, bool quiet,
                     bool apart);
/* Between these two the caller may wait for what only a signal would end, like a reader of a FIFO:
 * signals end the program at once, so nothing unfinished may be there.  False when one has come
 * before. */
bool progress_unwatch (struct progress *watch);
void progress_rewatch (struct progress *watch);
void progress_end (struct progress *watch, bool succeeded);
void progress_newline (const struct progress *watch);
/* Once all is closed and said.  Dies by the signal that ended the work; returns when there was
 * none, also when nothing was started and *WATCH is zero. */
void progress_release (struct progress *watch);

#endif
