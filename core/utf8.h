/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/utf8.h - UTF-8 a character at a time (RFC 3629). */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdint.h>

#define IMG_UTF8_BAD UINT32_MAX

/* Reads one code point at *P (not at the end of the text) and moves past it; IMG_UTF8_BAD for each
 * byte or sequence that is not UTF-8 (overlong forms, surrogates and what lies past U+10FFFF
 * included). */
static inline uint32_t
img_utf8_next (const unsigned char **p)
{
  static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
  unsigned char c = *(*p)++;
  unsigned extra = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1, i;
  uint32_t cp = c & (0x3fu >> extra);

  if (c < 0x80)
    return c;
  if (c < 0xc0 || c >= 0xf8)
    return IMG_UTF8_BAD;
  for (i = 0; i < extra; i++) {
    if (((*p)[0] & 0xc0) != 0x80)
      return IMG_UTF8_BAD;
    cp = cp << 6 | (*(*p)++ & 0x3f);
  }
  if (cp < least[extra] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
    return IMG_UTF8_BAD;
  return cp;
}

#endif
