/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where reserve puts things, what stands on disk before and after, what is refused. */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include <blkimg/endian.h>

#include "core/iszero.h"
#include "core/write.h"
#include "qcow2-rig.h"
#include "seed.h"
#include "suite.h"

enum { DISK = 3 << 20, UNIT = 4096 };

static struct img_error err = IMG_ERROR_INIT;

static struct img_node *
image (const char *options, unsigned flags)
{
  struct img_node *node = rig_open (rig_make (options, DISK), flags | IMG_OPEN_RDWR, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  return node;
}

static uint8_t *
file_of (struct img_node *node)
{
  return fake_mem (node->children[0].node)->data;
}

static struct img_place
reserve (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded)
{
  struct img_place place;
  int r = node->driver->reserve (node, offset, length, encoded, 0, &place, &err);
  ck_assert_msg (r == 0, "%s", err.message);
  if (place.flags & IMG_PLACE_ZEROES) /* then it is */
    ck_assert (img_is_zero (file_of (node) + place.host_offset, place.length));
  return place;
}

static void
commit (struct img_node *node, const struct img_place *place)
{
  ck_assert_msg (node->driver->commit (node, place, &err) == 0, "%s", err.message);
}

static void
flush (struct img_node *node)
{
  ck_assert_msg (img_flush (node, &err) == 0, "%s", err.message);
}

static void
write_byte (struct img_node *node, int byte, uint64_t offset, uint64_t length)
{
  uint8_t *buf = malloc (length);
  memset (buf, byte, length);
  ck_assert_msg (img_pwrite (node, buf, length, offset, 0, &err) == 0, "%s", err.message);
  free (buf);
}

static void
sound (struct img_node *node)
{
  flush (node);
  struct img_check check = rig_check (file_of (node), img_size (node->children[0].node));
  ck_assert_uint_eq (check.corruptions + check.leaks + check.check_errors, 0);
}

/* In a new image: one run a request, each behind the one before, whatever was committed. */
START_TEST (ascending)
{
  struct img_node *node = image ("cluster_size=4k", IMG_OPEN_NEW);
  uint64_t last = 0;
  for (int i = 0; i < 20; i++) {
    struct img_place place = reserve (node, (uint64_t) (39 - i) * 16 * UNIT, 16 * UNIT, 0);
    ck_assert_uint_eq (place.length, 16 * UNIT);
    ck_assert_uint_eq (place.flags & ~(unsigned) IMG_PLACE_ZEROES, IMG_PLACE_FRESH);
    ck_assert_uint_gt (place.host_offset, last);
    last = place.host_offset;
    if (i == 7)
      node->driver->abandon (node, &place);
    else
      commit (node, &place);
  }
  sound (node);
  fake_free (node);
}
END_TEST

/* What is there is written where it is, in one run; zero clusters keep their space. */
START_TEST (in_place)
{
  struct img_node *node = image ("cluster_size=4k", 0);
  write_byte (node, 1, 0, 12 * UNIT);
  struct img_place a = reserve (node, 0, 64 * UNIT, 0);
  ck_assert_uint_eq (a.length, 12 * UNIT);
  ck_assert_uint_eq (a.flags, 0);
  ck_assert_int_eq (img_zero (node, 4 * UNIT, 2 * UNIT, 0, &err), 0);
  struct img_place b = reserve (node, 0, 64 * UNIT, 0);
  ck_assert_uint_eq (b.length, 4 * UNIT);
  b = reserve (node, 4 * UNIT, 64 * UNIT, 0);
  ck_assert_uint_eq (b.length, 2 * UNIT);
  ck_assert_uint_eq (b.flags, IMG_PLACE_FRESH);
  ck_assert_uint_eq (b.host_offset, a.host_offset + 4 * UNIT);
  node->driver->abandon (node, &b);
  sound (node);
  fake_free (node);
}
END_TEST

/* Space that is given back is used again, though not before a flush. */
START_TEST (reuse)
{
  struct img_node *node = image ("cluster_size=4k", 0);
  write_byte (node, 1, 0, DISK);
  flush (node);
  uint64_t size = img_size (node->children[0].node);
  ck_assert_int_eq (img_discard (node, UNIT, 100 * UNIT, 0, &err), 0);
  struct img_place place = reserve (node, UNIT, 10 * UNIT, 0);
  ck_assert_uint_ge (place.host_offset + place.length, size);
  node->driver->abandon (node, &place);
  flush (node);
  write_byte (node, 2, UNIT, 100 * UNIT);
  sound (node);
  ck_assert_uint_le (img_size (node->children[0].node), size);
  fake_free (node);
}
END_TEST

/* Space that reads as zero is said to, and only that (see reserve above), whatever became of the
 * space before: written and given back, freed, flushed. */
START_TEST (zeroes)
{
  static uint8_t junk[8 * UNIT];
  uint64_t s = test_seed ();
  unsigned seen = 0, not = 0;
  memset (junk, 0xff, sizeof junk);
  for (unsigned round = 0; round < 2; round++) {
    struct img_node *node = image ("cluster_size=4k", round ? IMG_OPEN_NEW : 0);
    for (int i = 0; i < 600; i++) {
      uint64_t unit = rnd_below (&s, DISK / UNIT - 8), n = 1 + rnd_below (&s, 8);
      struct img_place place = reserve (node, unit * UNIT, n * UNIT, 0);
      seen += (place.flags & IMG_PLACE_ZEROES) != 0;
      not += place.flags == IMG_PLACE_FRESH;
      ck_assert_int_eq (img_write_place (node, &place, 0, junk, place.length, &err), 0);
      if (rnd_below (&s, 3))
        commit (node, &place);
      else
        node->driver->abandon (node, &place);
      if (rnd_below (&s, 4) == 0)
        ck_assert_int_eq (img_discard (node, unit * UNIT, n * UNIT, 0, &err), 0);
      if (rnd_below (&s, 8) == 0)
        flush (node);
    }
    sound (node);
    fake_free (node);
  }
  ck_assert_uint_gt (seen, 10);
  ck_assert_uint_gt (not, 10);
}
END_TEST

/* Streams lie byte after byte; a narrow count ends the sharing of a cluster. */
START_TEST (packed)
{
  static const char *const options[] = { "cluster_size=4k", "cluster_size=4k,refcount_bits=1" };
  struct img_node *node = image (options[_i], IMG_OPEN_NEW);
  uint64_t last = 0;
  for (unsigned i = 0; i < 40; i++) {
    struct img_place place = reserve (node, i * UNIT, UNIT, 777);
    ck_assert_uint_eq (place.encoded, 777);
    if (_i)
      ck_assert_uint_eq (place.host_offset % UNIT, 0);
    else if (i)
      ck_assert_uint_eq (place.host_offset, last + 777);
    last = place.host_offset;
    commit (node, &place);
  }
  sound (node);
  fake_free (node);
}
END_TEST

/* An image that we are making is none before it is flushed, and none while it changes again. */
START_TEST (no_magic)
{
  struct img_node *node = image ("cluster_size=4k", IMG_OPEN_NEW | (_i ? IMG_OPEN_NO_FLUSH : 0));
  ck_assert_uint_eq (be32_get (file_of (node)), 0x514649fb);
  for (int i = 0; i < 2; i++) {
    write_byte (node, 1, 0, 100000);
    ck_assert_uint_eq (be32_get (file_of (node)), 0);
    flush (node);
    ck_assert_uint_eq (be32_get (file_of (node)), 0x514649fb);
  }
  sound (node);
  fake_free (node);
}
END_TEST

/* Autoclear features that nobody keeps up go with the first write, not before. */
START_TEST (autoclear)
{
  struct img_node *file = rig_make ("cluster_size=4k", DISK);
  be64_put (fake_mem (file)->data + 88, 1u << 5);
  struct img_node *node = rig_open (file, IMG_OPEN_RDWR, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  flush (node);
  ck_assert_uint_eq (be64_get (file_of (node) + 88), 1u << 5);
  write_byte (node, 1, 5, 5);
  ck_assert_uint_eq (be64_get (file_of (node) + 88), 0);
  sound (node);
  fake_free (node);
}
END_TEST

/* Dirty or corrupt: readable, not writable. */
START_TEST (refused)
{
  struct img_node *file = rig_make ("cluster_size=4k", DISK);
  be64_put (fake_mem (file)->data + 72, 2);
  struct img_node *node = rig_open (file, IMG_OPEN_RDWR, &err);
  ck_assert_ptr_null (node);
  ck_assert_int_eq (err.code, EACCES);
}
END_TEST

/* Not closed cleanly: refcounts are repaired first, here a block that is gone. */
START_TEST (dirty)
{
  struct img_node *file = rig_make ("cluster_size=4k", DISK);
  uint8_t *p = fake_mem (file)->data;
  be64_put (p + 72, 1);
  be64_put (p + be64_get (p + 48), 0);
  struct img_node *node = rig_open (file, IMG_OPEN_RDWR, &err);
  ck_assert_ptr_nonnull (node);
  ck_assert_uint_eq (be64_get (fake_mem (file)->data + 72), 0);
  write_byte (node, 3, 0, DISK);
  sound (node);
  fake_free (node);
}
END_TEST

/* Small clusters, wide counts: the refcount table has to move. */
START_TEST (large_table)
{
  struct img_node *node = image ("cluster_size=512,refcount_bits=64", _i ? IMG_OPEN_NEW : 0);
  uint64_t before = be64_get (file_of (node) + 48);
  write_byte (node, 3, 0, DISK);
  sound (node);
  ck_assert_uint_ne (be64_get (file_of (node) + 48), before);
  fake_free (node);
}
END_TEST

/* Wrong entries and refcounts must not make us overwrite tables. */
START_TEST (overlaps)
{
  struct img_node *file = rig_make ("cluster_size=4k,preallocation=metadata", DISK);
  uint8_t *p = fake_mem (file)->data, buf[UNIT] = { 0 };
  uint64_t l1 = be64_get (p + 40), table = be64_get (p + 48);
  uint64_t l2 = be64_get (p + l1) & 0xfffffffffffe00, block = be64_get (p + table);
  uint64_t target[] = { table, l1, l2, block };
  ck_assert_uint_eq (l2 % UNIT, 0);
  be64_put (p + l2, target[_i] | UINT64_C (1) << 63); /* the first guest cluster */
  struct img_node *node = rig_open (file, IMG_OPEN_RDWR, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  memset (buf, 0xee, sizeof buf);
  ck_assert_int_eq (img_pwrite (node, buf, sizeof buf, 0, 0, &err), -1);
  ck_assert_int_eq (err.code, EIO);
  ck_assert_ptr_nonnull (strstr (err.message, "would be overwritten"));
  fake_free (node);
}
END_TEST

START_TEST (overlap_of_free)
{
  struct img_node *file = rig_make ("cluster_size=4k", DISK);
  uint8_t *p = fake_mem (file)->data;
  memset (p + be64_get (p + be64_get (p + 48)), 0, UNIT); /* all refcounts are 0 */
  struct img_node *node = rig_open (file, IMG_OPEN_RDWR, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  ck_assert_int_eq (img_pwrite (node, "x", 1, 0, 0, &err), -1);
  ck_assert_int_eq (err.code, EIO);
  fake_free (node);
}
END_TEST

/* Version 2 has no zero clusters: unallocated where nothing is below. */
START_TEST (version_2)
{
  struct img_node *node = image ("cluster_size=4k,compat=0.10", 0);
  struct img_extent ext;
  write_byte (node, 1, 0, 8 * UNIT);
  ck_assert_int_eq (img_zero (node, 0, 8 * UNIT, 0, &err), 0);
  ck_assert_int_eq (img_map (node, 0, 8 * UNIT, &ext, 1, &err), 1);
  ck_assert_uint_eq (ext.kind, IMG_EXTENT_UNALLOC);
  ck_assert_uint_eq (ext.length, 8 * UNIT);
  sound (node);
  fake_free (node);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("qcow2-write");
  TCase *t = tcase_create ("all");
  tcase_add_test (t, ascending);
  tcase_add_test (t, in_place);
  tcase_add_test (t, reuse);
  tcase_add_test (t, zeroes);
  tcase_add_loop_test (t, packed, 0, 2);
  tcase_add_loop_test (t, no_magic, 0, 2);
  tcase_add_test (t, autoclear);
  tcase_add_test (t, refused);
  tcase_add_test (t, dirty);
  tcase_add_loop_test (t, large_table, 0, 2);
  tcase_add_loop_test (t, overlaps, 0, 4);
  tcase_add_test (t, overlap_of_free);
  tcase_add_test (t, version_2);
  suite_add_tcase (s, t);
  return run_suite (s);
}
