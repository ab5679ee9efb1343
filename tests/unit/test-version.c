/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include <blkimg/blkimg.h>

#include "suite.h"

START_TEST (version_is_the_package_s)
{
  ck_assert_str_eq (img_version (), PACKAGE_VERSION);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("version");
  TCase *tc = tcase_create ("version");
  tcase_add_test (tc, version_is_the_package_s);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
