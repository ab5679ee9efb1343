/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* measure.h - what drivers share that say how large an image would be. */
#ifndef COMMON_MEASURE_H
#define COMMON_MEASURE_H

#include <blkimg/module.h>

/* How many units of 1 << BITS bytes hold data of SOURCE; one walk over its tables. */
int measure_units (struct img_node *source, uint32_t bits, uint64_t *n, struct img_error *err);

#endif
