/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zero: zeroes and discards, by the driver where it can, else by what stands below it.
 *
 * Whole units go to the driver.  Of a unit that is zeroed in part, nothing is written when that
 * part reads as zero by the tables already, and the whole unit goes when its rest does.  A discard
 * is made smaller instead: whole units only, the rest keeps its old data. */
#include <config.h>

#include <inttypes.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/io.h"
#include "core/serial.h"

static int
not_supported (struct img_node *node, struct img_error *err)
{
  return img_error_set (err, ENOTSUP, _("%s: the %s driver has no quick way to do this"),
                        node->filename, node->driver->name);
}

/* ---- asking the driver ---- */

enum call { CALL_ZERO, CALL_DISCARD };

/* One callback a piece of at most MAX bytes.  0 done, 1 the driver does not do it (the start may be
 * done), -1. */
static int
call_driver (struct img_node *node, enum call call, uint64_t offset, uint64_t length,
             uint64_t unit, unsigned flags, struct img_error *err)
{
  uint64_t max = call == CALL_ZERO ? node->limits.max_zero : node->limits.max_discard;
  max = max ? img_max (max - max % unit, unit) : UINT64_MAX;
  for (uint64_t n; length > 0; offset += n, length -= n) {
    struct img_error why = IMG_ERROR_INIT;
    int r;
    n = img_min (length, max);
    {
      IMG_SERIAL (node);
      r = call == CALL_ZERO ? node->driver->zero (node, offset, n, flags, &why)
                            : node->driver->discard (node, offset, n, &why);
    }
    if (r < 0 && why.code == ENOTSUP)
      return 1;
    if (r < 0) {
      *err = why;
      return img_io_blame (node, err);
    }
  }
  return 0;
}

/* ---- protocols ---- */

static int
write_zeroes (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  for (uint64_t n; length > 0; offset += n, length -= n) {
    n = img_min (length, IMG_ZEROES);
    if (node->driver->pwrite == NULL)
      return img_error_set (err, ENOTSUP, _("%s: the %s driver cannot write"), node->filename,
                            node->driver->name);
    if (img_bounce_pwrite (node, img_zeroes, n, offset, err) < 0)
      return -1;
  }
  return 0;
}

/* As call_driver, kept apart from writers of parts of the same blocks (bounce.c). */
static int
call_apart (struct img_node *node, enum call call, uint64_t offset, uint64_t length,
            uint64_t unit, unsigned flags, struct img_error *err)
{
  if (node->limits.request_align <= 1)
    return call_driver (node, call, offset, length, unit, flags, err);
  struct img_rangelock *lock = img_io_writes (node, err);
  if (lock == NULL)
    return -1;
  struct img_range range;
  img_rangelock_lock (lock, &range, offset, length);
  int r = call_driver (node, call, offset, length, unit, flags, err);
  img_rangelock_unlock (lock, &range);
  return r;
}

static int
zero_protocol (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
               struct img_error *err)
{
  const struct img_limits *l = &node->limits;
  uint64_t unit = img_max (img_max (l->request_align, l->zero_align), 1);
  uint64_t end = offset + length, from = img_div_up (offset, unit) * unit;
  uint64_t to = end - end % unit;
  if (from >= to) /* parts of two blocks at most */
    from = to = end;
  int r = node->driver->zero ? 0 : 1;
  if (r == 0 && from < to)
    r = call_apart (node, CALL_ZERO, from, to - from, unit, flags, err);
  if (r < 0)
    return -1;
  if (r == 1 && (flags & IMG_IO_NO_FALLBACK))
    return not_supported (node, err);
  if (r == 1)
    return write_zeroes (node, offset, length, err);
  if (write_zeroes (node, offset, from - offset, err) < 0)
    return -1;
  return write_zeroes (node, to, end - to, err);
}

static int
discard_protocol (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
                  struct img_error *err)
{
  const struct img_limits *l = &node->limits;
  uint64_t unit = img_max (img_max (l->request_align, l->discard_align), 1);
  uint64_t end = offset + length, from = img_div_up (offset, unit) * unit;
  uint64_t to = end - end % unit;
  if (node->driver->discard == NULL || !(node->flags & IMG_OPEN_UNMAP))
    return flags & IMG_IO_NO_FALLBACK ? not_supported (node, err) : 0;
  if (from >= to)
    return 0;
  int r = call_apart (node, CALL_DISCARD, from, to - from, unit, flags, err);
  return r == 1 && (flags & IMG_IO_NO_FALLBACK) ? not_supported (node, err) : r < 0 ? -1 : 0;
}

/* ---- formats and filters ---- */

/* Whether a first part of the range, whose length becomes *N, reads as zero by the tables of the
 * chain alone.  -1: error. */
static int
known_zero (struct img_node *node, uint64_t offset, uint64_t length, uint64_t *n,
            struct img_error *err)
{
  struct img_extent ext;
  for (*n = length;; node = node->backing) {
    uint64_t size = node ? atomic_load (&node->size) : 0;
    if (offset >= size)
      return 1;
    if (img_map (node, offset, img_min (*n, size - offset), &ext, 1, err) < 0)
      return -1;
    *n = ext.length;
    if (ext.kind != IMG_EXTENT_UNALLOC)
      return ext.kind == IMG_EXTENT_ZERO;
  }
}

/* 1: all of [from, to) is known to read as zero. */
static int
all_known_zero (struct img_node *node, uint64_t from, uint64_t to, struct img_error *err)
{
  uint64_t n;
  for (; from < to; from += n) {
    int r = known_zero (node, from, to - from, &n, err);
    if (r != 1)
      return r;
  }
  return 1;
}

/* Zeroes below the driver's own zero: nothing where zero is known, else down to where the bytes
 * are, or written. */
static int
zero_by_writing (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
                 struct img_error *err)
{
  uint64_t n;
  for (; length > 0; offset += n, length -= n) {
    int known = known_zero (node, offset, length, &n, err);
    if (known < 0)
      return -1;
    if (known == 0 && img_write_locked (node, NULL, n, offset, flags, err) < 0)
      return -1;
  }
  return 0;
}

/* [from, to) lies inside one unit.  1: the whole unit may be zeroed by the driver; 0: done. */
static int
zero_part (struct img_node *node, uint64_t from, uint64_t to, unsigned flags,
           struct img_error *err)
{
  uint64_t unit = node->limits.alloc_unit, start = from - from % unit;
  uint64_t end = img_min (start + unit, atomic_load (&node->size));
  int r = all_known_zero (node, from, to, err);
  if (r != 0)
    return r < 0 ? -1 : 0;
  r = all_known_zero (node, start, from, err);
  if (r == 1)
    r = all_known_zero (node, to, end, err);
  if (r != 0)
    return r;
  /* A part of a unit is little to write. */
  return zero_by_writing (node, from, to - from, flags & ~(unsigned) IMG_IO_NO_FALLBACK, err);
}

/* The driver has a zero of its own: whole units are its business. */
static int
zero_units (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
            struct img_error *err)
{
  uint64_t unit = img_max (node->limits.alloc_unit, 1), end = offset + length;
  uint64_t from = img_div_up (offset, unit) * unit, to = end - end % unit;
  int r = 0;
  if (flags & IMG_IO_PIN) {
    r = call_driver (node, CALL_ZERO, offset, img_div_up (end - offset, unit) * unit, unit, flags,
                     err);
    return r > 0 ? not_supported (node, err) : r;
  }
  if (from > to) { /* inside one unit, without its start and its end */
    r = zero_part (node, offset, end, flags, err);
    from -= unit;
    to += r == 1 ? unit : 0;
  } else {
    if (offset < from && (r = zero_part (node, offset, from, flags, err)) == 1)
      from -= unit;
    if (r >= 0 && to < end && (r = zero_part (node, to, end, flags, err)) == 1)
      to += unit;
  }
  if (r < 0)
    return -1;
  r = from < to ? call_driver (node, CALL_ZERO, from, to - from, unit, flags, err) : 0;
  if (r != 1)
    return r;
  if (flags & IMG_IO_NO_FALLBACK)
    return not_supported (node, err);
  offset = img_max (offset, from);
  return zero_by_writing (node, offset, img_min (end, to) - offset, flags, err);
}

static int
zero_format (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
             struct img_error *err)
{
  if (node->driver->zero == NULL && (flags & IMG_IO_PIN))
    return not_supported (node, err);
  if (node->driver->reserve == NULL && node->driver->zero == NULL && node->limits.crypt_unit == 0)
    return zero_by_writing (node, offset, length, flags, err);
  struct img_range range;
  if (img_write_lock (node, offset, length, &range, err) < 0)
    return -1;
  int r = node->driver->zero ? zero_units (node, offset, length, flags, err)
                             : zero_by_writing (node, offset, length, flags, err);
  img_rangelock_unlock (node->writes, &range);
  return r;
}

int
img_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
          struct img_error *err)
{
  IMG_TRACE ("node_zero", node, "0x%" PRIx64 " %" PRIu64 " 0x%x", offset, length, flags);
  if (img_io_will_write (node, offset, length, err) < 0)
    return -1;
  return length ? img_io_zero (node, offset, length, flags, err) : 0;
}

int
img_io_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
             struct img_error *err)
{
  int r = img_moves_bytes (node) ? zero_protocol (node, offset, length, flags, err)
                                 : zero_format (node, offset, length, flags, err);
  return r < 0 ? -1 : img_io_settle (node, err);
}

/* In-place formats: what is unused here is unused below, where zeroes are as good as anything. */
static int
discard_below (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
               struct img_error *err)
{
  struct img_extent ext;
  if (node->driver->reserve || node->limits.crypt_unit) /* a hole would read as noise */
    return flags & IMG_IO_NO_FALLBACK ? not_supported (node, err) : 0;
  for (; length > 0; offset += ext.length, length -= ext.length) {
    uint64_t data, zero;
    if (img_map (node, offset, length, &ext, 1, err) < 0)
      return -1;
    if (ext.kind != IMG_EXTENT_DATA)
      continue;
    struct img_node *child = node->children[ext.child].node;
    img_io_host_span (child, ext.host_offset, ext.length, 1, &data, &zero);
    if (img_discard (child, ext.host_offset, data, flags, err) < 0)
      return -1;
  }
  return 0;
}

static int
discard_format (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
                struct img_error *err)
{
  uint64_t unit = img_max (img_max (node->limits.alloc_unit, node->limits.discard_align), 1);
  uint64_t end = offset + length, from = img_div_up (offset, unit) * unit;
  uint64_t to = end == atomic_load (&node->size) ? img_div_up (end, unit) * unit
                                                 : end - end % unit;
  if (node->driver->discard == NULL)
    return discard_below (node, offset, length, flags, err);
  if (from >= to)
    return 0;
  struct img_range range;
  if (img_write_lock (node, from, to - from, &range, err) < 0)
    return -1;
  int r = call_driver (node, CALL_DISCARD, from, to - from, unit, flags, err);
  img_rangelock_unlock (node->writes, &range);
  return r == 1 && (flags & IMG_IO_NO_FALLBACK) ? not_supported (node, err) : r < 0 ? -1 : 0;
}

int
img_discard (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
             struct img_error *err)
{
  IMG_TRACE ("node_discard", node, "0x%" PRIx64 " %" PRIu64 " 0x%x", offset, length, flags);
  if (img_io_will_write (node, offset, length, err) < 0)
    return -1;
  if (length == 0)
    return 0;
  int r = img_moves_bytes (node) ? discard_protocol (node, offset, length, flags, err)
                                             : discard_format (node, offset, length, flags, err);
  return r < 0 ? -1 : img_io_settle (node, err);
}
