/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A raw image that nobody called raw must not become another format by what is written to it. */
#include <config.h>

#include "image.h"
#include "suite.h"

static const char qcow2[512] = "QFI\xfb\0\0\0\3";

START_TEST (guessed_raw_stays_raw)
{
  char buf[512];
  image_file ("x.raw", 1 << 20);
  struct img_node *node = image_try ("x.raw", NULL, IMG_OPENF_RDWR);
  ck_assert_ptr_nonnull (node);
  ck_assert_str_eq (img_driver_name (node), "raw");
  ck_assert_int_eq (img_pwrite (node, qcow2, sizeof qcow2, 0, 0, &err), -1);
  ck_assert_int_eq (err.code, EPERM);
  ck_assert_ptr_nonnull (strstr (err.message, "qcow2"));
  img_error_clear (&err);
  ck_assert_int_eq (img_pread (node, buf, sizeof buf, 0, 0, &err), 0);
  ck_assert_mem_eq (buf, (char[512]) { 0 }, 512); /* nothing was written */
  /* in two halves: the second one is it */
  ck_assert_int_eq (img_pwrite (node, qcow2, 2, 0, 0, &err), 0);
  ck_assert_int_eq (img_pwrite (node, qcow2 + 2, 10, 2, 0, &err), -1);
  ck_assert_int_eq (err.code, EPERM);
  img_error_clear (&err);
  ck_assert_int_eq (img_pwrite (node, "boot", 4, 0, 0, &err), 0);
  ck_assert_int_eq (img_pwrite (node, qcow2, sizeof qcow2, 65536, 0, &err), 0);
  ck_assert_int_eq (img_close (node, &err), 0);
}
END_TEST

START_TEST (named_raw_is_free)
{
  image_file ("x.raw", 1 << 20);
  struct img_node *node = image_try ("x.raw", "raw", IMG_OPENF_RDWR);
  ck_assert_ptr_nonnull (node);
  ck_assert_int_eq (img_pwrite (node, qcow2, sizeof qcow2, 0, 0, &err), 0);
  ck_assert_int_eq (img_close (node, &err), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("probed");
  TCase *tc = tcase_create ("probed");
  tcase_add_checked_fixture (tc, image_folder_make, image_folder_remove);
  tcase_add_test (tc, guessed_raw_stays_raw);
  tcase_add_test (tc, named_raw_is_free);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
