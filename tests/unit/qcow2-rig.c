/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <check.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "qcow2-rig.h"
#include "seed.h"

const struct img_module *img_module_entry (void); /* modules/qcow2/qcow2.c */

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

const struct img_driver *
rig_driver (void)
{
  return img_module_entry ()->drivers[0];
}

struct img_node *
rig_make (const char *options, uint64_t size)
{
  struct img_error err = IMG_ERROR_INIT;
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = img_opts_new ();
  struct img_create c = { .struct_size = sizeof c, .filename = "memory", .size = size };
  ck_assert_ptr_nonnull (opts);
  ck_assert_int_eq (img_opts_parse (opts, options, NULL, &err), 0);
  ck_assert_int_eq (img_opts_check (opts, rig_driver ()->create_opts, "qcow2", &err), 0);
  c.opts = opts;
  c.file = fake_mem_new (0, RIG_CAP, IMG_OPEN_RDWR);
  int r = rig_driver ()->create (&c, &err);
  ck_assert_msg (r == 0, "%s", err.message);
  return c.file;
}

struct img_node *
rig_file (const uint8_t *data, uint64_t size, unsigned flags)
{
  struct img_node *file = fake_mem_new (size, RIG_CAP, flags);
  memcpy (fake_mem (file)->data, data, size);
  memset (fake_mem (file)->there, 1, size / FAKE_BLOCK + 1);
  return file;
}

struct img_node *
rig_open (struct img_node *file, unsigned flags, struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = img_opts_new ();
  struct img_node *node = fake_node (rig_driver (), "image", 0, flags);
  fake_add (node, "file", file);
  if (img_opts_check (opts, rig_driver ()->open_opts, "qcow2", err) == 0
      && rig_driver ()->open (node, opts, flags, err) == 0)
    return node;
  fake_driver (node)->close = NULL;
  fake_free (node);
  return NULL;
}

static void
say (void *arg, bool corruption, const char *line)
{
  (void) arg;
  if (corruption)
    printf ("# %s\n", line);
}

struct img_check
rig_check (const uint8_t *data, uint64_t size)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_check check = { .struct_size = sizeof check, .say = say };
  struct img_node *node = rig_open (rig_file (data, size, 0), IMG_OPEN_CHECK, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  int r = rig_driver ()->check (node, &check, 0, &err);
  ck_assert_msg (r == 0, "%s", err.message);
  fake_free (node);
  return check;
}

/* ---- the guest disk ---- */

struct rig_disk *
rig_disk_new (struct img_node *node, uint64_t most, uint64_t seed)
{
  struct rig_disk *d = calloc (1, sizeof *d);
  ck_assert_ptr_nonnull (d);
  d->node = node;
  d->size = img_size (node);
  d->most = most;
  d->state = seed;
  d->bytes = calloc (1, most);
  d->known = malloc (most);
  d->safe = calloc (1, most);
  d->packed = calloc (1, most / 512 + 1);
  ck_assert (d->bytes && d->known && d->safe && d->packed);
  memset (d->known, 1, most);
  return d;
}

void
rig_disk_free (struct rig_disk *d)
{
  fake_free (d->node);
  free (d->bytes);
  free (d->known);
  free (d->safe);
  free (d->packed);
  free (d);
}

/* Widens the range to whole clusters where one of them cannot be read. */
static void
widen (struct rig_disk *d, uint64_t *offset, uint64_t *length, bool make_plain)
{
  uint64_t unit = img_node_limits (d->node)->encode_unit;
  uint64_t first = *offset / unit, last = (*offset + *length - 1) / unit;
  bool any = false;
  for (uint64_t i = first; i <= last; i++)
    any |= d->packed[i];
  if (!any)
    return;
  *offset = first * unit;
  *length = img_min ((last + 1) * unit, d->size) - *offset;
  if (make_plain)
    memset (d->packed + first, 0, last - first + 1);
}

static void
touch (struct rig_disk *d, uint64_t offset, uint64_t length)
{
  memset (d->safe + offset, 0, length);
}

static int
settle (struct rig_disk *d, int r, uint64_t offset, uint64_t length)
{
  memset (d->known + offset, r == 0, length);
  return r;
}

static int
do_write (struct rig_disk *d, uint64_t offset, uint64_t length, struct img_error *err)
{
  widen (d, &offset, &length, false);
  touch (d, offset, length);
  memset (d->bytes + offset, (int) (1 + rnd_below (&d->state, 255)), length);
  int r = img_pwrite (d->node, d->bytes + offset, length, offset, 0, err);
  if (r == 0)
    widen (d, &offset, &length, true);
  return settle (d, r, offset, length);
}

static int
do_zero (struct rig_disk *d, uint64_t offset, uint64_t length, struct img_error *err)
{
  unsigned flags = rnd_below (&d->state, 2) ? IMG_IO_UNMAP : 0;
  widen (d, &offset, &length, false);
  touch (d, offset, length);
  memset (d->bytes + offset, 0, length);
  int r = img_zero (d->node, offset, length, flags, err);
  if (r == 0)
    widen (d, &offset, &length, true);
  return settle (d, r, offset, length);
}

static int
do_discard (struct rig_disk *d, uint64_t offset, uint64_t length, struct img_error *err)
{
  widen (d, &offset, &length, false);
  touch (d, offset, length);
  int r = img_discard (d->node, offset, length, 0, err);
  settle (d, -1, offset, length);
  return r;
}

/* A stream of junk: only its place counts here. */
static int
do_encoded (struct rig_disk *d, uint64_t offset, struct img_error *err)
{
  const struct img_driver *driver = d->node->driver;
  uint64_t unit = img_node_limits (d->node)->encode_unit;
  uint64_t bytes = 1 + rnd_below (&d->state, unit - 1);
  struct img_place place;
  offset -= offset % unit;
  if (offset + unit > d->size) /* writing to all that is there of it would have to decode it */
    return 0;
  touch (d, offset, unit);
  if (driver->reserve (d->node, offset, unit, bytes, IMG_PLACE_ENCODED, &place, err) < 0)
    return -1;
  uint8_t *stream = malloc (bytes);
  memset (stream, 0x5a, bytes);
  int r = img_pwrite (d->node->children[0].node, stream, bytes, place.host_offset, 0, err);
  free (stream);
  if (r < 0 || rnd_below (&d->state, 8) == 0) {
    driver->abandon (d->node, &place);
    return r;
  }
  if (driver->commit (d->node, &place, err) < 0)
    return -1;
  d->packed[offset / unit] = 1;
  memset (d->known + offset, 0, unit);
  return 0;
}

static int
do_resize (struct rig_disk *d, struct img_error *err)
{
  uint64_t size = img_min (d->most, d->size + 512 * (1 + rnd_below (&d->state, 600)));
  uint64_t old = d->size;
  if (size <= old)
    return 0;
  int r = img_resize (d->node, size, (enum img_prealloc) rnd_below (&d->state, 2), 0, err);
  d->size = img_size (d->node);
  return settle (d, r, old, d->size - old);
}

static int
do_flush (struct rig_disk *d, struct img_error *err)
{
  if (img_flush (d->node, err) < 0)
    return -1;
  memcpy (d->safe, d->known, d->size);
  return 0;
}

int
rig_operate (struct rig_disk *d, struct img_error *err)
{
  static const uint64_t lengths[] = { 512, 3000, 10000, 60000 };
  uint64_t what = rnd_below (&d->state, 100), align = rnd_below (&d->state, 2) ? 512 : 4096;
  uint64_t length = 1 + rnd_below (&d->state, lengths[rnd_below (&d->state, 4)]);
  uint64_t offset = rnd_below (&d->state, d->size - length + 1) / align * align;
  if (what < 50)
    return do_write (d, offset, length, err);
  if (what < 65)
    return do_zero (d, offset, length, err);
  if (what < 75)
    return do_discard (d, offset, length, err);
  if (what < 88)
    return d->node->limits.encode_unit ? do_encoded (d, offset, err) : 0;
  if (what < 92)
    return do_resize (d, err);
  return do_flush (d, err);
}

uint64_t
rig_differs (struct img_node *node, const uint8_t *bytes, const uint8_t *known, uint64_t size)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t unit = img_node_limits (node)->encode_unit, found = UINT64_MAX;
  uint8_t *buf = malloc (unit);
  size = img_min (size, img_size (node));
  for (uint64_t at = 0, n; at < size && found == UINT64_MAX; at += n) {
    n = img_min (unit, size - at);
    if (memchr (known + at, 1, n) == NULL)
      continue;
    bool failed = img_pread (node, buf, n, at, 0, &err) < 0;
    if (failed)
      printf ("# %s\n", err.message);
    for (uint64_t i = 0; i < n && found == UINT64_MAX; i++)
      if (known[at + i] && (failed || buf[i] != bytes[at + i]))
        found = at + i;
  }
  free (buf);
  return found;
}

void
rig_compare (const struct rig_disk *d, struct img_node *node, const uint8_t *known)
{
  uint64_t at = rig_differs (node, d->bytes, known, d->size);
  if (at != UINT64_MAX) /* an assertion writes to a file */
    ck_abort_msg ("byte 0x%llx is not %02x", (unsigned long long) at, d->bytes[at]);
}
