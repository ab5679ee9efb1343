/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/options.h>

#include "suite.h"

static const char *const modes[] = { "off", "metadata", "full", NULL };
static const struct img_optdesc table[] = {
  { "cluster_size", IMG_OPT_SIZE, "64k", NULL, "", 0 },
  { "lazy", IMG_OPT_BOOL, "off", NULL, "", 0 },
  { "bits", IMG_OPT_NUMBER, NULL, NULL, "", 0 },
  { "mode", IMG_OPT_ENUM, "off", modes, "", 0 },
  { "file", IMG_OPT_STRING, NULL, NULL, "", 0 },
  { "server.*.host", IMG_OPT_STRING, NULL, NULL, "", 0 },
  IMG_OPT_END,
};

static struct img_error err;
static struct img_opts *opts;

static void
set_up (void)
{
  img_error_clear (&err);
  opts = img_opts_new ();
}

static void
tear_down (void)
{
  img_opts_free (opts);
}

START_TEST (parse_list)
{
  ck_assert_int_eq (img_opts_parse (opts, "a=1,lazy,b=x,,y,a=2,c=", NULL, &err), 0);
  ck_assert_uint_eq (img_opts_count (opts), 4);
  ck_assert_str_eq (img_opts_get (opts, "a"), "2");
  ck_assert_str_eq (img_opts_get (opts, "lazy"), "on");
  ck_assert_str_eq (img_opts_get (opts, "b"), "x,y");
  ck_assert_str_eq (img_opts_get (opts, "c"), "");
  const char *key, *value;
  img_opts_pair (opts, 0, &key, &value);
  ck_assert_str_eq (key, "a");
}
END_TEST

START_TEST (parse_implied)
{
  ck_assert_int_eq (img_opts_parse (opts, "secret,,1,id=x,y", "type", &err), 0);
  ck_assert_str_eq (img_opts_get (opts, "type"), "secret,1");
  ck_assert_str_eq (img_opts_get (opts, "id"), "x");
  ck_assert_str_eq (img_opts_get (opts, "y"), "on");
}
END_TEST

START_TEST (parse_faults)
{
  static const char *const bad[] = { "=5", ",a", "a=1,", "a=1,=2", "," };
  ck_assert_int_eq (img_opts_parse (opts, bad[_i], NULL, &err), -1);
  ck_assert_int_eq (err.code, EINVAL);
}
END_TEST

START_TEST (parse_nothing)
{
  ck_assert_int_eq (img_opts_parse (opts, "", "file", &err), 0);
  ck_assert_uint_eq (img_opts_count (opts), 0);
}
END_TEST

START_TEST (check_normalises)
{
  ck_assert_int_eq (img_opts_parse (opts, "cluster_size=2M,lazy=true,bits=0x10,mode=full,"
                                    "server.0.host=h,file=0x10", NULL, &err), 0);
  ck_assert_msg (img_opts_check (opts, table, "fmt", &err) == 0, "%s", err.message);
  ck_assert_str_eq (img_opts_get (opts, "cluster_size"), "2097152");
  ck_assert_str_eq (img_opts_get (opts, "lazy"), "on");
  ck_assert_str_eq (img_opts_get (opts, "bits"), "16");
  ck_assert_str_eq (img_opts_get (opts, "file"), "0x10");
  ck_assert_uint_eq (img_opts_number (opts, "bits"), 16);
  ck_assert (img_opts_bool (opts, "lazy"));
  ck_assert_int_eq (img_opts_choice (opts, "mode", modes), 2);
}
END_TEST

START_TEST (check_fills_in_defaults)
{
  ck_assert_int_eq (img_opts_check (opts, table, "fmt", &err), 0);
  ck_assert_uint_eq (img_opts_number (opts, "cluster_size"), 65536);
  ck_assert (!img_opts_bool (opts, "lazy"));
  ck_assert_int_eq (img_opts_choice (opts, "mode", modes), 0);
  ck_assert_ptr_null (img_opts_string (opts, "bits"));
  ck_assert_uint_eq (img_opts_number (opts, "bits"), 0);
  ck_assert_int_eq (img_opts_choice (opts, "bits", modes), -1);
  ck_assert_ptr_null (img_opts_get (opts, "server.*.host"));
}
END_TEST

START_TEST (check_faults)
{
  static const struct {
    const char *text, *named;
  } bad[] = {
    { "foo=1", "fmt has no option 'foo'" },
    { "lazy=maybe", "lazy" },
    { "bits=-1", "bits" },
    { "bits=1k", "bits" },
    { "bits=18446744073709551616", "bits" },
    { "mode=some", "off, metadata, full" },
    { "cluster_size=1q", "option 'cluster_size'" },
    { "server.host=x", "server.host" },
    { "server.0.1.host=x", "server.0.1.host" },
    { "server.0.hosts=x", "server.0.hosts" },
  };
  ck_assert_int_eq (img_opts_parse (opts, bad[_i].text, NULL, &err), 0);
  ck_assert_int_eq (img_opts_check (opts, table, "fmt", &err), -1);
  ck_assert_msg (strstr (err.message, bad[_i].named) != NULL, "%s", err.message);
}
END_TEST

START_TEST (no_table_no_options)
{
  ck_assert_int_eq (img_opts_check (opts, NULL, "fmt", &err), 0);
  img_opts_set (opts, "a", "b", &err);
  ck_assert_int_eq (img_opts_check (opts, NULL, "fmt", &err), -1);
}
END_TEST

START_TEST (subtree_moves)
{
  img_opts_parse (opts, "file.driver=nbd,file.server.0=x,filename=y,file=z", NULL, &err);
  struct img_opts *sub = img_opts_take_subtree (opts, "file", &err);
  ck_assert_uint_eq (img_opts_count (sub), 2);
  ck_assert_str_eq (img_opts_get (sub, "driver"), "nbd");
  ck_assert_str_eq (img_opts_get (sub, "server.0"), "x");
  ck_assert_uint_eq (img_opts_count (opts), 2);
  ck_assert_str_eq (img_opts_get (opts, "filename"), "y");
  img_opts_free (sub);
}
END_TEST

START_TEST (set_and_remove)
{
  img_opts_parse (opts, "a=1,b=2,c=3", NULL, &err);
  img_opts_set (opts, "b", NULL, &err);
  img_opts_set (opts, "none", NULL, &err);
  struct img_opts *copy = img_opts_copy (opts);
  img_opts_set (opts, "a", "9", &err);
  ck_assert_uint_eq (img_opts_count (copy), 2);
  ck_assert_str_eq (img_opts_get (copy, "a"), "1");
  ck_assert_str_eq (img_opts_get (copy, "c"), "3");
  img_opts_free (copy);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("options");
  TCase *tc = tcase_create ("options");
  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, parse_list);
  tcase_add_test (tc, parse_implied);
  tcase_add_loop_test (tc, parse_faults, 0, 5);
  tcase_add_test (tc, parse_nothing);
  tcase_add_test (tc, check_normalises);
  tcase_add_test (tc, check_fills_in_defaults);
  tcase_add_loop_test (tc, check_faults, 0, 10);
  tcase_add_test (tc, no_table_no_options);
  tcase_add_test (tc, subtree_moves);
  tcase_add_test (tc, set_and_remove);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
