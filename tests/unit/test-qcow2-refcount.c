/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Refcounts of all widths, against an array of plain numbers. */
#include <config.h>

#include <check.h>

#include "modules/qcow2/write.h"
#include "tests/unit/seed.h"
#include "suite.h"

enum { ENTRIES = 512 };

static uint64_t
largest (uint32_t order)
{
  return order == 6 ? UINT64_MAX : (UINT64_C (1) << (1u << order)) - 1;
}

START_TEST (any_width)
{
  uint32_t order = (uint32_t) _i;
  uint8_t block[ENTRIES * 8];
  uint64_t plain[ENTRIES] = { 0 }, state = test_seed ();
  memset (block, 0, sizeof block);
  for (int n = 0; n < 20000; n++) {
    uint64_t i = rnd_below (&state, ENTRIES);
    plain[i] = rnd_below (&state, 4) ? rnd (&state) & largest (order) : largest (order);
    qcow2_refcount_put (block, i, order, plain[i]);
    i = rnd_below (&state, ENTRIES);
    ck_assert_uint_eq (qcow2_refcount_in (block, i, order), plain[i]);
  }
  for (uint64_t i = 0; i < ENTRIES; i++)
    ck_assert_uint_eq (qcow2_refcount_in (block, i, order), plain[i]);
  for (size_t i = (size_t) (ENTRIES << order) / 8; i < sizeof block; i++)
    ck_assert_uint_eq (block[i], 0);
}
END_TEST

/* "bit 0 means the least significant bit", wider ones are big-endian. */
START_TEST (bytes_on_disk)
{
  uint8_t b[16] = { 0 };
  qcow2_refcount_put (b, 1, 0, 1);
  ck_assert_uint_eq (b[0], 0x02);
  qcow2_refcount_put (b, 3, 1, 2);
  ck_assert_uint_eq (b[0], 0x82);
  qcow2_refcount_put (b, 1, 2, 5);
  ck_assert_uint_eq (b[0], 0x52);
  qcow2_refcount_put (b, 1, 4, 0x0102);
  ck_assert_uint_eq (b[2], 1);
  ck_assert_uint_eq (b[3], 2);
  qcow2_refcount_put (b, 1, 5, 0x01020304);
  ck_assert_uint_eq (b[4], 1);
  ck_assert_uint_eq (b[7], 4);
  qcow2_refcount_put (b, 1, 6, UINT64_C (0x0102030405060708));
  ck_assert_uint_eq (b[8], 1);
  ck_assert_uint_eq (b[15], 8);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("qcow2-refcount");
  TCase *t = tcase_create ("all");
  tcase_add_loop_test (t, any_width, 0, 7);
  tcase_add_test (t, bytes_on_disk);
  suite_add_tcase (s, t);
  return run_suite (s);
}
