/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/manifest.h"
#include "suite.h"

static char dir[FOLDER_NAME];
static int dir_fd;
static struct img_manifest *m;

static void
set_up (void)
{
  folder_make (dir);
  dir_fd = open (dir, O_RDONLY | O_DIRECTORY);
  ck_assert_int_ge (dir_fd, 0);
}

static void
tear_down (void)
{
  img_manifest_free (m);
  m = NULL;
  close (dir_fd);
  folder_remove (dir);
}

static void
write_file (const char *name, const void *text, size_t length)
{
  int fd = openat (dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (write (fd, text, length), (ssize_t) length);
  close (fd);
}

static void
read_text (const char *text)
{
  img_manifest_free (m);
  write_file ("x.manifest", text, strlen (text));
  m = img_manifest_read (dir_fd, dir, "x");
  ck_assert_ptr_nonnull (m);
}

START_TEST (all_statements)
{
  read_text ("# comment\n\n  module x\nabi 1\n"
             "driver one\nkind format\nthreads parallel\ncaps backing plain\n"
             "magic 0 QFI\\xfb\nmagic -512 a\\\\b\nextensions one eins\n"
             "codec c\n"
             "driver two\n kind\tprotocol \nschemes two two+tls");
  ck_assert_msg (m->state == IMG_MANIFEST_READ, "%s", m->error);
  ck_assert_str_eq (m->name, "x");
  ck_assert_uint_eq (m->abi, 1);
  ck_assert_uint_eq (m->drivers.n, 2);
  ck_assert_uint_eq (m->codecs.n, 1);
  ck_assert_str_eq (m->codecs.v[0], "c");
  const struct img_manifest_driver *d = m->drivers.v[0];
  ck_assert_str_eq (d->name, "one");
  ck_assert_int_eq (d->kind, IMG_FORMAT);
  ck_assert_int_eq (d->threads, IMG_THREADS_PARALLEL);
  ck_assert_uint_eq (d->caps, IMG_CAP_BACKING | IMG_CAP_PLAIN);
  ck_assert_int_eq (d->magics[0].offset, 0);
  ck_assert_uint_eq (d->magics[0].length, 4);
  ck_assert_mem_eq (d->magics[0].bytes, "QFI\xfb", 4);
  ck_assert_int_eq (d->magics[1].offset, -512);
  ck_assert_mem_eq (d->magics[1].bytes, "a\\b", 3);
  ck_assert_uint_eq (d->magics[2].length, 0);
  ck_assert_str_eq (d->extensions[1], "eins");
  ck_assert_ptr_null (d->extensions[2]);
  ck_assert_ptr_null (d->schemes);
  d = m->drivers.v[1];
  ck_assert_int_eq (d->kind, IMG_PROTOCOL);
  ck_assert_int_eq (d->threads, IMG_THREADS_SERIAL);
  ck_assert_str_eq (d->schemes[1], "two+tls");
}
END_TEST

static const struct {
  const char *text, *error;
} faulty[] = {
  { "module x\n", "x.manifest: there is no 'abi' line" },
  { "module x\nabi 2\n", "x.manifest: made for module ABI 2, but this is 1" },
  { "module y\nabi 1\n", "x.manifest, line 1: module: it describes a module 'y'" },
  { "module ../x\n", "x.manifest, line 1: module: '../x' is not a valid name" },
  { "abi one\n", "x.manifest, line 1: abi: 'one' is not an ABI number" },
  { "abi -1\n", "x.manifest, line 1: abi: '-1' is not an ABI number" },
  { "abi 1\ndriver Big\n", "x.manifest, line 2: driver: 'Big' is not a valid name" },
  { "abi 1\ndriver d\n", "x.manifest: driver 'd' has no 'kind' line" },
  { "abi 1\nkind format\n", "x.manifest, line 2: kind: there is no 'driver' line before it" },
  { "driver d\nkind codec\n", "x.manifest, line 2: kind: 'codec' is not a kind of driver" },
  { "driver d\nthreads 4\n", "x.manifest, line 2: threads: '4' is neither serial nor parallel" },
  { "driver d\ncaps fly\n", "x.manifest, line 2: caps: unknown capability 'fly'" },
  { "driver d\nmagic 0\n", "x.manifest, line 2: magic: an offset and bytes are expected here" },
  { "driver d\nmagic 0 \\xg1\n",
    "x.manifest, line 2: magic: the offset or the bytes are not understood" },
  { "driver d\nmagic 4095 ab\n",
    "x.manifest, line 2: magic: these bytes are not among those that probing looks at" },
  { "driver d\nmagic -1 ab\n",
    "x.manifest, line 2: magic: these bytes are not among those that probing looks at" },
  { "driver d\nschemes\n",
    "x.manifest, line 2: schemes: it must be one line with one word or more" },
  { "schemes a\n", "x.manifest, line 1: schemes: there is no 'driver' line before it" },
  { "codec a b\n", "x.manifest, line 1: codec: one word is expected here" },
  { "abi 1\nload me\n", "x.manifest, line 2: 'load' is not a statement of a manifest" },
  { "abi 1\r\n",
    "x.manifest, line 1: too many words, or a character that is not plain" },
};

START_TEST (faults)
{
  read_text (faulty[_i].text);
  ck_assert_int_eq (m->state, IMG_MANIFEST_BROKEN);
  ck_assert_str_eq (m->error, faulty[_i].error);
}
END_TEST

/* A file of many: a module's own manifest counts more, and one that is faulty harms no other. */
START_TEST (many)
{
  const char *text = "module x\nabi 1\ncodec no\nmodule y\nabi 1\ncodec why\nmodule z\nabi 9\n"
                     "module ../z\nmodule w\nnonsense\nmodule v\nabi 1\ndriver module\n"
                     "kind format\n";
  struct img_module_list list = { IMG_VEC_INIT };
  ck_assert_int_eq (img_manifest_read_many (dir_fd, dir, &list), 0);
  ck_assert_uint_eq (list.modules.n, 0);
  read_text ("module x\nabi 1\ncodec yes\n");
  ck_assert_int_eq (img_vec_push (&list.modules, m), 0);
  write_file (IMG_MANIFESTS, text, strlen (text));
  ck_assert_int_eq (img_manifest_read_many (dir_fd, dir, &list), 0);
  ck_assert_uint_eq (list.modules.n, 6);
  ck_assert_str_eq (list.modules.v[0]->codecs.v[0], "yes");
  ck_assert_str_eq (list.modules.v[1]->name, "y");
  ck_assert_str_eq (list.modules.v[1]->codecs.v[0], "why");
  ck_assert_str_eq (list.modules.v[2]->error, "z.manifest: made for module ABI 9, but this is 1");
  ck_assert_str_eq (list.modules.v[3]->error, "'../z' is not a valid name for a module");
  ck_assert_str_eq (list.modules.v[4]->error,
                    "w.manifest, line 2: 'nonsense' is not a statement of a manifest");
  ck_assert_str_eq (list.modules.v[5]->drivers.v[0]->name, "module");
  m = NULL; /* the list's */
  img_module_list_clear (&list);
}
END_TEST

START_TEST (many_unreadable)
{
  struct img_module_list list = { IMG_VEC_INIT };
  write_file (IMG_MANIFESTS, "abi 1\0\n", 7);
  ck_assert_int_eq (img_manifest_read_many (dir_fd, dir, &list), 0);
  ck_assert_uint_eq (list.modules.n, 1);
  ck_assert_str_eq (list.modules.v[0]->error, IMG_MANIFESTS ": it is not text");
  img_module_list_clear (&list);
}
END_TEST

START_TEST (too_long)
{
  char *text = malloc (20000);
  memset (text, '\n', 20000);
  write_file ("x.manifest", text, 20000);
  free (text);
  m = img_manifest_read (dir_fd, dir, "x");
  ck_assert_str_eq (m->error, "x.manifest: it is longer than 16384 bytes");
}
END_TEST

START_TEST (no_text)
{
  write_file ("x.manifest", "abi 1\0\n", 7);
  m = img_manifest_read (dir_fd, dir, "x");
  ck_assert_str_eq (m->error, "x.manifest: it is not text");
}
END_TEST

START_TEST (a_fifo_does_not_block)
{
  ck_assert_int_eq (mkfifoat (dir_fd, "x.manifest", 0600), 0);
  m = img_manifest_read (dir_fd, dir, "x");
  ck_assert_str_eq (m->error, "x.manifest: there is no 'abi' line");
}
END_TEST

START_TEST (hostile_file_name)
{
  m = img_manifest_read (dir_fd, dir, "../../etc/x");
  ck_assert_str_eq (m->error, "'../../etc/x' is not a valid name for a module");
}
END_TEST

START_TEST (names)
{
  static const char *const bad[] = { "", "A", "1a", "_a", "a/b", "a.b", "../a", "a b",
                                     "a23456789012345678901234567890123" };
  ck_assert (img_name_is_valid ("a"));
  ck_assert (img_name_is_valid ("nbd_2-x"));
  ck_assert (img_name_is_valid ("a2345678901234567890123456789012"));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg (!img_name_is_valid (bad[i]), "%s", bad[i]);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("manifest");
  TCase *tc = tcase_create ("manifest");
  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, all_statements);
  tcase_add_loop_test (tc, faults, 0, (int) (sizeof faulty / sizeof *faulty));
  tcase_add_test (tc, many);
  tcase_add_test (tc, many_unreadable);
  tcase_add_test (tc, too_long);
  tcase_add_test (tc, no_text);
  tcase_add_test (tc, a_fifo_does_not_block);
  tcase_add_test (tc, hostile_file_name);
  tcase_add_test (tc, names);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
