/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copying.h - images to copy, and what to hold the copy against. */
#ifndef TESTS_COPYING_H
#define TESTS_COPYING_H

#include <blkimg/copy.h>

#include "fake.h"
#include "seed.h"

#define COPYING_ROOM (1024u * 1024)
#define COPYING_CAP (8u * 1024 * 1024)

uint64_t copying_pick (uint64_t *s, const uint64_t *of, size_t n);
#define PICK(s, ...)                                                                    \
  copying_pick (s, (const uint64_t[]) { __VA_ARGS__ },                                  \
                sizeof (uint64_t[]) { __VA_ARGS__ } / sizeof (uint64_t))

/* Data, holes, and zeroes that are written, in stretches of all lengths. */
void copying_scribble (uint64_t *s, struct img_node *node);
/* A writable toy of its own file. */
struct img_node *copying_toy (struct img_node *backing, uint64_t size, uint32_t unit,
                              unsigned flags);
/* The bytes of NODES, one after the other; malloc'ed. */
uint8_t *copying_bytes (struct img_node *const *nodes, unsigned n, uint64_t *total);
void copying_same (const uint8_t *want, const uint8_t *got, uint64_t n);
/* What img-convert asks for when nothing is said. */
struct img_copy_opts copying_opts (void);

#endif
