/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backing chains and other files that images name: the gate. */
#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "opening.h"
#include "suite.h"

START_TEST (a_chain)
{
  ck_assert_int_eq (mkdir ("sub", 0777), 0);
  fake_write ("x", "TEXT\nsize 7\nbacking sub/b\nformat text\n");
  fake_write ("sub/b", "TEXT\nsize 8\nbacking ../r\n");
  fake_write ("r", "12345");
  params.flags = IMG_OPENF_RDWR;
  opens ("x");
  struct img_node *b = img_backing (node), *r = img_backing (b);
  ck_assert_ptr_eq (img_child_by_name (node, "backing"), b);
  ck_assert_str_eq (img_filename (b), "sub/b");
  ck_assert_str_eq (img_filename (r), "sub/../r");
  ck_assert_str_eq (img_driver_name (r), "raw");
  ck_assert_ptr_null (img_backing (r));
  ck_assert (img_is_writable (node));
  ck_assert (!img_is_writable (b) && !img_is_writable (img_child (b, 0)));
  ck_assert_uint_eq (r->depth, 2);
  params.flags = IMG_OPENF_NO_BACKING;
  opens ("x");
  ck_assert_ptr_null (img_backing (node));
}
END_TEST

START_TEST (what_is_refused)
{
  ck_assert_int_eq (mkdir ("dir", 0777), 0);
  ck_assert_int_eq (mkfifo ("fifo", 0600), 0);
  fake_write ("nbd", "TEXT\nbacking net://h\n");
  fake_write ("json", "TEXT\nbacking json:{\"driver\":\"net\",\"host\":\"h\"}\n");
  fake_write ("device", "TEXT\nbacking /dev/null\n");
  fake_write ("to-fifo", "TEXT\nbacking fifo\n");
  fake_write ("to-dir", "TEXT\nbacking dir\n");
  fake_write ("to-nothing", "TEXT\nbacking nope\n");
  fake_write ("bad", "TEXT\nbacking x\nformat ../evil\n");
  fake_write ("x", "TEXT\n");
  fake_write ("as-net", "TEXT\nbacking x\nformat net\n");
  fake_write ("as-file", "TEXT\nbacking x\nformat file\n");
  refuses ("as-net", "as-net: backing file is not opened: 'net' is not a format");
  opens ("as-file");
  ck_assert_int_eq (img_close (node, &err), 0);
  node = NULL;
  refuses ("nbd", "nbd: backing file 'net://h' is not opened: it names a protocol");
  ck_assert_str_eq (err.hint, "--allow-any-backing opens it, if you trust this image.");
  refuses ("json", "json: backing file 'json:{\"driver\":\"net\",\"host\":\"h\"}' is not opened: "
                   "it is a json: name");
  refuses ("device", "device: backing file '/dev/null' is not opened: it is a device, but not a "
                     "disk");
  refuses ("to-fifo", "to-fifo: backing file 'fifo' is not opened: it is a FIFO");
  refuses ("to-dir", "to-dir: backing file 'dir' is not opened: it is a directory");
  refuses ("to-nothing", "to-nothing: backing file 'nope': No such file or directory");
  refuses ("bad", "bad: backing file: x: Unknown driver '../evil'");
  ck_assert_uint_eq (fake_live, 0);
}
END_TEST

START_TEST (untrusted_opens_nothing)
{
  fake_write ("x", "TEXT\nbacking b\n");
  fake_write ("d", "TEXT\ndata b\n");
  fake_write ("b", "12345");
  params.gate = IMG_GATE_UNTRUSTED;
  refuses ("x", "x: backing file 'b' is not opened: the image is not trusted");
  ck_assert_str_eq (err.hint, "Without --untrusted local files are opened.");
  refuses ("d", "d: data-file 'b' is not opened: the image is not trusted");
  params.flags = IMG_OPENF_NO_BACKING;
  opens ("x");
}
END_TEST

START_TEST (open_gate)
{
  fake_write ("nbd", "TEXT\nbacking net://h\nformat raw\n");
  fake_write ("json", "TEXT\nbacking json:{\"driver\":\"raw\",\"file\":{\"driver\":\"net\","
                      "\"host\":\"h\"}}\n");
  fake_write ("data", "TEXT\ndata net://h\n");
  params.gate = IMG_GATE_OPEN;
  opens ("nbd");
  ck_assert_uint_eq (img_size (img_backing (node)), 1024);
  opens ("json");
  ck_assert_uint_eq (img_size (img_backing (node)), 1024);
  /* Never a protocol, even here. */
  refuses ("data", "data: data-file: ./net://h: cannot open: No such file or directory");
}
END_TEST

START_TEST (data_files)
{
  ck_assert_int_eq (mkdir ("sub", 0777), 0);
  fake_write ("sub/x", "TEXT\ndata net:d\n");
  fake_write ("sub/net:d", "123");
  fake_write ("other", "1234");
  opens ("sub/x");
  ck_assert_uint_eq (img_size (img_child_by_name (node, "data-file")), 3);
  params.flags = IMG_OPENF_IMAGE_OPTS;
  opens ("file.filename=sub/x,data-file.filename=other");
  ck_assert_uint_eq (img_size (img_child_by_name (node, "data-file")), 4);
  refuses ("file.filename=sub/x,data-file=foo",
           "file.filename=sub/x,data-file=foo: sub/x: data-file=foo: there is no node of that "
           "name");
  params.flags = IMG_OPENF_COMPAT;
  refuses ("sub/x", "sub/x: data-file 'net:d': No such file or directory");
  fake_write ("net:d", "12345");
  opens ("sub/x");
  ck_assert_uint_eq (img_size (img_child_by_name (node, "data-file")), 5);
  params.flags = IMG_OPENF_IMAGE_OPTS;
  fake_write ("y", "TEXT\ndata \n");
  refuses ("file.filename=y", "file.filename=y: y: 'data-file.filename' must be given");
}
END_TEST

START_TEST (loops)
{
  fake_write ("self", "TEXT\nbacking self\n");
  fake_write ("one", "TEXT\nbacking two\nformat text\n");
  fake_write ("two", "TEXT\nbacking three\nformat text\n");
  ck_assert_int_eq (symlink ("one", "three"), 0);
  fake_write ("data", "TEXT\ndata data\n");
  refuses ("self", "self: backing file 'self' is a loop: the image uses itself");
  refuses ("one", "one: two: backing file 'three' is a loop: the image uses itself");
  refuses ("data", "data: data-file 'data' is a loop: the image uses itself");
  params.gate = IMG_GATE_OPEN;
  refuses ("one", "one: two: backing file 'three' is a loop: the image uses itself");
}
END_TEST

START_TEST (depth)
{
  for (int i = 0; i <= 201; i++) {
    char name[16];
    snprintf (name, sizeof name, "c%d", i);
    fake_write (name, i ? "TEXT\nbacking c%d\nformat text\n" : "TEXT\n%.0d", i - 1);
  }
  opens ("c200");
  refuses ("c201", "c201: c1: more than 200 backing images");
}
END_TEST

START_TEST (the_user_s_backing)
{
  fake_write ("x", "TEXT\nbacking nope\n");
  fake_write ("y", "TEXT\nbacking b\nformat text\n");
  fake_write ("b", "TEXT\nsize 3\n");
  params.flags = IMG_OPENF_IMAGE_OPTS;
  opens ("file.filename=x,backing=");
  ck_assert_ptr_null (img_backing (node));
  opens ("file.filename=x,backing=null");
  ck_assert_ptr_null (img_backing (node));
  opens ("file.filename=x,backing.file.filename=b");
  ck_assert_str_eq (img_driver_name (img_backing (node)), "text");
  opens ("file.filename=x,backing.driver=net,backing.host=h");
  opens ("file.filename=y,backing.driver=raw"); /* the image's name, another format */
  ck_assert_str_eq (img_driver_name (img_backing (node)), "raw");
  refuses ("file.filename=b,backing.mode=x",
           "file.filename=b,backing.mode=x: b: it has no backing file for the 'backing' options");
  refuses ("file.filename=y,backing.bogus=x",
           "file.filename=y,backing.bogus=x: b: text has no option 'bogus'");
  params.flags = 0;
  opens ("json:{\"driver\":\"text\",\"file\":{\"driver\":\"file\",\"filename\":\"x\"},"
         "\"backing\":null}");
  ck_assert_ptr_null (img_backing (node));
}
END_TEST

START_TEST (chain_facts)
{
  fake_write ("x", "TEXT\nsize 7\nbacking b\nformat text\n");
  fake_write ("b", "TEXT\nsize 8\nbacking r\nformat raw\ndata nope\n");
  fake_write ("r", "12345");
  struct img_value *all = img_info_chain ("x", &params, &err);
  ck_assert_msg (all != NULL, "%s", err.message);
  ck_assert_uint_eq (img_value_count (all), 3);
  ck_assert_str_eq (img_value_string (img_value_get (img_value_at (all, 2), "filename")), "r");
  for (size_t i = 0; i < 3; i++)
    ck_assert_uint_eq (img_value_count (img_value_get (img_value_at (all, i), "children")), 1);
  img_value_free (all);
  fake_write ("r", "TEXT\nbacking x\n");
  ck_assert_ptr_nonnull (all = img_info_chain ("x", &params, &err));
  img_value_free (all);
  fake_write ("b", "TEXT\nbacking r\nformat text\n");
  ck_assert_ptr_null (img_info_chain ("x", &params, &err));
  ck_assert_str_eq (err.message, "r: backing file 'x' is a loop: the image uses itself");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("chain");
  TCase *tc = tcase_create ("chain");
  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, a_chain);
  tcase_add_test (tc, what_is_refused);
  tcase_add_test (tc, untrusted_opens_nothing);
  tcase_add_test (tc, open_gate);
  tcase_add_test (tc, data_files);
  tcase_add_test (tc, loops);
  tcase_add_test (tc, depth);
  tcase_add_test (tc, the_user_s_backing);
  tcase_add_test (tc, chain_facts);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
