/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-toy: a format that allocates, and one that only shifts.  The toy is as unhelpful as its
 * contract allows: places are short, fresh space is junk, freed space is handed out again at once,
 * and it notices when two callbacks run although it is SERIAL. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>
#include <blkimg/vec.h>

#include "fake.h"

enum { UNIT_NONE = -1, UNIT_ZERO = -2 };
struct toy_unit {
  int64_t host; /* number of the host unit, or UNIT_NONE, UNIT_ZERO */
  bool encoded;
};

struct toy {
  struct toy_unit *units;
  uint64_t n_units, next_host;
  uint32_t unit;
  unsigned flags;
  IMG_VEC (uint64_t) unused; /* host units to be used again */
  pthread_mutex_t mutex;     /* for a PARALLEL toy */
  atomic_uint inside, overlaps, used;
};

static struct toy *
toy_of (struct img_node *node)
{
  return node->priv;
}

/* In a callback: counts overlaps, and locks when the toy is PARALLEL. */
static void
enter (struct img_node *node)
{
  struct toy *t = toy_of (node);
  if (atomic_fetch_add (&t->inside, 1) > 0 && node->driver->threads == IMG_THREADS_SERIAL)
    atomic_fetch_add (&t->overlaps, 1);
  if (node->driver->threads == IMG_THREADS_PARALLEL)
    pthread_mutex_lock (&t->mutex);
}

static void
leave (struct img_node **node)
{
  struct toy *t = toy_of (*node);
  if ((*node)->driver->threads == IMG_THREADS_PARALLEL)
    pthread_mutex_unlock (&t->mutex);
  atomic_fetch_sub (&t->inside, 1);
}

#define INSIDE(node)                                                                       \
  __attribute__ ((unused, cleanup (leave))) struct img_node *inside_node = (enter (node), node)

static int
toy_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
         unsigned n, struct img_error *err)
{
  struct toy *t = toy_of (node);
  uint64_t end = offset + length;
  unsigned got = 0;
  (void) err;
  INSIDE (node);
  while (offset < end && got < n) {
    uint64_t u = offset / t->unit, into = offset % t->unit;
    const struct toy_unit *unit = &t->units[u];
    struct img_extent e = { offset, img_min (t->unit - into, end - offset), 0, 0, 0, 0 };
    e.kind = unit->host == UNIT_NONE   ? IMG_EXTENT_UNALLOC
             : unit->host == UNIT_ZERO ? IMG_EXTENT_ZERO
             : unit->encoded           ? IMG_EXTENT_SPECIAL
                                       : IMG_EXTENT_DATA;
    if (unit->encoded)
      e.flags = IMG_EXTENT_COMPRESSED;
    if (e.kind == IMG_EXTENT_DATA && node->limits.crypt_unit)
      e.flags = IMG_EXTENT_ENCRYPTED;
    if (e.kind == IMG_EXTENT_DATA)
      e.host_offset = (uint64_t) unit->host * t->unit + into;
    struct img_extent *last = got ? &ext[got - 1] : NULL;
    if (last && last->kind == e.kind && !unit->encoded
        && (e.kind != IMG_EXTENT_DATA || last->host_offset + last->length == e.host_offset))
      last->length += e.length;
    else
      ext[got++] = e;
    offset += e.length;
  }
  return (int) got;
}

/* Encoded units: one byte that stands for all. */
static int
toy_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
           struct img_error *err)
{
  struct toy *t = toy_of (node);
  uint8_t byte;
  INSIDE (node);
  if (offset % t->unit + length > t->unit || !t->units[offset / t->unit].encoded)
    return img_error_set (err, EINVAL, "not one special extent");
  uint64_t at = (uint64_t) t->units[offset / t->unit].host * t->unit;
  if (img_pread (node->children[0].node, &byte, 1, at, 0, err) < 0)
    return -1;
  memset (buf, byte, length);
  return 0;
}

static int
toy_encode (struct img_node *node, const void *in, size_t length, void *out, size_t cap,
            size_t *out_length, struct img_error *err)
{
  const uint8_t *p = in;
  (void) node, (void) err;
  for (size_t i = 1; i < length; i++)
    if (p[i] != p[0])
      return 1;
  if (cap < 1)
    return 1;
  *(uint8_t *) out = p[0];
  *out_length = 1;
  return 0;
}

/* A host unit, full of junk; the file grows by what it takes. */
static int
take_host (struct img_node *node, uint64_t *host, struct img_error *err)
{
  struct toy *t = toy_of (node);
  struct img_node *file = node->children[0].node;
  if (t->unused.n > 0) {
    *host = t->unused.v[--t->unused.n];
  } else {
    *host = t->next_host;
    if (img_resize (file, (*host + 1) * t->unit, IMG_PREALLOC_OFF, 0, err) < 0)
      return -1;
    t->next_host++;
  }
  uint64_t at = *host * t->unit, end = at + t->unit;
  memset (fake_mem (file)->data + at, 0xa5, t->unit);
  for (uint64_t b = at / FAKE_BLOCK; b * FAKE_BLOCK < end; b++)
    __atomic_store_n (&fake_mem (file)->there[b], 1, __ATOMIC_RELAXED);
  return 0;
}

/* In place: the run of plain units in host order, at most three.  Fresh: units in host order. */
static int
toy_reserve (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded,
             unsigned flags, struct img_place *place, struct img_error *err)
{
  struct toy *t = toy_of (node);
  uint64_t u = offset / t->unit, n = length / t->unit, i = 1, host;
  INSIDE (node);
  if (offset % t->unit || length % t->unit || n == 0 || u + n > t->n_units
      || (encoded != 0) != ((flags & IMG_PLACE_ENCODED) != 0))
    return img_error_set (err, EINVAL, "reserve of a range that is not units");
  bool in_place = !encoded && t->units[u].host >= 0 && !t->units[u].encoded;
  if (in_place)
    host = (uint64_t) t->units[u].host;
  else if (take_host (node, &host, err) < 0)
    return -1;
  for (; i < n && i < 3 && !encoded; i++) {
    const struct toy_unit *unit = &t->units[u + i];
    if ((unit->host >= 0 && !unit->encoded) != in_place)
      break;
    if (in_place ? (uint64_t) unit->host != host + i : t->next_host != host + i)
      break;
    uint64_t next;
    if (!in_place) {
      size_t unused = t->unused.n;
      t->unused.n = 0; /* at the end of the file, please */
      int r = take_host (node, &next, err);
      t->unused.n = unused;
      if (r < 0)
        return -1;
    }
  }
  place->offset = offset;
  place->length = i * t->unit;
  place->host_offset = host * t->unit;
  place->flags = encoded ? IMG_PLACE_ENCODED : in_place ? 0 : IMG_PLACE_FRESH;
  if (node->limits.crypt_unit && !encoded)
    place->flags |= IMG_PLACE_ENCRYPTED;
  place->encoded = encoded;
  place->cookie[0] = in_place;
  return 0;
}

static void
drop (struct toy *t, struct toy_unit *unit, int64_t host)
{
  if (unit->host >= 0) {
    if (img_vec_push (&t->unused, (uint64_t) unit->host) < 0)
      abort ();
    atomic_fetch_sub (&t->used, 1);
  }
  if (host >= 0)
    atomic_fetch_add (&t->used, 1);
  *unit = (struct toy_unit) { host, false };
}

static int
toy_commit (struct img_node *node, const struct img_place *place, struct img_error *err)
{
  struct toy *t = toy_of (node);
  (void) err;
  INSIDE (node);
  for (uint64_t i = 0; i < place->length / t->unit && !place->cookie[0]; i++) {
    struct toy_unit *unit = &t->units[place->offset / t->unit + i];
    drop (t, unit, (int64_t) (place->host_offset / t->unit + i));
    unit->encoded = place->flags & IMG_PLACE_ENCODED;
  }
  return 0;
}

static void
toy_abandon (struct img_node *node, const struct img_place *place)
{
  struct toy *t = toy_of (node);
  INSIDE (node);
  for (uint64_t i = 0; i < place->length / t->unit && !place->cookie[0]; i++)
    if (img_vec_push (&t->unused, place->host_offset / t->unit + i) < 0)
      abort ();
}

/* Both: every unit of the range becomes HOST. */
static int
drop_range (struct img_node *node, uint64_t offset, uint64_t length, int64_t host,
            struct img_error *err)
{
  struct toy *t = toy_of (node);
  INSIDE (node);
  if (offset % t->unit || length % t->unit || length == 0
      || (offset + length) / t->unit > t->n_units)
    return img_error_set (err, EINVAL, "a range that is not units");
  for (uint64_t i = 0; i < length / t->unit; i++)
    drop (t, &t->units[offset / t->unit + i], host);
  return 0;
}

static int
toy_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
          struct img_error *err)
{
  (void) flags;
  if (toy_of (node)->flags & FAKE_NO_ZERO)
    return img_error_set (err, ENOTSUP, "no zeroes here");
  return drop_range (node, offset, length, UNIT_ZERO, err);
}

static int
toy_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  if (toy_of (node)->flags & FAKE_NO_DISCARD)
    return img_error_set (err, ENOTSUP, "no discard here");
  return drop_range (node, offset, length, UNIT_ZERO, err);
}

static int
set_units (struct toy *t, uint64_t size)
{
  uint64_t n = img_div_up (size, t->unit);
  struct toy_unit *units = realloc (t->units, (n + 1) * sizeof *units);
  if (units == NULL)
    return -1;
  t->units = units;
  for (uint64_t u = t->n_units; u < n; u++)
    units[u] = (struct toy_unit) { UNIT_NONE, false };
  t->n_units = n;
  return 0;
}

static int
toy_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
            struct img_error *err)
{
  (void) prealloc, (void) flags;
  if (set_units (toy_of (node), size) < 0)
    return img_error_set (err, ENOMEM, "out of memory");
  return 0;
}

static void
toy_close (struct img_node *node)
{
  struct toy *t = toy_of (node);
  free (t->units);
  img_vec_free (&t->unused);
  pthread_mutex_destroy (&t->mutex);
}

static int
fake_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  (void) node, (void) info, (void) err;
  return 0;
}

static const struct img_driver toy_driver = {
  .struct_size = sizeof toy_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .name = "fake-toy",
  .priv_size = sizeof (struct toy),
  .caps = IMG_CAP_BACKING | IMG_CAP_COMPRESS | IMG_CAP_ZERO_INIT,
  .close = toy_close,
  .get_info = fake_get_info,
  .map = toy_map,
  .pread = toy_pread,
  .reserve = toy_reserve,
  .commit = toy_commit,
  .abandon = toy_abandon,
  .encode = toy_encode,
  .zero = toy_zero,
  .discard = toy_discard,
  .resize = toy_resize,
};

struct img_node *
fake_toy_new (struct img_node *file, struct img_node *backing, uint64_t size, uint32_t unit,
              unsigned flags)
{
  struct img_node *node = fake_node (&toy_driver, "toy", size,
                                     flags & FAKE_READ_ONLY ? 0 : IMG_OPEN_RDWR);
  struct toy *t = toy_of (node);
  fake_driver (node)->threads = flags & FAKE_PARALLEL ? IMG_THREADS_PARALLEL : IMG_THREADS_SERIAL;
  t->unit = unit;
  t->flags = flags;
  pthread_mutex_init (&t->mutex, NULL);
  node->limits.alloc_unit = unit;
  if (set_units (t, size) < 0)
    abort ();
  fake_add (node, "file", file);
  if (backing)
    fake_add (node, "backing", backing);
  return node;
}

unsigned
fake_toy_overlaps (struct img_node *node)
{
  return atomic_load (&toy_of (node)->overlaps);
}

unsigned
fake_toy_used (struct img_node *node)
{
  return atomic_load (&toy_of (node)->used);
}

void
fake_toy_fill (struct img_node *node, uint64_t first, uint64_t n)
{
  struct toy *t = toy_of (node);
  for (uint64_t u = first; u < first + n; u++)
    t->units[u] = (struct toy_unit) { (int64_t) t->next_host++, false };
  atomic_store (&node->children[0].node->size, t->next_host * t->unit);
}

/* ---- the plain format ---- */

static int
plain_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
           unsigned n, struct img_error *err)
{
  const uint64_t *start = node->priv;
  uint32_t flags = node->limits.crypt_unit ? IMG_EXTENT_ENCRYPTED : 0;
  (void) n, (void) err;
  *ext = (struct img_extent) { offset, length, *start + offset, IMG_EXTENT_DATA, 0, flags };
  return 1;
}

static const struct img_driver plain_driver = {
  .struct_size = sizeof plain_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .threads = IMG_THREADS_PARALLEL,
  .name = "fake-plain",
  .priv_size = sizeof (uint64_t),
  .caps = IMG_CAP_PLAIN,
  .get_info = fake_get_info,
  .map = plain_map,
};

struct img_node *
fake_plain_new (struct img_node *file, uint64_t start, uint64_t size, unsigned flags)
{
  struct img_node *node = fake_node (&plain_driver, "plain", size,
                                     flags & FAKE_READ_ONLY ? 0 : IMG_OPEN_RDWR);
  *(uint64_t *) node->priv = start;
  fake_add (node, "file", file);
  return node;
}

/* ---- encryption ---- */

/* Each eight bytes depend on those before them in the sector: half a sector deciphers to junk. */
void
fake_cipher (bool encrypt, uint8_t *buf, uint64_t offset, uint64_t host)
{
  uint64_t chain = (offset / 512 + 1) * UINT64_C (0x9e3779b97f4a7c15)
                   ^ (host / 512 + 1) * UINT64_C (0xbf58476d1ce4e5b9);
  for (unsigned i = 0; i < 512; i += 8) {
    uint64_t in, out;
    memcpy (&in, buf + i, 8);
    out = in ^ chain;
    memcpy (buf + i, &out, 8);
    chain = (chain ^ (encrypt ? out : in)) * UINT64_C (0x94d049bb133111eb) + i;
  }
}

static int
fake_crypt (struct img_node *node, bool encrypt, void *buf, uint64_t length, uint64_t offset,
            uint64_t host, struct img_error *err)
{
  if (length == 0 || length % 512 || offset % 512 || host % 512)
    return img_error_set (err, EINVAL, "%s: not whole sectors", node->filename);
  for (uint64_t i = 0; i < length; i += 512)
    fake_cipher (encrypt, (uint8_t *) buf + i, offset + i, host + i);
  return 0;
}

struct img_node *
fake_encrypt (struct img_node *node)
{
  fake_driver (node)->crypt = fake_crypt;
  node->limits.crypt_unit = 512;
  return node;
}
