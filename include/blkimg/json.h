/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/json.h - image names in JSON ("json:{...}"): a module brings the library, loaded when the
 * first such name is met.  Part of the module ABI (module.h). */
#ifndef BLKIMG_JSON_H
#define BLKIMG_JSON_H

#include <stddef.h>
#include <stdint.h>

#include <blkimg/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All of it is required. */
struct img_json {
  size_t struct_size;
  uint32_t abi;
  const char *name; /* of the library: "jansson" */
  /* Adds the object that TEXT (RFC 8259) is to OPTS: a value in objects and arrays gets the path to
   * it as its key ("server.0.host"), true and false become "on" and "off", null becomes "".  Empty
   * objects and arrays leave nothing.  TEXT may come from inside an image: names that are given
   * twice, deep nesting and thousands of values are refused.  Any thread. */
  int (*flatten) (struct img_opts *opts, const char *text, struct img_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
