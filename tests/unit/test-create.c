/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* New images: options and summary, extra files, and targets that are whole or not there. */
#include <config.h>

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-files.h"
#include "suite.h"

static struct img_error err;
static struct img_create_params params;
static struct img_open_params open_params;
static char *summary;

static void
set_up (void)
{
  fake_files_enter ();
  img_error_clear (&err);
  params = (struct img_create_params) { .struct_size = sizeof params };
  open_params = (struct img_open_params) { .struct_size = sizeof open_params };
}

static void
tear_down (void)
{
  free (summary);
  summary = NULL;
  ck_assert_uint_eq (fake_live, 0);
  fake_files_leave ();
}

static void
size (uint64_t n)
{
  params.size = n;
  params.has_size = true;
}

static void
creates (const char *name, const char *expected)
{
  free (summary);
  ck_assert_msg (img_create (name, &params, &summary, &err) == 0, "%s", err.message);
  ck_assert_str_eq (summary, expected);
}

static void
refuses (const char *name, const char *message)
{
  free (summary);
  ck_assert_int_eq (img_create (name, &params, &summary, &err), -1);
  ck_assert_str_eq (err.message, message);
}

static bool
is_there (const char *name)
{
  return access (name, F_OK) == 0;
}

static void
holds (const char *name, const char *text)
{
  char *got = fake_read (name);
  ck_assert_msg (got != NULL, "no %s", name);
  ck_assert_str_eq (got, text);
  free (got);
}

/* Entries of the folder, hidden ones too. */
static unsigned
count_files (void)
{
  DIR *dir = opendir (".");
  unsigned n = 0;
  while (readdir (dir))
    n++;
  closedir (dir);
  return n - 2;
}

/* ---- create ---- */

START_TEST (summaries)
{
  size (1000);
  creates ("r", "fmt=raw size=1000");
  params.options = "preallocation=full,nocow=on";
  creates ("r", "fmt=raw size=1000 nocow=on preallocation=full");
  params.format = "text";
  params.options = "nocow=off,first=1k";
  creates ("x", "fmt=text first=1024 size=1000 nocow=off");
  holds ("x", "TEXT\nsize 1000\n");
  params.options = "extra=a,,b";
  creates ("x", "fmt=text first=65536 size=1000 extra=a,,b");
  params.has_size = false;
  params.options = "size=2k";
  creates ("x", "fmt=text first=65536 size=2048");
}
END_TEST

START_TEST (backing)
{
  ck_assert_int_eq (mkdir ("sub", 0777), 0);
  fake_write ("sub/b", "TEXT\nsize 77\n");
  params.format = "text";
  params.backing = "b";
  params.backing_format = "text";
  creates ("sub/x", "fmt=text first=65536 size=77 backing_file=b backing_fmt=text");
  holds ("sub/x", "TEXT\nsize 77\nbacking b\nformat text\n");
  size (5);
  creates ("sub/x", "fmt=text first=65536 size=5 backing_file=b backing_fmt=text");
  params.backing_format = NULL;
  refuses ("sub/y", "sub/y: Backing file specified without backing format");
  ck_assert_str_eq (err.hint, "Detected format of text.");
  params.backing_unsafe = true;
  refuses ("sub/y", "sub/y: Backing file specified without backing format");
  params.backing_format = "text";
  params.backing = "nope";
  creates ("sub/y", "fmt=text first=65536 size=5 backing_file=nope backing_fmt=text");
  params.backing_unsafe = false;
  refuses ("sub/z", "sub/z: Could not open backing image: sub/nope: cannot open: No such file or "
                    "directory");
  ck_assert (!is_there ("sub/z"));
  params.backing = "../sub/x";
  refuses ("sub/x", "sub/x: Error: Trying to create an image with the same filename as the "
                    "backing file");
  params.format = "raw";
  refuses ("r", "r: Backing file not supported for file format 'raw'");
}
END_TEST

START_TEST (faults)
{
  refuses ("r", "r: Image creation needs a size parameter");
  size (1000);
  params.options = "size=1M";
  refuses ("r", "r: The image size must be specified only once");
  params.options = "bogus=1";
  refuses ("r", "r: format 'raw' has no create option 'bogus'");
  ck_assert_ptr_null (summary);
  params.options = "preallocation=bogus";
  refuses ("r", "r: option 'preallocation' does not accept 'bogus': it is one of off, full");
  params.options = NULL;
  params.format = "sure";
  refuses ("r", "r: Format driver 'sure' does not support image creation");
  params.format = "bogus";
  refuses ("r", "r: Unknown driver 'bogus'");
  params.format = "text";
  refuses ("json:{}", "json:{}: an image cannot be created with a json: name");
  size (UINT64_MAX);
  refuses ("r", "r: Image size must be less than 8 EiB!");
  ck_assert_uint_eq (count_files (), 0);
  size (1);
  refuses ("dir/r", "dir/r: cannot create: No such file or directory");
  ck_assert_str_eq (summary, "fmt=text first=65536 size=1");
}
END_TEST

START_TEST (a_failure_leaves_nothing_new)
{
  params.format = "text";
  size (1);
  params.options = "extra=e,fail=on";
  refuses ("x", "x: no room for what was asked");
  ck_assert_uint_eq (count_files (), 0);
  fake_write ("x", "old");
  refuses ("x", "x: no room for what was asked");
  ck_assert (is_there ("x") && !is_there ("e"));
  refuses ("file:y", "file:y: no room for what was asked");
  ck_assert_uint_eq (count_files (), 1);
}
END_TEST

START_TEST (extra_files)
{
  struct stat st;
  ck_assert_int_eq (mkdir ("sub", 0777), 0);
  params.format = "text";
  size (1);
  params.options = "extra=net:e";
  creates ("sub/x", "fmt=text first=65536 size=1 extra=net:e");
  ck_assert_int_eq (stat ("sub/net:e", &st), 0);
  ck_assert_int_eq (st.st_size, 1000);
  params.compat = true;
  params.options = "extra=here";
  creates ("sub/x", "fmt=text first=65536 size=1 extra=here");
  ck_assert (is_there ("here"));
  params.compat = false;
  params.options = "extra=x";
  refuses ("sub/x", "sub/x: 'x' is the new image itself");
}
END_TEST

/* ---- targets ---- */

static struct img_target *
target (const char *name)
{
  img_error_clear (&err);
  struct img_target *t = img_target_new (name, &params, &open_params, &err);
  ck_assert_msg (t != NULL, "%s", err.message);
  ck_assert_int_eq (img_pwrite (img_target_node (t), "new", 3, 0, 0, &err), 0);
  return t;
}

START_TEST (published_at_the_end)
{
  size (3);
  fake_write ("r", "old");
  ck_assert_int_eq (chmod ("r", 0640), 0);
  ck_assert_int_eq (symlink ("r", "link"), 0);
  struct img_target *t = target ("link");
  struct stat st;
  ck_assert_str_eq (img_filename (img_target_node (t)), "link");
  ck_assert (img_target_node (t)->flags & IMG_OPEN_NEW);
  holds ("r", "old");
  ck_assert_uint_eq (count_files (), 3);
  ck_assert_int_eq (img_target_finish (t, &err), 0);
  holds ("r", "new");
  ck_assert_uint_eq (count_files (), 2);
  ck_assert_int_eq (lstat ("link", &st), 0);
  ck_assert (S_ISLNK (st.st_mode));
  ck_assert_int_eq (stat ("r", &st), 0);
  ck_assert_int_eq (st.st_mode & 07777, 0640);
  ck_assert_uint_gt (fake_flushed, 0);
}
END_TEST

START_TEST (aborted)
{
  size (3);
  params.format = "raw";
  fake_write ("r", "old");
  img_target_abort (target ("r"));
  holds ("r", "old");
  img_target_abort (target ("fresh"));
  ck_assert_uint_eq (count_files (), 1);
  params.format = "text";
  params.options = "extra=e";
  img_target_abort (target ("x"));
  ck_assert_uint_eq (count_files (), 1);
  img_target_abort (NULL);
}
END_TEST

START_TEST (a_dangling_link)
{
  size (3);
  ck_assert_int_eq (symlink ("there", "link"), 0);
  ck_assert_int_eq (img_target_finish (target ("link"), &err), 0);
  holds ("there", "new");
}
END_TEST

START_TEST (names_with_colons)
{
  size (3);
  ck_assert_int_eq (img_target_finish (target ("file:net:x"), &err), 0);
  holds ("net:x", "new");
}
END_TEST

START_TEST (the_old_file_s_lock)
{
  size (3);
  fake_write ("locked", "old");
  ck_assert_ptr_null (img_target_new ("locked", &params, &open_params, &err));
  ck_assert_str_eq (err.message, "locked: somebody uses it");
  holds ("locked", "old");
  ck_assert_uint_eq (count_files (), 1);
}
END_TEST

START_TEST (a_target_that_cannot_be_made)
{
  params.format = "text";
  params.options = "fail=on";
  size (3);
  fake_write ("x", "old");
  ck_assert_ptr_null (img_target_new ("x", &params, &open_params, &err));
  ck_assert_str_eq (err.message, "x: no room for what was asked");
  holds ("x", "old");
  ck_assert_uint_eq (count_files (), 1);
}
END_TEST

START_TEST (overlays)
{
  fake_write ("b", "TEXT\nsize 5\n");
  params.format = "text";
  params.backing = "b";
  params.backing_format = "text";
  struct img_target *t = img_target_new ("x", &params, &open_params, &err);
  ck_assert_msg (t != NULL, "%s", err.message);
  ck_assert_ptr_nonnull (img_backing (img_target_node (t)));
  ck_assert_int_eq (img_target_finish (t, &err), 0);
  holds ("x", "TEXT\nsize 5\nbacking b\nformat text\n");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("create");
  TCase *tc = tcase_create ("create");
  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, summaries);
  tcase_add_test (tc, backing);
  tcase_add_test (tc, faults);
  tcase_add_test (tc, a_failure_leaves_nothing_new);
  tcase_add_test (tc, extra_files);
  tcase_add_test (tc, published_at_the_end);
  tcase_add_test (tc, aborted);
  tcase_add_test (tc, a_dangling_link);
  tcase_add_test (tc, names_with_colons);
  tcase_add_test (tc, the_old_file_s_lock);
  tcase_add_test (tc, a_target_that_cannot_be_made);
  tcase_add_test (tc, overlays);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
