/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/options.h - options of drivers: tables that describe them, lists that hold them.
 *
 * A driver describes its options as data (struct img_optdesc, a table that ends with a NULL name).
 * The core parses text into a `struct img_opts` (ordered key=value pairs; the last of equal keys
 * wins), checks it against the table, fills in the defaults, and only then calls the driver: the
 * driver's getters therefore cannot fail.
 *
 * Thread rule: a list belongs to one thread at a time.
 */
#ifndef BLKIMG_OPTIONS_H
#define BLKIMG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <blkimg/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum img_opttype {
  IMG_OPT_STRING,
  IMG_OPT_BOOL,   /* on, off (also yes/no, true/false as JSON names them) */
  IMG_OPT_NUMBER, /* unsigned decimal or hex */
  IMG_OPT_SIZE,   /* bytes; suffix b k K M G T P E (powers of 1024), decimal fraction allowed */
  IMG_OPT_ENUM    /* one of `choices` */
};

enum {
  IMG_OPTF_HIDDEN = 1,  /* old spelling: accepted, not listed by `-o help` */
  IMG_OPTF_SECRET = 2,  /* never echo the value */
  IMG_OPTF_IDENTITY = 4 /* of open: without it the file name is not the image (offset of raw) */
};

struct img_optdesc {
  const char *name;           /* a segment may be `*` ("server.*.host") */
  enum img_opttype type;
  const char *def;            /* default as text; NULL: unset */
  const char *const *choices; /* for ENUM: the words, NULL-ended; index = value */
  const char *help;           /* one line marked N_() */
  unsigned flags;             /* IMG_OPTF_* */
};

#define IMG_OPT_END { NULL, IMG_OPT_STRING, NULL, NULL, NULL, 0 }

struct img_opts;

/* A new empty list, owned by the caller; NULL when out of memory. */
struct img_opts *img_opts_new (void);
struct img_opts *img_opts_copy (const struct img_opts *opts); /* NULL when out of memory */
void img_opts_free (struct img_opts *opts); /* NULL allowed */

/* Adds what TEXT says: `key=value,key=value`; a comma inside a value is doubled; `key` alone means
 * key=on, `nokey` is not special.  When IMPLIED is not NULL, a first word without `=` is its
 * value. */
int img_opts_parse (struct img_opts *opts, const char *text, const char *implied,
                    struct img_error *err);

/* Sets KEY (copied); a NULL value removes it.  -1 only when out of memory. */
int img_opts_set (struct img_opts *opts, const char *key, const char *value, struct img_error *err);
/* The raw text of KEY, or NULL; it lives until the list changes. */
const char *img_opts_get (const struct img_opts *opts, const char *key);
size_t img_opts_count (const struct img_opts *opts);
/* The Ith pair in order; I < count.  Both live until the list changes. */
void img_opts_pair (const struct img_opts *opts, size_t i, const char **key, const char **value);

/* Moves every `PREFIX.rest` out of OPTS into a new list, the caller's, as `rest` (may be empty).
 * NULL when out of memory. */
struct img_opts *img_opts_take_subtree (struct img_opts *opts, const char *prefix,
                                        struct img_error *err);

/* Checks every pair against TABLE (may be NULL: no options), normalises values and adds missing
 * defaults.  WHAT names the owner in messages ("qcow2").  First fault -> -1. */
int img_opts_check (struct img_opts *opts, const struct img_optdesc *table, const char *what,
                    struct img_error *err);

/* Getters after img_opts_check. */
const char *img_opts_string (const struct img_opts *opts, const char *key); /* NULL: unset */
bool img_opts_bool (const struct img_opts *opts, const char *key);          /* unset: false */
uint64_t img_opts_number (const struct img_opts *opts, const char *key);    /* and SIZE; unset: 0 */
/* Index into CHOICES of the value, -1 when unset. */
int img_opts_choice (const struct img_opts *opts, const char *key, const char *const *choices);

/* Text -> bytes by the rules of IMG_OPT_SIZE ("1.5G", "0x200", "64k"). */
int img_size_parse (const char *text, uint64_t *bytes, struct img_error *err);
/* Bytes -> "1 GiB", "1.5 GiB", three significant digits, as `info` prints.  BUF holds 32 bytes. */
char *img_size_format (uint64_t bytes, char buf[32]);

#ifdef __cplusplus
}
#endif
#endif
