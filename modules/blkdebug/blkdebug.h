/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkdebug.h - the rules: what is to happen when.
 *
 * Words and meaning are those of QEMU's manual (docs/devel/testing/blkdebug.rst). */
#ifndef BLKDEBUG_H
#define BLKDEBUG_H

#include <pthread.h>

#include <blkimg/module.h>
#include <blkimg/vec.h>

enum blkdebug_io {
  BLKDEBUG_READ = 1,
  BLKDEBUG_WRITE = 2,
  BLKDEBUG_ZERO = 4,
  BLKDEBUG_DISCARD = 8,
  BLKDEBUG_FLUSH = 16,
  BLKDEBUG_STATUS = 32
};

struct blkdebug_rule {
  char *section; /* "inject-error.0": rules of one section are one rule */
  bool set_state;
  int event; /* index of the table of events; -1: not said */
  uint64_t state, new_state; /* state 0: any */
  unsigned io;
  int code;
  uint64_t sector; /* UINT64_MAX: any */
  bool once, armed;
};

struct blkdebug_rules {
  pthread_mutex_t lock;
  IMG_VEC (struct blkdebug_rule) rules;
  uint64_t state;
};

void blkdebug_rules_init (struct blkdebug_rules *r);
void blkdebug_rules_release (struct blkdebug_rules *r);
/* From a file in QEMU's form of INI files, and from the options inject-error.N.*, set-state.N.* */
int blkdebug_rules_read (struct blkdebug_rules *r, const char *path, struct img_error *err);
int blkdebug_rules_add (struct blkdebug_rules *r, const struct img_opts *opts,
                        struct img_error *err);
/* Something happens; any thread.  Unknown names are ignored. */
void blkdebug_rules_event (struct blkdebug_rules *r, const char *event);
/* Whether I/O of that kind is to fail. */
int blkdebug_rules_io (struct blkdebug_rules *r, enum blkdebug_io io, uint64_t offset,
                       uint64_t length, struct img_error *err);

#endif
