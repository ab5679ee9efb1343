/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The passphrases of a qcow2 image with LUKS: added, changed, erased, by the driver's amend. */
#include <config.h>

#include "core/node.h"
#include "image.h"
#include "suite.h"

#define SIZE 65536

static struct img_objects *objects;
static uint8_t bytes[SIZE], back[SIZE];

static void
start (void)
{
  struct img_create_params p = { .struct_size = sizeof p, .format = "qcow2", .size = SIZE,
                                 .has_size = true };
  image_folder_make ();
  objects = img_objects_new ();
  ok (img_objects_add (objects, "secret,id=one,data=first", &err));
  ok (img_objects_add (objects, "secret,id=two,data=second", &err));
  p.options = "encrypt.format=luks,encrypt.key-secret=one,encrypt.iter-time=10";
  p.objects = objects;
  ok (img_create ("x", &p, NULL, &err));
}

static void
end (void)
{
  img_objects_free (objects);
  image_folder_remove ();
}

/* NULL when SECRET does not open it. */
static struct img_node *
open_with (const char *secret)
{
  struct img_open_params p = { .struct_size = sizeof p, .format = "qcow2", .objects = objects };
  struct img_opts *opts = img_opts_new ();
  p.flags = IMG_OPENF_RDWR;
  ok (img_opts_set (opts, "encrypt.key-secret", secret, &err));
  p.extra = opts;
  img_error_clear (&err);
  struct img_node *node = img_open ("x", &p, &err);
  img_opts_free (opts);
  return node;
}

static bool
opens (const char *secret)
{
  struct img_node *node = open_with (secret);
  if (node == NULL)
    return false;
  ok (img_pread (node, back, SIZE, 0, 0, &err));
  ck_assert_int_eq (memcmp (bytes, back, SIZE), 0);
  image_close (node);
  return true;
}

static int
amend (const char *secret, const char *text, unsigned flags)
{
  struct img_node *node = open_with (secret);
  struct img_opts *opts = img_opts_new ();
  struct img_amend request = { .struct_size = sizeof request, .opts = opts, .flags = flags };
  ck_assert_ptr_nonnull (node);
  ok (img_opts_parse (opts, text, NULL, &err));
  ok (img_opts_check (opts, node->driver->amend_opts, "qcow2", &err));
  int r = node->driver->amend (node, &request, &err);
  img_opts_free (opts);
  struct img_error other = IMG_ERROR_INIT;
  ck_assert_int_eq (img_close (node, &other), 0);
  return r;
}

START_TEST (passphrases)
{
  struct img_node *node = open_with ("one");
  ck_assert_msg (node != NULL, "%s", err.message);
  memset (bytes, 7, SIZE);
  ok (img_pwrite (node, bytes, SIZE, 0, 0, &err));
  image_close (node);
  ck_assert (opens ("one") && !opens ("two"));

  ok (amend ("one", "encrypt.state=active,encrypt.new-secret=two,encrypt.iter-time=10", 0));
  ck_assert (opens ("one") && opens ("two"));
  ok (amend ("two", "encrypt.state=inactive,encrypt.old-secret=one", 0));
  ck_assert (!opens ("one") && opens ("two"));

  /* The last one goes only by force. */
  ck_assert_int_lt (amend ("two", "encrypt.state=inactive,encrypt.old-secret=two", 0), 0);
  ck_assert (opens ("two"));
  ok (amend ("two", "encrypt.state=inactive,encrypt.old-secret=two", IMG_AMEND_FORCE));
  ck_assert (!opens ("one") && !opens ("two"));
}
END_TEST

START_TEST (no_slots)
{
  struct img_opts *opts = img_opts_new ();
  struct img_amend request = { .struct_size = sizeof request, .opts = opts };
  image_create ("plain", "qcow2", NULL, SIZE);
  struct img_node *node = image_open ("plain", "qcow2", IMG_OPENF_RDWR);
  ok (node->driver->amend (node, &request, &err)); /* nothing is asked for */
  ok (img_opts_set (opts, "encrypt.state", "active", &err));
  ck_assert_int_eq (node->driver->amend (node, &request, &err), -1);
  ck_assert_int_eq (err.code, EINVAL);
  img_opts_free (opts);
  image_close (node);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("qcow2-keys");
  TCase *tc = tcase_create ("qcow2-keys");
  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, start, end);
  tcase_add_test (tc, passphrases);
  tcase_add_test (tc, no_slots);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
