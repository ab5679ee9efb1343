/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img_compare on fake images: the first difference is found, by any number of workers. */
#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/copy.h>
#include <blkimg/overflow.h>

#include "fake.h"
#include "seed.h"
#include "suite.h"

#define ROOM (2u * 1024 * 1024)
#define MEM_CAP (8u * 1024 * 1024)

static uint64_t seed;

static struct img_node *
random_image (uint64_t *s, uint64_t size)
{
  static const uint32_t units[] = { 512, 4096, 65536, 1000 };
  if (rnd_below (s, 3) == 0)
    return fake_mem_new (size, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *file = fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR);
  uint32_t unit = units[rnd_below (s, 4)];
  struct img_node *toy = fake_toy_new (file, NULL, size, unit, (unsigned) rnd_below (s, 2));
  return unit % 512 == 0 && rnd_below (s, 2) ? fake_encrypt (toy) : toy;
}

static void
put (struct img_node *node, const uint8_t *bytes, uint64_t offset, uint64_t n)
{
  struct img_error err = IMG_ERROR_INIT;
  ck_assert_msg (img_pwrite (node, bytes + offset, n, offset, 0, &err) == 0, "%s", err.message);
}

/* The same bytes in both; zeroes are written in some places and left out in others. */
static void
fill_alike (uint64_t *s, struct img_node *a, struct img_node *b, uint8_t *bytes)
{
  uint64_t size = img_min (atomic_load (&a->size), atomic_load (&b->size)), n;
  memset (bytes, 0, ROOM);
  for (uint64_t at = 0; at < size; at += n) {
    n = img_min (1 + rnd_below (s, 100000), size - at);
    uint64_t what = rnd_below (s, 6);
    if (what >= 3)
      rnd_fill (s, bytes + at, n);
    if (what != 0)
      put (a, bytes, at, n);
    if (what != 0 && what != 1)
      put (b, bytes, at, n);
  }
}

static struct img_compare
compare (struct img_node *a, struct img_node *b, unsigned workers, bool strict)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_compare result;
  struct img_compare_opts opts = {
    .struct_size = sizeof opts, .workers = workers, .strict = strict
  };
  int r = img_compare (a, b, &opts, &result, &err);
  ck_assert_msg (r == 0, "%s", err.message);
  return result;
}

static void
flip (struct img_node *node, const uint8_t *bytes, uint64_t offset)
{
  uint8_t other = (uint8_t) ~bytes[offset];
  struct img_error err = IMG_ERROR_INIT;
  ck_assert_int_eq (img_pwrite (node, &other, 1, offset, 0, &err), 0);
}

static void
random_pair (uint64_t s)
{
  static uint8_t bytes[ROOM];
  uint64_t size = 1 + rnd_below (&s, ROOM);
  uint64_t more = rnd_below (&s, 2) ? rnd_below (&s, ROOM - size + 1) : 0;
  struct img_node *a = random_image (&s, size), *b = random_image (&s, size + more);
  if (rnd_below (&s, 2)) {
    struct img_node *c = a;
    a = b;
    b = c;
  }
  fill_alike (&s, a, b, bytes);
  struct img_compare same = compare (a, b, (unsigned) rnd_below (&s, 6), false);
  ck_assert_int_eq (same.result, IMG_COMPARE_SAME);
  ck_assert_int_eq (same.size_differs, more > 0);
  uint64_t first = UINT64_MAX;
  struct img_node *longer = atomic_load (&a->size) > atomic_load (&b->size) ? a : b;
  for (uint64_t i = 1 + rnd_below (&s, 4); i > 0; i--) { /* the longer one, anywhere */
    uint64_t at = rnd_below (&s, size + more);
    flip (longer, bytes, at);
    first = img_min (first, at);
  }
  for (unsigned workers = 0; workers < 9; workers += 1 + workers) {
    struct img_compare got = compare (a, b, workers, false);
    ck_assert_int_eq (got.result, IMG_COMPARE_CONTENT);
    ck_assert_uint_eq (got.offset, first / 512 * 512);
    ck_assert_int_eq (got.size_differs, more > 0);
  }
  fake_free (a);
  fake_free (b);
}

START_TEST (random_pairs)
{
  for (unsigned round = 0; round < 60; round++)
    random_pair (seed + round);
}
END_TEST

START_TEST (strict_sizes)
{
  struct img_node *a = fake_mem_new (1000, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *b = fake_mem_new (1001, MEM_CAP, IMG_OPEN_RDWR);
  ck_assert_int_eq (compare (a, b, 0, true).result, IMG_COMPARE_SIZE);
  ck_assert_int_eq (compare (a, b, 0, false).result, IMG_COMPARE_SAME);
  fake_free (a);
  fake_free (b);
}
END_TEST

START_TEST (strict_allocation)
{
  static uint8_t bytes[ROOM];
  struct img_node *a = fake_mem_new (ROOM, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *b = fake_mem_new (ROOM, MEM_CAP, IMG_OPEN_RDWR);
  ck_assert_int_eq (compare (a, b, 3, true).result, IMG_COMPARE_SAME);
  put (a, bytes, 700000, 5000); /* zeroes */
  put (b, bytes, 1000000, 5000);
  ck_assert_int_eq (compare (a, b, 3, false).result, IMG_COMPARE_SAME);
  struct img_compare got = compare (a, b, 3, true);
  ck_assert_int_eq (got.result, IMG_COMPARE_STATUS);
  ck_assert_uint_eq (got.offset, 700000 / FAKE_BLOCK * FAKE_BLOCK);
  bytes[3000] = 1; /* and before it the contents differ */
  put (a, bytes, 0, 5000);
  bytes[3000] = 2;
  put (b, bytes, 0, 5000);
  got = compare (a, b, 3, true);
  ck_assert_int_eq (got.result, IMG_COMPARE_CONTENT);
  ck_assert_uint_eq (got.offset, 3000 / 512 * 512);
  fake_free (a);
  fake_free (b);
}
END_TEST

/* ---- failures ---- */

static uint64_t bad;
static int (*mem_pread) (struct img_node *, void *, uint64_t, uint64_t, struct img_error *);

static int
scratched_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err)
{
  if (offset <= bad && offset + length > bad)
    return img_error_set (err, EIO, "scratched");
  return mem_pread (node, buf, length, offset, err);
}

START_TEST (first_event_wins)
{
  static uint8_t bytes[ROOM];
  uint64_t s = seed;
  rnd_fill (&s, bytes, ROOM);
  for (unsigned workers = 1; workers < 9; workers++) {
    struct img_error err = IMG_ERROR_INIT;
    struct img_compare got;
    struct img_compare_opts opts = { .struct_size = sizeof opts, .workers = workers };
    struct img_node *a = fake_mem_new (ROOM, MEM_CAP, IMG_OPEN_RDWR);
    struct img_node *b = fake_mem_new (ROOM, MEM_CAP, IMG_OPEN_RDWR);
    put (a, bytes, 0, ROOM);
    put (b, bytes, 0, ROOM);
    mem_pread = b->driver->pread;
    fake_driver (b)->pread = scratched_pread;
    bad = 1000000;
    ck_assert_int_eq (img_compare (a, b, &opts, &got, &err), -1);
    ck_assert_int_eq (err.code, EIO);
    ck_assert_int_eq (got.failed_image, 1);
    ck_assert (!got.failed_status);
    flip (a, bytes, 400000); /* seen before the scratch, so that is the answer */
    got = compare (a, b, workers, false);
    ck_assert_int_eq (got.result, IMG_COMPARE_CONTENT);
    ck_assert_uint_eq (got.offset, 400000 / 512 * 512);
    fake_free (a);
    fake_free (b);
  }
}
END_TEST

static int
broken_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
            unsigned n, struct img_error *err)
{
  (void) node, (void) offset, (void) length, (void) ext, (void) n;
  return img_error_set (err, EIO, "no map");
}

START_TEST (status_failure)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_compare got;
  struct img_compare_opts opts = { .struct_size = sizeof opts };
  struct img_node *a = fake_mem_new (ROOM, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *b = fake_mem_new (ROOM, MEM_CAP, IMG_OPEN_RDWR);
  fake_driver (a)->map = broken_map;
  ck_assert_int_eq (img_compare (a, b, &opts, &got, &err), -1);
  ck_assert_int_eq (got.failed_image, 0);
  ck_assert (got.failed_status);
  fake_free (a);
  fake_free (b);
}
END_TEST

START_TEST (cancel)
{
  static uint8_t bytes[ROOM] = { 1 };
  struct img_error err = IMG_ERROR_INIT;
  struct img_compare got;
  struct img_compare_opts opts = {
    .struct_size = sizeof opts, .workers = 3, .progress = img_progress_new ()
  };
  struct img_node *a = fake_mem_new (ROOM, MEM_CAP, IMG_OPEN_RDWR);
  put (a, bytes, 0, ROOM);
  ck_assert_int_eq (img_compare (a, a, &opts, &got, &err), 0);
  ck_assert_uint_eq (img_progress_done (opts.progress), ROOM);
  ck_assert_uint_eq (img_progress_total (opts.progress), ROOM);
  img_progress_cancel (opts.progress);
  ck_assert_int_eq (img_compare (a, a, &opts, &got, &err), -1);
  ck_assert_int_eq (err.code, ECANCELED);
  img_progress_free (opts.progress);
  fake_free (a);
}
END_TEST

int
main (void)
{
  seed = test_seed ();
  Suite *suite = suite_create ("compare");
  TCase *tc = tcase_create ("compare");
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, random_pairs);
  tcase_add_test (tc, strict_sizes);
  tcase_add_test (tc, strict_allocation);
  tcase_add_test (tc, first_event_wins);
  tcase_add_test (tc, status_failure);
  tcase_add_test (tc, cancel);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
