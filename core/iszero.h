/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/iszero.h - is it zero?  Meant for blocks that were just read and are still in the cache. */
#ifndef CORE_ISZERO_H
#define CORE_ISZERO_H

#include <stdbool.h>
#include <stddef.h>

/* True when all SIZE bytes are zero (SIZE 0: true). */
bool img_is_zero (const void *buf, size_t size);

/* Length of the first run of BUF, in grains of GRAIN bytes that are either all zero or not:
 *   for (; size; buf += n, size -= n) { n = img_zero_run (buf, size, 4096, &zero); ... }
 * A shorter last grain counts by itself.  SIZE > 0, GRAIN > 0. */
size_t img_zero_run (const void *buf, size_t size, size_t grain, bool *zero);

#endif
