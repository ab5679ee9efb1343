/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mkscatter - makes a sparse raw image of real data, for the benchmark.
 *
 *   mkscatter SRC OUT MIB MIN_KIB MAX_KIB SEED
 *
 * From offset 0 on, an extent of data and a hole take turns, each of a random length between MIN
 * and MAX in steps of MIN.  The data are SRC's, taken in order from its allocated ranges.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/make.h"

struct source {
  int fd;
  off_t at, end; /* what is left of the data range we are in */
};

/* Reads up to N bytes of data; begins again at the first when SRC is used up. */
static size_t
take (struct source *s, char *buf, size_t n)
{
  if (s->at == s->end) {
    s->at = lseek (s->fd, s->at, SEEK_DATA);
    if (s->at < 0)
      s->at = lseek (s->fd, 0, SEEK_DATA);
    if (s->at < 0)
      die ("mkscatter: source has no data");
    s->end = lseek (s->fd, s->at, SEEK_HOLE);
  }
  if ((off_t) n > s->end - s->at)
    n = (size_t) (s->end - s->at);
  ssize_t got = pread (s->fd, buf, n, s->at);
  if (got <= 0)
    die ("mkscatter: read");
  s->at += got;
  return (size_t) got;
}

int
main (int argc, char **argv)
{
  static char buf[1 << 18];
  if (argc != 7) {
    fprintf (stderr, "usage: mkscatter SRC OUT MIB MIN_KIB MAX_KIB SEED\n");
    return 64;
  }
  struct source s = { .fd = open (argv[1], O_RDONLY) };
  int out = open (argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
  uint64_t size = strtoull (argv[3], NULL, 0) << 20;
  uint64_t min = strtoull (argv[4], NULL, 0) << 10, max = strtoull (argv[5], NULL, 0) << 10;
  random_seed (strtoull (argv[6], NULL, 0));
  if (s.fd < 0 || out < 0 || min == 0 || max < min || ftruncate (out, (off_t) size) < 0)
    die ("mkscatter");
  uint64_t at = 0;
  for (int hole = 0; at < size; hole = !hole) {
    uint64_t n = (1 + next_random () % (max / min)) * min;
    if (n > size - at)
      n = size - at;
    if (hole) {
      at += n;
      continue;
    }
    while (n > 0) {
      size_t got = take (&s, buf, n < sizeof buf ? n : sizeof buf);
      if (pwrite (out, buf, got, (off_t) at) != (ssize_t) got)
        die ("mkscatter: write");
      at += got;
      n -= got;
    }
  }
  if (close (out) < 0)
    die (argv[2]);
  return 0;
}
