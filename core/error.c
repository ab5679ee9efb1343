/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error object.
 *
 * Owns: how a message is put together, cut to its fixed size and made safe to print: whatever a
 * file name or an image put into it, the result is one line of valid text.  Refuses: printing. */

#include <config.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define IMG_ERROR_C
#include <blkimg/error.h>


/* Drops a UTF-8 sequence that snprintf cut, so that the line ends in a whole letter. */
static void
trim_cut_letter (char *text, size_t size)
{
  size_t len = strlen (text), i = len;

  if (len + 1 < size)
    return;
  while (i > 0 && len - i < 3 && ((unsigned char) text[i - 1] & 0xc0) == 0x80)
    i--;
  if (i > 0 && (unsigned char) text[i - 1] >= 0xc0)
    text[i - 1] = '\0';
}

/* Control characters (C0, DEL, and C1 in UTF-8) could forge lines or drive the terminal. */
static void
make_safe (char *text)
{
  unsigned char *p;

  for (p = (unsigned char *) text; *p; p++) {
    if (*p < 0x20 || *p == 0x7f)
      *p = '?';
    else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
      p[0] = p[1] = '?';
  }
}

IMG_PRINTF (3, 0)
static void
format_into (char *text, size_t size, const char *fmt, va_list ap)
{
  if (vsnprintf (text, size, fmt, ap) < 0)
    text[0] = '\0';
  trim_cut_letter (text, size);
  make_safe (text);
}

int
img_error_set (struct img_error *err, int code, const char *fmt, ...)
{
  va_list ap;

  va_start (ap, fmt);
  format_into (err->message, sizeof err->message, fmt, ap);
  va_end (ap);
  err->code = code;
  err->hint[0] = '\0';
  return -1;
}

static void
append (struct img_error *err, const char *text)
{
  size_t used = strlen (err->message), room = sizeof err->message - used;

  snprintf (err->message + used, room, ": %s", text);
  trim_cut_letter (err->message, sizeof err->message);
}

int
img_error_errno (struct img_error *err, int code, const char *fmt, ...)
{
  va_list ap;
  char text[128];

  va_start (ap, fmt);
  format_into (err->message, sizeof err->message, fmt, ap);
  va_end (ap);
  err->code = code;
  err->hint[0] = '\0';
  append (err, strerror_r (code, text, sizeof text));
  return -1;
}

int
img_error_prefix (struct img_error *err, const char *fmt, ...)
{
  va_list ap;
  char old[sizeof err->message];

  memcpy (old, err->message, sizeof old);
  va_start (ap, fmt);
  format_into (err->message, sizeof err->message, fmt, ap);
  va_end (ap);
  append (err, old);
  return -1;
}

int
img_error_hint (struct img_error *err, const char *fmt, ...)
{
  va_list ap;

  va_start (ap, fmt);
  format_into (err->hint, sizeof err->hint, fmt, ap);
  va_end (ap);
  return -1;
}

void
img_error_clear (struct img_error *err)
{
  err->code = 0;
  err->message[0] = err->hint[0] = '\0';
}
