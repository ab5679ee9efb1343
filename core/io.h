/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/io.h - what the files of the I/O path share. */
#ifndef CORE_IO_H
#define CORE_IO_H

#include "core/node.h"
#include "core/rangelock.h"

/* Puts the node's file name before a message that came from its driver, unless it begins with it.
 * -1. */
int img_io_blame (struct img_node *node, struct img_error *err);

/* -1 with EINVAL unless [offset, offset + length) lies inside the image. */
int img_io_bounds (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err);
/* -1 unless NODE is open for writing, too. */
int img_io_may_write (struct img_node *node, uint64_t offset, uint64_t length,
                      struct img_error *err);
/* The same, and the driver is told what will change. */
int img_io_will_write (struct img_node *node, uint64_t offset, uint64_t length,
                       struct img_error *err);
/* img_zero of a range inside the image, for the core itself: the driver is not told. */
int img_io_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
                 struct img_error *err);
/* NODE is to grow to SIZE: zeroes what its last unit would show then. */
int img_io_clear_tail (struct img_node *node, uint64_t size, struct img_error *err);
/* The driver has made NODE larger, from BEFORE bytes on: zeroes what must not show there. */
int img_io_clear_growth (struct img_node *node, uint64_t before, unsigned flags,
                         struct img_error *err);
int img_io_changing (struct img_node *node, uint64_t offset, uint64_t length,
                     struct img_error *err);

/* The node's lock of ranges being written, made on first use; NULL: out of memory. */
struct img_rangelock *img_io_writes (struct img_node *node, struct img_error *err);

/* How much of LENGTH bytes at HOST_OFFSET of CHILD can be read: *DATA bytes, then *ZERO bytes that
 * lie past its end but in the UNIT it ends in, and read as zero.  The rest is not there. */
void img_io_host_span (const struct img_node *child, uint64_t host_offset, uint64_t length,
                       uint32_t unit, uint64_t *data, uint64_t *zero);

/* The bytes of a DATA extent as its child holds them. */
int img_io_read_host (struct img_node *node, const struct img_extent *ext, uint8_t *buf,
                      struct img_error *err);
/* img_pread of a format or filter below the bounds check, by a caller that may hold the range lock
 * of what it reads. */
int img_io_read_guest (struct img_node *node, uint8_t *buf, uint64_t length, uint64_t offset,
                       struct img_error *err);

/* After a write, zero or discard of a node: write-through nodes flush. */
int img_io_settle (struct img_node *node, struct img_error *err);

/* The driver's pread and pwrite of any range: aligned, split, bounced where need be, one callback
 * at a time where it asks for that (bounce.c). */
int img_bounce_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                      struct img_error *err);
int img_bounce_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                       struct img_error *err);

/* ---- formats and filters (write.c) ---- */

/* img_pwrite below the bounds check. */
int img_write_guest (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                     struct img_error *err);
/* Locks the units of a range, to be unlocked in node->writes; nodes that allocate or encrypt. */
int img_write_lock (struct img_node *node, uint64_t offset, uint64_t length,
                    struct img_range *range, struct img_error *err);
/* Makes a host file reach END: it may end inside its last unit. */
int img_write_grow (struct img_node *child, uint64_t end, struct img_error *err);
/* The write itself, its units being locked.  BUF NULL: zeroes, passed down as img_zero with
 * ZERO_FLAGS. */
int img_write_locked (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                      unsigned zero_flags, struct img_error *err);

#define IMG_ZEROES 65536
extern const uint8_t img_zeroes[IMG_ZEROES]; /* page-aligned */

#endif
