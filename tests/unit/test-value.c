/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include <blkimg/blkimg.h>

#include "suite.h"

static void
same_json (const struct img_value *v, bool one_line, const char *wanted)
{
  char *text = img_value_json (v, one_line);
  ck_assert_ptr_nonnull (text);
  ck_assert_str_eq (text, wanted);
  free (text);
}

START_TEST (pretty_and_one_line)
{
  struct img_value *v = img_value_object (), *a;
  img_value_set_string (v, "name", "x");
  img_value_add_array (v, "none");
  img_value_add_object (v, "empty");
  a = img_value_add_array (v, "list");
  img_value_set_uint (a, NULL, UINT64_MAX);
  img_value_set_int (a, NULL, -5);
  img_value_set_bool (a, NULL, true);
  img_value_set_real (a, NULL, 0.25);
  same_json (v, false,
             "{\n    \"name\": \"x\",\n    \"none\": [\n    ],\n    \"empty\": {\n    },\n"
             "    \"list\": [\n        18446744073709551615,\n        -5,\n        true,\n"
             "        0.25\n    ]\n}");
  same_json (v, true,
             "{\"name\": \"x\", \"none\": [], \"empty\": {}, "
             "\"list\": [18446744073709551615, -5, true, 0.25]}");
  ck_assert (img_value_ok (v));
  img_value_free (v);
}
END_TEST

START_TEST (escapes)
{
  struct img_value *v = img_value_array ();
  img_value_set_string (v, NULL, "\"\\\b\f\n\r\t\001\177/");
  img_value_set_string (v, NULL, "\303\251 \342\202\254 \360\237\230\200");
  img_value_set_string (v, NULL, "\377 \300\200 \355\240\200 \364\220\200\200 \303");
  same_json (v, true,
             "[\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u007F/\", "
             "\"\\u00E9 \\u20AC \\uD83D\\uDE00\", "
             "\"\\uFFFD \\uFFFD \\uFFFD \\uFFFD \\uFFFD\"]");
  img_value_free (v);
}
END_TEST

START_TEST (setting_again_keeps_the_place)
{
  struct img_value *v = img_value_object ();
  img_value_set_int (v, "a", 1);
  img_value_set_int (v, "b", 2);
  img_value_set_string (v, "a", "one");
  same_json (v, true, "{\"a\": \"one\", \"b\": 2}");
  ck_assert_uint_eq (img_value_count (v), 2);
  ck_assert_str_eq (img_value_key_at (v, 1), "b");
  ck_assert_str_eq (img_value_string (img_value_get (v, "a")), "one");
  ck_assert_ptr_null (img_value_get (v, "c"));
  ck_assert_ptr_null (img_value_at (v, 2));
  img_value_free (v);
}
END_TEST

START_TEST (take_moves_a_tree_and_its_mark)
{
  struct img_value *v = img_value_object (), *sub = img_value_array ();
  img_value_set_bool (sub, NULL, false);
  img_value_take (v, "sub", sub);
  same_json (v, true, "{\"sub\": [false]}");
  ck_assert (img_value_ok (v));
  img_value_take (v, "lost", NULL); /* what a failed img_value_object() gave */
  ck_assert (!img_value_ok (v));
  img_value_set_int (img_value_add_object (NULL, "x"), "swallowed", 1);
  img_value_free (v);
}
END_TEST

START_TEST (getters_check_the_kind)
{
  struct img_value *v = img_value_object ();
  img_value_set_uint (v, "big", UINT64_MAX);
  img_value_set_int (v, "neg", -1);
  img_value_set_string (v, "s", "x");
  ck_assert_int_eq (img_value_int (img_value_get (v, "big")), 0);
  ck_assert_uint_eq (img_value_uint (img_value_get (v, "big")), UINT64_MAX);
  ck_assert_uint_eq (img_value_uint (img_value_get (v, "neg")), 0);
  ck_assert (!img_value_bool (img_value_get (v, "s")));
  ck_assert_ptr_null (img_value_string (v));
  ck_assert_uint_eq (img_value_count (img_value_get (v, "s")), 0);
  img_value_free (v);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("value");
  TCase *tc = tcase_create ("value");
  tcase_add_test (tc, pretty_and_one_line);
  tcase_add_test (tc, escapes);
  tcase_add_test (tc, setting_again_keeps_the_place);
  tcase_add_test (tc, take_moves_a_tree_and_its_mark);
  tcase_add_test (tc, getters_check_the_kind);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
