/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a module may bring beside drivers and codecs: where it stands in struct img_module. */
#include <config.h>

#include <stddef.h>
#include <string.h>

#include "core/manifest.h"

static const struct {
  const char *word;
  size_t offset; /* in struct img_module */
  size_t size;   /* of the library's struct */
} kinds[IMG_N_LIBRARIES] = {
  [IMG_LIBRARY_CRYPTO] = { "crypto", offsetof (struct img_module, crypto),
                           sizeof (struct img_crypto) },
  [IMG_LIBRARY_JSON] = { "json", offsetof (struct img_module, json), sizeof (struct img_json) },
};

const char *
img_library_word (enum img_library kind)
{
  return kinds[kind].word;
}

const struct img_library_head *
img_library_of (const struct img_module *module, enum img_library kind)
{
  const struct img_library_head *library = NULL;

  if (module->struct_size >= kinds[kind].offset + sizeof library)
    memcpy (&library, (const char *) module + kinds[kind].offset, sizeof library);
  return library;
}

bool
img_library_fits (const struct img_library_head *library, enum img_library kind)
{
  return library->struct_size >= kinds[kind].size && library->abi == IMG_ABI;
}
