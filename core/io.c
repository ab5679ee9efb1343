/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io: reading, flushing, resizing, and the small things that all I/O shares: bounds, the name in
 * a message, what lies past a host file's end.
 *
 * A format is read by asking for a batch of extents and reading each where it lives; no lock is
 * held meanwhile, so a reader that races a writer or a discard of the same bytes may get either's,
 * or what took their place.  Writing is write.c, zeroes and discards zero.c. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/crypt.h"
#include "core/io.h"
#include "core/iszero.h"
#include "core/serial.h"
#include "core/write.h"

#define BATCH 16 /* extents a look-up; on the stack of each layer */

/* On page boundaries for O_DIRECT; lives in .bss, nobody writes it. */
_Alignas (4096) const uint8_t img_zeroes[IMG_ZEROES];

int
img_io_blame (struct img_node *node, struct img_error *err)
{
  return img_error_name (node->filename, err);
}

int
img_io_bounds (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  uint64_t size = img_min (atomic_load (&node->size), INT64_MAX);
  if (img_within (offset, length, size))
    return 0;
  return img_error_set (err, EINVAL,
                        _("%s: %llu bytes at offset 0x%llx pass the end of the image at 0x%llx"),
                        node->filename, (unsigned long long) length, (unsigned long long) offset,
                        (unsigned long long) size);
}

int
img_io_may_write (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  if (!(node->flags & IMG_OPEN_RDWR))
    return img_error_set (err, EACCES, _("%s: open for reading only"), node->filename);
  return img_io_bounds (node, offset, length, err);
}

int
img_io_will_write (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  if (img_io_may_write (node, offset, length, err) < 0)
    return -1;
  return length ? img_io_changing (node, offset, length, err) : 0;
}

int
img_io_changing (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  if (node->driver->changing == NULL)
    return 0;
  IMG_SERIAL (node);
  return node->driver->changing (node, offset, length, err) < 0 ? img_io_blame (node, err) : 0;
}

struct img_rangelock *
img_io_writes (struct img_node *node, struct img_error *err)
{
  struct img_rangelock *lock = __atomic_load_n (&node->writes, __ATOMIC_ACQUIRE);
  if (lock != NULL)
    return lock;
  IMG_GUARD (&node->lazy);
  if (node->writes == NULL) {
    lock = img_rangelock_new ();
    if (lock == NULL)
      img_error_set (err, ENOMEM, _("out of memory"));
    __atomic_store_n (&node->writes, lock, __ATOMIC_RELEASE);
  }
  return node->writes;
}

void
img_io_host_span (const struct img_node *child, uint64_t host_offset, uint64_t length,
                  uint32_t unit, uint64_t *data, uint64_t *zero)
{
  uint64_t size = atomic_load (&child->size), end = host_offset + length;
  *data = length;
  *zero = 0;
  if (end <= size)
    return;
  *data = host_offset < size ? size - host_offset : 0;
  /* raw images count in sectors, whatever the length of the file */
  uint64_t whole = size;
  if (!img_round_up (size, img_max (unit, 512), &whole))
    whole = UINT64_MAX;
  uint64_t from = img_max (host_offset, size), to = img_min (end, whole);
  *zero = to > from ? to - from : 0;
}

int
img_io_settle (struct img_node *node, struct img_error *err)
{
  return node->flags & IMG_OPEN_WRITETHROUGH ? img_flush (node, err) : 0;
}

void
img_event (struct img_node *child, const char *event)
{
  if (child->driver->event)
    child->driver->event (child, event);
}

/* ---- reading ---- */

int
img_io_read_host (struct img_node *node, const struct img_extent *ext, uint8_t *buf,
                  struct img_error *err)
{
  struct img_node *child = node->children[ext->child].node;
  uint64_t data, zero;
  img_io_host_span (child, ext->host_offset, ext->length, node->limits.alloc_unit, &data, &zero);
  if (data + zero < ext->length)
    return img_error_set (err, EIO,
                          _("%s: data of offset 0x%llx would lie at 0x%llx, past the end of %s"),
                          node->filename, (unsigned long long) (ext->offset + data + zero),
                          (unsigned long long) (ext->host_offset + data + zero), child->filename);
  memset (buf + data, 0, (size_t) zero);
  img_event (child, "read_aio");
  return data ? img_pread (child, buf, data, ext->host_offset, 0, err) : 0;
}

static int
read_backing (struct img_node *node, const struct img_extent *ext, uint8_t *buf,
              struct img_error *err)
{
  uint64_t size = node->backing ? atomic_load (&node->backing->size) : 0, n = 0;
  if (ext->offset < size)
    n = img_min (ext->length, size - ext->offset);
  memset (buf + n, 0, (size_t) (ext->length - n));
  if (n > 0 && node->n_children > 0)
    img_event (node->children[0].node, "read_backing_aio");
  return n ? img_pread (node->backing, buf, n, ext->offset, 0, err) : 0;
}

static int
read_special (struct img_node *node, const struct img_extent *ext, uint8_t *buf,
              struct img_error *err)
{
  if (node->driver->pread == NULL)
    return img_error_set (err, ENOTSUP, _("%s: the %s driver cannot read offset 0x%llx"),
                          node->filename, node->driver->name, (unsigned long long) ext->offset);
  IMG_SERIAL (node);
  if (node->driver->pread (node, buf, ext->length, ext->offset, err) < 0)
    return img_io_blame (node, err);
  return 0;
}

static int
read_extent (struct img_node *node, const struct img_extent *ext, uint8_t *buf,
             struct img_error *err)
{
  switch (ext->kind) {
  case IMG_EXTENT_DATA:
    return ext->flags & IMG_EXTENT_ENCRYPTED ? img_crypt_read (node, ext, buf, err)
                                             : img_io_read_host (node, ext, buf, err);
  case IMG_EXTENT_UNALLOC:
    return read_backing (node, ext, buf, err);
  case IMG_EXTENT_SPECIAL:
    return read_special (node, ext, buf, err);
  default:
    memset (buf, 0, (size_t) ext->length);
    return 0;
  }
}

int
img_io_read_guest (struct img_node *node, uint8_t *buf, uint64_t length, uint64_t offset,
                   struct img_error *err)
{
  struct img_extent ext[BATCH];
  while (length > 0) {
    int n = img_map (node, offset, length, ext, BATCH, err);
    if (n < 0)
      return -1;
    for (int i = 0; i < n; i++) {
      if (read_extent (node, &ext[i], buf, err) < 0)
        return -1;
      buf += ext[i].length, offset += ext[i].length, length -= ext[i].length;
    }
  }
  return 0;
}

/* Half a sector of ciphertext is none: while part of one is read nobody writes the rest. */
static int
read_format (struct img_node *node, uint8_t *buf, uint64_t length, uint64_t offset,
             struct img_error *err)
{
  uint64_t unit = img_max (node->limits.crypt_unit, 1);
  if (!(node->flags & IMG_OPEN_RDWR) || (offset % unit == 0 && length % unit == 0))
    return img_io_read_guest (node, buf, length, offset, err);
  struct img_range range;
  if (img_write_lock (node, offset, length, &range, err) < 0)
    return -1;
  int r = img_io_read_guest (node, buf, length, offset, err);
  img_rangelock_unlock (node->writes, &range);
  return r;
}

int
img_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset, unsigned flags,
           struct img_error *err)
{
  (void) flags; /* none yet */
  IMG_TRACE ("node_pread", node, "0x%" PRIx64 " %" PRIu64, offset, length);
  if (img_io_bounds (node, offset, length, err) < 0)
    return -1;
  if (!img_moves_bytes (node))
    return read_format (node, buf, length, offset, err);
  if (node->driver->pread == NULL)
    return img_error_set (err, ENOTSUP, _("%s: the %s driver cannot read"), node->filename,
                          node->driver->name);
  return img_bounce_pread (node, buf, length, offset, err);
}

/* ---- writing ---- */

int
img_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
            unsigned flags, struct img_error *err)
{
  IMG_TRACE ("node_pwrite", node, "0x%" PRIx64 " %" PRIu64, offset, length);
  if (img_io_will_write (node, offset, length, err) < 0)
    return -1;
  if (length == 0)
    return 0;
  if ((node->flags & IMG_OPEN_DETECT_ZEROES) && img_is_zero (buf, (size_t) length))
    return img_io_zero (node, offset, length,
                        node->flags & IMG_OPEN_DETECT_UNMAP ? IMG_IO_UNMAP : 0, err);
  if (flags & IMG_IO_COMPRESS) {
    if (img_write_compressed (node, buf, length, offset, err) < 0)
      return -1;
  } else if (!img_moves_bytes (node)) {
    if (img_write_guest (node, buf, length, offset, err) < 0)
      return -1;
  } else if (node->driver->pwrite == NULL) {
    return img_error_set (err, ENOTSUP, _("%s: the %s driver cannot write"), node->filename,
                          node->driver->name);
  } else if (img_bounce_pwrite (node, buf, length, offset, err) < 0) {
    return -1;
  }
  return img_io_settle (node, err);
}

int
img_flush (struct img_node *node, struct img_error *err)
{
  if (!(node->flags & IMG_OPEN_RDWR))
    return 0;
  /* A format's tables must reach the file even when nobody waits for the disk. */
  if (node->driver->kind == IMG_PROTOCOL && (node->flags & IMG_OPEN_NO_FLUSH))
    return 0;
  IMG_TRACE ("node_flush", node, "%s", node->driver->name);
  if (node->driver->flush) {
    IMG_SERIAL (node);
    if (node->driver->flush (node, err) < 0)
      return img_io_blame (node, err);
  }
  for (unsigned i = 0; i < node->n_children; i++)
    if (img_flush (node->children[i].node, err) < 0)
      return -1;
  return 0;
}

/* ---- size and space ---- */

/* One at a time, whatever the driver: what it finds is what the size was. */
static int
call_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
             struct img_error *err)
{
  IMG_GUARD (&node->serial);
  uint64_t before = atomic_load (&node->size);
  if ((flags & IMG_RESIZE_GROW) && size <= before)
    return 0;
  flags &= ~(unsigned) IMG_RESIZE_GROW;
  /* a node that was just made has nothing to lose: a format takes what it needs of a device */
  if (size < before && !(flags & IMG_RESIZE_SHRINK) && !(node->flags & IMG_OPEN_NEW))
    return img_error_set (err, EINVAL, _("%s: shrinking an image loses data"), node->filename);
  if (node->driver->resize == NULL)
    return img_error_set (err, ENOTSUP, _("%s: the %s driver cannot change the size"),
                          node->filename, node->driver->name);
  node->told_size = false;
  if (node->driver->resize (node, size, prealloc, flags, err) < 0)
    return img_io_blame (node, err);
  if (!node->told_size) /* else the driver may have rounded it */
    atomic_store (&node->size, size);
  return 0;
}

/* What NODE allocates or encodes as a whole. */
static uint64_t
unit_of (const struct img_node *node)
{
  return img_max (img_max (node->limits.alloc_unit, node->limits.encode_unit), 1);
}

/* What the last unit holds behind the end, of a disk that was made smaller or out of a longer
 * backing image, must be gone before a larger size is on disk: nobody sees it go. */
int
img_io_clear_tail (struct img_node *node, uint64_t size, struct img_error *err)
{
  uint64_t before = atomic_load (&node->size), end;
  if (size <= before || node->driver->reserve == NULL || before % unit_of (node) == 0
      || !img_round_up (before, unit_of (node), &end))
    return 0;
  end = img_min (end, size);
  atomic_store (&node->size, end);
  int r = img_io_zero (node, before, end - before, IMG_IO_UNMAP, err);
  atomic_store (&node->size, before);
  return r;
}

/* What is gained may show what encryption makes of zeroes, or a longer backing image: of that a
 * driver with nothing to lose in a crash leaves the hiding to us. */
int
img_io_clear_growth (struct img_node *node, uint64_t before, unsigned flags,
                     struct img_error *err)
{
  uint64_t size = atomic_load (&node->size), end = before;
  if (size <= before)
    return 0;
  if (node->driver->reserve == NULL) {
    bool noise = node->limits.crypt_unit && !(flags & IMG_RESIZE_NOISE);
    return noise ? img_zero (node, before, size - before, 0, err) : 0;
  }
  if (!img_round_up (before, unit_of (node), &end))
    return 0;
  bool noise = img_crypt_noise (node, end);
  if (!noise && node->backing == NULL)
    return 0;
  if (!noise)
    end = img_max (end, atomic_load (&node->backing->size));
  end = noise ? size : img_min (end, size);
  return img_io_zero (node, before, end - before, noise ? 0 : IMG_IO_UNMAP, err);
}

int
img_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
            struct img_error *err)
{
  IMG_TRACE ("node_resize", node, "%" PRIu64 " %d 0x%x", size, (int) prealloc, flags);
  if (img_io_may_write (node, 0, 0, err) < 0)
    return -1;
  if (size > INT64_MAX)
    return img_error_set (err, EFBIG, _("%s: no image can be that large"), node->filename);
  uint64_t before = atomic_load (&node->size);
  if (img_io_clear_tail (node, size, err) < 0
      || call_resize (node, size, prealloc, flags, err) < 0)
    return -1;
  return img_io_clear_growth (node, before, flags, err);
}

/* 1: not here. */
static int
allocate_below (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  struct img_extent ext;
  int done = 1;
  if (img_moves_bytes (node) || node->driver->reserve)
    return 1;
  for (; length > 0; offset += ext.length, length -= ext.length) {
    if (img_map (node, offset, length, &ext, 1, err) < 0)
      return -1;
    if (ext.kind != IMG_EXTENT_DATA)
      continue;
    /* The file may end inside the last sector. */
    struct img_node *child = node->children[ext.child].node;
    uint64_t size = atomic_load (&child->size);
    uint64_t there = ext.host_offset < size ? img_min (ext.length, size - ext.host_offset) : 0;
    int r = img_allocate (child, ext.host_offset, there, err);
    if (r < 0)
      return -1;
    done &= r;
  }
  return done;
}

int
img_allocate (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  IMG_TRACE ("node_allocate", node, "0x%" PRIx64 " %" PRIu64, offset, length);
  if (img_io_may_write (node, offset, length, err) < 0)
    return -1;
  if (length == 0)
    return 0;
  if (node->driver->allocate == NULL)
    return allocate_below (node, offset, length, err);
  struct img_error why = IMG_ERROR_INIT;
  int r;
  {
    IMG_SERIAL (node);
    r = node->driver->allocate (node, offset, length, &why);
  }
  if (r >= 0)
    return r;
  if (why.code == ENOTSUP)
    return 1;
  *err = why;
  return img_io_blame (node, err);
}
