/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/driver.h"
#include "core/spec.h"
#include "suite.h"

static struct img_error err;
static struct img_spec spec;

const struct img_module *img_module_entry (void); /* modules/json/json.c, linked in */

static void
add_json (void)
{
  unsetenv ("BLKIMG_MODULE_PATH");
  ck_assert_int_eq (img_registry_add ("json", img_module_entry (), &err), 0);
}

static void
tear_down (void)
{
  img_spec_release (&spec);
}

static void
parses (const char *name, bool image_opts)
{
  img_error_clear (&err);
  ck_assert_msg (img_spec_parse (&spec, name, image_opts, &err) == 0, "%s: %s", name, err.message);
}

static void
has (const char *key, const char *value)
{
  const char *got = img_opts_get (spec.opts, key);
  ck_assert_msg (got != NULL, "no %s", key);
  ck_assert_str_eq (got, value);
}

START_TEST (paths)
{
  static const char *const names[] = { "x.qcow2", "./a:b", "/a:b", "dir/a:b", "a,b=c", "//x:1" };
  parses (names[_i], false);
  ck_assert_int_eq (spec.kind, IMG_SPEC_PATH);
  ck_assert_str_eq (spec.text, names[_i]);
  ck_assert_ptr_null (spec.scheme);
}
END_TEST

START_TEST (schemes)
{
  static const char *const names[][2] = {
    { "nbd://host:10809/x", "nbd" }, { "nbd+unix:///?socket=s", "nbd+unix" }, { "file:x", "file" },
    { "what:ever", "what" }, { "jsonx:{}", "jsonx" },
  };
  parses (names[_i][0], false);
  ck_assert_int_eq (spec.kind, IMG_SPEC_SCHEME);
  ck_assert_str_eq (spec.text, names[_i][0]);
  ck_assert_str_eq (spec.scheme, names[_i][1]);
}
END_TEST

START_TEST (json_is_flattened)
{
  parses ("json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"nbd\",\"server\":[{\"port\":10809},"
          "\"s\"],\"x\":true,\"y\":false,\"file.z\":-1,\"r\":0.5,\"e\":{},\"f\":[]},"
          "\"backing\":null}", false);
  ck_assert_int_eq (spec.kind, IMG_SPEC_OPTIONS);
  has ("driver", "qcow2");
  has ("file.driver", "nbd");
  has ("file.server.0.port", "10809");
  has ("file.server.1", "s");
  has ("file.x", "on");
  has ("file.y", "off");
  has ("file.file.z", "-1");
  has ("file.r", "0.5");
  has ("backing", "");
  ck_assert_uint_eq (img_opts_count (spec.opts), 9);
}
END_TEST

START_TEST (json_strings_and_numbers)
{
  parses ("json: \t\r\n{ \"s\" : \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\" , \"\\u0075\" : "
          "\"\\u00e9 \\u20AC \\ud83d\\ude00 \xe2\x82\xac\", \"n\" : [ 0 , -0.5e+10, 1E3, "
          "9223372036854775807 ] , \"o\":{\"a\":{\"x\":1},\"b\":{\"x\":1}} } ", false);
  has ("s", "\"\\/\b\f\n\r\tA");
  has ("u", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xe2\x82\xac");
  has ("n.0", "0");
  has ("n.1", "-5000000000");
  has ("n.2", "1000");
  has ("n.3", "9223372036854775807");
  has ("o.b.x", "1");
  ck_assert_uint_eq (img_opts_count (spec.opts), 8);
}
END_TEST

static const char *const bad[] = {
  "json:", "json:[]", "json:3", "json:{", "json:{\"a\":1}x", "json:{\"a\":1,\"a\":2}",
  "json:{\"a\":{\"b\":1},\"a.b\":2}", "json:{\"\":1}", "json:{\"a\":\"\\u0000\"}", "",
  "json:{\"a\":{\"b\":1},\"a\":{\"c\":2}}", "json:{\"a\":1,}", "json:{\"a\":[1,]}", "json:{,}",
  "json:{\"a\" 1}", "json:{a:1}", "json:{\"a\":[1 2]}", "json:{\"a\":[1}", "json:{\"a\":tru}",
  "json:{\"a\":01}", "json:{\"a\":-}", "json:{\"a\":.5}", "json:{\"a\":1.}", "json:{\"a\":1e}",
  "json:{\"a\":+1}", "json:{\"a\":0x1}", "json:{\"a\":\"x", "json:{\"a\":\"\\",
  "json:{\"a\":\"\\u12",
  "json:{\"a\":\"\\x41\"}", "json:{\"a\":\"\\u12g4\"}", "json:{\"a\":\"\\ud800\"}",
  "json:{\"a\":\"\\ud800\\u0041\"}", "json:{\"a\":\"\\udc00\"}", "json:{\"a\":\"\n\"}",
  "json:{\"a\":\"\xff\"}", "json:{\"a\":\"\xc0\x80\"}", "json:{\"a\":\"\xed\xa0\x80\"}",
  "json:{\"a\":\"\xe2\x82\"}", "json:{\"a\":}", "json:{\"a\":\"\",\"a",
};
#define N_BAD ((int) (sizeof bad / sizeof *bad))

START_TEST (json_faults)
{
  img_error_clear (&err);
  ck_assert_int_eq (img_spec_parse (&spec, bad[_i], false, &err), -1);
  ck_assert_int_eq (err.code, EINVAL);
}
END_TEST

static char *
nested (unsigned depth)
{
  char *text = malloc (depth * 7 + 20), *p = text + sprintf (text, "json:");
  for (unsigned i = 0; i < depth; i++)
    p += sprintf (p, "{\"a\":");
  p += sprintf (p, "1");
  for (unsigned i = 0; i < depth; i++)
    p += sprintf (p, "}");
  return text;
}

START_TEST (json_depth_is_bounded)
{
  char *text = nested (256);
  parses (text, false);
  img_spec_release (&spec);
  free (text);
  text = nested (257);
  ck_assert_int_eq (img_spec_parse (&spec, text, false, &err), -1);
  free (text);
  text = nested (20000);
  ck_assert_int_eq (img_spec_parse (&spec, text, false, &err), -1);
  free (text);
}
END_TEST

START_TEST (json_size_is_bounded)
{
  char *text = malloc (5000 * 16 + 20), *p = text + sprintf (text, "json:{\"x\":[0");
  for (int i = 0; i < 5000; i++)
    p += sprintf (p, ",%d", i);
  strcpy (p, "]}");
  ck_assert_int_eq (img_spec_parse (&spec, text, false, &err), -1);
  ck_assert_ptr_nonnull (strstr (err.message, "4096"));
  free (text);
  text = malloc ((1 << 20) + 100);
  memset (text, 'x', (1 << 20) + 99);
  text[(1 << 20) + 99] = '\0';
  ck_assert_int_eq (img_spec_parse (&spec, text, false, &err), -1);
  ck_assert_int_eq (err.code, ENAMETOOLONG);
  free (text);
}
END_TEST

START_TEST (option_lists)
{
  parses ("driver=qcow2,file.filename=a,,b", true);
  ck_assert_int_eq (spec.kind, IMG_SPEC_OPTIONS);
  has ("driver", "qcow2");
  has ("file.filename", "a,b");
  img_spec_release (&spec);
  parses ("node0,driver=raw", true);
  has ("file", "node0");
}
END_TEST

START_TEST (path_whatever_it_looks_like)
{
  ck_assert_int_eq (img_spec_path (&spec, "nbd://x", &err), 0);
  ck_assert_int_eq (spec.kind, IMG_SPEC_PATH);
  ck_assert_str_eq (spec.text, "nbd://x");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("spec");
  TCase *tc = tcase_create ("spec");
  tcase_add_checked_fixture (tc, add_json, tear_down);
  tcase_add_loop_test (tc, paths, 0, 6);
  tcase_add_loop_test (tc, schemes, 0, 5);
  tcase_add_test (tc, json_is_flattened);
  tcase_add_test (tc, json_strings_and_numbers);
  tcase_add_loop_test (tc, json_faults, 0, N_BAD);
  tcase_add_test (tc, json_depth_is_bounded);
  tcase_add_test (tc, json_size_is_bounded);
  tcase_add_test (tc, option_lists);
  tcase_add_test (tc, path_whatever_it_looks_like);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
