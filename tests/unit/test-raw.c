/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include "tests/unit/image.h"
#include "suite.h"

#define KIB UINT64_C (1024)

static struct img_node *
window (const char *options, unsigned flags)
{
  char text[128];
  snprintf (text, sizeof text, "driver=raw,file.driver=file,file.filename=x%s", options);
  return image_open (text, NULL, IMG_OPENF_IMAGE_OPTS | flags);
}

START_TEST (windows)
{
  char c;
  image_file ("x", 100 * KIB);
  image_poke ("x", 10 * KIB + 3, "!", 1);
  struct img_node *node = window (",offset=10k,size=4k", IMG_OPENF_RDWR);
  struct img_extent ext;
  ck_assert_uint_eq (img_size (node), 4 * KIB);
  ok (img_pread (node, &c, 1, 3, 0, &err));
  ck_assert_int_eq (c, '!');
  ok (img_map (node, 1 * KIB, 2 * KIB, &ext, 1, &err));
  ck_assert_uint_eq (ext.kind, IMG_EXTENT_DATA);
  ck_assert_uint_eq (ext.host_offset, 11 * KIB);
  ck_assert_uint_eq (ext.length, 2 * KIB);
  ok (img_zero (node, 0, 4 * KIB, 0, &err));
  ok (img_pwrite (node, "end", 3, 4 * KIB - 3, 0, &err));
  ck_assert_int_eq (img_pwrite (node, "x", 1, 4 * KIB, 0, &err), -1);
  ck_assert_int_eq (img_resize (node, 8 * KIB, IMG_PREALLOC_OFF, 0, &err), -1);
  image_close (node);
  node = image_open ("x", "raw", 0);
  ok (img_pread (node, &c, 1, 10 * KIB + 3, 0, &err));
  ck_assert_int_eq (c, 0);
  ok (img_pread (node, &c, 1, 14 * KIB - 1, 0, &err));
  ck_assert_int_eq (c, 'd');
  image_close (node);
}
END_TEST

START_TEST (windows_that_do_not_fit)
{
  static const char *const faults[][2] = {
    { "offset=101k", "lies past the end of the file (102400 bytes)" },
    { "offset=18446744073709551615", "past the end of the file" },
    { "size=1000", "not a multiple of 512" },
    { "size=101k", "past the end of the file" },
    { "offset=512,size=100k", "past the end of the file" },
    { "offset=512,size=18446744073709551104", "past the end of the file" },
    { "nonsense=1", "nonsense" },
  };
  char text[128];
  image_file ("x", 100 * KIB);
  snprintf (text, sizeof text, "driver=raw,file.driver=file,file.filename=x,%s", faults[_i][0]);
  image_refused (text, NULL, IMG_OPENF_IMAGE_OPTS, faults[_i][1]);
}
END_TEST

START_TEST (whole_sectors)
{
  char buf[512];
  image_file ("x", 1000);
  image_poke ("x", 999, "!", 1);
  struct img_node *node = image_open ("x", "raw", IMG_OPENF_RDWR);
  ck_assert_uint_eq (img_size (node), 1024);
  memset (buf, 1, sizeof buf);
  ok (img_pread (node, buf, 512, 512, 0, &err));
  ck_assert_int_eq (buf[487], '!');
  ck_assert_int_eq (buf[488], 0);
  ck_assert_int_eq (buf[511], 0);
  ok (img_pwrite (node, "?", 1, 1023, 0, &err));
  image_close (node);
  ck_assert_int_eq (image_stat ("x").st_size, 1024);
  node = window (",offset=1000", 0);
  ck_assert_uint_eq (img_size (node), 24);
  ok (img_pread (node, buf, 24, 0, 0, &err));
  ck_assert_int_eq (buf[23], '?');
  image_close (node);
  image_create ("y", "raw", NULL, 1000);
  ck_assert_int_eq (image_stat ("y").st_size, 1024);
}
END_TEST

static void
denied (struct img_node *node, const void *buf, uint64_t length, uint64_t offset)
{
  img_error_clear (&err);
  ck_assert_int_eq (img_pwrite (node, buf, length, offset, 0, &err), -1);
  ck_assert_int_eq (err.code, EPERM);
}

/* Nobody may turn an image that was only taken for raw into something else. */
START_TEST (probed_stays_raw)
{
  uint8_t block[8192] = { 0 };
  image_file ("x", 100 * KIB);
  struct img_node *node = image_open ("x", NULL, IMG_OPENF_RDWR);
  ck_assert_str_eq (img_driver_name (node), "raw");
  memcpy (block + 0x40, "\x7f\x10\xda\xbe", 4);
  denied (node, block, sizeof block, 0);
  denied (node, block + 0x40, 4, 0x40);
  ok (img_pwrite (node, block + 0x40, 2, 0x40, 0, &err));
  denied (node, block + 0x42, 2, 0x42); /* the other half */
  ok (img_pwrite (node, "plain", 5, 0x42, 0, &err));
  ok (img_pwrite (node, block, sizeof block, 512, 0, &err)); /* means nothing there */
  image_close (node);
  node = image_open ("x", "raw", IMG_OPENF_RDWR);
  ok (img_pwrite (node, block, sizeof block, 0, 0, &err));
  image_close (node);
  node = image_open ("x", "raw", 0);
  image_close (node);
}
END_TEST

START_TEST (sizes)
{
  image_create ("x", "raw", NULL, 10 * KIB);
  struct img_node *node = image_open ("x", "raw", IMG_OPENF_RDWR);
  ok (img_resize (node, 20 * KIB + 1, IMG_PREALLOC_OFF, 0, &err));
  ck_assert_uint_eq (img_size (node), 20 * KIB + 512);
  ck_assert_int_eq (img_resize (node, KIB, IMG_PREALLOC_OFF, 0, &err), -1);
  ok (img_resize (node, KIB, IMG_PREALLOC_OFF, IMG_RESIZE_SHRINK, &err));
  ck_assert_uint_eq (img_size (node), KIB);
  image_close (node);
  ck_assert_int_eq (image_stat ("x").st_size, KIB);
}
END_TEST

START_TEST (measures)
{
  struct img_measure m = { .struct_size = sizeof m, .size = 1000 };
  ok (img_measure ("raw", NULL, &m, &err));
  ck_assert_uint_eq (m.required, 1024);
  ck_assert_uint_eq (m.fully_allocated, 1024);
  image_file ("x", 100 * KIB);
  m = (struct img_measure) { .struct_size = sizeof m, .source = image_open ("x", "raw", 0) };
  ok (img_measure ("raw", NULL, &m, &err));
  ck_assert_uint_eq (m.required, 100 * KIB);
  image_close (m.source);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("raw");
  TCase *t = tcase_create ("raw");
  tcase_add_checked_fixture (t, image_folder_make, image_folder_remove);
  tcase_add_test (t, windows);
  tcase_add_loop_test (t, windows_that_do_not_fit, 0, 7);
  tcase_add_test (t, whole_sectors);
  tcase_add_test (t, probed_stays_raw);
  tcase_add_test (t, sizes);
  tcase_add_test (t, measures);
  suite_add_tcase (s, t);
  return run_suite (s);
}
