/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* amend.h - options of an image that change in place.
 *
 * amend.c says what may become of what, and in which order; amend-up.c and amend-down.c are the two
 * directions of `compat`, refcount-width.c is refcount_bits.  Options of encryption belong to the
 * file that knows it.  Each step begins with everything on disk, switches by one write of the
 * header, and ends with everything on disk.  All need q->lock held exclusively.
 */
#ifndef QCOW2_AMEND_H
#define QCOW2_AMEND_H

#include "write.h"

/* Version 2 becomes 3. */
int qcow2_upgrade (struct qcow2 *q, struct img_error *err);
/* The header that it gets. */
struct qcow2_header qcow2_upgrade_header (const struct qcow2 *q);
/* Can version 3 become 2, once refcounts have 16 bits and the disk SIZE bytes? */
int qcow2_downgrade_judge (struct qcow2 *q, uint64_t size, struct img_error *err);
int qcow2_downgrade (struct qcow2 *q, const struct img_amend *amend, struct img_error *err);
/* Can refcounts get 1 << ORDER bits? */
int qcow2_refcount_width_judge (struct qcow2 *q, uint32_t order, struct img_error *err);
int qcow2_refcount_width (struct qcow2 *q, uint32_t order, const struct img_amend *amend,
                          struct img_error *err);

#endif
