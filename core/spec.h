/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/spec.h - what the text that names an image says, before anything is opened or looked up.
 *
 *   /dir/x.qcow2, ./a:b     IMG_SPEC_PATH: text is the path
 *   nbd://host/x            IMG_SPEC_SCHEME: a prefix before `:` with no `/` before it; scheme is
 *                           the prefix, text the whole name.  Whether a driver has that scheme is
 *                           the opener's to decide; an unknown one is an error, not a path.
 *   json:{...}              IMG_SPEC_OPTIONS: the tree as dotted options ("file.driver"=nbd,
 *                           "server.0.host"=x); null becomes "", empty objects and arrays vanish
 *   driver=qcow2,file....   the same, with IMAGE_OPTS; a first word without `=` is key `file`
 */
#ifndef CORE_SPEC_H
#define CORE_SPEC_H

#include <blkimg/options.h>

enum img_spec_kind { IMG_SPEC_PATH, IMG_SPEC_SCHEME, IMG_SPEC_OPTIONS };

struct img_spec {
  enum img_spec_kind kind;
  char *scheme;          /* SCHEME only: "nbd" */
  char *text;            /* PATH, SCHEME: the name; OPTIONS: NULL */
  struct img_opts *opts; /* OPTIONS only */
};

/* Fills *spec, to be released, from NAME.  On failure there is nothing to release. */
int img_spec_parse (struct img_spec *spec, const char *name, bool image_opts,
                    struct img_error *err);
/* NAME as a path whatever it looks like: what an image says of its data file. */
int img_spec_path (struct img_spec *spec, const char *name, struct img_error *err);
void img_spec_release (struct img_spec *spec);

/* Length of the scheme that NAME begins with, without the colon; 0: it is a path. */
size_t img_spec_scheme_length (const char *name);

#endif
