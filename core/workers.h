/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/workers.h - how many threads a job over some nodes should have. */
#ifndef CORE_WORKERS_H
#define CORE_WORKERS_H

#include "core/node.h"

#define IMG_WORKERS_MAX 256

/* What hides the latency of the protocols at the bottom of NODE: the largest max_inflight, 0 when
 * all are local. */
unsigned img_workers_inflight (const struct img_node *node);
/* ASKED, or max (CPUS, INFLIGHT) when it is 0; BLKIMG_DEBUG=workers=N wins.  1 .. MAX. */
unsigned img_workers_count (unsigned asked, unsigned inflight);

#endif
