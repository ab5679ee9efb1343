/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Power cuts.  All writes to the file are recorded; what was flushed is on the disk, of what was
 * not any part may be, in any order.  Whatever a cut leaves, a check must find leaks at worst,
 * and what was flushed by the guest and not touched since must read as it was. */
#include <config.h>

#include <check.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>
#include <blkimg/vec.h>

#include "qcow2-rig.h"
#include "seed.h"
#include "suite.h"

enum { MOST = 2400 << 10, OPERATIONS = 120 };

struct record {
  uint64_t offset, length;
  uint8_t *bytes;
};

static struct {
  struct rig_disk *disk;
  uint8_t *durable; /* RIG_CAP bytes */
  IMG_VEC (struct record) loose;
  const struct img_driver *mem;
  uint64_t state;
  unsigned cuts, every;
  /* during a turn: all of the disk is that, where it is known, or what it was */
  const uint8_t *other, *other_known;
  struct rig_disk *kept; /* what the snapshot holds, NULL: there is none */
} cut;

/* ---- one power cut ---- */

static void
apply (uint8_t *to, uint64_t size, const struct record *r, uint64_t from, uint64_t end)
{
  end = img_min (end, size > r->offset ? size - r->offset : 0); /* cut off since */
  if (from < end)
    memcpy (to + r->offset + from, r->bytes + from, end - from);
}

/* Each write not at all, in full, or up to or from a sector on. */
static void
apply_some (uint8_t *to, uint64_t size)
{
  uint64_t which = rnd_below (&cut.state, 4);
  for (size_t i = 0; i < cut.loose.n; i++) {
    const struct record *r = &cut.loose.v[i];
    uint64_t edge = rnd_below (&cut.state, r->length / 512 + 1) * 512;
    if (which == 0 && i + 1 < cut.loose.n) /* the last only */
      continue;
    switch (which == 1 ? 0 : rnd_below (&cut.state, 5)) {
    case 0:
    case 1:
      apply (to, size, r, 0, r->length);
      break;
    case 2:
      apply (to, size, r, 0, edge);
      break;
    case 3:
      apply (to, size, r, edge, r->length);
      break;
    }
  }
}

static void
power_cut (void)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t size = img_size (cut.disk->node->children[0].node);
  uint8_t *image = malloc (size);
  ck_assert_ptr_nonnull (image);
  cut.cuts++;
  memcpy (image, cut.durable, size);
  apply_some (image, size);
  struct img_check check = rig_check (image, size);
  ck_assert_uint_eq (check.corruptions, 0);
  ck_assert_uint_eq (check.check_errors, 0);
  struct img_node *node = rig_open (rig_file (image, size, 0), 0, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  if (cut.other == NULL
      || rig_differs (node, cut.other, cut.other_known, MOST) != UINT64_MAX)
    rig_compare (cut.disk, node, cut.other ? cut.disk->known : cut.disk->safe);
  fake_free (node);
  free (image);
}

/* ---- the recorded file ---- */

static void
record (const void *buf, uint64_t length, uint64_t offset)
{
  struct record r = { offset, length, calloc (1, length) };
  ck_assert_ptr_nonnull (r.bytes);
  if (buf)
    memcpy (r.bytes, buf, length);
  ck_assert_int_eq (img_vec_push (&cut.loose, r), 0);
  if (rnd_below (&cut.state, cut.every) == 0)
    power_cut ();
}

static int
log_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
            struct img_error *err)
{
  record (buf, length, offset);
  return cut.mem->pwrite (node, buf, length, offset, err);
}

static int
log_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
          struct img_error *err)
{
  record (NULL, length, offset);
  return cut.mem->zero (node, offset, length, flags, err);
}

static int
log_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  record (NULL, length, offset);
  return cut.mem->discard (node, offset, length, err);
}

static int
log_flush (struct img_node *node, struct img_error *err)
{
  (void) node, (void) err;
  if (rnd_below (&cut.state, 3) == 0)
    power_cut ();
  for (size_t i = 0; i < cut.loose.n; i++) {
    apply (cut.durable, RIG_CAP, &cut.loose.v[i], 0, cut.loose.v[i].length);
    free (cut.loose.v[i].bytes);
  }
  cut.loose.n = 0;
  return 0;
}

static struct img_node *
recorded (struct img_node *file)
{
  static struct img_driver original;
  original = *file->driver;
  cut.mem = &original;
  memcpy (cut.durable, fake_mem (file)->data, RIG_CAP);
  fake_driver (file)->pwrite = log_pwrite;
  fake_driver (file)->zero = log_zero;
  fake_driver (file)->discard = log_discard;
  fake_driver (file)->flush = log_flush;
  return file;
}

/* ---- turns: from one state to another ---- */

/* All that is known is on the disk. */
static void
settle (struct img_error *err)
{
  ck_assert_int_eq (img_flush (cut.disk->node, err), 0);
  memcpy (cut.disk->safe, cut.disk->known, MOST);
}

/* After a turn nothing is lost, and no table waits to be written. */
static void
judge (void)
{
  struct img_node *file = cut.disk->node->children[0].node;
  struct img_check check = rig_check (fake_mem (file)->data, img_size (file));
  ck_assert_uint_eq (check.corruptions + check.leaks, 0);
}

static void
copy_disk (struct rig_disk *to, const struct rig_disk *from)
{
  memcpy (to->bytes, from->bytes, MOST);
  memcpy (to->known, from->known, MOST);
  memcpy (to->safe, from->known, MOST);
  memcpy (to->packed, from->packed, MOST / 512 + 1);
  to->size = from->size;
}

static void
do_empty (struct img_error *err)
{
  struct rig_disk *d = cut.disk;
  uint8_t *zeroes = calloc (1, MOST), *all = malloc (MOST);
  ck_assert (zeroes && all);
  memset (all, 1, MOST);
  settle (err);
  cut.other = zeroes;
  cut.other_known = all;
  ck_assert_msg (rig_driver ()->make_empty (d->node, err) == 0, "%s", err->message);
  cut.other = NULL;
  memset (d->bytes, 0, MOST);
  memset (d->known, 1, MOST);
  memset (d->safe, 1, MOST);
  memset (d->packed, 0, MOST / 512 + 1);
  free (zeroes);
  free (all);
  judge ();
}

static void
do_create (struct img_error *err)
{
  settle (err);
  if (rig_driver ()->snapshot->create (cut.disk->node, "s", 1, 2, err) < 0) {
    ck_assert_int_eq (err->code, ERANGE); /* narrow refcounts */
    img_error_clear (err);
    return;
  }
  judge ();
  cut.kept = rig_disk_new (cut.disk->node, MOST, 0);
  copy_disk (cut.kept, cut.disk);
}

static void
do_apply (struct img_error *err)
{
  settle (err);
  cut.other = cut.kept->bytes;
  cut.other_known = cut.kept->known;
  ck_assert_msg (rig_driver ()->snapshot->apply (cut.disk->node, "s", err) == 0, "%s",
                 err->message);
  cut.other = NULL;
  copy_disk (cut.disk, cut.kept);
  ck_assert_uint_eq (img_size (cut.disk->node), cut.disk->size);
  judge ();
}

static void
drop_kept (void)
{
  if (cut.kept == NULL)
    return;
  free (cut.kept->bytes);
  free (cut.kept->known);
  free (cut.kept->safe);
  free (cut.kept->packed);
  free (cut.kept);
  cut.kept = NULL;
}

static void
do_remove (struct img_error *err)
{
  settle (err);
  ck_assert_msg (rig_driver ()->snapshot->remove (cut.disk->node, "s", err) == 0, "%s",
                 err->message);
  drop_kept ();
  judge ();
}

static void
turn (struct img_error *err)
{
  uint64_t what = rnd_below (&cut.state, 4);
  if (what == 0)
    do_empty (err);
  else if (cut.kept == NULL)
    do_create (err);
  else if (what == 1)
    do_remove (err);
  else
    do_apply (err);
}

/* ---- the tests ---- */

static const struct {
  const char *options;
  uint64_t size;
} cases[] = {
  { "cluster_size=4k", 300 << 10 },
  { "cluster_size=512", 2000 << 10 }, /* grows beyond what one cluster of L1 table has */
  { "cluster_size=4k,refcount_bits=64,compat=1.1", 300 << 10 },
  { "cluster_size=1k,refcount_bits=1", 300 << 10 },
  { "cluster_size=16k,extended_l2=on", 300 << 10 },
  { "cluster_size=4k,compat=0.10", 300 << 10 },
  { "cluster_size=64k", 300 << 10 },
};

START_TEST (cuts)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t seed = test_seed ();
  cut.state = seed + (uint64_t) _i;
  cut.every = 4;
  cut.durable = malloc (RIG_CAP);
  struct img_node *file = recorded (rig_make (cases[_i].options, cases[_i].size));
  unsigned flags = IMG_OPEN_RDWR | (_i & 1 ? IMG_OPEN_UNMAP : 0);
  file->flags = flags;
  cut.loose.n = 0;
  struct img_node *node = rig_open (file, flags, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  cut.disk = rig_disk_new (node, MOST, seed);
  for (int i = 0; i < OPERATIONS; i++) {
    if (rig_operate (cut.disk, &err) < 0) {
      ck_assert_msg (cut.kept && err.code == ENOTSUP, "%s", err.message); /* version 2, resize */
      img_error_clear (&err);
    }
    if (rnd_below (&cut.state, OPERATIONS / 8) == 0)
      turn (&err);
  }
  ck_assert_uint_gt (cut.cuts, 0);
  printf ("# %u cuts, %s\n", cut.cuts, cases[_i].options);
  drop_kept ();
  rig_disk_free (cut.disk);
  free (cut.durable);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("qcow2-crash");
  TCase *t = tcase_create ("all");
  tcase_set_timeout (t, 60);
  tcase_add_loop_test (t, cuts, 0, (int) (sizeof cases / sizeof cases[0]));
  suite_add_tcase (s, t);
  return run_suite (s);
}
