/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cache of metadata tables: what is read when, what is written when, and who may be evicted. */
#include <config.h>

#include <check.h>

#include "fake.h"
#include "suite.h"
#include "modules/qcow2/qcow2.h"
#include "tests/unit/seed.h"

enum { TABLE = 4096, TABLES = 256, FILE_SIZE = TABLE * TABLES, LAST = FILE_SIZE - TABLE };

static struct img_node *file;
static struct qcow2_cache *cache;
static struct img_error err;

/* Table I of the file is full of the byte I. */
static void
setup (void)
{
  file = fake_mem_new (FILE_SIZE, 2 * FILE_SIZE, IMG_OPEN_RDWR);
  for (unsigned i = 0; i < TABLES; i++)
    memset (fake_mem (file)->data + i * TABLE, (int) i, TABLE);
  err = (struct img_error) IMG_ERROR_INIT;
  cache = qcow2_cache_new (file, TABLE, 16 * TABLE, &err);
  ck_assert_ptr_nonnull (cache);
}

static void
teardown (void)
{
  qcow2_cache_free (cache);
  fake_free (file);
}

static unsigned
reads (void)
{
  return fake_mem (file)->calls[FAKE_READ];
}

static struct qcow2_table *
get (unsigned i, unsigned more)
{
  struct qcow2_table *t = qcow2_cache_get (cache, i * TABLE, (uint64_t) more * TABLE, &err);
  ck_assert_msg (t, "%s", err.message);
  ck_assert_uint_eq (t->bytes[0], i & 255);
  ck_assert_uint_eq (t->bytes[TABLE - 1], i & 255);
  return t;
}

START_TEST (read_once)
{
  struct qcow2_table *a = get (3, 0), *b = get (3, 0);
  ck_assert_ptr_eq (a, b);
  qcow2_cache_put (cache, a);
  qcow2_cache_put (cache, b);
  ck_assert_uint_eq (reads (), 1);
  ck_assert_ptr_eq (qcow2_cache_find (cache, 3 * TABLE), a);
  qcow2_cache_put (cache, a);
  ck_assert_ptr_null (qcow2_cache_find (cache, 4 * TABLE));
}
END_TEST

START_TEST (a_run_is_one_read)
{
  qcow2_cache_put (cache, get (10, 3));
  ck_assert_uint_eq (reads (), 1);
  for (unsigned i = 11; i < 14; i++)
    qcow2_cache_put (cache, get (i, 0));
  ck_assert_uint_eq (reads (), 1);
  qcow2_cache_put (cache, get (TABLES - 1, 100)); /* nothing behind the end is read */
  ck_assert_uint_eq (reads (), 2);
}
END_TEST

START_TEST (a_bad_neighbour_does_no_harm)
{
  fake_mem (file)->fail_at[FAKE_READ] = 1;
  qcow2_cache_put (cache, get (20, 3));
  ck_assert_uint_eq (reads (), 2);
  qcow2_cache_put (cache, get (21, 0));
}
END_TEST

START_TEST (failure_is_not_kept)
{
  fake_mem (file)->fail_at[FAKE_READ] = 1;
  ck_assert_ptr_null (qcow2_cache_get (cache, 5 * TABLE, 0, &err));
  ck_assert_int_eq (err.code, EIO);
  qcow2_cache_put (cache, get (5, 0));
  ck_assert_ptr_null (qcow2_cache_get (cache, FILE_SIZE, 0, &err));
  ck_assert_ptr_nonnull (strstr (err.message, "0x100000 lies past the end"));
}
END_TEST

START_TEST (clean_ones_make_room)
{
  struct qcow2_table *pinned = get (0, 0);
  for (unsigned i = 1; i < TABLES; i++)
    qcow2_cache_put (cache, get (i, 0));
  ck_assert_uint_eq (pinned->bytes[0], 0);
  ck_assert_uint_eq (pinned->offset, 0);
  unsigned before = reads ();
  qcow2_cache_put (cache, get (0, 0));
  ck_assert_uint_eq (reads (), before);
  qcow2_cache_put (cache, get (1, 0));
  ck_assert_uint_eq (reads (), before + 1);
  qcow2_cache_put (cache, pinned);
}
END_TEST

START_TEST (dirty_ones_stay_until_written)
{
  for (unsigned i = 0; i < 100; i++) {
    struct qcow2_table *t = get (i, 0);
    t->bytes[7] = 0xaa;
    qcow2_cache_dirty (cache, t);
    qcow2_cache_put (cache, t);
    ck_assert_int_eq (qcow2_cache_pressure (cache), i >= 8);
  }
  for (unsigned i = 100; i < TABLES; i++)
    qcow2_cache_put (cache, get (i, 0));
  ck_assert_uint_eq (fake_mem (file)->calls[FAKE_WRITE], 0);
  ck_assert (qcow2_cache_is_dirty (cache));
  ck_assert_int_eq (qcow2_cache_write (cache, &err), 0);
  ck_assert (!qcow2_cache_is_dirty (cache));
  ck_assert_uint_eq (fake_mem (file)->calls[FAKE_WRITE], 1);
  for (unsigned i = 0; i < TABLES; i++)
    ck_assert_uint_eq (fake_mem (file)->data[i * TABLE + 7], i < 100 ? 0xaa : i);
}
END_TEST

START_TEST (written_in_order_or_still_dirty)
{
  static const unsigned which[] = { 90, 10, 50, 11 };
  for (unsigned i = 0; i < 4; i++) {
    struct qcow2_table *t = get (which[i], 0);
    t->bytes[0] = 0xbb;
    qcow2_cache_dirty (cache, t);
    qcow2_cache_put (cache, t);
  }
  fake_mem (file)->fail_at[FAKE_WRITE] = 2; /* 10 and 11 are one request, 50 fails */
  ck_assert_int_eq (qcow2_cache_write (cache, &err), -1);
  ck_assert_uint_eq (fake_mem (file)->data[10 * TABLE], 0xbb);
  ck_assert_uint_eq (fake_mem (file)->data[11 * TABLE], 0xbb);
  ck_assert_uint_eq (fake_mem (file)->data[50 * TABLE], 50);
  ck_assert (qcow2_cache_is_dirty (cache));
  ck_assert_int_eq (qcow2_cache_write (cache, &err), 0);
  ck_assert_uint_eq (fake_mem (file)->data[50 * TABLE], 0xbb);
  ck_assert_uint_eq (fake_mem (file)->data[90 * TABLE], 0xbb);
}
END_TEST

START_TEST (made_without_reading)
{
  struct qcow2_table *t = qcow2_cache_make (cache, LAST, &err);
  ck_assert_ptr_nonnull (t);
  ck_assert_uint_eq (reads (), 0);
  for (unsigned i = 0; i < TABLE; i++)
    ck_assert_uint_eq (t->bytes[i], 0);
  t->bytes[1] = 1;
  qcow2_cache_put (cache, t);
  ck_assert_ptr_eq (qcow2_cache_find (cache, LAST), t);
  qcow2_cache_put (cache, t);
  ck_assert_int_eq (qcow2_cache_write (cache, &err), 0);
  ck_assert_uint_eq (fake_mem (file)->data[LAST + 1], 1);
}
END_TEST

START_TEST (forgotten_is_never_written)
{
  struct qcow2_table *t = get (6, 0);
  t->bytes[0] = 0xcc;
  qcow2_cache_dirty (cache, t);
  qcow2_cache_put (cache, t);
  qcow2_cache_forget (cache, 4 * TABLE, 4 * TABLE);
  ck_assert (!qcow2_cache_is_dirty (cache));
  ck_assert_int_eq (qcow2_cache_write (cache, &err), 0);
  ck_assert_uint_eq (fake_mem (file)->data[6 * TABLE], 6);
  qcow2_cache_put (cache, get (6, 0));
}
END_TEST

static void *
hammer (void *arg)
{
  uint64_t state = *(uint64_t *) arg;
  for (int n = 0; n < 20000; n++) {
    struct img_error e = IMG_ERROR_INIT;
    unsigned i = (unsigned) rnd_below (&state, TABLES), more = (unsigned) rnd_below (&state, 8);
    struct qcow2_table *t = qcow2_cache_get (cache, i * TABLE, (uint64_t) more * TABLE, &e);
    if (t == NULL || t->offset != i * TABLE || t->bytes[0] != (uint8_t) i
        || t->bytes[TABLE - 1] != (uint8_t) i)
      return (void *) 1;
    qcow2_cache_put (cache, t);
  }
  return NULL;
}

START_TEST (many_threads)
{
  pthread_t threads[8];
  uint64_t seeds[8], state = test_seed ();
  for (unsigned i = 0; i < 8; i++) {
    seeds[i] = rnd (&state);
    ck_assert_int_eq (pthread_create (&threads[i], NULL, hammer, &seeds[i]), 0);
  }
  for (unsigned i = 0; i < 8; i++) {
    void *result;
    pthread_join (threads[i], &result);
    ck_assert_ptr_null (result);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("qcow2-tables");
  TCase *tc = tcase_create ("tables");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, read_once);
  tcase_add_test (tc, a_run_is_one_read);
  tcase_add_test (tc, a_bad_neighbour_does_no_harm);
  tcase_add_test (tc, failure_is_not_kept);
  tcase_add_test (tc, clean_ones_make_room);
  tcase_add_test (tc, dirty_ones_stay_until_written);
  tcase_add_test (tc, written_in_order_or_still_dirty);
  tcase_add_test (tc, made_without_reading);
  tcase_add_test (tc, forgotten_is_never_written);
  tcase_add_test (tc, many_threads);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
