/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <blkimg/endian.h>

#include "tests/unit/image.h"
#include "suite.h"

#define KIB UINT64_C (1024)
#define MIB (KIB * 1024)

static void
poke32 (const char *name, uint64_t offset, uint32_t value)
{
  uint8_t bytes[4];
  le32_put (bytes, value);
  image_poke (name, offset, bytes, 4);
}

static uint32_t
peek32 (const char *name, uint64_t offset)
{
  uint8_t bytes[4];
  int fd = open (name, O_RDONLY);
  ck_assert_int_eq (pread (fd, bytes, 4, (off_t) offset), 4);
  close (fd);
  return le32_get (bytes);
}

static void
reads (struct img_node *node, uint64_t offset, char want)
{
  char c = '?';
  ok (img_pread (node, &c, 1, offset, 0, &err));
  ck_assert_msg (c == want, "0x%02x at %llu", c, (unsigned long long) offset);
}

START_TEST (blocks_come_in_order)
{
  image_create ("x", "vdi", NULL, 10 * MIB);
  ck_assert_int_eq (image_stat ("x").st_size, 1024);
  struct img_node *node = image_open ("x", NULL, IMG_OPENF_RDWR);
  struct img_extent ext[8];
  ck_assert_str_eq (img_driver_name (node), "vdi");
  ck_assert_int_eq (img_map (node, 0, 10 * MIB, ext, 8, &err), 1);
  ck_assert_uint_eq (ext[0].kind, IMG_EXTENT_ZERO);
  ok (img_pwrite (node, "b", 1, 7 * MIB + 5, 0, &err));
  ok (img_pwrite (node, "a", 1, 2 * MIB, 0, &err));
  ok (img_pwrite (node, "c", 1, 8 * MIB, 0, &err));
  ok (img_zero (node, 0, 2 * MIB, 0, &err)); /* takes no block */
  reads (node, 7 * MIB + 5, 'b');
  reads (node, 7 * MIB + 4, 0);
  ck_assert_int_eq (img_map (node, 0, 10 * MIB, ext, 8, &err), 6);
  ck_assert_uint_eq (ext[1].host_offset, 1024 + MIB);
  ck_assert_uint_eq (ext[3].host_offset, 1024);
  ck_assert_uint_eq (ext[4].host_offset, 1024 + 2 * MIB);
  image_close (node);
  ck_assert_int_eq (image_stat ("x").st_size, 1024 + 3 * (off_t) MIB);
  ck_assert_uint_lt ((uint64_t) image_stat ("x").st_blocks * 512, MIB); /* zeroes are not written */
  ck_assert_uint_eq (peek32 ("x", 0x184), 3);
  ck_assert_uint_eq (peek32 ("x", 0x200 + 7 * 4), 0);
  ck_assert_uint_eq (peek32 ("x", 0x200 + 9 * 4), UINT32_MAX);
  node = image_open ("x", "vdi", 0);
  reads (node, 8 * MIB, 'c');
  image_close (node);
}
END_TEST

START_TEST (other_block_sizes)
{
  image_create ("x", "vdi", NULL, 10 * MIB);
  image_file ("y", 4 * KIB); /* the header, and a map for 1 MiB in blocks of 4 KiB */
  char header[512], map[1024];
  int fd = open ("x", O_RDONLY);
  ck_assert_int_eq (pread (fd, header, sizeof header, 0), sizeof header);
  close (fd);
  image_poke ("y", 0, header, sizeof header);
  memset (map, 0xff, sizeof map);
  image_poke ("y", 512, map, sizeof map);
  poke32 ("y", 0x158, 4096);
  poke32 ("y", 0x170, MIB);
  poke32 ("y", 0x178, 4096);
  poke32 ("y", 0x180, 256);
  struct img_node *node = image_open ("y", NULL, IMG_OPENF_RDWR);
  ck_assert_uint_eq (img_node_limits (node)->alloc_unit, 4096);
  ok (img_pwrite (node, "x", 1, 1048575, 0, &err));
  ok (img_resize (node, 9 * MIB + 512, IMG_PREALLOC_OFF, 0, &err)); /* the map moves */
  ok (img_pwrite (node, "y", 1, 9 * MIB, 0, &err));
  image_close (node);
  node = image_open ("y", NULL, 0);
  ck_assert_uint_eq (img_size (node), 9 * MIB + 512);
  reads (node, 1048575, 'x');
  reads (node, 1048574, 0);
  reads (node, 9 * MIB, 'y');
  struct img_check check = { .struct_size = sizeof check };
  ok (img_check (node, &check, 0, &err));
  ck_assert_uint_eq (check.corruptions, 0);
  image_close (node);
}
END_TEST

START_TEST (growing_moves_the_map)
{
  image_create ("x", "vdi", _i ? "static=on" : NULL, 3 * MIB);
  struct img_node *node = image_open ("x", NULL, IMG_OPENF_RDWR);
  for (unsigned i = 0; i < 3; i++)
    ok (img_pwrite (node, &"abc"[i], 1, i * MIB + 9, 0, &err));
  ok (img_resize (node, 300 * MIB, IMG_PREALLOC_OFF, 0, &err));
  ok (img_resize (node, 301 * MIB, IMG_PREALLOC_OFF, 0, &err)); /* fits */
  ck_assert_int_eq (img_resize (node, MIB, IMG_PREALLOC_OFF, IMG_RESIZE_SHRINK, &err), -1);
  ok (img_pwrite (node, "d", 1, 301 * MIB - 1, 0, &err));
  image_close (node);
  node = image_open ("x", NULL, 0);
  for (unsigned i = 0; i < 3; i++)
    reads (node, i * MIB + 9, "abc"[i]);
  reads (node, 200 * MIB, 0);
  reads (node, 301 * MIB - 1, 'd');
  struct img_check check = { .struct_size = sizeof check };
  ok (img_check (node, &check, 0, &err));
  ck_assert_uint_eq (check.corruptions, 0);
  ck_assert_uint_eq (check.leaks, 0);
  image_close (node);
}
END_TEST

/* The free block is behind all others even where the header does not say so. */
START_TEST (a_header_that_counts_wrongly)
{
  image_create ("x", "vdi", NULL, 10 * MIB);
  struct img_node *node = image_open ("x", NULL, IMG_OPENF_RDWR);
  ok (img_pwrite (node, "a", 1, 0, 0, &err));
  ok (img_pwrite (node, "b", 1, MIB, 0, &err));
  image_close (node);
  poke32 ("x", 0x184, (uint32_t[]) { 1, 5, UINT32_MAX }[_i]);
  node = image_open ("x", NULL, IMG_OPENF_RDWR);
  struct img_check check = { .struct_size = sizeof check };
  ok (img_check (node, &check, 0, &err));
  ck_assert_uint_eq (check.corruptions, 1);
  ok (img_pwrite (node, "c", 1, 2 * MIB, 0, &err));
  reads (node, MIB, 'b');
  image_close (node);
  ck_assert_uint_eq (peek32 ("x", 0x184), 3);
}
END_TEST

START_TEST (entries_that_point_outside)
{
  char c;
  image_create ("x", "vdi", NULL, 4 * MIB);
  struct img_node *node = image_open ("x", NULL, IMG_OPENF_RDWR);
  ok (img_pwrite (node, "a", 1, 0, 0, &err));
  image_close (node);
  poke32 ("x", 0x204, 0xfffffff0);
  poke32 ("x", 0x208, 0); /* used twice */
  poke32 ("x", 0x20c, 0xfffffffe); /* zero */
  node = image_open ("x", NULL, IMG_OPENF_RDWR);
  ck_assert_int_eq (img_pread (node, &c, 1, MIB, 0, &err), -1);
  ck_assert_int_eq (img_pwrite (node, "x", 1, MIB, 0, &err), -1);
  reads (node, 3 * MIB, 0);
  struct img_check check = { .struct_size = sizeof check };
  ok (img_check (node, &check, 0, &err));
  ck_assert_uint_eq (check.corruptions, 2);
  image_close (node);
  ck_assert_int_eq (image_stat ("x").st_size, 1024 + MIB);
}
END_TEST

static const struct {
  uint32_t at, value;
  const char *text;
} faults[] = {
  { 0x40, 0, "not a VDI image" },
  { 0x44, 0x00010000, "version 1.0" },
  { 0x44, 0x00020001, "version 2.1" },
  { 0x48, 0x100, "0x48" },
  { 0x4c, 0, "image type 0" },
  { 0x4c, 3, "differencing" },
  { 0x4c, 4, "differencing" },
  { 0x154, 0, "0x154" },
  { 0x154, 513, "0x154" },
  { 0x154, 0xfffffe00, "0x158" },
  { 0x158, 0, "0x158" },
  { 0x158, 512, "0x158" },
  { 0x158, 1025, "0x158" },
  { 0x168, 4096, "sector size" },
  { 0x168, 0, "sector size" },
  { 0x174, 1, "0x170" },
  { 0x174, UINT32_MAX, "0x170" },
  { 0x178, 0, "block size 0" },
  { 0x178, 1048577, "block size" },
  { 0x178, 512, "block size" },
  { 0x178, 0x80000000, "block size" },
  { 0x17c, 512, "extra" },
  { 0x180, 0, "0x170" },
  { 0x180, 9, "0x170" },
  { 0x180, 0x1fffff80, "0x158" },
  { 0x180, UINT32_MAX, "too many" },
  { 0x1a8, 1, "differencing" },
  { 0x1b8, 1, "differencing" },
};

START_TEST (hostile_headers)
{
  image_create ("x", "vdi", NULL, 10 * MIB);
  poke32 ("x", faults[_i].at, faults[_i].value);
  image_refused ("x", "vdi", 0, faults[_i].text);
}
END_TEST

START_TEST (truncated)
{
  image_create ("x", "vdi", NULL, 10 * MIB);
  for (off_t n = 0x200 + 39; n >= 0; n--) {
    ck_assert_int_eq (truncate ("x", n), 0);
    image_refused ("x", "vdi", 0, n < 512 ? "cut off" : "passes the end of the file");
  }
}
END_TEST

START_TEST (create_limits)
{
  ck_assert_int_eq (image_try_create ("x", "vdi", NULL, UINT64_C (0x1fffff8000001)), -1);
  ck_assert_int_eq (access ("x", F_OK), -1);
  image_create ("x", "vdi", NULL, 1000);
  struct img_node *node = image_open ("x", NULL, 0);
  ck_assert_uint_eq (img_size (node), 1024);
  image_close (node);
  image_create ("x", "vdi", NULL, 0);
  image_close (image_open ("x", "vdi", 0));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("vdi");
  TCase *t = tcase_create ("vdi");
  tcase_add_checked_fixture (t, image_folder_make, image_folder_remove);
  tcase_add_test (t, blocks_come_in_order);
  tcase_add_test (t, other_block_sizes);
  tcase_add_loop_test (t, growing_moves_the_map, 0, 2);
  tcase_add_loop_test (t, a_header_that_counts_wrongly, 0, 3);
  tcase_add_test (t, entries_that_point_outside);
  tcase_add_loop_test (t, hostile_headers, 0, sizeof faults / sizeof *faults);
  tcase_add_test (t, truncated);
  tcase_add_test (t, create_limits);
  suite_add_tcase (s, t);
  return run_suite (s);
}
