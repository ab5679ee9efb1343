/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-vdi: everything at once on a hostile VDI. */
#include "image.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct img_node *node = fuzz_open (data, size, "vdi", 0);
  if (node == NULL)
    return 0;
  fuzz_map (node);
  fuzz_read (node);
  fuzz_check (node);
  fuzz_close (node);
  return 0;
}
