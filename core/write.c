/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* write: guest bytes into places.
 *
 * Owns the three steps of write.h and the ordinary write made of them: whole units are locked, the
 * driver hands out space, the core writes the data, filling fresh units from what they read as
 * before (backing image included), and the driver links them.  In-place drivers without `reserve`
 * write where their map says.  Refuses what a driver could not mean: a place outside the range, on
 * a child that is not there. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/crypt.h"
#include "core/io.h"
#include "core/iszero.h"
#include "core/probe.h"
#include "core/serial.h"
#include "core/write.h"

#define CHUNK (256 * 1024) /* of a fresh unit that is put together in memory */
#define GRAIN 4096         /* zeroes are looked for in pieces of this size */
#define SPARSE 16384       /* the shortest run of zeroes that is worth a second request */

/* ---- the three steps ---- */

static bool
sane_place (const struct img_node *node, const struct img_place *place, uint64_t offset,
            uint64_t length, uint64_t encoded)
{
  uint64_t end, unit = img_max (node->limits.alloc_unit, 1);
  uint64_t host_length = encoded ? place->encoded : place->length;
  if (place->offset != offset || place->length == 0 || place->length > length
      || place->length % unit != 0 || !img_add (place->host_offset, host_length, &end))
    return false;
  if ((place->flags & IMG_PLACE_ENCODED) != (encoded ? IMG_PLACE_ENCODED : 0)
      || (encoded && place->encoded != encoded))
    return false;
  if ((place->flags & IMG_PLACE_ENCRYPTED)
      && (encoded || place->child == IMG_CHILD_SELF || !img_crypt_possible (node)
          || unit % node->limits.crypt_unit != 0))
    return false;
  return place->child == IMG_CHILD_SELF ? node->driver->pwrite != NULL
                                        : place->child < node->n_children;
}

/* A driver without reserve: where the bytes are now. */
static int
place_by_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_place *place,
              struct img_error *err)
{
  struct img_extent ext = { offset, length, offset, IMG_EXTENT_DATA, IMG_CHILD_SELF, 0 };
  if (!img_moves_bytes (node) && img_map (node, offset, length, &ext, 1, err) < 0)
    return -1;
  bool special = ext.kind == IMG_EXTENT_SPECIAL && node->driver->pwrite;
  bool there = ext.kind == IMG_EXTENT_DATA || (ext.flags & IMG_EXTENT_HOST);
  if (!there && !special)
    return img_error_set (err, ENOTSUP, _("%s: the %s driver cannot write at offset 0x%llx"),
                          node->filename, node->driver->name, (unsigned long long) offset);
  place->offset = offset;
  place->length = ext.length;
  place->host_offset = there ? ext.host_offset : offset;
  place->child = there ? ext.child : IMG_CHILD_SELF;
  place->flags = there && (ext.flags & IMG_EXTENT_ENCRYPTED) ? IMG_PLACE_ENCRYPTED : 0;
  return 0;
}

/* The driver knows already what will change. */
static int
reserve (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded, unsigned flags,
         struct img_place *place, struct img_error *err)
{
  IMG_TRACE ("place_reserve", node, "0x%" PRIx64 " %" PRIu64 " %" PRIu64, offset, length, encoded);
  memset (place, 0, sizeof *place);
  if (!(node->flags & IMG_OPEN_RDWR))
    return img_io_may_write (node, offset, 0, err);
  if (node->driver->reserve == NULL && encoded)
    return img_error_set (err, ENOTSUP, _("%s: the %s driver does not compress"), node->filename,
                          node->driver->name);
  if (node->driver->reserve == NULL) {
    uint64_t size = atomic_load (&node->size);
    if (offset < size) /* else the bounds check says so */
      length = img_min (length, size - offset);
    return place_by_map (node, offset, length, place, err);
  }
  if (encoded)
    flags |= IMG_PLACE_ENCODED;
  int r;
  {
    IMG_SERIAL (node);
    r = node->driver->reserve (node, offset, length, encoded, flags, place, err);
  }
  if (r < 0)
    return img_io_blame (node, err);
  if (!sane_place (node, place, offset, length, encoded))
    return img_error_set (err, EIO, _("%s: the %s driver gives an impossible place for 0x%llx"),
                          node->filename, node->driver->name, (unsigned long long) offset);
  return 0;
}

int
img_write_reserve (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded,
                   unsigned flags, struct img_place *place, struct img_error *err)
{
  if ((node->flags & IMG_OPEN_RDWR) && img_io_changing (node, offset, length, err) < 0)
    return -1;
  return reserve (node, offset, length, encoded, flags, place, err);
}

/* A host file may end inside its last unit; writing there makes it longer.  Other threads do so,
 * too, and what they made must not be cut off. */
int
img_write_grow (struct img_node *child, uint64_t end, struct img_error *err)
{
  if (end <= atomic_load (&child->size))
    return 0;
  return img_resize (child, end, IMG_PREALLOC_OFF, IMG_RESIZE_GROW, err);
}

static int
check_room (struct img_node *node, const struct img_place *place, uint64_t delta, uint64_t length,
            struct img_error *err)
{
  uint64_t room = place->flags & IMG_PLACE_ENCODED ? place->encoded : place->length;
  if (img_within (delta, length, room))
    return 0;
  return img_error_set (err, EINVAL, _("%s: %llu bytes do not fit into the place of 0x%llx"),
                        node->filename, (unsigned long long) length,
                        (unsigned long long) place->offset);
}

uint64_t
img_write_part (const void *buf, uint64_t length, uint64_t *from)
{
  uint64_t at = *from, n;
  for (; at < length; at += n) {
    bool zero;
    n = img_zero_run ((const uint8_t *) buf + at, (size_t) (length - at), GRAIN, &zero);
    if (!zero || n < SPARSE)
      continue;
    if (*from < at)
      break;
    *from = at + n;
  }
  return at - *from;
}

/* Leaves out long runs of zeroes: that is what reads there already. */
static int
write_data (struct img_node *child, const uint8_t *buf, uint64_t length, uint64_t at,
            struct img_error *err)
{
  uint64_t from = 0, n;
  for (; (n = img_write_part (buf, length, &from)) > 0; from += n)
    if (img_pwrite (child, buf + from, n, at + from, 0, err) < 0)
      return -1;
  return 0;
}

int
img_write_place (struct img_node *node, const struct img_place *place, uint64_t delta,
                 const void *buf, uint64_t length, struct img_error *err)
{
  IMG_TRACE ("place_write", node, "%d 0x%" PRIx64 " %" PRIu64, (int) place->child,
             place->host_offset + delta, length);
  if (check_room (node, place, delta, length, err) < 0)
    return -1;
  if ((node->flags & IMG_OPEN_PROBED)
      && img_probe_guard (node, buf, length, place->offset + delta, err) < 0)
    return -1;
  if (place->flags & IMG_PLACE_ENCRYPTED)
    return img_crypt_write (node, place, delta, buf, length, err);
  uint64_t at = place->host_offset + delta;
  if (place->child != IMG_CHILD_SELF) {
    struct img_node *child = node->children[place->child].node;
    if (img_write_grow (child, at + length, err) < 0)
      return -1;
    img_event (child, place->flags & IMG_PLACE_ENCODED ? "write_compressed" : "write_aio");
    return place->flags & IMG_PLACE_ZEROES ? write_data (child, buf, length, at, err)
                                           : img_pwrite (child, buf, length, at, 0, err);
  }
  if (img_moves_bytes (node))
    return img_pwrite (node, buf, length, at, 0, err);
  IMG_SERIAL (node);
  if (node->driver->pwrite (node, buf, length, place->offset + delta, err) < 0)
    return img_io_blame (node, err);
  return 0;
}

int
img_write_share (struct img_node *node, const struct img_place *place, struct img_node *src,
                 uint64_t src_offset, unsigned flags, struct img_error *err)
{
  if ((place->flags & (IMG_PLACE_ENCODED | IMG_PLACE_ENCRYPTED))
      || !img_within (src_offset, place->length, atomic_load (&src->size)))
    return 1;
  if (place->child == IMG_CHILD_SELF && !img_moves_bytes (node))
    return 1;
  if (node->flags & IMG_OPEN_PROBED) /* what is copied must be looked at */
    return 1;
  struct img_node *to = place->child == IMG_CHILD_SELF ? node
                                                       : node->children[place->child].node;
  if (img_write_grow (to, place->host_offset + place->length, err) < 0)
    return -1;
  return img_copy_range (to, place->host_offset, src, src_offset, place->length, flags, err);
}

int
img_write_commit (struct img_node *node, const struct img_place *place, struct img_error *err)
{
  IMG_TRACE ("place_commit", node, "0x%" PRIx64 " %" PRIu64 " 0x%" PRIx64, place->offset,
             place->length, place->host_offset);
  if (node->driver->commit) {
    IMG_SERIAL (node);
    if (node->driver->commit (node, place, err) < 0)
      return img_io_blame (node, err);
  }
  return 0;
}

void
img_write_abandon (struct img_node *node, const struct img_place *place)
{
  IMG_TRACE ("place_abandon", node, "0x%" PRIx64 " %" PRIu64 " 0x%" PRIx64, place->offset,
             place->length, place->host_offset);
  if (node->driver->abandon) {
    IMG_SERIAL (node);
    node->driver->abandon (node, place);
  }
}

int
img_write_encode (struct img_node *node, const void *in, size_t length, void *out, size_t cap,
                  size_t *out_length, struct img_error *err)
{
  if (node->driver->encode == NULL)
    return img_error_set (err, ENOTSUP, _("%s: the %s driver does not compress"), node->filename,
                          node->driver->name);
  IMG_SERIAL (node);
  int r = node->driver->encode (node, in, length, out, cap, out_length, err);
  return r < 0 ? img_io_blame (node, err) : r;
}

/* ---- an ordinary write ---- */

/* What is written: BUF, or zeroes when it is NULL. */
struct source {
  struct img_node *node;
  const uint8_t *buf;
  uint64_t offset, end;
  unsigned zero_flags; /* IMG_IO_* for zeroes */
  uint64_t chunk;      /* of fresh space, for one piece put together in memory */
  uint8_t *room;       /* for a chunk, made when first needed */
};

static int
put_zeroes (struct source *s, const struct img_place *place, uint64_t delta, uint64_t length,
            struct img_error *err)
{
  bool encrypted = place->flags & IMG_PLACE_ENCRYPTED;
  if (place->child != IMG_CHILD_SELF && !encrypted) {
    struct img_node *child = s->node->children[place->child].node;
    uint64_t at = place->host_offset + delta;
    if (img_write_grow (child, at + length, err) < 0)
      return -1;
    return img_zero (child, at, length, s->zero_flags, err);
  }
  if (s->zero_flags & IMG_IO_NO_FALLBACK)
    return img_error_set (err, ENOTSUP, _("%s: zeroes would have to be written"),
                          s->node->filename);
  if (encrypted)
    return img_crypt_write (s->node, place, delta, NULL, length, err);
  for (uint64_t n; length > 0; delta += n, length -= n) {
    n = img_min (length, IMG_ZEROES);
    if (img_write_place (s->node, place, delta, img_zeroes, n, err) < 0)
      return -1;
  }
  return 0;
}

/* Guest bytes [at, at + length), all of them the source's, into their place. */
static int
put (struct source *s, const struct img_place *place, uint64_t at, uint64_t length,
     struct img_error *err)
{
  uint64_t delta = at - place->offset;
  if (s->buf == NULL)
    return put_zeroes (s, place, delta, length, err);
  return img_write_place (s->node, place, delta, s->buf + (at - s->offset), length, err);
}

/* The old contents of guest bytes [at, to) into BUF; nothing but zeroes past the end. */
static int
read_old (struct source *s, uint8_t *buf, uint64_t at, uint64_t to, struct img_error *err)
{
  if (at >= to)
    return 0;
  uint64_t size = atomic_load (&s->node->size);
  uint64_t n = at < size ? img_min (to, size) - at : 0;
  memset (buf + n, 0, (size_t) (to - at - n));
  return n ? img_io_read_guest (s->node, buf, n, at, err) : 0;
}

/* [at, at + length) of fresh space that the source covers in part or not at all. */
static int
put_mixed (struct source *s, const struct img_place *place, uint64_t at, uint64_t length,
           struct img_error *err)
{
  if (s->room == NULL) {
    void *p;
    if (posix_memalign (&p, 4096, (size_t) s->chunk) != 0)
      return img_error_set (err, ENOMEM, _("out of memory"));
    s->room = p;
  }
  uint64_t end = at + length, from = img_max (at, s->offset), to = img_min (end, s->end);
  if (from >= to) /* none of it */
    from = to = end;
  if (read_old (s, s->room, at, from, err) < 0
      || read_old (s, s->room + (to - at), to, end, err) < 0)
    return -1;
  if (s->buf == NULL)
    memset (s->room + (from - at), 0, (size_t) (to - from));
  else if (from < to)
    memcpy (s->room + (from - at), s->buf + (from - s->offset), (size_t) (to - from));
  return img_write_place (s->node, place, at - place->offset, s->room, length, err);
}

/* Every byte of a fresh place. */
static int
fill_place (struct source *s, const struct img_place *place, struct img_error *err)
{
  uint64_t chunk = s->chunk;
  uint64_t at = place->offset, end = at + place->length, n;
  for (; at < end; at += n) {
    int r;
    if (at >= s->offset && at < s->end && (s->end - at >= chunk || s->end >= end)) {
      n = img_min (s->end, end) - at;
      if (n > chunk)
        n -= n % chunk;
      r = put (s, place, at, n, err);
    } else {
      n = img_min (chunk, end - at);
      r = put_mixed (s, place, at, n, err);
    }
    if (r < 0)
      return -1;
  }
  return 0;
}

static int
write_places (struct source *s, struct img_error *err)
{
  struct img_node *node = s->node;
  uint64_t unit = node->driver->reserve ? img_max (node->limits.alloc_unit, 1) : 1;
  uint64_t at = s->offset - s->offset % unit, end = img_div_up (s->end, unit) * unit;
  struct img_place place;
  for (; at < end; at += place.length) {
    if (reserve (node, at, end - at, 0, 0, &place, err) < 0)
      return -1;
    uint64_t from = img_max (at, s->offset), to = img_min (at + place.length, s->end);
    int r = place.flags & IMG_PLACE_FRESH ? fill_place (s, &place, err)
                                          : put (s, &place, from, to - from, err);
    if (r < 0) {
      img_write_abandon (node, &place);
      return -1;
    }
    if (img_write_commit (node, &place, err) < 0)
      return -1;
  }
  return 0;
}

int
img_write_lock (struct img_node *node, uint64_t offset, uint64_t length, struct img_range *range,
                struct img_error *err)
{
  uint64_t unit = img_max (img_max (node->limits.alloc_unit, node->limits.crypt_unit), 1);
  uint64_t into = offset % unit;
  struct img_rangelock *lock = img_io_writes (node, err);
  if (lock == NULL)
    return -1;
  img_rangelock_lock (lock, range, offset - into, img_div_up (into + length, unit) * unit);
  return 0;
}

int
img_write_locked (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                  unsigned zero_flags, struct img_error *err)
{
  uint64_t chunk = img_min (img_max (node->limits.alloc_unit, 1), CHUNK);
  struct source s = { node, buf, offset, offset + length, zero_flags, chunk, NULL };
  int r = write_places (&s, err);
  free (s.room);
  return r;
}

int
img_write_guest (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err)
{
  struct img_range range;
  /* in place: nothing that two writers share, but for parts of a sector of ciphertext */
  if (node->driver->reserve == NULL && node->limits.crypt_unit == 0)
    return img_write_locked (node, buf, length, offset, 0, err);
  if (img_write_lock (node, offset, length, &range, err) < 0)
    return -1;
  int r = img_write_locked (node, buf, length, offset, 0, err);
  img_rangelock_unlock (node->writes, &range);
  return r;
}
