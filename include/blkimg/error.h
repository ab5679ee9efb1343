/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/error.h - how every failure travels.
 *
 * The caller owns one `struct img_error`, hands it down, and prints it (only tools print).  The
 * object has a fixed size and never allocates, so reporting cannot fail.  Functions that can fail
 * return -1 (or NULL) and have then filled *err; on success *err is left alone.  No function may be
 * given a NULL err.  An error object belongs to one thread at a time.
 */
#ifndef BLKIMG_ERROR_H
#define BLKIMG_ERROR_H

#include <errno.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#define IMG_PRINTF(fmt, args) __attribute__ ((format (printf, fmt, args)))
#else
#define IMG_PRINTF(fmt, args)
#endif

struct img_error {
  int code;           /* an errno value; 0 while nothing went wrong */
  char message[1024]; /* one line, no newline, in the user's language */
  char hint[256];     /* a second line that may help, or empty */
};

#define IMG_ERROR_INIT { 0, "", "" }

/* Sets *err and returns -1, so that a failure is one line:
 *   return img_error_set (err, EINVAL, _("cluster size %u is not a power of two"), n);
 * Bytes that would break the line or the terminal (control characters) become '?'. */
int img_error_set (struct img_error *err, int code, const char *fmt, ...) IMG_PRINTF (3, 4);

/* The same, with ": " and the system's text for CODE appended. */
int img_error_errno (struct img_error *err, int code, const char *fmt, ...) IMG_PRINTF (3, 4);

/* Puts text and ": " before the message that is there.  Returns -1. */
int img_error_prefix (struct img_error *err, const char *fmt, ...) IMG_PRINTF (2, 3);

/* Sets the hint of the error that is there.  Returns -1. */
int img_error_hint (struct img_error *err, const char *fmt, ...) IMG_PRINTF (2, 3);

#if defined __clang_analyzer__ && !defined IMG_ERROR_C /* it cannot see that these return -1 */
#define img_error_set(...) (img_error_set (__VA_ARGS__), -1)
#define img_error_errno(...) (img_error_errno (__VA_ARGS__), -1)
#define img_error_prefix(...) (img_error_prefix (__VA_ARGS__), -1)
#define img_error_hint(...) (img_error_hint (__VA_ARGS__), -1)
#endif

/* Forgets: code 0, no text. */
void img_error_clear (struct img_error *err);

#ifdef __cplusplus
}
#endif
#endif
