/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-qcow2-snapshot: the snapshots of a hostile image: listed, read, and made, applied and
 * deleted on a copy.  What cannot be done is refused with a line; an image in which the check had
 * found nothing wrong has nothing wrong afterwards. */
#include "image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { MOST = 4 }; /* snapshots looked at */

static bool
is_sound (const uint8_t *data, size_t size)
{
  struct img_node *node = fuzz_open (data, size, "qcow2", IMG_OPENF_CHECK);
  bool sound = node && fuzz_faults (node) == 0;
  if (node)
    fuzz_close (node);
  return sound;
}

static void
explain (int r, struct img_error *err)
{
  if (r < 0)
    fuzz_explained (err);
  img_error_clear (err);
}

static void
change (struct img_node *node, bool sound)
{
  struct img_error err = IMG_ERROR_INIT;
  explain (img_snapshot_create (node, "fuzz", 1, 2, &err), &err);
  explain (img_snapshot_apply (node, "1", &err), &err);
  explain (img_snapshot_remove (node, "1", &err), &err);
  explain (img_snapshot_apply (node, "fuzz", &err), &err);
  explain (img_snapshot_remove (node, "fuzz", &err), &err);
  if (sound && fuzz_faults (node) != 0)
    abort ();
}

/* Reads some of the snapshots. */
static void
look (const uint8_t *data, size_t size, struct img_node *node)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_value *list = img_snapshot_list (node, &err);
  if (list == NULL)
    fuzz_explained (&err);
  for (size_t i = 0; list && i < img_value_count (list) && i < MOST; i++) {
    const struct img_value *id = img_value_get (img_value_at (list, i), "id");
    struct img_node *one = fuzz_open_snapshot (data, size, "qcow2", img_value_string (id));
    if (one)
      fuzz_read (one);
    if (one)
      fuzz_close (one);
  }
  img_value_free (list);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct img_node *node = fuzz_open (data, size, "qcow2", 0);
  if (node == NULL)
    return 0;
  look (data, size, node);
  fuzz_close (node);
  node = fuzz_open (data, size, "qcow2", IMG_OPENF_RDWR);
  if (node == NULL)
    return 0;
  change (node, is_sound (data, size));
  fuzz_close (node);
  return 0;
}
