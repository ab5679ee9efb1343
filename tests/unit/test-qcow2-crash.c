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
  uint8_t *other; /* during a turn: all of the disk is that, or what it was */
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
      || rig_differs (node, cut.other, cut.disk->known, cut.disk->size) != UINT64_MAX)
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

static void
do_empty (struct img_error *err)
{
  struct rig_disk *d = cut.disk;
  ck_assert_int_eq (img_flush (d->node, err), 0);
  memcpy (d->safe, d->known, d->size);
  cut.other = calloc (1, MOST);
  ck_assert_ptr_nonnull (cut.other);
  ck_assert_msg (rig_driver ()->make_empty (d->node, err) == 0, "%s", err->message);
  free (d->bytes);
  d->bytes = img_steal (cut.other);
  memset (d->known, 1, MOST);
  memset (d->safe, 1, MOST);
  memset (d->packed, 0, MOST / 512 + 1);
  ck_assert_uint_eq (cut.loose.n, 0);
  struct img_node *file = d->node->children[0].node;
  struct img_check check = rig_check (fake_mem (file)->data, img_size (file));
  ck_assert_uint_eq (check.corruptions + check.leaks, 0);
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
    ck_assert_msg (rig_operate (cut.disk, &err) == 0, "%s", err.message);
    if (rnd_below (&cut.state, OPERATIONS / 4) == 0)
      do_empty (&err);
  }
  ck_assert_uint_gt (cut.cuts, 0);
  printf ("# %u cuts, %s\n", cut.cuts, cases[_i].options);
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
  SRunner *r = srunner_create (s);
  srunner_run_all (r, CK_ENV);
  int failed = srunner_ntests_failed (r);
  srunner_free (r);
  return failed != 0;
}
