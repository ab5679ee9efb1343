/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading real shared objects: each fault is one line for that module, and the others go on. */
#include <config.h>

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/blkimg.h>
#include <blkimg/module.h>

#include "suite.h"

static char dir[FOLDER_NAME];
static struct img_error err;
static const char *const good_manifest = "module %s\nabi 1\ndriver strange\nkind protocol\n";

static void
set_up (void)
{
  folder_make (dir);
  ck_assert_int_eq (setenv ("BLKIMG_MODULE_PATH", dir, 1), 0);
  img_error_clear (&err);
}

static void
tear_down (void)
{
  folder_remove (dir);
}

/* tests/unit/.libs/strange-KIND.so as NAME.so. */
static void
put_object (const char *kind, const char *name)
{
  char from[4096], to[FOLDER_NAME + 64];
  const char *build = getenv ("top_builddir");
  snprintf (from, sizeof from, "%s/tests/unit/.libs/strange-%s.so", build ? build : ".", kind);
  snprintf (to, sizeof to, "%s/%s.so", dir, name);
  ck_assert_int_eq (symlink (from, to), 0);
  ck_assert_int_eq (access (to, R_OK), 0);
}

static void
put_manifest (const char *name, const char *text)
{
  char path[FOLDER_NAME + 64];
  snprintf (path, sizeof path, "%s/%s.manifest", dir, name);
  FILE *f = fopen (path, "w");
  ck_assert_ptr_nonnull (f);
  ck_assert_int_ge (fputs (text, f), 0);
  ck_assert_int_eq (fclose (f), 0);
}

static void
put (const char *kind, const char *name)
{
  char text[200];
  put_object (kind, name);
  snprintf (text, sizeof text, good_manifest, name);
  put_manifest (name, text);
}

static const struct img_value *
find_module (const struct img_value *all, const char *name)
{
  for (size_t i = 0; i < img_value_count (all); i++)
    if (strcmp (img_value_string (img_value_get (img_value_at (all, i), "name")), name) == 0)
      return img_value_at (all, i);
  return NULL;
}

/* What img-modules would say is wrong with NAME. */
static void
complains (const char *name, const char *part)
{
  struct img_value *all = img_modules (&err);
  ck_assert_ptr_nonnull (all);
  const struct img_value *m = find_module (all, name);
  ck_assert_msg (m != NULL, "no module '%s'", name);
  const char *why = img_value_string (img_value_get (m, "error"));
  ck_assert_msg (why && strstr (why, part), "'%s' lacks '%s'", why ? why : "(no error)", part);
  ck_assert_ptr_null (strchr (why, '\n'));
  img_value_free (all);
}

START_TEST (a_good_one_is_found)
{
  put ("good", "strange");
  const struct img_driver *d = img_driver_find ("strange", &err);
  ck_assert_msg (d != NULL, "%s", err.message);
  ck_assert_str_eq (d->name, "strange");
  ck_assert_ptr_eq (d, img_driver_find ("strange", &err));
  struct img_value *all = img_modules (&err);
  const struct img_value *m = find_module (all, "strange");
  ck_assert_ptr_null (img_value_get (m, "error"));
  ck_assert_uint_eq (img_value_uint (img_value_get (m, "abi")), IMG_ABI);
  img_value_free (all);
}
END_TEST

START_TEST (an_older_struct_is_filled_up)
{
  put ("old", "strange");
  const struct img_driver *d = img_driver_find ("strange", &err);
  ck_assert_msg (d != NULL, "%s", err.message);
  ck_assert_uint_eq (d->struct_size, sizeof *d);
  ck_assert (d->pread != NULL);
  ck_assert (d->pwrite == NULL);
}
END_TEST

static const struct {
  const char *kind, *error;
} faulty[] = {
  { "abi", "made for module ABI 2, but this is 1" },
  { "undefined", "undefined symbol: strange_function_that_nobody_has" },
  { "entry", "it has no function img_module_entry" },
  { "small", "its description is only" },
  { "driver-abi", "driver 'strange': made for module ABI 2" },
  { "no-map", "'kind' in its manifest differs from what the module says" },
};

/* The broken module has the driver, so that asking for it tells why. */
START_TEST (asking_for_its_driver_tells)
{
  put (faulty[_i].kind, "strange");
  ck_assert_ptr_null (img_driver_find ("strange", &err));
  ck_assert_msg (strncmp (err.message, "module 'strange' cannot be used: ", 33) == 0, "%s",
                 err.message);
  ck_assert_msg (strstr (err.message, faulty[_i].error) != NULL, "%s", err.message);
  complains ("strange", faulty[_i].error);
}
END_TEST

START_TEST (others_go_on)
{
  put_manifest ("aaa", "nonsense\n");
  put_object ("undefined", "bbb");
  put_manifest ("bbb", "module bbb\nabi 1\ndriver bbb\nkind protocol\n");
  put_manifest ("ccc", "module ccc\nabi 99\n");
  put ("good", "strange");
  put_manifest ("Hostile Name", "module x\nabi 1\n");
  put_object ("good", "stray");
  complains ("aaa", "aaa.manifest, line 1: 'nonsense' is not a statement");
  complains ("bbb", "undefined symbol");
  complains ("ccc", "ccc.manifest: made for module ABI 99, but this is 1");
  complains ("Hostile Name", "'Hostile Name' is not a valid name for a module");
  complains ("stray", "there is no manifest beside");
  ck_assert_msg (img_driver_find ("strange", &err) != NULL, "%s", err.message);
}
END_TEST

START_TEST (no_map_is_refused)
{
  put_object ("no-map", "strange");
  put_manifest ("strange", "module strange\nabi 1\ndriver strange\nkind format\n");
  ck_assert_ptr_null (img_driver_find ("strange", &err));
  ck_assert_msg (strstr (err.message, "driver 'strange': it lacks the function 'map'") != NULL,
                 "%s", err.message);
}
END_TEST

/* An image of a module that cannot be used is not raw. */
START_TEST (probing_tells_too)
{
  const char *build = getenv ("top_builddir");
  struct img_open_params params = { .struct_size = sizeof params };
  char path[4400], image[FOLDER_NAME + 16], message[3 * FOLDER_NAME];
  snprintf (path, sizeof path, "%s:%s/modules", dir, build ? build : ".");
  setenv ("BLKIMG_MODULE_PATH", path, 1);
  put_manifest ("odd", "module odd\nabi 2\ndriver odd\nkind format\nmagic 0 ODD!\n");
  put_manifest ("bad", "module bad\nabi 1\ndriver worse\nkind format\nmagic 4 BAD!\n");
  snprintf (image, sizeof image, "%s/image", dir);
  FILE *f = fopen (image, "w");
  fputs ("ODD!BAD!", f);
  fclose (f);
  snprintf (message, sizeof message, "%s: module 'bad' cannot be used: there is no bad.so in %s",
            image, dir);
  for (int i = 0; i < 2; i++) {
    ck_assert_ptr_null (img_open (image, &params, &err));
    ck_assert_str_eq (err.message, message);
  }
  ck_assert_ptr_null (img_driver_find ("worse", &err));
  ck_assert_msg (strstr (err.message, "module 'bad' cannot be used") != NULL, "%s", err.message);
  params.format = "raw";
  struct img_node *node = img_open (image, &params, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  ck_assert_int_eq (img_close (node, &err), 0);
}
END_TEST

START_TEST (an_object_must_be_there)
{
  put_manifest ("strange", "module strange\nabi 1\ndriver strange\nkind protocol\n");
  ck_assert_ptr_null (img_driver_find ("strange", &err));
  ck_assert_msg (strstr (err.message, "there is no strange.so in") != NULL, "%s", err.message);
}
END_TEST

START_TEST (a_driver_belongs_to_the_first)
{
  put ("good", "one");
  put ("good", "two");
  ck_assert_msg (img_driver_find ("strange", &err) != NULL, "%s", err.message);
  complains ("two", "module 'one' has a driver 'strange' already");
}
END_TEST

/* A name from inside an image must not reach the dynamic linker. */
START_TEST (names_are_not_paths)
{
  static const char *const names[] = { "/tmp/x", "../x", "libz", "", "strange.so" };
  put ("good", "strange");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    ck_assert_ptr_null (img_driver_find (names[i], &err));
    ck_assert_msg (strncmp (err.message, "Unknown driver", 14) == 0, "%s", err.message);
    ck_assert_ptr_null (img_codec_find (names[i], &err));
  }
}
END_TEST

START_TEST (driver_names)
{
  put ("good", "strange");
  const char **names = img_driver_names (&err);
  ck_assert_ptr_nonnull (names);
  bool seen = false;
  for (size_t i = 0; names[i]; i++) {
    seen |= strcmp (names[i], "strange") == 0;
    ck_assert (i == 0 || strcmp (names[i - 1], names[i]) < 0);
  }
  ck_assert (seen);
  free (names);
}
END_TEST

int
main (void)
{
  const int n = (int) (sizeof faulty / sizeof *faulty);
  Suite *suite = suite_create ("module");
  TCase *tc = tcase_create ("module");
  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, a_good_one_is_found);
  tcase_add_test (tc, an_older_struct_is_filled_up);
  tcase_add_loop_test (tc, asking_for_its_driver_tells, 0, n);
  tcase_add_test (tc, others_go_on);
  tcase_add_test (tc, no_map_is_refused);
  tcase_add_test (tc, probing_tells_too);
  tcase_add_test (tc, an_object_must_be_there);
  tcase_add_test (tc, a_driver_belongs_to_the_first);
  tcase_add_test (tc, names_are_not_paths);
  tcase_add_test (tc, driver_names);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
