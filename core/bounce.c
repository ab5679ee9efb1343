/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bounce: any range and any buffer, from a driver that wants its own sizes.  Requests that fit go
 * straight through; the rest goes through one buffer a call.  Blocks that are written in part are
 * read first, under the node's range lock, which whole blocks take too where blocks exist: else the
 * two could undo each other.  A request may pass the end of the image in its last block
 * (node.h). */
#include <config.h>

#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/io.h"
#include "core/serial.h"

#define BOUNCE_MAX (256 * 1024)

struct bounce {
  struct img_node *node;
  uint32_t align;
  size_t mem_align;
  uint64_t max;      /* longest request, a multiple of align */
  uint8_t *buf;      /* made when first needed */
  size_t cap;
};

static void
bounce_init (struct bounce *b, struct img_node *node)
{
  const struct img_limits *l = &node->limits;
  *b = (struct bounce) { .node = node, .align = l->request_align ? l->request_align : 1 };
  b->mem_align = l->mem_align ? l->mem_align : 1;
  b->max = l->max_transfer - l->max_transfer % b->align;
  if (b->max == 0) /* no limit, or one that makes no sense */
    b->max = l->max_transfer ? b->align : UINT64_MAX - UINT64_MAX % b->align;
}

/* Room for the blocks of LENGTH bytes at OFFSET, or for a good part of them. */
static int
bounce_room (struct bounce *b, uint64_t length, uint64_t offset, struct img_error *err)
{
  if (b->buf != NULL)
    return 0;
  uint64_t most = img_max (b->align, img_min (BOUNCE_MAX - BOUNCE_MAX % b->align, b->max));
  b->cap = (size_t) img_min (most, img_div_up (offset % b->align + length, b->align) * b->align);
  void *p;
  size_t align = img_is_pow2 (b->mem_align) && b->mem_align > 4096 ? b->mem_align : 4096;
  if (posix_memalign (&p, align, b->cap) != 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  b->buf = p;
  return 0;
}

static int
call_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
            struct img_error *err)
{
  IMG_SERIAL (node);
  return node->driver->pread (node, buf, length, offset, err);
}

static int
call_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
             struct img_error *err)
{
  IMG_SERIAL (node);
  return node->driver->pwrite (node, buf, length, offset, err);
}

/* Bytes from the start of [buf, buf + length) at OFFSET that need no bouncing; 0: none. */
static uint64_t
straight (const struct bounce *b, const void *buf, uint64_t length, uint64_t offset)
{
  if (offset % b->align != 0 || (uintptr_t) buf % b->mem_align != 0)
    return 0;
  return img_min (length - length % b->align, b->max);
}

/* The blocks to bounce for a request that cannot go straight: from *START, *SPAN bytes.  Just the
 * first block when the rest can go straight after it. */
static void
bounce_span (const struct bounce *b, const uint8_t *buf, uint64_t length, uint64_t offset,
             uint64_t *start, uint64_t *span)
{
  uint64_t into = offset % b->align;
  *start = offset - into;
  *span = b->align;
  uint64_t first = b->align - into; /* of the request's bytes, in that block */
  if (length <= first || (uintptr_t) (buf + first) % b->mem_align == 0)
    return;
  *span = img_min (b->cap, img_div_up (into + length, b->align) * b->align);
}

int
img_bounce_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                  struct img_error *err)
{
  struct bounce b;
  bounce_init (&b, node);
  uint8_t *p = buf;
  int r = 0;
  while (length > 0 && r == 0) {
    uint64_t n = straight (&b, p, length, offset);
    if (n > 0) {
      r = call_pread (node, p, n, offset, err);
    } else if ((r = bounce_room (&b, length, offset, err)) == 0) {
      uint64_t start, span;
      bounce_span (&b, p, length, offset, &start, &span);
      r = call_pread (node, b.buf, span, start, err);
      n = img_min (length, start + span - offset);
      if (r == 0)
        memcpy (p, b.buf + (offset - start), (size_t) n);
    }
    p += n, offset += n, length -= n;
  }
  free (b.buf);
  return r < 0 ? img_io_blame (node, err) : 0;
}

/* Puts the N bytes at P into the blocks [start, start + span) around OFFSET; blocks that keep other
 * bytes are read first. */
static int
patch_blocks (struct bounce *b, const uint8_t *p, uint64_t n, uint64_t offset, uint64_t start,
              uint64_t span, struct img_error *err)
{
  uint64_t tail = span - b->align; /* of the last block */
  bool head_kept = offset > start, tail_kept = offset + n < start + span;
  /* Both are read to the start of the buffer: only that is sure to be aligned. */
  if (tail_kept && !(head_kept && tail == 0)) {
    if (call_pread (b->node, b->buf, b->align, start + tail, err) < 0)
      return -1;
    memmove (b->buf + tail, b->buf, b->align);
  }
  if (head_kept && call_pread (b->node, b->buf, b->align, start, err) < 0)
    return -1;
  memcpy (b->buf + (offset - start), p, (size_t) n);
  return call_pwrite (b->node, b->buf, span, start, err);
}

static int
write_blocks (struct bounce *b, const uint8_t *p, uint64_t length, uint64_t offset,
              struct img_error *err)
{
  int r = 0;
  while (length > 0 && r == 0) {
    uint64_t n = straight (b, p, length, offset);
    if (n > 0) {
      r = call_pwrite (b->node, p, n, offset, err);
    } else if ((r = bounce_room (b, length, offset, err)) == 0) {
      uint64_t start, span;
      bounce_span (b, p, length, offset, &start, &span);
      n = img_min (length, start + span - offset);
      r = patch_blocks (b, p, n, offset, start, span, err);
    }
    p += n, offset += n, length -= n;
  }
  return r;
}

int
img_bounce_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                   struct img_error *err)
{
  struct bounce b;
  bounce_init (&b, node);
  if (length == 0)
    return 0;
  int r;
  if (b.align == 1) {
    r = write_blocks (&b, buf, length, offset, err);
  } else {
    struct img_rangelock *lock = img_io_writes (node, err);
    if (lock == NULL)
      return -1;
    struct img_range range;
    uint64_t into = offset % b.align;
    img_rangelock_lock (lock, &range, offset - into,
                        img_div_up (into + length, b.align) * b.align);
    r = write_blocks (&b, buf, length, offset, err);
    img_rangelock_unlock (lock, &range);
  }
  free (b.buf);
  return r < 0 ? img_io_blame (node, err) : 0;
}
