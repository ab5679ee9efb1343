/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* emit.c - tables of a new image, made in a large buffer and written in large pieces. */
#include <string.h>

#include "emit.h"
#include "qcow2.h"

int
qcow2_emit_flush (struct qcow2_emit *e, struct img_error *err)
{
  size_t n = e->fill;
  e->fill = 0;
  if (n == 0)
    return 0;
  if (img_pwrite (e->file, e->buf, n, e->at, 0, err) < 0)
    return -1;
  e->at += n;
  return 0;
}

int
qcow2_emit_seek (struct qcow2_emit *e, uint64_t offset, struct img_error *err)
{
  if (e->at + e->fill == offset)
    return 0;
  if (qcow2_emit_flush (e, err) < 0)
    return -1;
  e->at = offset;
  return 0;
}

int
qcow2_emit_entries (struct qcow2_emit *e, uint64_t count, uint64_t first, uint64_t step,
                    const uint64_t *second, struct img_error *err)
{
  size_t size = second ? 16 : 8;
  while (count > 0) {
    uint64_t n = img_min (count, (QCOW2_EMIT_BYTES - e->fill) / size);
    if (n == 0) {
      if (qcow2_emit_flush (e, err) < 0)
        return -1;
      continue;
    }
    uint8_t *p = e->buf + e->fill;
    for (uint64_t i = 0; i < n; i++, p += size, first += step) {
      be64_put (p, first);
      if (second)
        be64_put (p + 8, *second);
    }
    e->fill += n * size;
    count -= n;
  }
  return 0;
}

/* "Refcount block entry": narrow ones fill a byte from its low end. */
int
qcow2_emit_ones (struct qcow2_emit *e, uint64_t count, uint32_t order, struct img_error *err)
{
  static const uint8_t narrow[] = { 0xff, 0x55, 0x11 };
  unsigned per_byte = order < 3 ? 8u >> order : 1, bytes = order < 3 ? 1 : 1u << (order - 3);
  uint64_t left = order < 3 ? img_div_up (count, per_byte) : count * bytes;
  uint8_t *last = NULL;
  while (left > 0) {
    if (e->fill == QCOW2_EMIT_BYTES && qcow2_emit_flush (e, err) < 0)
      return -1;
    size_t n = (size_t) img_min (left, QCOW2_EMIT_BYTES - e->fill);
    uint8_t *p = e->buf + e->fill;
    memset (p, order < 3 ? narrow[order] : 0, n);
    for (size_t i = bytes - 1; order >= 3 && i < n; i += bytes)
      p[i] = 1;
    last = p + n - 1;
    e->fill += n;
    left -= n;
  }
  if (last && count % per_byte)
    *last &= (uint8_t) ((1u << ((count % per_byte) << order)) - 1);
  return 0;
}
