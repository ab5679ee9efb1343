/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/log.h - the words of BLKIMG_DEBUG, a comma list for developers: `trace` prints all events
 * (trace.c), `workers=N` fixes the number of copy threads, `serial` makes every driver SERIAL. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>

/* The text after `KEY=`, which ends at a comma or the end; "" or "," for a bare KEY; NULL when
 * KEY is not there.  Always NULL in setuid programs. */
const char *img_debug_word (const char *key);

#endif
