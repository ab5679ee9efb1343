/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/probe.h - which format the bytes of a file are in. */
#ifndef CORE_PROBE_H
#define CORE_PROBE_H

#include "core/node.h"

/* What is looked at: magics lie within the first HEAD or the last TAIL bytes. */
#define IMG_PROBE_HEAD 4096
#define IMG_PROBE_TAIL 1024

static inline bool
img_magic_in_reach (const struct img_magic *magic)
{
  if (magic->offset < 0)
    return magic->offset >= -IMG_PROBE_TAIL && magic->length <= (uint64_t) -magic->offset;
  return magic->offset < IMG_PROBE_HEAD && magic->length <= IMG_PROBE_HEAD - magic->offset;
}

/* The driver of the format that FILE, an open protocol node, holds: the one whose magic is there
 * and whose probe is surest, raw when there is none.  Two that are equally sure are an error. */
const struct img_driver *img_probe (struct img_node *file, struct img_error *err);

/* Before BUF is written to NODE, which was taken for raw because nothing was recognised
 * (IMG_OPEN_PROBED): -1 with EPERM when it would be recognised as something else afterwards.  Else
 * a guest could have the next one who opens its disk read what header it likes. */
int img_probe_guard (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                     struct img_error *err);

#endif
