/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* aio-map: guest offsets to host offsets for a queue of requests.
 *
 * One stretch of the image is known at a time.  It grows while the questions move forward and is
 * short after a jump, as read-ahead does.  For reading it is what img_walk says; for writing, what
 * the drivers' reserve calls in place all the way down.  Refuses to keep more than SPANS_MAX. */
#include <config.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/aio-map.h"
#include "core/probe.h"
#include "core/write.h"

#define STRETCH_MIN ((uint64_t) 1 << 20)
#define STRETCH_MAX ((uint64_t) 1 << 30)
#define STRETCH_WRITE ((uint64_t) 8 << 20)
#define SPANS_MAX 4096

const struct img_aio_span *
img_aio_map_known (struct img_aio_map *map, uint64_t offset)
{
  const struct img_aio_span *s = map->spans.v;
  size_t n = map->spans.n, i = map->hint;
  if (n == 0 || offset < s[0].offset || offset >= map->end)
    return NULL;
  if (offset < s[i].offset || (i + 2 < n && offset >= s[i + 2].offset)) {
    size_t low = 0;
    for (size_t half; n > 1; n -= half) {
      half = n / 2;
      if (s[low + half].offset <= offset)
        low += half;
    }
    i = low;
  } else if (i + 1 < n && offset >= s[i + 1].offset) {
    i++;
  }
  map->hint = i;
  return &s[i];
}

void
img_aio_map_forget (struct img_aio_map *map)
{
  map->spans.n = 0;
  map->hint = 0;
}

void
img_aio_map_release (struct img_aio_map *map)
{
  img_vec_free (&map->spans);
}

static int
add (struct img_aio_map *map, struct img_aio_span span, struct img_error *err)
{
  map->end = span.offset + span.length;
  if (img_vec_push (&map->spans, span) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  return 0;
}

/* ---- reading ---- */

static struct img_aio_span
block_span (const struct img_block *b)
{
  struct img_aio_span s = { b->offset, b->length, b->host_offset, b->node, IMG_AIO_SLOWLY };
  /* a protocol's hole may be written to while this is remembered */
  if ((b->flags & IMG_BLOCK_ZERO) && b->layer->driver->kind != IMG_PROTOCOL)
    s.where = IMG_AIO_ZERO;
  else if ((b->flags & IMG_BLOCK_HOST) && !(b->flags & IMG_BLOCK_ENCRYPTED)
           && b->node->driver->kind == IMG_PROTOCOL)
    s.where = IMG_AIO_HOST;
  return s;
}

static int
read_stretch (struct img_aio_map *map, uint64_t offset, struct img_error *err)
{
  uint64_t left = atomic_load (&map->node->size) - offset;
  bool follows = map->spans.n > 0 && offset == map->end;
  map->stretch = follows ? img_min (map->stretch * 2, STRETCH_MAX) : STRETCH_MIN;
  img_aio_map_forget (map);
  struct img_walk *walk
    = img_walk_new (map->node, offset, img_min (left, map->stretch), 0, err);
  if (walk == NULL)
    return -1;
  struct img_block b;
  int r = 1;
  while (map->spans.n < SPANS_MAX && (r = img_walk_next (walk, &b, err)) > 0)
    if ((r = add (map, block_span (&b), err)) < 0)
      break;
  img_walk_free (walk);
  return r < 0 ? -1 : 0;
}

const struct img_aio_span *
img_aio_map_read (struct img_aio_map *map, uint64_t offset, struct img_error *err)
{
  const struct img_aio_span *s = img_aio_map_known (map, offset);
  if (s == NULL && read_stretch (map, offset, err) == 0)
    s = img_aio_map_known (map, offset);
  return s;
}

/* ---- writing ---- */

/* What was taken for raw by guessing is looked at while its ends are written. */
static bool
guarded (const struct img_node *node, uint64_t at, uint64_t *room)
{
  uint64_t size = atomic_load (&node->size);
  if (!(node->flags & IMG_OPEN_PROBED))
    return false;
  if (at < IMG_PROBE_HEAD || size < IMG_PROBE_TAIL || at >= size - IMG_PROBE_TAIL) {
    *room = img_min (*room, at < IMG_PROBE_HEAD ? IMG_PROBE_HEAD - at : *room);
    return true;
  }
  *room = img_min (*room, size - IMG_PROBE_TAIL - at);
  return false;
}

/* Asks NODE, which allocates, whether it writes in place at AT.  1: yes, by PLACE; 0: no. */
static int
reserved_in_place (struct img_node *node, uint64_t at, uint64_t room, struct img_place *place,
                   struct img_error *err)
{
  uint64_t unit = img_max (node->limits.alloc_unit, 1), into = at % unit;
  uint64_t length = img_div_up (into + room, unit) * unit;
  if (img_write_reserve (node, at - into, length, 0, 0, place, err) < 0)
    return -1;
  if (place->flags & IMG_PLACE_FRESH) {
    img_write_abandon (node, place);
    return 0;
  }
  return img_write_commit (node, place, err) < 0 ? -1 : 1;
}

/* One layer down: ROOM bytes at AT of *NODE become those of its child.  0: not in place. */
static int
step_down (struct img_node **node, uint64_t *at, uint64_t *room, struct img_error *err)
{
  struct img_extent ext;
  if (guarded (*node, *at, room))
    return 0;
  if (img_map (*node, *at, *room, &ext, 1, err) < 0)
    return -1;
  *room = ext.length;
  if (ext.kind != IMG_EXTENT_DATA || (ext.flags & IMG_EXTENT_ENCRYPTED))
    return 0;
  uint32_t child = ext.child;
  uint64_t host = ext.host_offset;
  if ((*node)->driver->reserve) {
    struct img_place place;
    int r = reserved_in_place (*node, *at, *room, &place, err);
    if (r <= 0)
      return r;
    *room = img_min (*room, place.length - (*at - place.offset));
    host = place.host_offset + (*at - place.offset);
    child = place.child;
  }
  if (child == IMG_CHILD_SELF)
    return 0;
  *node = (*node)->children[child].node;
  *at = host;
  uint64_t size = atomic_load (&(*node)->size);
  if (host >= size)
    return 0;
  *room = img_min (*room, size - host);
  return 1;
}

static int
write_stretch (struct img_aio_map *map, uint64_t offset, struct img_error *err)
{
  struct img_node *node = map->node;
  uint64_t at = offset, room = img_min (atomic_load (&node->size) - offset, STRETCH_WRITE);
  bool settle = (node->flags & IMG_OPEN_WRITETHROUGH) != 0;
  int r = !settle;
  while (r > 0 && node->driver->kind != IMG_PROTOCOL)
    r = step_down (&node, &at, &room, err);
  if (r < 0)
    return -1;
  img_aio_map_forget (map);
  return add (map, (struct img_aio_span) { offset, room, at, node,
                                           r > 0 ? IMG_AIO_HOST : IMG_AIO_SLOWLY }, err);
}

const struct img_aio_span *
img_aio_map_write (struct img_aio_map *map, uint64_t offset, struct img_error *err)
{
  const struct img_aio_span *s = img_aio_map_known (map, offset);
  if (s == NULL && write_stretch (map, offset, err) == 0)
    s = img_aio_map_known (map, offset);
  return s;
}
