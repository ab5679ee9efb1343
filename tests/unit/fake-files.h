/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/unit/fake-files.h - drivers made for tests of opening: real files in a folder of their own,
 * and formats whose images are lines of text. */
#ifndef TESTS_FAKE_FILES_H
#define TESTS_FAKE_FILES_H

#include "core/node.h"

/* Makes the drivers known and goes to a new, empty folder. */
void fake_files_enter (void);
void fake_files_leave (void);

/* Writes a file; `%` as in printf. */
void fake_write (const char *name, const char *fmt, ...) IMG_PRINTF (2, 3);
/* All of a file, malloc'ed; NULL: it is not there. */
char *fake_read (const char *name);

/* What the protocol driver `file` of the tests was told. */
extern unsigned fake_opened, fake_locked; /* calls */
extern unsigned fake_open_flags, fake_lock_flags; /* of the last call */
extern unsigned fake_live; /* nodes that were opened and not closed */
extern unsigned fake_flushed;

/* The drivers:
 *
 *   file    paths of this machine
 *   net     a protocol; any name opens as 1024 zero bytes
 *   raw     PLAIN
 *   text    "TEXT\n", then lines: `size N`, `backing NAME`, `format NAME`, `data NAME` (a data
 *           file), `fail` (open fails); may have a backing file; create writes such a text
 *   tie-a, tie-b   "TIE!" at 0: equally sure
 *   sure    "SURE" at 0, 90; sure-tail "LIAT" at -512, 95; neither has create
 *   ext     no magic; extension `ext` and a probe that wants a file longer than 4 bytes
 */

#endif
