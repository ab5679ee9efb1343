/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps and walks: hostile drivers, deep chains, holes of host files. */
#include <config.h>

#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/overflow.h>

#include "core/holes.h"
#include "core/iszero.h"
#include "core/pool.h"
#include "fake.h"
#include "seed.h"
#include "suite.h"

#define MEM_CAP (64 * 1024 * 1024)

static uint64_t seed;

/* ---- a driver that returns nonsense ---- */

static const char *const nonsense[] = {
  "none", "count 0", "count too high", "length 0", "offset before", "offset behind", "gap",
  "overlap", "too long", "kind", "no such child", "itself as child", "host wraps",
  "zero with a bad place",
  "negative", "last length 0",
};

struct hostile {
  unsigned how;
};

static int
hostile_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
             unsigned n, struct img_error *err)
{
  const struct hostile *h = node->priv;
  uint64_t half = length / 2;
  (void) err;
  if (n < 2 || half == 0) {
    *ext = (struct img_extent) { offset, length, 0, IMG_EXTENT_ZERO, 0, 0 };
    return 1;
  }
  ext[0] = (struct img_extent) { offset, half, offset, IMG_EXTENT_DATA, 0, 0 };
  ext[1] = (struct img_extent) { offset + half, length - half, 0, IMG_EXTENT_ZERO, 0, 0 };
  switch (h->how) {
  case 1: return 0;
  case 2: return (int) n + 1;
  case 3: ext[0].length = 0; break;
  case 4: ext[0].offset--; break;
  case 5: ext[0].offset++; break;
  case 6: ext[1].offset++; break;
  case 7: ext[1].offset--; break;
  case 8: ext[1].length++; break;
  case 9: ext[1].kind = 77; break;
  case 10: ext[0].child = 1; break;
  case 11: ext[0].child = IMG_CHILD_SELF; break;
  case 12: ext[0].host_offset = UINT64_MAX; break;
  case 13: ext[1].flags = IMG_EXTENT_HOST, ext[1].child = 5; break;
  case 14: return INT_MIN;
  case 15: ext[1].length = 0; break;
  }
  return 2;
}

START_TEST (hostile_maps)
{
  static const struct img_driver driver = {
    .struct_size = sizeof driver, .kind = IMG_FORMAT, .name = "hostile",
    .priv_size = sizeof (struct hostile), .map = hostile_map,
  };
  for (unsigned how = 0; how < sizeof nonsense / sizeof *nonsense; how++) {
    struct img_error err = IMG_ERROR_INIT;
    struct img_node *node = fake_node (&driver, "bad", 100000, IMG_OPEN_RDWR);
    struct img_extent ext[8];
    uint8_t buf[1000];
    ((struct hostile *) node->priv)->how = how;
    fake_add (node, "file", fake_mem_new (200000, MEM_CAP, 0));
    int want = how == 0 ? 2 : -1;
    ck_assert_msg (img_map (node, 500, 1000, ext, 8, &err) == want, "%s", nonsense[how]);
    ck_assert_int_eq (img_pread (node, buf, 1000, 500, 0, &err), how == 0 ? 0 : -1);
    if (how != 0 && how != 14)
      ck_assert_int_eq (err.code, EIO);
    struct img_walk *walk = img_walk_new (node, 0, 100000, 0, &err);
    struct img_block block;
    int r = img_walk_next (walk, &block, &err);
    ck_assert_int_eq (r, how == 0 ? 1 : -1);
    img_walk_free (walk);
    fake_free (node);
  }
}
END_TEST

/* A driver without map: protocols are all data, others all their own. */
START_TEST (no_map)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *mem = fake_mem_new (5000, MEM_CAP, 0);
  struct img_extent ext;
  fake_driver (mem)->map = NULL;
  ck_assert_int_eq (img_map (mem, 100, 4000, &ext, 1, &err), 1);
  ck_assert_uint_eq (ext.kind, IMG_EXTENT_DATA);
  ck_assert_uint_eq (ext.host_offset, 100);
  ck_assert_uint_eq (ext.child, IMG_CHILD_SELF);
  ck_assert_int_eq (img_map (mem, 100, 0, &ext, 1, &err), 0);
  struct img_node *plain = fake_plain_new (mem, 0, 5000, 0);
  fake_driver (plain)->map = NULL;
  ck_assert_int_eq (img_map (plain, 100, 4000, &ext, 1, &err), 1);
  ck_assert_uint_eq (ext.kind, IMG_EXTENT_SPECIAL);
  fake_free (plain);
}
END_TEST

/* ---- chains ---- */

#define UNIT 512

static struct img_node *
chain (uint64_t *s, unsigned depth, uint64_t size, unsigned density)
{
  struct img_node *top = NULL;
  for (unsigned i = 0; i < depth; i++) {
    struct img_error err = IMG_ERROR_INIT;
    uint64_t own = rnd_below (s, 3) ? size : 1 + rnd_below (s, size);
    top = fake_toy_new (fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR), top, own, UNIT, 0);
    for (uint64_t u = 0; u < own / UNIT; u++) {
      uint8_t buf[UNIT];
      memset (buf, (int) (i % 250 + 1), UNIT);
      uint64_t dice = rnd_below (s, density);
      if (dice == 0)
        ck_assert_int_eq (img_pwrite (top, buf, UNIT, u * UNIT, 0, &err), 0);
      else if (dice == 1)
        ck_assert_int_eq (img_zero (top, u * UNIT, UNIT, 0, &err), 0);
    }
  }
  return top;
}

/* What a byte-by-byte look at the layers says of OFFSET. */
static struct img_block
slow_block (struct img_node *node, uint64_t offset)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_extent ext;
  struct img_block b = { .offset = offset, .host_offset = offset };
  for (;; node = node->backing, b.depth++) {
    if (img_map (node, offset, 1, &ext, 1, &err) != 1)
      abort ();
    b.node = b.layer = node;
    if (ext.kind != IMG_EXTENT_UNALLOC)
      break;
    b.flags = IMG_BLOCK_ZERO;
    if (node->backing == NULL || offset >= atomic_load (&node->backing->size))
      return b;
  }
  b.flags = IMG_BLOCK_PRESENT;
  b.flags |= ext.kind == IMG_EXTENT_ZERO ? IMG_BLOCK_ZERO : IMG_BLOCK_DATA;
  if (ext.kind == IMG_EXTENT_DATA) {
    b.flags |= IMG_BLOCK_HOST;
    b.host_offset = ext.host_offset;
    b.node = node->children[0].node;
  }
  return b;
}

/* Steps of PER bytes over [offset, offset + length) of NODE. */
static void
check_walk (struct img_node *node, uint64_t offset, uint64_t length, uint64_t per)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_walk *walk = img_walk_new (node, offset, length, 0, &err);
  struct img_block b, last = { .length = 0 };
  uint64_t pos = offset, bad = 0;
  ck_assert_ptr_nonnull (walk);
  int r;
  while ((r = img_walk_next (walk, &b, &err)) > 0) {
    bad += b.offset != pos || b.length == 0 || b.length > offset + length - pos;
    for (uint64_t at = b.offset; at < b.offset + b.length; at += per) {
      struct img_block s = slow_block (node, at);
      bad += s.flags != b.flags || s.depth != b.depth || s.layer != b.layer || s.node != b.node
             || s.host_offset != b.host_offset + (at - b.offset);
    }
    /* alike neighbours come as one */
    bad += last.length && last.flags == b.flags && last.depth == b.depth && last.node == b.node
           && last.host_offset + last.length == b.host_offset;
    pos += b.length;
    last = b;
    ck_assert_uint_eq (bad, 0);
  }
  ck_assert_msg (r == 0, "%s", err.message);
  ck_assert_uint_eq (pos, offset + length);
  ck_assert_int_eq (img_walk_next (walk, &b, &err), 0);
  img_walk_free (walk);
}

START_TEST (random_chains)
{
  uint64_t s = seed;
  for (int round = 0; round < 60; round++) {
    unsigned depth = 1 + (unsigned) rnd_below (&s, 9);
    struct img_node *top = chain (&s, depth, 1 + rnd_below (&s, 60000),
                                  2 + (unsigned) rnd_below (&s, 20));
    uint64_t size = atomic_load (&top->size), offset = rnd_below (&s, size);
    check_walk (top, 0, size, 97);
    check_walk (top, offset, rnd_below (&s, size - offset + 1), 97);
    fake_free (top);
  }
}
END_TEST

START_TEST (chain_of_200)
{
  uint64_t s = seed;
  struct img_node *top = chain (&s, 200, 300 * UNIT, 120);
  check_walk (top, 0, atomic_load (&top->size), UNIT);
  fake_free (top);
}
END_TEST

/* The number of driver calls is that of batches, not of blocks times layers. */
static _Atomic uint64_t map_calls;
static int (*toy_map) (struct img_node *, uint64_t, uint64_t, struct img_extent *, unsigned,
                       struct img_error *);

static int
counted_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
             unsigned n, struct img_error *err)
{
  atomic_fetch_add (&map_calls, 1);
  return toy_map (node, offset, length, ext, n, err);
}

START_TEST (few_calls)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *top = NULL;
  uint64_t units = 20000, blocks = 0;
  for (unsigned i = 0; i < 20; i++) { /* every unit is another layer's than its neighbour */
    top = fake_toy_new (fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR), top, units * UNIT, UNIT, 0);
    for (uint64_t u = i; u < units; u += 20)
      fake_toy_fill (top, u, 1);
    toy_map = fake_driver (top)->map;
    fake_driver (top)->map = counted_map;
  }
  struct img_walk *walk = img_walk_new (top, 0, units * UNIT, 0, &err);
  struct img_block b;
  while (img_walk_next (walk, &b, &err) > 0)
    blocks++;
  img_walk_free (walk);
  ck_assert_uint_eq (blocks, units);
  /* 20 layers of 2000 extents in batches of 300 */
  ck_assert_uint_lt (atomic_load (&map_calls), 20 * 20);
  fake_free (top);
}
END_TEST

START_TEST (this_layer_only)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *base = fake_toy_new (fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR), NULL, 4096, UNIT,
                                        0);
  struct img_node *top = fake_toy_new (fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR), base, 4096, UNIT,
                                       0);
  fake_toy_fill (base, 0, 8);
  fake_toy_fill (top, 0, 1);
  struct img_walk *walk = img_walk_new (top, 0, 4096, IMG_WALK_TOP, &err);
  struct img_block b;
  ck_assert_int_eq (img_walk_next (walk, &b, &err), 1);
  ck_assert_uint_eq (b.flags, IMG_BLOCK_DATA | IMG_BLOCK_PRESENT | IMG_BLOCK_HOST);
  ck_assert_int_eq (img_walk_next (walk, &b, &err), 1);
  ck_assert_uint_eq (b.flags, 0);
  ck_assert_uint_eq (b.length, 4096 - UNIT);
  ck_assert_int_eq (img_walk_next (walk, &b, &err), 0);
  img_walk_free (walk);
  fake_free (top);
}
END_TEST

/* ---- holes ---- */

/* A file whose blocks are there or not by chance; FLAGS of its node. */
static struct img_node *
holey (uint64_t *s, uint64_t size, unsigned flags)
{
  struct img_node *mem = fake_mem_new (size, size + 4096, flags);
  struct fake_mem *m = fake_mem (mem);
  uint64_t b = 0;
  while (b < size / FAKE_BLOCK) {
    uint64_t n = 1 + rnd_below (s, 5);
    uint8_t there = rnd_below (s, 2) != 0;
    for (; n > 0 && b < size / FAKE_BLOCK; n--, b++)
      m->there[b] = there;
  }
  return mem;
}

static void
compare_holes (struct img_node *mem, uint64_t offset, uint64_t length)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_extent a[7], b[7];
  int n = img_holes_map (mem, offset, length, a, 7, &err);
  int k = img_map (mem, offset, length, b, 7, &err);
  ck_assert_int_ge (n, 1);
  ck_assert_int_ge (k, 1);
  ck_assert_uint_eq (a[0].offset, offset);
  /* the table may end sooner than the driver's answer, and goes on where it is asked again */
  for (int i = 0; i < n; i++) {
    ck_assert_int_lt (i, k);
    bool last = i == n - 1;
    ck_assert (a[i].kind == b[i].kind && a[i].offset == b[i].offset
               && (last ? a[i].length <= b[i].length : a[i].length == b[i].length));
  }
}

START_TEST (holes_remembered)
{
  uint64_t s = seed, size = 1000 * 1000;
  struct img_node *mem = holey (&s, size, 0);
  for (int i = 0; i < 3000; i++) {
    uint64_t offset = rnd_below (&s, size);
    compare_holes (mem, offset, 1 + rnd_below (&s, size - offset));
  }
  compare_holes (mem, size - 1, 1); /* to the end */
  unsigned maps = atomic_load (&fake_mem (mem)->maps);
  struct img_extent ext;
  struct img_error err = IMG_ERROR_INIT;
  for (int i = 0; i < 3000; i++)
    ck_assert_int_eq (img_holes_map (mem, rnd_below (&s, size), 1, &ext, 1, &err), 1);
  ck_assert_uint_eq (atomic_load (&fake_mem (mem)->maps), maps); /* all from memory */
  fake_free (mem);
}
END_TEST

/* More runs than the table holds: every second block is a hole. */
START_TEST (holes_in_windows)
{
  uint64_t s = seed, blocks = 1500 * 1000, size = blocks * FAKE_BLOCK, offset;
  struct img_node *mem = fake_mem_new (size, size, 0);
  struct img_error err = IMG_ERROR_INIT;
  struct img_extent ext[64];
  for (uint64_t b = 0; b < blocks; b += 2)
    fake_mem (mem)->there[b] = 1;
  uint64_t bad = 0, runs = 0;
  for (offset = 0; offset < size;) { /* once through, in order */
    int n = img_holes_map (mem, offset, size - offset, ext, 64, &err);
    ck_assert_int_ge (n, 1);
    for (int i = 0; i < n; i++, runs++) {
      bool data = offset / FAKE_BLOCK % 2 == 0;
      bad += ext[i].offset != offset || (ext[i].kind == IMG_EXTENT_DATA) != data;
      offset += ext[i].length;
    }
  }
  ck_assert_uint_eq (bad, 0);
  ck_assert_uint_lt (runs, blocks + 100);
  unsigned maps = atomic_load (&fake_mem (mem)->maps);
  ck_assert_uint_lt (maps, blocks / 64 * 2);
  for (int i = 0; i < 2000; i++) { /* then here and there */
    offset = rnd_below (&s, size);
    ck_assert_int_eq (img_holes_map (mem, offset, 1, ext, 1, &err), 1);
    bad += (ext->kind == IMG_EXTENT_DATA) != (offset / FAKE_BLOCK % 2 == 0);
  }
  ck_assert_uint_eq (bad, 0);
  ck_assert_uint_lt (atomic_load (&fake_mem (mem)->maps) - maps, 2000 * 3);
  fake_free (mem);
}
END_TEST

static int
look_up (struct img_pool *pool, unsigned worker, void *arg, struct img_error *err)
{
  struct img_node *mem = arg;
  uint64_t s = seed + worker, size = atomic_load (&mem->size);
  struct img_extent ext;
  (void) pool;
  for (int i = 0; i < 2000; i++)
    if (img_holes_map (mem, rnd_below (&s, size), 1, &ext, 1, err) < 0)
      return -1;
  return 0;
}

START_TEST (holes_shared)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t s = seed;
  struct img_node *mem = holey (&s, 500 * 1000, 0);
  ck_assert_int_eq (img_pool_run (6, look_up, mem, &err), 0);
  fake_free (mem);
}
END_TEST

/* A hole of the file: a hole of a plain image, data that reads as zero in a format. */
static void
walk_holes (struct img_node *node, struct img_node *mem, unsigned in_hole)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t size = atomic_load (&node->size), pos = 0, bad = 0;
  struct img_walk *walk = img_walk_new (node, 0, size, IMG_WALK_HOLES, &err);
  struct img_block b;
  while (img_walk_next (walk, &b, &err) > 0) {
    bool data = fake_mem (mem)->there[b.host_offset / FAKE_BLOCK] != 0;
    unsigned flags = data ? IMG_BLOCK_DATA : in_hole;
    bad += b.flags != (flags | IMG_BLOCK_PRESENT | IMG_BLOCK_HOST) || b.node != mem
           || b.offset != pos;
    for (uint64_t at = 0; at < b.length; at += FAKE_BLOCK)
      bad += (fake_mem (mem)->there[(b.host_offset + at) / FAKE_BLOCK] != 0) != data;
    pos += b.length;
  }
  ck_assert_int_eq (err.code, 0);
  ck_assert_uint_eq (pos, size);
  ck_assert_uint_eq (bad, 0);
  img_walk_free (walk);
}

START_TEST (holes_in_walks)
{
  uint64_t s = seed;
  for (int i = 0; i < 2; i++) {
    unsigned flags = i ? IMG_OPEN_RDWR : 0; /* remembered; asked each time */
    uint64_t size = 300 * FAKE_BLOCK;
    struct img_node *mem = holey (&s, size, flags);
    struct img_node *plain = fake_plain_new (mem, 0, size, 0);
    walk_holes (plain, mem, IMG_BLOCK_ZERO);
    fake_free (plain);
    mem = holey (&s, size, flags);
    struct img_node *toy = fake_toy_new (mem, NULL, size, UNIT, 0);
    fake_toy_fill (toy, 0, 300);
    walk_holes (toy, mem, IMG_BLOCK_ZERO | IMG_BLOCK_DATA);
    fake_free (toy);
    /* a format in a window of a file */
    mem = holey (&s, size + 1024, flags);
    plain = fake_plain_new (mem, 1024, size, 0);
    toy = fake_toy_new (plain, NULL, size, UNIT, 0);
    fake_toy_fill (toy, 0, 300);
    walk_holes (toy, mem, IMG_BLOCK_ZERO | IMG_BLOCK_DATA);
    fake_free (toy);
  }
}
END_TEST

START_TEST (holes_under_plain_only)
{
  uint64_t s = seed, size = 300 * FAKE_BLOCK;
  struct img_error err = IMG_ERROR_INIT;
  struct img_block b;
  struct img_node *mem = holey (&s, size, 0);
  struct img_node *toy = fake_toy_new (mem, NULL, size, UNIT, 0);
  fake_toy_fill (toy, 0, 300);
  struct img_walk *walk = img_walk_new (toy, 0, size, IMG_WALK_HOLES | IMG_WALK_PLAIN, &err);
  while (img_walk_next (walk, &b, &err) > 0)
    ck_assert_uint_eq (b.flags, IMG_BLOCK_DATA | IMG_BLOCK_PRESENT | IMG_BLOCK_HOST);
  img_walk_free (walk);
  fake_free (toy);
  mem = holey (&s, size, 0);
  struct img_node *plain = fake_plain_new (mem, 0, size, 0);
  unsigned zero = 0;
  walk = img_walk_new (plain, 0, size, IMG_WALK_HOLES | IMG_WALK_PLAIN, &err);
  while (img_walk_next (walk, &b, &err) > 0)
    zero += (b.flags & IMG_BLOCK_ZERO) != 0;
  ck_assert_uint_gt (zero, 0);
  img_walk_free (walk);
  fake_free (plain);
}
END_TEST

/* The file ends inside the last unit, or before it. */
START_TEST (past_the_host_s_end)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *mem = fake_mem_new (0, MEM_CAP, 0);
  struct img_node *toy = fake_toy_new (mem, NULL, 8 * 4096, 4096, 0);
  struct img_block b;
  fake_toy_fill (toy, 0, 8);
  atomic_store (&mem->size, 2 * 4096 + 1000);
  struct img_walk *walk = img_walk_new (toy, 0, 8 * 4096, 0, &err);
  ck_assert_int_eq (img_walk_next (walk, &b, &err), 1);
  ck_assert_uint_eq (b.length, 2 * 4096 + 1000);
  ck_assert_uint_eq (b.flags, IMG_BLOCK_DATA | IMG_BLOCK_PRESENT | IMG_BLOCK_HOST);
  ck_assert_int_eq (img_walk_next (walk, &b, &err), 1);
  ck_assert_uint_eq (b.length, 3096);
  ck_assert_uint_eq (b.flags,
                     IMG_BLOCK_DATA | IMG_BLOCK_ZERO | IMG_BLOCK_PRESENT | IMG_BLOCK_HOST);
  ck_assert_int_eq (img_walk_next (walk, &b, &err), 1);
  ck_assert_uint_eq (b.length, 5 * 4096);
  ck_assert_uint_eq (b.flags, IMG_BLOCK_DATA | IMG_BLOCK_PRESENT);
  ck_assert_ptr_eq (b.node, toy);
  ck_assert_uint_eq (b.host_offset, b.offset);
  ck_assert_int_eq (img_walk_next (walk, &b, &err), 0);
  img_walk_free (walk);
  fake_free (toy);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("walk");
  TCase *tc = tcase_create ("walk");
  seed = test_seed ();
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, hostile_maps);
  tcase_add_test (tc, no_map);
  tcase_add_test (tc, random_chains);
  tcase_add_test (tc, chain_of_200);
  tcase_add_test (tc, few_calls);
  tcase_add_test (tc, this_layer_only);
  tcase_add_test (tc, holes_remembered);
  tcase_add_test (tc, holes_in_windows);
  tcase_add_test (tc, holes_shared);
  tcase_add_test (tc, holes_in_walks);
  tcase_add_test (tc, holes_under_plain_only);
  tcase_add_test (tc, past_the_host_s_end);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
