/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-bench.h - what the files of img-bench share. */
#ifndef IMG_BENCH_H
#define IMG_BENCH_H

#include <blkimg/blkimg.h>

/* Times in nanoseconds, counted in steps of 1/32 of their size. */
#define LATENCY_STEPS 32
#define LATENCY_SLOTS ((64 - 4) * LATENCY_STEPS)
struct latency {
  uint64_t count[LATENCY_SLOTS], n, sum, max;
};
void latency_add (struct latency *l, uint64_t ns);
/* What PERCENT of the times are not above. */
uint64_t latency_percentile (const struct latency *l, double percent);

struct bench {
  const char *engine; /* NULL: the image's own */
  uint64_t count, offset, size, step, flush_interval;
  unsigned depth;
  int pattern;
  bool write, no_drain;
  void (*ready) (const struct bench *b); /* called before the first request, or NULL */
  /* results */
  double seconds;
  struct latency latency;
};
int bench_run (struct bench *b, struct img_node *node, struct img_error *err);

#endif
