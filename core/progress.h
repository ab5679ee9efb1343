/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/progress.h - the working side of struct img_progress.  P may be NULL everywhere. */
#ifndef CORE_PROGRESS_H
#define CORE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <blkimg/copy.h>

/* A new job of TOTAL bytes begins. */
void img_progress_start (struct img_progress *p, uint64_t total);
void img_progress_add (struct img_progress *p, uint64_t bytes);
bool img_progress_cancelled (const struct img_progress *p);
/* -1 with ECANCELED once it was cancelled, else 0. */
int img_progress_check (const struct img_progress *p, struct img_error *err);

#endif
