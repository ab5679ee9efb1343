/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/unit/image.h - for tests that open images through the library: a folder of their own, and
 * img_open, img_create that must succeed or must fail. */
#ifndef TESTS_IMAGE_H
#define TESTS_IMAGE_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/blkimg.h>
#include <blkimg/module.h>

#include "tests/unit/suite.h"

static struct img_error err;
static char image_folder[FOLDER_NAME];

/* Makes the folder and goes there; a fixture. */
static inline void
image_folder_make (void)
{
  folder_make (image_folder);
  ck_assert_int_eq (chdir (image_folder), 0);
}

static inline void
image_folder_remove (void)
{
  ck_assert_int_eq (chdir ("/"), 0);
  folder_remove (image_folder);
}

/* A sparse file of SIZE bytes. */
static inline void
image_file (const char *name, uint64_t size)
{
  int fd = open (name, O_RDWR | O_CREAT | O_TRUNC, 0644);
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (ftruncate (fd, (off_t) size), 0);
  close (fd);
}

static inline void
image_poke (const char *name, uint64_t offset, const void *bytes, size_t n)
{
  int fd = open (name, O_RDWR);
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (pwrite (fd, bytes, n, (off_t) offset), (ssize_t) n);
  close (fd);
}

static inline struct stat
image_stat (const char *name)
{
  struct stat st;
  ck_assert_int_eq (stat (name, &st), 0);
  return st;
}

static inline struct img_node *
image_try (const char *name, const char *format, unsigned flags)
{
  struct img_open_params p = { .struct_size = sizeof p, .format = format, .flags = flags };
  img_error_clear (&err);
  return img_open (name, &p, &err);
}

static inline struct img_node *
image_open (const char *name, const char *format, unsigned flags)
{
  struct img_node *node = image_try (name, format, flags);
  ck_assert_msg (node != NULL, "%s: %s", name, err.message);
  return node;
}

/* Must fail, with TEXT in the message. */
static inline void
image_refused (const char *name, const char *format, unsigned flags, const char *text)
{
  struct img_node *node = image_try (name, format, flags);
  ck_assert_msg (node == NULL, "%s: opened, but '%s' was wanted", name, text);
  ck_assert_msg (strstr (err.message, text) != NULL, "%s: '%s' is not in '%s'", name, text,
                 err.message);
}

static inline void
image_close (struct img_node *node)
{
  ck_assert_msg (img_close (node, &err) == 0, "%s", err.message);
}

static inline int
image_try_create (const char *name, const char *format, const char *options, uint64_t size)
{
  struct img_create_params p = { .struct_size = sizeof p, .format = format, .options = options,
                                 .size = size, .has_size = true };
  img_error_clear (&err);
  return img_create (name, &p, NULL, &err);
}

static inline void
image_create (const char *name, const char *format, const char *options, uint64_t size)
{
  ck_assert_msg (image_try_create (name, format, options, size) == 0, "%s: %s", name, err.message);
}

#define ok(call) ck_assert_msg ((call) >= 0, "%s: %s", #call, err.message)

#endif
