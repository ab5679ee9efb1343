/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-qcow2-read: the contents of a hostile image. */
#include "image.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct img_node *node = fuzz_open (data, size, "qcow2", 0);
  if (node == NULL)
    return 0;
  fuzz_read (node);
  fuzz_close (node);
  return 0;
}
