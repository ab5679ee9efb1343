/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another backing file in the header: one write between two flushes, nothing else in the header
 * changes, and a name that does not fit changes nothing at all. */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include "qcow2-rig.h"
#include "suite.h"

/* `unknown` and 3 bytes of an extension that nobody knows, before the end of the extensions. */
static void
add_extension (struct img_node *file)
{
  static const uint8_t ext[16] = { 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 3, 'a', 'b', 'c' };
  uint8_t *data = fake_mem (file)->data;
  ck_assert_uint_eq (data[103], 112);
  memmove (data + 112 + sizeof ext, data + 112, 1024);
  memcpy (data + 112, ext, sizeof ext);
}

static struct img_node *
opened (const char *options, struct img_node **file)
{
  struct img_error err = IMG_ERROR_INIT;
  *file = rig_make (options, 1 << 20);
  add_extension (*file);
  struct img_node *node = rig_open (*file, IMG_OPEN_RDWR, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  return node;
}

static bool
holds (struct img_node *file, const char *text)
{
  return memmem (fake_mem (file)->data, 4096, text, strlen (text)) != NULL;
}

START_TEST (changes)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *file, *node = opened ("cluster_size=4k", &file);
  struct fake_mem *m = fake_mem (file);
  ck_assert_int_eq (img_set_backing (node, "first.qcow2", "qcow2", &err), 0);
  unsigned writes = m->calls[FAKE_WRITE], flushes = m->calls[FAKE_FLUSH];
  ck_assert_int_eq (img_set_backing (node, "second.raw", "raw", &err), 0);
  ck_assert_uint_eq (m->calls[FAKE_WRITE], writes + 1);
  ck_assert_uint_eq (m->calls[FAKE_FLUSH], flushes + 2);
  ck_assert (holds (file, "second.raw") && !holds (file, "first.qcow2"));
  ck_assert_str_eq (node->backing_name, "second.raw");
  ck_assert_str_eq (node->backing_format, "raw");
  struct img_node *again = rig_open (rig_file (m->data, img_size (file), 0), 0, &err);
  ck_assert_msg (again != NULL, "%s", err.message);
  ck_assert_str_eq (again->backing_name, "second.raw");
  ck_assert_str_eq (again->backing_format, "raw");
  fake_free (again);
  ck_assert_int_eq (img_set_backing (node, "third", NULL, &err), 0);
  ck_assert_ptr_null (node->backing_format);
  ck_assert_int_eq (img_set_backing (node, NULL, NULL, &err), 0);
  ck_assert (!holds (file, "third") && holds (file, "\x12\x34\x56\x78"));
  ck_assert_ptr_null (node->backing_name);
  again = rig_open (rig_file (m->data, img_size (file), 0), 0, &err);
  ck_assert_msg (again != NULL, "%s", err.message);
  ck_assert_ptr_null (again->backing_name);
  fake_free (again);
  fake_free (node);
}
END_TEST

static const struct {
  const char *options;
  size_t length;
  int code;
} refusals[] = {
  { "cluster_size=4k", 1024, EINVAL },
  { "cluster_size=512", 400, ENOSPC },
  { "cluster_size=4k,compat=0.10", 4000, EINVAL },
};

START_TEST (too_long)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *file = rig_make (refusals[_i].options, 1 << 20);
  struct img_node *node = rig_open (file, IMG_OPEN_RDWR, &err);
  char *name = calloc (1, refusals[_i].length + 1);
  uint8_t before[512];
  ck_assert (node && name);
  memset (name, 'n', refusals[_i].length);
  ck_assert_int_eq (img_set_backing (node, "good", "raw", &err), 0);
  memcpy (before, fake_mem (file)->data, sizeof before);
  ck_assert_int_eq (img_set_backing (node, name, "raw", &err), -1);
  ck_assert_int_eq (err.code, refusals[_i].code);
  ck_assert_int_eq (memcmp (before, fake_mem (file)->data, sizeof before), 0);
  ck_assert_str_eq (node->backing_name, "good");
  free (name);
  fake_free (node);
}
END_TEST

/* Whichever request fails, the record is the old or the new, and the next try works. */
START_TEST (failures)
{
  static const enum fake_op ops[] = { FAKE_WRITE, FAKE_FLUSH, FAKE_FLUSH };
  static const unsigned at[] = { 1, 1, 2 };
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *file, *node = opened ("cluster_size=4k", &file);
  struct fake_mem *m = fake_mem (file);
  ck_assert_int_eq (img_set_backing (node, "old-name", "raw", &err), 0);
  m->fail_at[ops[_i]] = m->calls[ops[_i]] + at[_i];
  ck_assert_int_eq (img_set_backing (node, "new-name", "raw", &err), -1);
  ck_assert_int_eq (err.code, EIO);
  ck_assert_str_eq (node->backing_name, "old-name");
  ck_assert (holds (file, "old-name") != holds (file, "new-name"));
  img_error_clear (&err);
  ck_assert_int_eq (img_set_backing (node, "new-name", "raw", &err), 0);
  ck_assert (holds (file, "new-name"));
  fake_free (node);
}
END_TEST

START_TEST (read_only)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node = rig_open (rig_make ("cluster_size=4k", 1 << 20), 0, &err);
  ck_assert_int_eq (img_set_backing (node, "x", NULL, &err), -1);
  ck_assert_int_eq (err.code, EROFS);
  fake_free (node);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("qcow2-backing");
  TCase *t = tcase_create ("all");
  tcase_add_test (t, changes);
  tcase_add_loop_test (t, too_long, 0, (int) (sizeof refusals / sizeof refusals[0]));
  tcase_add_loop_test (t, failures, 0, 3);
  tcase_add_test (t, read_only);
  suite_add_tcase (s, t);
  return run_suite (s);
}
