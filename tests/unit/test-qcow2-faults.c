/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request to the file fails, at any place; later ones work again.  The failure must reach the
 * caller, what was not touched by the failed operation must stay as it was, and the image must be
 * consistent once a flush gets through.  Also: a file that cannot grow any more. */
#include <config.h>

#include <check.h>

#include "qcow2-rig.h"
#include "seed.h"
#include "suite.h"

enum { DISK = 300 << 10, MOST = 500 << 10, OPERATIONS = 40, RUNS = 120 };

static const char *const options[] = {
  "cluster_size=4k",
  "cluster_size=512,refcount_bits=64",
  "cluster_size=16k,extended_l2=on",
  "cluster_size=4k,compat=0.10",
};

/* Operations until one has failed, then some more.  How many failed. */
static unsigned
operate (struct rig_disk *d, struct fake_mem *m)
{
  unsigned failed = 0;
  for (int i = 0; i < OPERATIONS; i++) {
    struct img_error err = IMG_ERROR_INIT;
    if (rig_operate (d, &err) == 0)
      continue;
    ck_assert_int_ne (err.code, 0);
    ck_assert_str_ne (err.message, "");
    failed++;
  }
  for (int op = 0; op < FAKE_OPS; op++)
    m->fail_at[op] = 0;
  return failed;
}

static void
one_run (const char *text, enum fake_op op, unsigned at, uint64_t seed, unsigned *hits)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *file = rig_make (text, DISK);
  struct fake_mem *m = fake_mem (file);
  struct img_node *node = rig_open (file, IMG_OPEN_RDWR, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  struct rig_disk *d = rig_disk_new (node, MOST, seed);
  m->fail_at[op] = m->calls[op] + at;
  unsigned last = m->fail_at[op];
  unsigned failed = operate (d, m);
  bool hit = m->calls[op] >= last;
  *hits += hit;
  /* What fails and does no harm need not be told: space that a discard does not give back. */
  if (hit && op == FAKE_WRITE && img_flush (node, &err) == 0)
    ck_assert_uint_gt (failed, 0);
  img_error_clear (&err);
  rig_compare (d, node, d->known);
  ck_assert_msg (img_flush (node, &err) == 0 || img_flush (node, &err) == 0, "%s", err.message);
  struct img_check check = rig_check (m->data, img_size (file));
  if (check.corruptions || check.check_errors || check.leaks)
    ck_abort_msg ("%llu corruptions, %llu leaks", (unsigned long long) check.corruptions,
                  (unsigned long long) check.leaks);
  struct img_node *again = rig_open (rig_file (m->data, img_size (file), 0), 0, &err);
  ck_assert_msg (again != NULL, "%s", err.message);
  rig_compare (d, again, d->known);
  fake_free (again);
  rig_disk_free (d);
}

START_TEST (failures)
{
  static const enum fake_op ops[] = { FAKE_WRITE, FAKE_WRITE, FAKE_READ, FAKE_FLUSH, FAKE_RESIZE,
                                      FAKE_ZERO };
  uint64_t state = test_seed () + (uint64_t) _i;
  unsigned hits = 0;
  /* Places are random, too: more, until enough were reached. */
  for (int run = 0; run < RUNS || (hits <= RUNS / 4 && run < 20 * RUNS); run++) {
    enum fake_op op = ops[rnd_below (&state, sizeof ops / sizeof ops[0])];
    unsigned at = 1 + (unsigned) rnd_below (&state, op == FAKE_WRITE ? 150 : 12);
    uint64_t seed = rnd (&state);
    one_run (options[_i], op, at, seed, &hits);
  }
  ck_assert_uint_gt (hits, RUNS / 4);
}
END_TEST

/* The file is full after a while: ENOSPC, and what was written before is there. */
START_TEST (full)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *file = rig_make (options[_i], DISK);
  struct fake_mem *m = fake_mem (file);
  uint8_t buf[4096];
  uint64_t at = 0;
  m->cap = img_size (file) + 100 * 1024;
  struct img_node *node = rig_open (file, IMG_OPEN_RDWR, &err);
  ck_assert_msg (node != NULL, "%s", err.message);
  for (; at < DISK; at += sizeof buf) {
    memset (buf, (int) (at / sizeof buf) + 1, sizeof buf);
    if (img_pwrite (node, buf, sizeof buf, at, 0, &err) < 0)
      break;
  }
  ck_assert_uint_lt (at, DISK);
  ck_assert_int_eq (err.code, ENOSPC);
  img_error_clear (&err);
  ck_assert_msg (img_flush (node, &err) == 0, "%s", err.message);
  for (uint64_t i = 0; i < at; i += sizeof buf) {
    ck_assert_int_eq (img_pread (node, buf, sizeof buf, i, 0, &err), 0);
    ck_assert_uint_eq (buf[17], (i / sizeof buf + 1) & 255);
  }
  struct img_check check = rig_check (m->data, img_size (file));
  ck_assert_uint_eq (check.corruptions + check.leaks + check.check_errors, 0);
  fake_free (node);
}
END_TEST

int
main (void)
{
  int n = (int) (sizeof options / sizeof options[0]);
  Suite *s = suite_create ("qcow2-faults");
  TCase *t = tcase_create ("all");
  tcase_set_timeout (t, 60);
  tcase_add_loop_test (t, failures, 0, n);
  tcase_add_loop_test (t, full, 0, n);
  suite_add_tcase (s, t);
  return run_suite (s);
}
