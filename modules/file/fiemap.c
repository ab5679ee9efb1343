/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fiemap.c - many extents a call.
 *
 * FS_IOC_FIEMAP tells in one call what SEEK_DATA and SEEK_HOLE take two for each extent to tell.
 * It is believed only where both look at the same map in the kernel (ext4, XFS) and only about what
 * is plainly on disk: unwritten extents, which hold data when the page cache does, and all that is
 * not settled yet are left to the others.  Where files share blocks, each extent takes a look at
 * who else has it, which is slower than two calls: on btrfs, and on XFS in files that do share. */
#include <config.h>

#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include <blkimg/overflow.h>

#include "file.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

#define EXTENTS 128 /* a call */
#define SETTLED (FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_MERGED | FIEMAP_EXTENT_SHARED)

/* Extents being put together. */
struct run {
  struct img_extent *ext;
  unsigned n, max;
  uint64_t pos, end;
};

static bool
fiemap_trusted (struct file *f)
{
  struct statfs fs;

  if (file_lacks (f, FILE_NO_FIEMAP))
    return false;
  if (file_lacks (f, FILE_FIEMAP))
    return true;
  bool good = fstatfs (f->fd, &fs) == 0
              && (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC);
  file_set_lacks (f, good ? FILE_FIEMAP : FILE_NO_FIEMAP);
  return good;
}

/* All up to TO is alike.  False: there is no more room. */
static bool
run_add (struct run *r, uint64_t to, bool data)
{
  uint32_t kind = data ? IMG_EXTENT_DATA : IMG_EXTENT_ZERO;
  struct img_extent *last = r->n > 0 ? &r->ext[r->n - 1] : NULL;

  to = img_min (to, r->end);
  if (to <= r->pos)
    return true;
  if (last && last->kind == kind) {
    last->length += to - r->pos;
  } else {
    if (r->n == r->max)
      return false;
    r->ext[r->n++] = (struct img_extent) { r->pos, to - r->pos, r->pos, kind, IMG_CHILD_SELF,
                                           data ? 0 : IMG_EXTENT_HOST };
  }
  r->pos = to;
  return true;
}

/* True: go on behind what MAP tells. */
static bool
run_take (struct run *r, const struct fiemap *map, unsigned asked)
{
  for (unsigned i = 0; i < map->fm_mapped_extents; i++) {
    const struct fiemap_extent *e = &map->fm_extents[i];
    uint64_t end;
    if (!run_add (r, e->fe_logical, false) || (e->fe_flags & ~(uint32_t) SETTLED)
        || !img_add (e->fe_logical, e->fe_length, &end) || !run_add (r, end, true))
      return false;
  }
  if (map->fm_mapped_extents < asked)
    run_add (r, r->end, false);
  return r->pos < r->end;
}

static bool
has_shared (const struct fiemap *map)
{
  for (unsigned i = 0; i < map->fm_mapped_extents; i++)
    if (map->fm_extents[i].fe_flags & FIEMAP_EXTENT_SHARED)
      return true;
  return false;
}

unsigned
file_fiemap (struct file *f, uint64_t offset, uint64_t length, struct img_extent *ext, unsigned n)
{
  _Alignas (struct fiemap) char room[sizeof (struct fiemap)
                                     + EXTENTS * sizeof (struct fiemap_extent)];
  struct fiemap *map = (struct fiemap *) (void *) room;
  struct run r = { ext, 0, n, offset, offset + length };
  bool more = fiemap_trusted (f);

  while (more) {
    /* What there is no room for would be asked for again. */
    unsigned asked = (unsigned) img_min ((r.max - r.n) / 2 + 1, EXTENTS);
    *map = (struct fiemap) { .fm_start = r.pos, .fm_length = r.end - r.pos,
                             .fm_extent_count = asked };
    if (ioctl (f->fd, FS_IOC_FIEMAP, map) < 0) {
      file_set_lacks (f, FILE_NO_FIEMAP);
      break;
    }
    more = run_take (&r, map, asked) && r.n < r.max;
    if (has_shared (map))
      file_set_lacks (f, FILE_NO_FIEMAP);
  }
  return r.n;
}
