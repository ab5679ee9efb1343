/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-qcow2-open: the header, its extensions, and the facts that info prints. */
#include "image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node = fuzz_open (data, size, "qcow2", IMG_OPENF_INFO);
  struct img_value *info;
  char *json;
  if (node == NULL)
    return 0;
  info = img_info (node, &err);
  if (info == NULL)
    fuzz_explained (&err);
  else if ((json = img_value_json (info, false)))
    free (json);
  img_value_free (info);
  fuzz_close (node);
  return 0;
}
