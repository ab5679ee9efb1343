/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay.h - between replay.c, which makes the states that a power cut may leave, and judge.c,
 * which says whether one will do. */
#ifndef CRASH_REPLAY_H
#define CRASH_REPLAY_H

#include <blkimg/blkimg.h>
#include <blkimg/vec.h>

#include "tests/crash/log.h"

enum { MOST = 64 << 20, FILES = 64, SECTOR = 512, ENOUGH = 3, MANY = 8 };

struct change {
  struct log_entry e;
  const uint8_t *bytes;
};

struct state {
  uint8_t *bytes; /* MOST */
  uint64_t size;
};

struct file {
  char *name;
  struct state full, durable, shown;
  IMG_VEC (const struct change *) loose; /* since the last flush, in order */
};

/* Or bitmap: VIEW is what the disk was when it began. */
struct snapshot {
  char *name;
  struct state view;
  bool must; /* be there */
};

struct run {
  IMG_VEC (struct change) log;
  struct file files[FILES];
  unsigned n_files;
  const char *start, *image, *shadow, *repaired;
  const char *other;     /* opened instead of the image where that wants another passphrase */
  const char *by_slot;   /* opened with the passphrase of ... */
  unsigned slot;         /* ... this key slot of the first file */
  struct state at_start; /* that file */
  int shadow_file; /* its number, -1: not yet known */
  struct state views[MANY];
  struct snapshot snapshots[MANY], bitmaps[MANY];
  unsigned n_views, n_snapshots, n_bitmaps, samples;
  bool mixed, wrong, killed, autoclear;
  bool uncounted; /* the refcounts of the image to be repaired cannot be found */
  uint8_t *readable; /* a byte a sector of views[0], where the image is wrong */
  uint64_t faults;   /* that the check finds at the start */
  uint64_t left;     /* and after the repair */
  struct img_objects *objects;
  uint64_t random;
  unsigned states, bad;
};
extern struct run run;

void die (const char *fmt, ...) IMG_PRINTF (1, 2);
void *room (uint64_t n); /* zeroed */
/* [from, end) of what C changes; a change of the size is whole. */
void apply (struct state *s, const struct change *c, uint64_t from, uint64_t end);

/* Complains of the state that is there now; AT: entries of the log so far. */
void judge (const char *what, size_t at);
/* What the wrong image NAME holds at the start. */
void look_at_wrong (const char *name);

#endif
