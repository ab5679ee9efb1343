/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/unit/opening.h - a fixture for tests of opening: one image of fake-files.h, open or not. */
#ifndef TESTS_OPENING_H
#define TESTS_OPENING_H

#include <check.h>

#include "fake-files.h"

static struct img_error err;
static struct img_node *node;
static struct img_open_params params;

static void
set_up (void)
{
  fake_files_enter ();
  img_error_clear (&err);
  params = (struct img_open_params) { .struct_size = sizeof params };
}

static void
tear_down (void)
{
  ck_assert_msg (img_close (node, &err) == 0, "%s", err.message);
  node = NULL;
  ck_assert_uint_eq (fake_live, 0);
  fake_files_leave ();
}

/* Closes what was open before. */
static void
opens (const char *name)
{
  ck_assert_int_eq (img_close (node, &err), 0);
  img_error_clear (&err);
  node = img_open (name, &params, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
}

/* Fails with exactly this message. */
static void
refuses (const char *name, const char *message)
{
  img_error_clear (&err);
  struct img_node *n = img_open (name, &params, &err);
  ck_assert_msg (n == NULL, "%s opened", name);
  ck_assert_str_eq (err.message, message);
  ck_assert_int_ne (err.code, 0);
}

#endif
