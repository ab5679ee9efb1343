/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/error.h>

#include "core/log.h"
#include "suite.h"

START_TEST (set_returns_minus_one_and_fills)
{
  struct img_error err = IMG_ERROR_INIT;
  ck_assert_int_eq (img_error_set (&err, EINVAL, "cluster size %d", 3), -1);
  ck_assert_int_eq (err.code, EINVAL);
  ck_assert_str_eq (err.message, "cluster size 3");
  ck_assert_str_eq (err.hint, "");
}
END_TEST

START_TEST (errno_prefix_hint_clear)
{
  struct img_error err = IMG_ERROR_INIT;
  img_error_errno (&err, ENOENT, "cannot open");
  ck_assert_str_eq (err.message, "cannot open: No such file or directory");
  ck_assert_int_eq (img_error_prefix (&err, "%s", "x.img"), -1);
  ck_assert_str_eq (err.message, "x.img: cannot open: No such file or directory");
  img_error_hint (&err, "try %d", 1);
  ck_assert_str_eq (err.hint, "try 1");
  img_error_clear (&err);
  ck_assert_int_eq (err.code, 0);
  ck_assert_str_eq (err.message, "");
  ck_assert_str_eq (err.hint, "");
}
END_TEST

START_TEST (control_characters_are_made_safe)
{
  struct img_error err = IMG_ERROR_INIT;
  img_error_set (&err, EINVAL, "a\nb\033[2Jc\177d\302\233e \303\251");
  ck_assert_str_eq (err.message, "a?b?[2Jc?d??e \303\251");
}
END_TEST

START_TEST (long_text_is_cut_between_letters)
{
  struct img_error err = IMG_ERROR_INIT;
  char text[2001] = "";
  /* One odd byte, then two-byte letters: the cut would fall inside one. */
  strcpy (text, "xx");
  for (int i = 1; i < 1000; i++)
    strcat (text, "\303\251");
  img_error_set (&err, EINVAL, "%s", text);
  size_t len = strlen (err.message);
  ck_assert_uint_eq (len % 2, 0);
  ck_assert_uint_ge (len, sizeof err.message - 3);
  img_error_prefix (&err, "%s", "name");
  ck_assert_int_eq (strncmp (err.message, "name: xx", 8), 0);
}
END_TEST

START_TEST (debug_words)
{
  setenv ("BLKIMG_DEBUG", "serial,workers=3,traces", 1);
  ck_assert_ptr_nonnull (img_debug_word ("serial"));
  ck_assert_int_eq (atoi (img_debug_word ("workers")), 3);
  ck_assert_ptr_null (img_debug_word ("trace"));
  ck_assert_ptr_null (img_debug_word ("work"));
  setenv ("BLKIMG_DEBUG", "x,trace", 1);
  ck_assert_ptr_nonnull (img_debug_word ("trace"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("error");
  TCase *tc = tcase_create ("error");
  tcase_add_test (tc, set_returns_minus_one_and_fills);
  tcase_add_test (tc, errno_prefix_hint_clear);
  tcase_add_test (tc, control_characters_are_made_safe);
  tcase_add_test (tc, long_text_is_cut_between_letters);
  tcase_add_test (tc, debug_words);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
