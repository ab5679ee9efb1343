/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "opening.h"
#include "suite.h"

static void
by_options (const char *text)
{
  params.flags |= IMG_OPENF_IMAGE_OPTS;
  opens (text);
}

static void
options_refused (const char *text, const char *message)
{
  char whole[600];
  params.flags |= IMG_OPENF_IMAGE_OPTS;
  snprintf (whole, sizeof whole, "%s: %s", text, message);
  refuses (text, whole);
}

/* ---- names ---- */

START_TEST (plain_names)
{
  fake_write ("x", "TEXT\nsize 7\n");
  fake_write ("r", "12345");
  opens ("x");
  ck_assert_str_eq (img_driver_name (node), "text");
  ck_assert_str_eq (img_filename (node), "x");
  ck_assert_uint_eq (img_size (node), 7);
  ck_assert_str_eq (img_child_name (node, 0), "file");
  ck_assert_str_eq (img_driver_name (img_child (node, 0)), "file");
  opens ("r");
  ck_assert_str_eq (img_driver_name (node), "raw");
  opens ("file:x");
  ck_assert_str_eq (img_driver_name (node), "text");
  params.format = "raw";
  opens ("x");
  ck_assert_uint_eq (img_size (node), 12);
  params.format = "file";
  opens ("x");
  ck_assert_str_eq (img_driver_name (node), "file");
  ck_assert_uint_eq (img_child_count (node), 0);
}
END_TEST

START_TEST (faulty_names)
{
  fake_write ("x", "TEXT\nfail\n");
  refuses ("nope", "nope: cannot open: No such file or directory");
  refuses ("x", "x: line says so");
  refuses ("bogus:x", "bogus:x: Unknown protocol 'bogus'");
  refuses ("", "the image name is empty");
  params.format = "../x";
  refuses ("x", "x: Unknown driver '../x'");
}
END_TEST

START_TEST (protocols)
{
  opens ("net://host");
  ck_assert_str_eq (img_filename (node), "net://host");
  ck_assert_str_eq (img_driver_name (node), "raw");
  ck_assert_uint_eq (img_size (node), 1024);
  /* Among options a file name is a path, whatever it looks like. */
  options_refused ("driver=raw,file.filename=net://host",
                   "./net://host: cannot open: No such file or directory");
  ck_assert_int_eq (mkdir ("net:", 0777), 0);
  fake_write ("net:/x", "123");
  by_options ("driver=raw,file.filename=net:/x");
  ck_assert_uint_eq (img_size (node), 3);
}
END_TEST

/* ---- options ---- */

START_TEST (option_lists)
{
  fake_write ("x", "TEXT\nsize 7\n");
  by_options ("driver=text,file.driver=file,file.filename=x");
  ck_assert_str_eq (img_filename (node), "x");
  by_options ("file.filename=x");
  ck_assert_str_eq (img_driver_name (node), "text");
  by_options ("driver=text,mode=fast,file.filename=x,file.locking=off");
  ck_assert_str_eq (img_filename (node), "x");
  by_options ("driver=file,filename=x");
  ck_assert_str_eq (img_driver_name (node), "file");
  by_options ("driver=raw,file.filename=x,offset=2");
  ck_assert_str_eq (img_filename (node), "json:{\"driver\": \"raw\", \"offset\": \"2\", \"file\": "
                                         "{\"driver\": \"file\", \"filename\": \"x\"}}");
  by_options ("driver=raw,file.driver=text,file.file.filename=x");
  ck_assert_uint_eq (img_size (node), 7);
  by_options ("driver=raw,file.driver=net,file.host=h,file.password=p");
  ck_assert_str_eq (img_filename (node), "json:{\"driver\": \"raw\", \"file\": {\"driver\": "
                                         "\"net\", \"host\": \"h\"}}");
}
END_TEST

START_TEST (json_names)
{
  fake_write ("x", "TEXT\nsize 7\n");
  opens ("json:{\"driver\":\"text\",\"file\":{\"driver\":\"file\",\"filename\":\"x\"}}");
  ck_assert_str_eq (img_filename (node), "x");
  opens ("json:{\"file.filename\":\"x\"}");
  ck_assert_str_eq (img_driver_name (node), "text");
}
END_TEST

START_TEST (faulty_options)
{
  fake_write ("x", "TEXT\nsize 7\n");
  options_refused ("driver=text", "no file is named: 'file.filename' or 'file.driver' is missing");
  options_refused ("filename=x", "no file is named: 'file.filename' or 'file.driver' is missing");
  options_refused ("x", "file=x: there is no node of that name");
  ck_assert_str_eq (err.hint, "To open a file write file.filename=x.");
  options_refused ("driver=text,file.filename=x,bogus=1", "x: text has no option 'bogus'");
  options_refused ("driver=text,file.filename=x,file.bogus=1", "x: file has no option 'bogus'");
  options_refused ("driver=text,file.filename=x,data-file.filename=y",
                   "x: text has no option 'data-file.filename'");
  options_refused ("driver=bogus,file.filename=x", "Unknown driver 'bogus'");
  options_refused ("file.filename=x,cache.direct=maybe",
                   "option 'cache.direct' is 'on' or 'off', not 'maybe'");
  options_refused ("driver=raw,file.filename=x,backing.driver=text",
                   "x: raw has no option 'backing.driver'");
  options_refused ("driver=file,filename=x,file.filename=x",
                   "x: file has no option 'file.filename'");
  params.format = "raw";
  options_refused ("driver=text,file.filename=x", "the format is 'raw' here and 'text' there");
}
END_TEST

START_TEST (extra_options)
{
  struct img_opts *extra = img_opts_new ();
  fake_write ("x", "12345");
  ck_assert_int_eq (img_opts_set (extra, "offset", "2", &err), 0);
  params.extra = extra;
  params.format = "raw";
  opens ("x");
  ck_assert_uint_eq (img_size (node), 3);
  img_opts_free (extra);
}
END_TEST

/* ---- flags ---- */

START_TEST (flags_reach_the_file)
{
  fake_write ("x", "TEXT\nsize 7\n");
  opens ("x");
  ck_assert_uint_eq (fake_open_flags, IMG_OPEN_UNMAP);
  ck_assert_uint_eq (fake_lock_flags, IMG_OPEN_STABLE);
  ck_assert (!img_is_writable (node));
  params.flags = IMG_OPENF_RDWR;
  params.cache = IMG_CACHE_DIRECTSYNC;
  opens ("x");
  ck_assert_uint_eq (fake_open_flags, IMG_OPEN_UNMAP | IMG_OPEN_RDWR | IMG_OPEN_DIRECT);
  ck_assert_uint_eq (node->flags, IMG_OPEN_RDWR | IMG_OPEN_DIRECT | IMG_OPEN_WRITETHROUGH);
  ck_assert (img_is_writable (node));
  params.flags = IMG_OPENF_INFO | IMG_OPENF_SHARE;
  params.cache = IMG_CACHE_UNSAFE;
  opens ("x");
  ck_assert_uint_eq (fake_lock_flags, IMG_OPEN_NO_IO | IMG_OPEN_SHARE | IMG_OPEN_STABLE);
  ck_assert (fake_open_flags & IMG_OPEN_NO_FLUSH);
}
END_TEST

START_TEST (raw_is_not_stable_unless_asked)
{
  fake_write ("r", "12345");
  opens ("r");
  ck_assert_uint_eq (fake_lock_flags, 0);
  ck_assert (node->flags & IMG_OPEN_PROBED);
  params.flags = IMG_OPENF_STABLE;
  params.format = "raw";
  opens ("r");
  ck_assert_uint_eq (fake_lock_flags, IMG_OPEN_STABLE);
  ck_assert (!(node->flags & IMG_OPEN_PROBED));
}
END_TEST

START_TEST (locks)
{
  fake_write ("locked", "12345");
  refuses ("locked", "locked: somebody uses it");
}
END_TEST

START_TEST (generic_options_change_flags)
{
  fake_write ("x", "TEXT\nsize 7\n");
  by_options ("file.filename=x,cache.direct=on,cache.no-flush=on,discard=unmap,force-share=on,"
              "node-name=n,detect-zeroes=on,auto-read-only=on,read-only=on,file.discard=ignore");
  ck_assert_uint_eq (node->flags, IMG_OPEN_DIRECT | IMG_OPEN_NO_FLUSH | IMG_OPEN_UNMAP
                                    | IMG_OPEN_SHARE | IMG_OPEN_DETECT_ZEROES);
  ck_assert_uint_eq (fake_open_flags, IMG_OPEN_DIRECT | IMG_OPEN_NO_FLUSH | IMG_OPEN_SHARE);
  params.flags = IMG_OPENF_RDWR;
  options_refused ("file.filename=x,read-only=on", "read-only=on, but it must be written to");
  options_refused ("file.filename=x,file.read-only=on",
                   "read-only=on, but it must be written to");
  options_refused ("file.filename=x,force-share=on", "force-share=on is for reading only");
  options_refused ("file.filename=x,detect-zeroes=unmap",
                   "detect-zeroes=unmap needs discard=unmap");
}
END_TEST

START_TEST (closing_flushes_what_was_writable)
{
  fake_write ("x", "TEXT\nsize 7\n");
  opens ("x");
  ck_assert_int_eq (img_close (node, &err), 0);
  node = NULL;
  ck_assert_uint_eq (fake_flushed, 0);
  params.flags = IMG_OPENF_RDWR;
  opens ("x");
  ck_assert_int_eq (img_close (node, &err), 0);
  node = NULL;
  ck_assert_uint_eq (fake_flushed, 1);
}
END_TEST

/* ---- probing ---- */

static char *
long_text (const char *head, const char *tail)
{
  char *text = malloc (6001);
  memset (text, '.', 6000);
  text[6000] = '\0';
  memcpy (text, head, strlen (head));
  memcpy (text + 6000 - 512, tail, strlen (tail));
  return text;
}

static void
probes_as (const char *head, const char *tail, const char *format)
{
  char *text = long_text (head, tail);
  fake_write ("p", "%s", text);
  free (text);
  opens ("p");
  ck_assert_str_eq (img_driver_name (node), format);
}

START_TEST (magics)
{
  probes_as ("", "", "raw");
  probes_as ("SURE", "", "sure");
  probes_as ("", "LIAT", "sure-tail");
  probes_as ("SURE", "LIAT", "sure-tail"); /* the surer one */
  fake_write ("p", "LIAT%508s", "");
  opens ("p"); /* a file that is all head and all tail */
  ck_assert_str_eq (img_driver_name (node), "sure-tail");
  fake_write ("p", "LIAT%507s", "");
  opens ("p");
  ck_assert_str_eq (img_driver_name (node), "raw");
  fake_write ("p", "%s", "");
  opens ("p");
  ck_assert_str_eq (img_driver_name (node), "raw");
}
END_TEST

START_TEST (ties_are_refused)
{
  fake_write ("p", "TIE! and more");
  refuses ("p", "p: it can be taken for tie-a and for tie-b: name its format");
  params.format = "tie-b";
  opens ("p");
  ck_assert_str_eq (img_driver_name (node), "tie-b");
}
END_TEST

START_TEST (by_extension)
{
  fake_write ("p.EXT", "12345");
  opens ("p.EXT");
  ck_assert_str_eq (img_driver_name (node), "ext");
  fake_write ("p.ext", "123");
  opens ("p.ext");
  ck_assert_str_eq (img_driver_name (node), "raw");
}
END_TEST

/* ---- information ---- */

START_TEST (info_opens_the_named_file_only)
{
  fake_write ("x", "TEXT\nsize 7\nbacking sub/b\nformat text\ndata d\n");
  params.flags = IMG_OPENF_INFO;
  opens ("x");
  ck_assert_uint_eq (fake_opened, 1);
  struct img_value *v = img_info (node, &err);
  char *json = img_value_json (v, true);
  ck_assert_str_eq (json,
                    "{\"filename\": \"x\", \"format\": \"text\", \"virtual-size\": 7, "
                    "\"actual-size\": 46, \"dirty-flag\": false, \"cluster-size\": 512, "
                    "\"backing-filename\": \"sub/b\", \"full-backing-filename\": \"sub/b\", "
                    "\"backing-filename-format\": \"text\", \"format-specific\": {\"type\": "
                    "\"text\", \"data\": {\"lines\": \"some\"}}, \"children\": [{\"name\": "
                    "\"file\", \"info\": {\"filename\": \"x\", \"format\": \"file\", "
                    "\"virtual-size\": 45, \"actual-size\": 46, \"dirty-flag\": false, "
                    "\"format-specific\": {\"type\": \"file\", \"data\": {}}, \"children\": "
                    "[]}}]}");
  free (json);
  img_value_free (v);
}
END_TEST

START_TEST (info_with_limits)
{
  fake_write ("r", "12345");
  params.flags = IMG_OPENF_INFO | IMG_OPENF_LIMITS;
  opens ("r");
  struct img_value *v = img_info (node, &err);
  const struct img_value *limits = img_value_get (v, "limits");
  ck_assert_uint_eq (img_value_uint (img_value_get (limits, "request-alignment")), 1);
  ck_assert_ptr_null (img_value_get (limits, "max-discard"));
  img_value_free (v);
}
END_TEST

START_TEST (cache_modes)
{
  enum img_cache mode = IMG_CACHE_UNSAFE;
  ck_assert_int_eq (img_cache_parse ("writeback", &mode, &err), 0);
  ck_assert_int_eq (mode, IMG_CACHE_WRITEBACK);
  ck_assert_int_eq (img_cache_parse ("off", &mode, &err), 0);
  ck_assert_int_eq (mode, IMG_CACHE_NONE);
  ck_assert_int_eq (img_cache_parse ("fast", &mode, &err), -1);
}
END_TEST

START_TEST (an_older_caller_s_struct)
{
  fake_write ("x", "TEXT\nsize 7\n");
  params.struct_size = offsetof (struct img_open_params, snapshot);
  params.snapshot = (const char *) 1; /* past its end: must not be looked at */
  params.extra = (const struct img_opts *) 1;
  opens ("x");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("open");
  TCase *tc = tcase_create ("open");
  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, plain_names);
  tcase_add_test (tc, faulty_names);
  tcase_add_test (tc, protocols);
  tcase_add_test (tc, option_lists);
  tcase_add_test (tc, json_names);
  tcase_add_test (tc, faulty_options);
  tcase_add_test (tc, extra_options);
  tcase_add_test (tc, flags_reach_the_file);
  tcase_add_test (tc, raw_is_not_stable_unless_asked);
  tcase_add_test (tc, locks);
  tcase_add_test (tc, generic_options_change_flags);
  tcase_add_test (tc, closing_flushes_what_was_writable);
  tcase_add_test (tc, magics);
  tcase_add_test (tc, ties_are_refused);
  tcase_add_test (tc, by_extension);
  tcase_add_test (tc, info_opens_the_named_file_only);
  tcase_add_test (tc, info_with_limits);
  tcase_add_test (tc, cache_modes);
  tcase_add_test (tc, an_older_caller_s_struct);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
