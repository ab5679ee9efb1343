/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-qcow2-bitmap: dirty bitmaps of a hostile image: listed, read, merged, removed.  The disk
 * reads the same afterwards, unless the image was wrong from the start: then a cluster of a bitmap
 * may be one of the guest's as well. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"

enum { MOST = 2000 /* ranges that are looked at */, BYTES = 4096 };

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const char *
name_at (const struct img_value *list, size_t i)
{
  return img_value_string (img_value_get (img_value_at (list, i), "name"));
}

static void
walk (struct img_node *node, const char *name)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t from = 0, start, length;
  for (int i = 0; i < MOST; i++) {
    int r = img_bitmap_next (node, name, from, &start, &length, &err);
    if (r < 0)
      fuzz_explained (&err);
    if (r <= 0)
      return;
    if (length == 0 || start < from || start + length > img_size (node))
      abort ();
    from = start + length;
  }
}

static void
change (struct img_node *node, const struct img_value *list)
{
  for (size_t i = 0; i < img_value_count (list) && i < 4; i++) {
    struct img_error err = IMG_ERROR_INIT;
    walk (node, name_at (list, i));
    if (img_bitmap_clear (node, name_at (list, i), &err) < 0)
      fuzz_explained (&err);
    img_error_clear (&err);
    if (img_bitmap_remove (node, name_at (list, i), &err) < 0)
      fuzz_explained (&err);
  }
}

/* False when the image cannot be read, or is wrong. */
static bool
read_start (int fd, uint8_t *buf)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node = fuzz_open_file (fd, "qcow2", 0);
  if (node && fuzz_faults (node) > 0) {
    fuzz_close (node);
    return false;
  }
  bool ok = node && img_size (node) >= BYTES && img_pread (node, buf, BYTES, 0, 0, &err) == 0;
  if (node)
    fuzz_close (node);
  return ok;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct img_error err = IMG_ERROR_INIT;
  uint8_t before[BYTES], after[BYTES];
  int fd = fuzz_file (data, size);
  bool readable = read_start (fd, before);
  struct img_node *node = fuzz_open_file (fd, "qcow2", IMG_OPENF_RDWR);
  if (node) {
    struct img_value *list = img_bitmap_list (node, &err);
    if (list == NULL)
      fuzz_explained (&err);
    else
      change (node, list);
    img_value_free (list);
    fuzz_close (node);
    if (readable && (!read_start (fd, after) || memcmp (before, after, BYTES) != 0))
      abort ();
  }
  close (fd);
  return 0;
}
