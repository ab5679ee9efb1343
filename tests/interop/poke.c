/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* poke IMAGE STEP...: changes a qcow2 image by the library, one step after the other:
 *
 *   write:OFFSET:LENGTH:BYTE  zero:OFFSET:LENGTH  discard:OFFSET:LENGTH  resize:SIZE  flush
 *   bits:NAME     prints the ranges that a dirty bitmap has marked, as `START LENGTH` lines
 *   die           ends without closing */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/blkimg.h>

static struct img_error err;

static int
print_bits (struct img_node *node, const char *name)
{
  uint64_t from = 0, start, length;
  int r;
  while ((r = img_bitmap_next (node, name, from, &start, &length, &err)) > 0) {
    printf ("%" PRIu64 " %" PRIu64 "\n", start, length);
    from = start + length;
  }
  return r;
}

static int
put (struct img_node *node, uint64_t offset, uint64_t length, int byte)
{
  void *buf = malloc (length + 1);
  int r = -1;
  if (buf) {
    memset (buf, byte, length);
    r = img_pwrite (node, buf, length, offset, 0, &err);
  }
  free (buf);
  return r;
}

static int
step (struct img_node *node, const char *text)
{
  uint64_t a = 0, b = 0;
  int byte = 0;
  if (sscanf (text, "write:%" SCNu64 ":%" SCNu64 ":%d", &a, &b, &byte) == 3)
    return put (node, a, b, byte);
  if (sscanf (text, "zero:%" SCNu64 ":%" SCNu64, &a, &b) == 2)
    return img_zero (node, a, b, 0, &err);
  if (sscanf (text, "discard:%" SCNu64 ":%" SCNu64, &a, &b) == 2)
    return img_discard (node, a, b, 0, &err);
  if (sscanf (text, "resize:%" SCNu64, &a) == 1)
    return img_resize (node, a, IMG_PREALLOC_OFF, IMG_RESIZE_SHRINK, &err);
  if (strcmp (text, "flush") == 0)
    return img_flush (node, &err);
  if (strncmp (text, "bits:", 5) == 0)
    return print_bits (node, text + 5);
  if (strcmp (text, "die") == 0)
    _exit (0);
  return img_error_set (&err, EINVAL, "%s: no such step", text);
}

int
main (int argc, char **argv)
{
  struct img_open_params p = { .struct_size = sizeof p, .format = "qcow2" };
  int r = 0;
  for (int i = 2; i < argc; i++)
    if (strncmp (argv[i], "bits:", 5) != 0)
      p.flags = IMG_OPENF_RDWR | IMG_OPENF_UNMAP;
  struct img_node *node = argc > 2 ? img_open (argv[1], &p, &err) : NULL;
  for (int i = 2; node && r == 0 && i < argc; i++)
    r = step (node, argv[i]);
  if (node == NULL || r < 0 || img_close (node, &err) < 0) {
    fprintf (stderr, "%s\n", err.message);
    return 1;
  }
  return 0;
}
