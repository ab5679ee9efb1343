/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/unit/fake.h - drivers made for tests: a file in memory, a format that allocates, a format
 * that does not, all with knobs.  Nodes are put together by hand, without modules and registry. */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H

#include "core/node.h"

/* A node of a copy of DRIVER; it owns its children and is freed by fake_free. */
struct img_node *fake_node (const struct img_driver *driver, const char *name, uint64_t size,
                            unsigned flags);
/* CHILD is NODE's from now on. */
void fake_add (struct img_node *node, const char *name, struct img_node *child);
void fake_free (struct img_node *node);
/* The node's own copy, to be changed before use: callbacks, threads, caps. */
struct img_driver *fake_driver (struct img_node *node);

/* ---- fake-mem.c: a protocol ---- */

enum fake_op { FAKE_READ, FAKE_WRITE, FAKE_ZERO, FAKE_DISCARD, FAKE_FLUSH, FAKE_RESIZE, FAKE_OPS };
struct fake_mem {
  uint8_t *data; /* CAP bytes that never move */
  uint64_t cap;
  uint8_t *there; /* one a block: written to, so no hole; FAKE_BLOCK bytes each */
  atomic_uint calls[FAKE_OPS], maps;
  atomic_uint bad;                 /* requests that break the node's limits */
  _Atomic uint64_t longest;        /* read or write */
  pthread_mutex_t device;          /* with blocks: one request at a time, as disks do it */
  /* The call number of that kind that fails, counted from 1; 0: none. */
  unsigned fail_at[FAKE_OPS];
  int fail_code;                   /* EIO when 0 */
};
#define FAKE_BLOCK 512u
/* Writable unless FLAGS lack IMG_OPEN_RDWR; can be resized up to CAP. */
struct img_node *fake_mem_new (uint64_t size, uint64_t cap, unsigned flags);
struct fake_mem *fake_mem (struct img_node *node);

/* ---- fake-toy.c: formats ---- */

enum {
  FAKE_PARALLEL = 1,
  FAKE_NO_ZERO = 2,    /* zero: ENOTSUP */
  FAKE_NO_DISCARD = 4,
  FAKE_READ_ONLY = 8
};
/* Allocates units of UNIT bytes in FILE (a fake_mem), maps the rest to BACKING (or NULL).  Its
 * table lives in memory.  New space is full of junk.  Encodes units of one byte value. */
struct img_node *fake_toy_new (struct img_node *file, struct img_node *backing, uint64_t size,
                               uint32_t unit, unsigned flags);
/* Callbacks that ran at once although the driver is SERIAL; units in use; flush calls. */
unsigned fake_toy_overlaps (struct img_node *node);
unsigned fake_toy_used (struct img_node *node);
/* Makes N units from FIRST on data, in host order, without writing them. */
void fake_toy_fill (struct img_node *node, uint64_t first, uint64_t n);

/* SIZE bytes of FILE from START on, as raw does it. */
struct img_node *fake_plain_new (struct img_node *file, uint64_t start, uint64_t size,
                                 unsigned flags);
/* Makes a toy (UNIT a multiple of 512) or a plain image (START one) that was not used yet keep its
 * data as ciphertext, by a cipher that depends on guest and host offset.  NODE. */
struct img_node *fake_encrypt (struct img_node *node);
/* One sector of it. */
void fake_cipher (bool encrypt, uint8_t *buf, uint64_t offset, uint64_t host);

#endif
