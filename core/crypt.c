/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* crypt: guest bytes whose child holds ciphertext.
 *
 * A driver says so by IMG_EXTENT_ENCRYPTED and IMG_PLACE_ENCRYPTED and gives `crypt`, which is CPU
 * alone; where the bytes are, which sectors are read to write part of one, and the buffers are
 * owned here.  What is read is deciphered where the caller wants it; what is written goes through
 * a buffer of the node's, because the caller's bytes stay as they are.  There are as many buffers
 * as threads ever wrote at once, made when first needed.
 *
 * Whole sectors are always written with the node's range locked or by their only owner (a copy). */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/crypt.h"
#include "core/serial.h"

#define CHUNK (256 * 1024) /* is deciphered while it is in the processor's cache */

struct img_crypt_room {
  struct img_crypt_room *next;
  uint8_t *bytes; /* CHUNK */
};

/* ---- buffers ---- */

static void
free_room (struct img_crypt_room *room)
{
  free (room->bytes);
  free (room);
}

void
img_crypt_free (struct img_crypt_room *rooms)
{
  while (rooms) {
    struct img_crypt_room *next = rooms->next;
    free_room (rooms);
    rooms = next;
  }
}

static struct img_crypt_room *
take_room (struct img_node *node, struct img_error *err)
{
  struct img_crypt_room *room;
  {
    IMG_GUARD (&node->lazy);
    room = node->rooms;
    if (room)
      node->rooms = room->next;
  }
  if (room)
    return room;
  void *p = NULL;
  room = calloc (1, sizeof *room);
  if (room && posix_memalign (&p, 4096, CHUNK) == 0) {
    room->bytes = p;
    return room;
  }
  free (room);
  img_error_set (err, ENOMEM, _("out of memory"));
  return NULL;
}

static void
put_room (struct img_node *node, struct img_crypt_room *room)
{
  IMG_GUARD (&node->lazy);
  room->next = node->rooms;
  node->rooms = room;
}

bool
img_crypt_possible (const struct img_node *node)
{
  uint32_t unit = node->limits.crypt_unit;
  return node->driver->crypt && img_is_pow2 (unit) && unit >= 512 && unit <= IMG_CRYPT_UNIT_MAX;
}

bool
img_crypt_noise (struct img_node *node, uint64_t offset)
{
  struct img_extent ext;
  struct img_error err = IMG_ERROR_INIT;
  uint64_t size = atomic_load (&node->size);
  if (node->limits.crypt_unit == 0 || offset >= size)
    return false;
  return img_map (node, offset, size - offset, &ext, 1, &err) < 1 || ext.kind == IMG_EXTENT_DATA;
}

/* ---- reading ---- */

static int
call_crypt (struct img_node *node, bool encrypt, void *buf, uint64_t length, uint64_t offset,
            uint64_t host, struct img_error *err)
{
  IMG_SERIAL (node);
  if (node->driver->crypt (node, encrypt, buf, length, offset, host, err) < 0)
    return img_io_blame (node, err);
  return 0;
}

/* Whole sectors. */
static int
read_sectors (struct img_node *node, const struct img_extent *ext, uint8_t *buf,
              struct img_error *err)
{
  if (img_io_read_host (node, ext, buf, err) < 0)
    return -1;
  return call_crypt (node, false, buf, ext->length, ext->offset, ext->host_offset, err);
}

int
img_crypt_read (struct img_node *node, const struct img_extent *ext, uint8_t *buf,
                struct img_error *err)
{
  uint64_t unit = node->limits.crypt_unit, end = ext->offset + ext->length, n;
  for (uint64_t at = ext->offset; at < end; at += n, buf += n) {
    uint64_t into = at % unit, left = end - at;
    struct img_extent part = *ext;
    part.offset = at - into;
    part.host_offset = ext->host_offset + (at - ext->offset) - into;
    if (into == 0 && left >= unit) {
      n = part.length = img_min (left - left % unit, CHUNK);
      if (read_sectors (node, &part, buf, err) < 0)
        return -1;
    } else {
      uint8_t sector[IMG_CRYPT_UNIT_MAX];
      part.length = unit;
      n = img_min (unit - into, left);
      if (read_sectors (node, &part, sector, err) < 0)
        return -1;
      memcpy (buf, sector + into, (size_t) n);
    }
  }
  return 0;
}

/* ---- writing ---- */

/* [start, start + span) of PLACE, whole sectors, put together in memory. */
struct patch {
  struct img_node *node;
  const struct img_place *place;
  uint8_t *room;
  uint64_t start, span;
};

static uint64_t
host_of (const struct img_place *place, uint64_t guest)
{
  return place->host_offset + (guest - place->offset); /* GUEST may lie less than a sector before */
}

/* The sector at AT as it is now.  What its file does not hold yet is whatever it is. */
static int
read_old (const struct patch *p, uint64_t at, struct img_error *err)
{
  uint64_t unit = p->node->limits.crypt_unit, host = host_of (p->place, at);
  struct img_node *child = p->node->children[p->place->child].node;
  uint64_t size = atomic_load (&child->size), there = host < size ? img_min (unit, size - host) : 0;
  uint8_t *to = p->room + (at - p->start);
  memset (to + there, 0, (size_t) (unit - there));
  if (there && img_pread (child, to, there, host, 0, err) < 0)
    return -1;
  return call_crypt (p->node, false, to, unit, at, host, err);
}

/* Guest bytes [at, at + n) of the patch are BUF's, or zero; the rest of its sectors stays. */
static int
write_patch (const struct patch *p, const uint8_t *buf, uint64_t at, uint64_t n,
             struct img_error *err)
{
  uint64_t unit = p->node->limits.crypt_unit, last = p->start + p->span - unit;
  bool head = at > p->start, tail = at + n < p->start + p->span;
  struct img_node *child = p->node->children[p->place->child].node;
  uint64_t host = host_of (p->place, p->start);
  if (head && read_old (p, p->start, err) < 0)
    return -1;
  if (tail && !(head && last == p->start) && read_old (p, last, err) < 0)
    return -1;
  if (buf)
    memcpy (p->room + (at - p->start), buf, (size_t) n);
  else
    memset (p->room + (at - p->start), 0, (size_t) n);
  if (call_crypt (p->node, true, p->room, p->span, p->start, host, err) < 0
      || img_write_grow (child, host + p->span, err) < 0)
    return -1;
  return img_pwrite (child, p->room, p->span, host, 0, err);
}

int
img_crypt_write (struct img_node *node, const struct img_place *place, uint64_t delta,
                 const void *buf, uint64_t length, struct img_error *err)
{
  uint64_t unit = node->limits.crypt_unit, at = place->offset + delta, end = at + length, n;
  const uint8_t *from = buf;
  struct img_crypt_room *room = take_room (node, err);
  int r = room ? 0 : -1;
  for (; r == 0 && at < end; at += n) {
    uint64_t into = at % unit;
    n = img_min (end - at, CHUNK - into);
    struct patch p = { node, place, room->bytes, at - into, img_div_up (into + n, unit) * unit };
    r = write_patch (&p, from, at, n, err);
    from = from ? from + n : NULL;
  }
  if (room)
    put_room (node, room);
  return r;
}
