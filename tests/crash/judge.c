/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* judge.c - whether the files are in a state in which a power cut may leave them: the check of the
 * image finds no more than leaks, and it and its snapshots read as they may. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/endian.h>
#include <blkimg/module.h>
#include <blkimg/overflow.h>

#include "tests/crash/replay.h"

enum { AUTOCLEAR = 88 }; /* in the header of qcow2: autoclear features, the highest byte first */

static bool
complain (const char *where, const char *what)
{
  if (run.bad++ < ENOUGH)
    printf ("%s: %s\n", where, what);
  return false;
}

static bool
is_view (const struct state *view, const uint8_t *bytes, uint64_t size)
{
  return view->size == size && memcmp (view->bytes, bytes, size) == 0;
}

/* One more byte of BYTES is RIGHT where it is as C makes it. */
static void
accept (const struct change *c, const uint8_t *bytes, uint64_t size, uint8_t *right)
{
  uint64_t end = img_min (c->e.offset + c->e.length, size);

  for (uint64_t i = c->e.offset; c->e.kind == LOG_WRITE && i < end; i++)
    right[i] |= bytes[i] == c->bytes[i - c->e.offset];
}

/* Between the last flush of the shadow and the first change of it that is behind the first AT
 * entries of the log. */
static bool
is_of_shadow (const uint8_t *bytes, uint64_t size, size_t at)
{
  const struct file *f = &run.files[run.shadow_file];
  uint8_t *right = room (size + 1);
  bool same_size = size == f->durable.size;
  uint64_t n = 0;

  for (uint64_t i = 0; i < size; i++)
    right[i] = bytes[i] == (i < f->durable.size ? f->durable.bytes[i] : 0);
  for (size_t k = 0; k < f->loose.n; k++) {
    accept (f->loose.v[k], bytes, size, right);
    same_size |= f->loose.v[k]->e.kind == LOG_SIZE && f->loose.v[k]->e.offset == size;
  }
  while (at < run.log.n && (run.log.v[at].e.kind == LOG_FLUSH
                            || (int) run.log.v[at].e.file != run.shadow_file))
    at++;
  if (at < run.log.n) {
    accept (&run.log.v[at], bytes, size, right);
    same_size |= run.log.v[at].e.kind == LOG_SIZE && run.log.v[at].e.offset == size;
  }
  while (n < size && right[n])
    n++;
  free (right);
  return same_size && n == size;
}

static bool
reads_right (const uint8_t *bytes, uint64_t size, size_t entry)
{
  bool right = false;

  if (run.shadow_file >= 0)
    return is_of_shadow (bytes, size, entry);
  if (run.autoclear && run.n_files > 0 && (run.files[0].shown.bytes[AUTOCLEAR] & 0x80))
    return is_view (&run.views[0], bytes, size);
  for (unsigned i = 0; i < run.n_views && !right; i++)
    right = is_view (&run.views[i], bytes, size);
  if (right || !run.mixed || size > run.views[0].size)
    return right;
  right = true;
  for (uint64_t at = 0; at < size && right; at += SECTOR) {
    uint64_t n = img_min (SECTOR, size - at);
    right = false;
    for (unsigned i = 0; i < run.n_views && !right; i++)
      right = memcmp (run.views[i].bytes + at, bytes + at, n) == 0;
  }
  return right;
}

static struct img_node *
open_image (const char *name, unsigned flags, const char *snapshot, struct img_error *err)
{
  struct img_open_params params = { .struct_size = sizeof params, .flags = flags,
                                    .snapshot = snapshot, .objects = run.objects };
  struct img_node *node = img_open (name, &params, err);

  if (node == NULL && err->code == EACCES && run.other && strcmp (name, run.image) == 0)
    node = img_open (run.other, &params, err);
  if (node && img_size (node) > MOST)
    die ("%s is too long", name);
  return node;
}

/* Refcounts that cannot be found are made anew, last: what a repair takes before has none. */
static void
note_uncounted (void *arg, bool corruption, const char *line)
{
  (void) arg;
  run.uncounted |= corruption
                   && (strstr (line, "refcount table") || strstr (line, "refcount block"));
}

/* What a repair puts right behind the rest: flags that are to follow the refcounts, and those. */
static void
count_late (void *arg, bool corruption, const char *line)
{
  bool late = strstr (line, "OFLAG_COPIED") || (run.uncounted && strstr (line, " refcount=0 "));

  *(uint64_t *) arg += corruption && late;
}

/* What the check finds wrong, leaks not counted, nor what SAY counts as late; UINT64_MAX: it
 * fails. */
static uint64_t
faults_of (const char *name, void (*say) (void *, bool, const char *), struct img_error *err)
{
  uint64_t late = 0;
  struct img_check check = { .struct_size = sizeof check, .say = say, .say_arg = &late };
  struct img_node *node = open_image (name, IMG_OPENF_CHECK | IMG_OPENF_NO_BACKING, NULL, err);

  if (node == NULL)
    return UINT64_MAX;
  int r = img_check (node, &check, 0, err);
  img_close (node, NULL);
  if (r < 0 && err->code == ENOTSUP) /* nothing to be wrong */
    return 0;
  return r < 0 ? UINT64_MAX : check.corruptions + check.check_errors - late;
}

/* A repair can be done again: it mends as much as one that was not interrupted. */
static bool
mends_again (const char *where)
{
  struct img_check check = { .struct_size = sizeof check };
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node = open_image (run.image, IMG_OPENF_CHECK | IMG_OPENF_NO_BACKING
                                                   | IMG_OPENF_RDWR, NULL, &err);
  char text[80];

  if (node == NULL)
    return run.left == UINT64_MAX || complain (where, err.message);
  int r = img_check (node, &check, IMG_REPAIR_ERRORS | IMG_REPAIR_LEAKS, &err);
  img_close (node, NULL);
  for (unsigned i = 0; i < run.n_files; i++) /* what is shown is to be written anew */
    run.files[i].shown.size = 0;
  if (r < 0)
    return run.left == UINT64_MAX || complain (where, err.message);
  uint64_t n = check.corruptions + check.check_errors;
  snprintf (text, sizeof text, "%ju faults after another repair, not %ju", (uintmax_t) n,
            (uintmax_t) run.left);
  return n <= run.left || complain (where, text);
}

static bool
check_no_worse (const char *where)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t n = faults_of (run.image, run.repaired ? count_late : NULL, &err);
  char text[80];

  if (n == UINT64_MAX && run.faults < n)
    return complain (where, err.message);
  snprintf (text, sizeof text, "%ju faults, %ju at the start", (uintmax_t) n,
            (uintmax_t) run.faults);
  return n <= run.faults || complain (where, text);
}

/* Reads the image or its snapshot whole. */
static bool
reads_as_wanted (const char *where, size_t at, const struct snapshot *snapshot)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node = open_image (run.image, 0, snapshot ? snapshot->name : NULL, &err);
  uint64_t size = node ? img_size (node) : 0;
  char text[80];

  if (node == NULL)
    return (snapshot && !snapshot->must && err.code == ENOENT) || complain (where, err.message);
  uint8_t *bytes = room (size + 1);
  int r = img_pread (node, bytes, size, 0, 0, &err);
  bool right = r == 0 && (snapshot ? is_view (&snapshot->view, bytes, size)
                                   : reads_right (bytes, size, at));
  free (bytes);
  img_close (node, NULL);
  snprintf (text, sizeof text, "%s reads as nothing that it may",
            snapshot ? snapshot->name : "the image");
  return right || complain (where, r < 0 ? err.message : text);
}

/* ---- dirty bitmaps ---- */

/* Is NAME there, and may it be trusted?  1, 0; -1: error. */
static int
is_usable (struct img_node *node, const char *name, struct img_error *err)
{
  struct img_value *list = img_bitmap_list (node, err);
  int r = list ? 0 : -1;

  for (size_t i = 0; i < img_value_count (list); i++) {
    const struct img_value *b = img_value_at (list, i), *flags = img_value_get (b, "flags");
    if (strcmp (img_value_string (img_value_get (b, "name")), name) != 0)
      continue;
    r = 1;
    for (size_t k = 0; k < img_value_count (flags); k++)
      r &= strcmp (img_value_string (img_value_at (flags, k)), "in-use") != 0;
  }
  img_value_free (list);
  return r;
}

/* The first byte in [FROM, END) of BYTES that is not what the view of B has there, or END. */
static uint64_t
first_other (const struct snapshot *b, const uint8_t *bytes, uint64_t from, uint64_t end)
{
  while (from < end && bytes[from] == b->view.bytes[from])
    from++;
  return from;
}

/* All of BYTES that differs from the view of B is marked. */
static int
is_marked (struct img_node *node, const struct snapshot *b, const uint8_t *bytes, uint64_t size,
           struct img_error *err)
{
  uint64_t at = 0, start, length;
  int r;

  while ((r = img_bitmap_next (node, b->name, at, &start, &length, err)) > 0) {
    if (first_other (b, bytes, at, img_min (start, size)) < img_min (start, size))
      break;
    at = start + length;
  }
  if (r == 0 && first_other (b, bytes, at, size) == size)
    return 0;
  return r < 0 ? -1 : img_error_set (err, EINVAL, "%s has not marked all that changed", b->name);
}

static bool
bitmap_holds (const char *where, const struct snapshot *b)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node = open_image (run.image, 0, NULL, &err);
  uint64_t size = node ? img_min (img_size (node), b->view.size) : 0;

  if (node == NULL)
    return complain (where, err.message);
  uint8_t *bytes = room (size + 1);
  int r = is_usable (node, b->name, &err);
  if (r > 0 && img_pread (node, bytes, size, 0, 0, &err) == 0)
    r = is_marked (node, b, bytes, size, &err);
  free (bytes);
  img_close (node, NULL);
  return r == 0 || complain (where, err.message);
}

/* ---- key slots ---- */

/* LUKS On-Disk Format Specification 1.2.3, figure 2: where slot N is described, and what says that
 * it is in use. */
enum { SLOTS = 208, SLOT_BYTES = 48, SLOT_MATERIAL = 40, IN_USE = 0x00ac71f3 };

/* A part of the key material of run.slot. */
static const uint8_t *
material_of (const struct state *s)
{
  return s->bytes + (uint64_t) be32_get (s->bytes + SLOTS + run.slot * SLOT_BYTES + SLOT_MATERIAL)
                      * SECTOR;
}

static bool
slot_holds (const char *where)
{
  struct img_error err = IMG_ERROR_INIT;
  const struct state *now = &run.files[0].shown, *was = &run.at_start;

  if (be32_get (now->bytes + SLOTS + run.slot * SLOT_BYTES) == IN_USE) {
    struct img_node *node = open_image (run.by_slot, 0, NULL, &err);
    img_close (node, NULL);
    return node || complain (where, err.message);
  }
  return be32_get (was->bytes + SLOTS + run.slot * SLOT_BYTES) != IN_USE
         || memcmp (material_of (now), material_of (was), SECTOR) != 0
         || complain (where, "key material that was given up is still there");
}

/* ---- wrong images ---- */

/* Of an image that is wrong: each sector that could be read. */
static bool
keeps_readable (const char *where)
{
  struct img_error err = IMG_ERROR_INIT;
  struct state *was = &run.views[0];
  struct img_node *node = was->size ? open_image (run.image, 0, NULL, &err) : NULL;
  uint8_t bytes[SECTOR];
  char text[80] = "";

  if (was->size && node == NULL)
    return complain (where, err.message);
  for (uint64_t at = 0; at < was->size && *text == 0; at += SECTOR)
    if (run.readable[at / SECTOR] && (img_pread (node, bytes, SECTOR, at, 0, &err) < 0
                                      || memcmp (bytes, was->bytes + at, SECTOR) != 0))
      snprintf (text, sizeof text, "guest offset 0x%jx is not what it was", (uintmax_t) at);
  img_close (node, NULL);
  return *text == 0 || complain (where, text);
}

void
look_at_wrong (const char *name)
{
  struct img_error err = IMG_ERROR_INIT;
  struct state *was = &run.views[0];

  if (run.repaired) {
    run.left = faults_of (run.repaired, NULL, &err);
    faults_of (name, note_uncounted, &err);
  }
  run.faults = faults_of (name, run.repaired ? count_late : NULL, &err);
  was->bytes = room (MOST);
  run.readable = room (MOST / SECTOR);
  struct img_node *node = open_image (name, 0, NULL, &err);
  was->size = node ? img_size (node) / SECTOR * SECTOR : 0;
  for (uint64_t at = 0; at < was->size; at += SECTOR)
    run.readable[at / SECTOR] = img_pread (node, was->bytes + at, SECTOR, at, 0, &err) == 0;
  img_close (node, NULL);
}

void
judge (const char *what, size_t at)
{
  char where[80];

  run.states++;
  snprintf (where, sizeof where, "%s, entry %zu of %zu", what, at, run.log.n);
  if (run.repaired) {
    if (check_no_worse (where) && keeps_readable (where) && mends_again (where))
      keeps_readable (where);
    return;
  }
  if (!check_no_worse (where)
      || !(run.wrong ? keeps_readable (where) : reads_as_wanted (where, at, NULL)))
    return;
  if (run.by_slot && run.n_files > 0 && !slot_holds (where))
    return;
  for (unsigned i = 0; i < run.n_snapshots; i++)
    if (!reads_as_wanted (where, at, &run.snapshots[i]))
      return;
  for (unsigned i = 0; i < run.n_bitmaps; i++)
    if (!bitmap_holds (where, &run.bitmaps[i]))
      return;
}
