/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image.c - opens fuzzed bytes as an image and looks at it.
 *
 * The bytes lie in a memfd, so that the real file driver reads them.  Work is bounded here where an
 * honest image may ask for much (a large virtual disk); what the library must bound is not. */
#define _GNU_SOURCE
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <blkimg/endian.h>

#define MAX_BLOCKS 4096
#define READ_BYTES 65536
#define MAX_ITERATIONS 20000

int
fuzz_file (const uint8_t *data, size_t size)
{
  int fd = memfd_create ("fuzz", MFD_CLOEXEC);
  if (fd < 0 || (size > 0 && pwrite (fd, data, size, 0) != (ssize_t) size)) {
    perror ("fuzz: memfd");
    exit (1);
  }
  return fd;
}

void
fuzz_explained (const struct img_error *err)
{
  if (err->code == 0 || err->message[0] == '\0' || strchr (err->message, '\n')) {
    fprintf (stderr, "fuzz: failure with code %d and the message '%s'\n", err->code, err->message);
    abort ();
  }
}

static struct img_node *
open_image (int fd, const char *format, unsigned openf, struct img_open_params params)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node;
  char name[64];

  snprintf (name, sizeof name, "/proc/self/fd/%d", fd);
  params.struct_size = sizeof params;
  params.format = format;
  params.gate = IMG_GATE_UNTRUSTED;
  params.flags = IMG_OPENF_NO_BACKING | openf;
  node = img_open (name, &params, &err);
  if (node == NULL)
    fuzz_explained (&err);
  return node;
}

struct img_node *
fuzz_open_file (int fd, const char *format, unsigned openf)
{
  return open_image (fd, format, openf, (struct img_open_params) { 0 });
}

struct img_node *
fuzz_open (const uint8_t *data, size_t size, const char *format, unsigned openf)
{
  int fd = fuzz_file (data, size);
  struct img_node *node = fuzz_open_file (fd, format, openf);
  close (fd);
  return node;
}

struct img_node *
fuzz_open_snapshot (const uint8_t *data, size_t size, const char *format, const char *snapshot)
{
  int fd = fuzz_file (data, size);
  struct img_node *node = open_image (fd, format, 0,
                                      (struct img_open_params) { .snapshot = snapshot });
  close (fd);
  return node;
}

/* The secret lives as long as the program. */
struct img_node *
fuzz_open_unlocked (const uint8_t *data, size_t size, const char *format, const char *key)
{
  static struct img_objects *objects;
  static struct img_opts *extra;
  struct img_error err = IMG_ERROR_INIT;
  int fd = fuzz_file (data, size);
  if (objects == NULL) {
    objects = img_objects_new ();
    extra = img_opts_new ();
    if (objects == NULL || extra == NULL
        || img_objects_add (objects, "secret,id=x,data=abc", &err) < 0
        || img_opts_set (extra, key, "x", &err) < 0)
      abort ();
  }
  struct img_node *node = open_image (
    fd, format, 0, (struct img_open_params) { .objects = objects, .extra = extra });
  close (fd);
  return node;
}

static void
few (uint8_t *p)
{
  if (be32_get (p) > MAX_ITERATIONS && be32_get (p) < 0x8000000)
    be32_put (p, MAX_ITERATIONS);
}

void
fuzz_tame_luks (uint8_t *p, size_t size)
{
  enum { HEADER = 592, DIGEST = 164, SLOTS = 208, SLOT = 48 };
  if (size < HEADER)
    return;
  few (p + DIGEST);
  for (unsigned i = 0; i < 8; i++)
    few (p + SLOTS + i * SLOT + 4);
}

void
fuzz_close (struct img_node *node)
{
  struct img_error err = IMG_ERROR_INIT;
  if (img_close (node, &err) < 0)
    fuzz_explained (&err);
}

void
fuzz_map (struct img_node *node)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_block block;
  uint64_t at = 0;
  int r = 0;
  struct img_walk *walk = img_walk_new (node, 0, img_size (node), IMG_WALK_HOLES, &err);
  if (walk == NULL) {
    fuzz_explained (&err);
    return;
  }
  for (int i = 0; i < MAX_BLOCKS && (r = img_walk_next (walk, &block, &err)) == 1; i++) {
    if (block.offset != at || block.length == 0 || block.length > img_size (node) - at)
      abort (); /* blocks adjoin and stay inside */
    at += block.length;
  }
  if (r < 0)
    fuzz_explained (&err);
  else if (r == 0 && at != img_size (node))
    abort ();
  img_walk_free (walk);
}

void
fuzz_read (struct img_node *node)
{
  static uint8_t buf[READ_BYTES];
  uint64_t size = img_size (node);
  /* the start, the end, and some places in between that do not fall on cluster borders */
  uint64_t places[] = { 0, 511, 65536 - 7, size / 2, size / 3 + 13, size - 1 };
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    struct img_error err = IMG_ERROR_INIT;
    uint64_t left = places[i] < size ? size - places[i] : 0;
    if (left > 0
        && img_pread (node, buf, left < READ_BYTES ? left : READ_BYTES, places[i], 0, &err) < 0)
      fuzz_explained (&err);
  }
}

void
fuzz_check (struct img_node *node)
{
  struct img_check check = { .struct_size = sizeof check };
  struct img_error err = IMG_ERROR_INIT;
  if (img_check (node, &check, 0, &err) < 0)
    fuzz_explained (&err);
}

uint64_t
fuzz_faults (struct img_node *node)
{
  struct img_check check = { .struct_size = sizeof check };
  struct img_error err = IMG_ERROR_INIT;
  if (img_check (node, &check, 0, &err) < 0)
    return UINT64_MAX;
  return check.corruptions + check.check_errors;
}
