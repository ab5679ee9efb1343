/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several changes of bitmaps: a driver that makes them one by one, and one that does so at once. */
#include <config.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <blkimg/blkimg.h>

#include "fake.h"
#include "suite.h"

static struct img_error err;
static struct img_node *node, *other;
static char calls[200]; /* what the driver was asked for */

static int
note (const char *what, const char *name)
{
  size_t n = strlen (calls);
  snprintf (calls + n, sizeof calls - n, "%s %s; ", what, name);
  return strcmp (name, "bad") == 0 ? img_error_set (&err, ENOENT, "no such bitmap") : 0;
}

static int
one_add (struct img_node *n, const char *name, uint64_t granularity, bool enabled,
         struct img_error *e)
{
  (void) n, (void) e;
  ck_assert_uint_eq (granularity, 512);
  return note (enabled ? "add" : "add off", name);
}

static int
one_remove (struct img_node *n, const char *name, struct img_error *e)
{
  (void) n, (void) e;
  return note ("remove", name);
}

static int
one_clear (struct img_node *n, const char *name, struct img_error *e)
{
  (void) n, (void) e;
  return note ("clear", name);
}

static int
one_enable (struct img_node *n, const char *name, bool on, struct img_error *e)
{
  (void) n, (void) e;
  return note (on ? "enable" : "disable", name);
}

static int
one_next (struct img_node *n, const char *name, uint64_t from, uint64_t *start, uint64_t *length,
          struct img_error *e)
{
  (void) name, (void) e;
  *start = from;
  *length = n == node ? 1 : 2;
  return 1;
}

static int
one_merge (struct img_node *n, const char *name,
           int (*next) (void *arg, uint64_t from, uint64_t *start, uint64_t *length,
                        struct img_error *err),
           void *arg, struct img_error *e)
{
  uint64_t start, length;
  (void) n;
  ck_assert_int_eq (next (arg, 7, &start, &length, e), 1);
  ck_assert_uint_eq (start, 7);
  return note (length == 1 ? "merge own" : "merge other", name);
}

static int
at_once (struct img_node *n, const struct img_bitmap_change *changes, size_t count, size_t *done,
         struct img_error *e)
{
  (void) n, (void) e;
  note ("at once", changes[count - 1].name);
  *done = count;
  return 0;
}

static struct img_bitmap_ops ops = {
  .add = one_add, .remove = one_remove, .clear = one_clear, .enable = one_enable,
  .next = one_next, .merge = one_merge, .change = at_once
};

static void
make (void)
{
  node = fake_mem_new (1 << 20, 1 << 20, IMG_OPEN_RDWR);
  other = fake_mem_new (1 << 20, 1 << 20, 0);
  fake_driver (node)->bitmap = fake_driver (other)->bitmap = &ops;
  calls[0] = '\0';
}

static void
unmake (void)
{
  fake_free (node);
  fake_free (other);
}

static const struct img_bitmap_change *
list (void)
{
  static struct img_bitmap_change changes[] = {
    { IMG_BITMAP_ADD, "a", 512, true, NULL, NULL },
    { IMG_BITMAP_MERGE, "a", 0, false, NULL, "x" },
    { IMG_BITMAP_MERGE, "b", 0, false, NULL, "x" },
    { IMG_BITMAP_ENABLE, "c", 0, false, NULL, NULL },
    { IMG_BITMAP_CLEAR, "d", 0, false, NULL, NULL },
    { IMG_BITMAP_REMOVE, "bad", 0, false, NULL, NULL },
    { IMG_BITMAP_REMOVE, "e", 0, false, NULL, NULL },
  };
  changes[1].from = node;
  changes[2].from = other;
  return changes;
}

START_TEST (one_by_one)
{
  size_t done = 9;
  ops.struct_size = offsetof (struct img_bitmap_ops, change);
  ck_assert_int_eq (img_bitmap_change (node, list (), 7, &done, &err), -1);
  ck_assert_str_eq (calls, "add a; merge own a; merge other b; disable c; clear d; remove bad; ");
  ck_assert_uint_eq (done, 5);
  ck_assert_ptr_nonnull (strstr (err.message, "no such bitmap"));
  img_error_clear (&err);
  ck_assert_int_eq (img_bitmap_change (node, list (), 5, &done, &err), 0);
  ck_assert_uint_eq (done, 5);
  calls[0] = '\0';
  ck_assert_int_eq (img_bitmap_add (node, "f", 512, false, &err), 0);
  ck_assert_str_eq (calls, "add off f; ");
}
END_TEST

START_TEST (all_at_once)
{
  size_t done = 9;
  ops.struct_size = sizeof ops;
  ck_assert_int_eq (img_bitmap_change (node, list (), 7, &done, &err), 0);
  ck_assert_str_eq (calls, "at once e; ");
  ck_assert_uint_eq (done, 7);
}
END_TEST

/* What stands before a merge that cannot be is done. */
START_TEST (another_size)
{
  size_t done = 9;
  ops.struct_size = sizeof ops;
  ck_assert_int_eq (img_resize (node, 1 << 19, IMG_PREALLOC_OFF, IMG_RESIZE_SHRINK, &err), 0);
  ck_assert_int_eq (img_bitmap_change (node, list (), 7, &done, &err), -1);
  ck_assert_str_eq (calls, "at once a; ");
  ck_assert_uint_eq (done, 2);
  ck_assert_ptr_nonnull (strstr (err.message, "different sizes"));
  img_error_clear (&err);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("bitmap");
  TCase *tc = tcase_create ("bitmap");
  tcase_add_checked_fixture (tc, make, unmake);
  tcase_add_test (tc, one_by_one);
  tcase_add_test (tc, all_at_once);
  tcase_add_test (tc, another_size);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
