/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/object.h - objects that --object makes: what object.c, which keeps them, and secret.c, which
 * knows what a secret is, share. */
#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

#include <blkimg/blkimg.h>
#include <blkimg/module.h>

struct img_object {
  const char *type;      /* of the table in object.c */
  const char *id;        /* in opts */
  struct img_opts *opts; /* qom-type and id too; secrets: without what is secret */
  uint8_t *secret;       /* secrets: the bytes, decoded and unwrapped; else NULL */
  size_t n;
  void *state; /* what drivers share through it; made on first use */
};

/* The object of TYPE (NULL: any) called ID, or NULL. */
const struct img_object *img_objects_find (const struct img_objects *objects, const char *type,
                                           const char *id);
/* A secret of either kind, or NULL with a message. */
const struct img_object *img_objects_secret (const struct img_objects *objects, const char *id,
                                             struct img_error *err);
/* Fills in o->secret of a new secret, and wipes what its options said of it.  OBJECTS has the keys
 * that it may be wrapped with (secret.c). */
int img_secret_load (struct img_object *o, const struct img_objects *objects,
                     struct img_error *err);

#endif
