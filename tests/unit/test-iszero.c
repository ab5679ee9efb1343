/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include "core/iszero.h"
#include "seed.h"
#include "suite.h"

START_TEST (each_byte_counts)
{
  static unsigned char buf[1024];
  for (size_t start = 0; start < 9; start++)
    for (size_t size = 0; size <= 400; size += size < 140 ? 1 : 13) {
      buf[start + size] = 1; /* just behind: must not be seen */
      if (start)
        buf[start - 1] = 1;
      ck_assert (img_is_zero (buf + start, size));
      for (size_t i = 0; i < size; i++) {
        buf[start + i] = 0x80;
        ck_assert_msg (!img_is_zero (buf + start, size), "byte %zu of %zu at %zu", i, size, start);
        buf[start + i] = 0;
      }
      buf[start + size] = 0;
      if (start)
        buf[start - 1] = 0;
    }
}
END_TEST

START_TEST (big_blocks)
{
  size_t size = 3 * 1024 * 1024 + 5;
  unsigned char *buf = calloc (1, size);
  ck_assert_ptr_nonnull (buf);
  ck_assert (img_is_zero (buf, size));
  buf[size - 1] = 1;
  ck_assert (!img_is_zero (buf, size));
  ck_assert (img_is_zero (buf, size - 1));
  free (buf);
}
END_TEST

/* Against the definition, byte by byte. */
START_TEST (runs)
{
  uint64_t s = test_seed ();
  static unsigned char buf[8192];
  for (int round = 0; round < 300; round++) {
    size_t grain = (size_t) 1 << rnd_below (&s, 11), size = 1 + rnd_below (&s, sizeof buf);
    memset (buf, 0, sizeof buf);
    for (uint64_t k = rnd_below (&s, 12); k > 0; k--)
      memset (buf + rnd_below (&s, sizeof buf), 7, 1);
    for (size_t at = 0; at < size;) {
      bool zero;
      size_t n = img_zero_run (buf + at, size - at, grain, &zero);
      ck_assert_uint_gt (n, 0);
      ck_assert (at + n == size || n % grain == 0);
      for (size_t g = at; g <= at + n && g < size; g += grain) {
        bool has = false;
        for (size_t i = g; i < g + grain && i < size; i++)
          has |= buf[i] != 0;
        ck_assert (g < at + n ? has != zero : has == zero);
      }
      at += n;
    }
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("iszero");
  TCase *tc = tcase_create ("iszero");
  tcase_add_test (tc, each_byte_counts);
  tcase_add_test (tc, big_blocks);
  tcase_add_test (tc, runs);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
