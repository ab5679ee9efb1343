/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* common/opt-image.h - options about images that many commands share: how a name is understood,
 * what may be opened, caching, objects, the form of output. */
#ifndef COMMON_OPT_IMAGE_H
#define COMMON_OPT_IMAGE_H

#include <blkimg/blkimg.h>

#include "common/opt.h"

/* Part of a command's args that opens images.  Zeroed = defaults. */
struct image_args {
  const char *format;
  bool image_opts, share, untrusted, trust;
  enum img_cache cache;
  struct img_objects *objects; /* NULL: there was no --object */
};

int opt_set_cache (void *field, const char *arg, struct img_error *err);
int opt_set_object (void *field, const char *arg, struct img_error *err);
int opt_set_workers (void *field, const char *arg, struct img_error *err); /* unsigned */

#define OPT_FORMAT_ROW(l, n, args, field) \
  OPT_TEXT_ROW (l, n, N_("FMT"), args, field, N_("format of the image (default: detect it)"))
#define OPT_IMAGE_OPTS_ROW(n, args, image) \
  OPT_FLAG_ROW (0, n, args, image.image_opts, \
                N_("the name is an option list: driver=qcow2,file.filename=x"))
#define OPT_SHARE_ROW(args, image) \
  OPT_FLAG_ROW ('U', "force-share", args, image.share, \
                N_("open it although another process may write to it"))
#define OPT_CACHE_ROW(l, n, args, field)                                              \
  OPT_CALL_ROW (l, n, N_("MODE"), opt_set_cache, args, field,                         \
                N_("none, writeback, writethrough, directsync or unsafe"))
#define OPT_OBJECT_ROW(args, image) \
  OPT_CALL_ROW (0, "object", N_("TYPE,id=ID,..."), opt_set_object, args, image.objects, \
                N_("define a secret or another object"))
#define OPT_WORKERS_ROW(args, field) \
  OPT_CALL_ROW ('m', "parallel", N_("N"), opt_set_workers, args, field, \
                N_("threads, 1 to 256 (default: one a processor)"))
#define OPT_TRUST_ROWS(args, image)                                                       \
  OPT_FLAG_ROW (0, "untrusted", args, image.untrusted,                                    \
                N_("open no file that an image names")),                                  \
  OPT_FLAG_ROW (0, "allow-any-backing", args, image.trust,                                \
                N_("open whatever an image names: protocols, json:, devices"))

/* What img_open needs, with FLAGS (IMG_OPENF_*) added. */
struct img_open_params image_open_params (const struct image_args *image, unsigned flags);
enum img_gate image_gate (const struct image_args *image);
/* Whether two paths lead to one file that is there. */
bool image_same_file (const char *a, const char *b);

/* 0, or the exit status after a complaint: options that do not go together. */
int image_check_args (const struct img_open_params *params);

/* The frame of a command that takes one image: opens NAME, lets WORK do what it does, closes the
 * image.  WORK says what went wrong, and returns the exit status; so does this. */
typedef int image_work (struct img_node *node, void *args);
int image_run (const char *name, const struct img_open_params *params, image_work *work,
               void *args);

/* True when -o TEXT (NULL allowed) asks for the list of options: "help" or "?". */
bool opt_wants_help (const char *text);
/* Prints the create options of FORMAT.  The exit status. */
int opt_print_create_options (const char *format, const char *filename);
/* Prints the amend options of FORMAT.  The exit status. */
int opt_print_amend_options (const char *format);

#endif
