/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ops IMAGE FORMAT SHADOW SEED COUNT [MOST]: random operations on IMAGE and on SHADOW, a plain file
 * with what IMAGE reads as; any difference is an error.
 *
 * Writes, zeroes and discards of all sizes at any offset, reads, maps, flushes, closing and opening
 * again, growing by at most MOST sectors.  At the end SHADOW is what IMAGE must read as, for
 * another program to compare.  Every step follows from SEED. */
#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/blkimg.h>
#include <blkimg/overflow.h>

#include "tests/unit/seed.h"

#define MAX_LENGTH (UINT64_C (3) << 20)

static struct img_error err;
static struct img_node *image;
static const char *image_name, *format;
static int shadow;
static uint64_t state, step;
static uint8_t *ours, *theirs;

static uint64_t
below (uint64_t n)
{
  return rnd_below (&state, n);
}

static void
die (const char *what, uint64_t offset, uint64_t length)
{
  fprintf (stderr, "step %" PRIu64 ": %s of %" PRIu64 " bytes at 0x%" PRIx64 ": %s\n", step, what,
           length, offset, err.message);
  exit (1);
}

static void
open_image (void)
{
  struct img_open_params p = { .struct_size = sizeof p, .format = format, .flags = IMG_OPENF_RDWR };

  image = img_open (image_name, &p, &err);
  if (image == NULL)
    die ("open", 0, 0);
}

static void
close_image (void)
{
  if (img_close (image, &err) < 0)
    die ("close", 0, 0);
}

/* Small, up to a page, large; sometimes on round numbers. */
static void
pick (uint64_t *offset, uint64_t *length)
{
  static const uint64_t most[] = { 16, 4096, 70000, MAX_LENGTH };
  static const uint64_t units[] = { 1, 1, 512, 4096, 65536, 1 << 20 };
  uint64_t unit = units[below (6)], size = img_size (image);

  *length = 1 + below (most[below (4)]);
  *length = img_min (img_div_up (*length, unit) * unit, MAX_LENGTH);
  *offset = below (size);
  *offset -= *offset % unit;
  *length = img_min (*length, size - *offset);
}

static void
shadow_write (const void *buf, uint64_t length, uint64_t offset)
{
  if (pwrite (shadow, buf, length, (off_t) offset) != (ssize_t) length)
    die ("writing the shadow", offset, length);
}

static void
read_both (uint64_t offset, uint64_t length)
{
  if (img_pread (image, ours, length, offset, 0, &err) < 0)
    die ("read", offset, length);
  if (pread (shadow, theirs, length, (off_t) offset) != (ssize_t) length)
    die ("reading the shadow", offset, length);
}

static void
do_read (uint64_t offset, uint64_t length)
{
  read_both (offset, length);
  for (uint64_t i = 0; i < length; i++)
    if (ours[i] != theirs[i]) {
      img_error_set (&err, EIO, "0x%02x is not 0x%02x", ours[i], theirs[i]);
      die ("compare", offset + i, 1);
    }
}

static void
do_write (uint64_t offset, uint64_t length)
{
  rnd_fill (&state, ours, length);
  /* Pages of zeroes among data. */
  if (below (3) == 0 && length > 8192)
    memset (ours + below (length - 8192), 0, 8192);
  if (img_pwrite (image, ours, length, offset, 0, &err) < 0)
    die ("write", offset, length);
  shadow_write (ours, length, offset);
}

static void
do_zero (uint64_t offset, uint64_t length)
{
  if (img_zero (image, offset, length, below (2) ? IMG_IO_UNMAP : 0, &err) < 0)
    die ("zero", offset, length);
  memset (ours, 0, length);
  shadow_write (ours, length, offset);
}

/* Afterwards each byte is the old one or zero, and stays so. */
static void
do_discard (uint64_t offset, uint64_t length)
{
  if (img_discard (image, offset, length, 0, &err) < 0)
    die ("discard", offset, length);
  read_both (offset, length);
  for (uint64_t i = 0; i < length; i++)
    if (ours[i] != theirs[i] && ours[i] != 0) {
      img_error_set (&err, EIO, "0x%02x is neither 0x%02x nor zero", ours[i], theirs[i]);
      die ("discard", offset + i, 1);
    }
  shadow_write (ours, length, offset);
}

/* What the map calls zero reads as zero. */
static void
do_map (uint64_t offset, uint64_t length)
{
  struct img_extent ext[8];
  uint64_t end = offset + length;

  while (offset < end) {
    int n = img_map (image, offset, end - offset, ext, 8, &err);
    if (n <= 0)
      die ("map", offset, end - offset);
    for (int i = 0; i < n; i++) {
      if (ext[i].kind == IMG_EXTENT_ZERO) {
        read_both (ext[i].offset, ext[i].length);
        for (uint64_t k = 0; k < ext[i].length; k++)
          if (theirs[k] != 0)
            die ("map says zero: extent", ext[i].offset, ext[i].length);
      }
      offset = ext[i].offset + ext[i].length;
    }
  }
}

/* The shadow's flush is for tests/crash. */
static void
do_flush (void)
{
  if (img_flush (image, &err) < 0 || fsync (shadow) < 0)
    die ("flush", 0, 0);
}

static void
do_grow (uint64_t most)
{
  uint64_t size = img_size (image) + (1 + below (below (3) ? 1 + most / 100 : most)) * 512;

  if (img_resize (image, size, IMG_PREALLOC_OFF, 0, &err) < 0 || ftruncate (shadow, (off_t) size))
    die ("grow", 0, size);
}

static void
one_step (uint64_t most_growth)
{
  uint64_t offset, length, what = below (100);

  pick (&offset, &length);
  if (what < 45)
    do_write (offset, length);
  else if (what < 60)
    do_zero (offset, length);
  else if (what < 65)
    do_discard (offset, length);
  else if (what < 85)
    do_read (offset, length);
  else if (what < 92)
    do_map (offset, length);
  else if (what < 95)
    do_flush ();
  else if (what >= 95 && what < 98)
    close_image (), open_image ();
  else if (what >= 98 && most_growth)
    do_grow (most_growth);
}

int
main (int argc, char **argv)
{
  if (argc < 6) {
    fprintf (stderr, "usage: ops IMAGE FORMAT SHADOW SEED COUNT [MOST]\n");
    return 2;
  }
  image_name = argv[1];
  format = argv[2];
  shadow = open (argv[3], O_RDWR);
  state = strtoull (argv[4], NULL, 0);
  ours = malloc (MAX_LENGTH);
  theirs = malloc (MAX_LENGTH);
  if (shadow < 0 || ours == NULL || theirs == NULL)
    die ("set-up", 0, 0);
  open_image ();
  uint64_t most_growth = argc > 6 ? strtoull (argv[6], NULL, 0) : 0;
  for (uint64_t n = strtoull (argv[5], NULL, 0); step < n; step++)
    one_step (most_growth);
  for (uint64_t at = 0, n; at < img_size (image); at += n) {
    n = img_min (MAX_LENGTH, img_size (image) - at);
    do_read (at, n);
  }
  close_image ();
  close (shadow);
  free (ours);
  free (theirs);
  return 0;
}
