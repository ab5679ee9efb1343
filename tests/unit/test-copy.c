/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img_copy on fake images: what arrives, and that the number of workers does not show. */
#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/overflow.h>

#include "copying.h"
#include "suite.h"

static uint64_t seed;

/* In part compressed. */
static struct img_node *
packed_source (uint64_t *s, uint64_t size)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *plain = fake_mem_new (size, COPYING_CAP, IMG_OPEN_RDWR);
  struct img_node *toy = copying_toy (NULL, size, 512, (unsigned) rnd_below (s, 2));
  struct img_copy_opts opts = copying_opts ();
  opts.compress = true;
  toy->flags |= IMG_OPEN_NEW;
  copying_scribble (s, plain);
  ck_assert_msg (img_copy (toy, &plain, 1, &opts, &err) == 0, "%s", err.message);
  fake_free (plain);
  return toy;
}

static struct img_node *
random_source (uint64_t *s)
{
  uint64_t size = 1 + rnd_below (s, PICK (s, 600, 20000, COPYING_ROOM / 3));
  struct img_node *node;
  switch (rnd_below (s, 5)) {
  case 0:
    node = fake_mem_new (size, COPYING_CAP, IMG_OPEN_RDWR);
    break;
  case 4:
    return packed_source (s, size);
  case 1:
    node = fake_plain_new (fake_mem_new (size + 3000, COPYING_CAP, IMG_OPEN_RDWR), 3000, size, 0);
    break;
  case 2:
    node = copying_toy (NULL, size, (uint32_t) PICK (s, 512, 4096, 1000), FAKE_PARALLEL);
    break;
  default:
    node = copying_toy (NULL, 1 + rnd_below (s, size), 4096, 0);
    copying_scribble (s, node);
    node = copying_toy (node, size, (uint32_t) PICK (s, 512, 65536), 0);
  }
  if (node->driver->reserve && node->limits.alloc_unit % 512 == 0 && rnd_below (s, 3) == 0)
    fake_encrypt (node);
  copying_scribble (s, node);
  return node;
}

static struct img_node *
random_target (uint64_t *s, uint64_t size)
{
  switch (rnd_below (s, 6)) {
  case 4:
    return fake_encrypt (fake_plain_new (fake_mem_new (size + 1024, COPYING_CAP, IMG_OPEN_RDWR),
                                         1024, size, 0));
  case 5:
    return fake_encrypt (copying_toy (NULL, size, (uint32_t) PICK (s, 512, 4096, 65536, 300 * 1024),
                                      (unsigned) rnd_below (s, 4)));
  case 0: {
    struct img_node *mem = fake_mem_new (size, COPYING_CAP, IMG_OPEN_RDWR);
    mem->limits.request_align = (uint32_t) PICK (s, 1, 512, 4096);
    return mem;
  }
  case 1:
    return fake_plain_new (fake_mem_new (size, COPYING_CAP, IMG_OPEN_RDWR), 0, size, 0);
  default: {
    uint32_t unit = (uint32_t) PICK (s, 512, 1000, 4096, 65536, 300 * 1024);
    return copying_toy (NULL, size, unit, (unsigned) rnd_below (s, 4));
  }
  }
}

/* ---- what arrives ---- */

static void
random_copy (uint64_t s)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *src[3];
  unsigned n = 1 + (unsigned) rnd_below (&s, 3);
  uint64_t total, after;
  for (unsigned i = 0; i < n; i++)
    src[i] = random_source (&s);
  uint8_t *want = copying_bytes (src, n, &total);
  uint64_t more = rnd_below (&s, 2) ? rnd_below (&s, 100000) : 0;
  struct img_node *dst = random_target (&s, total + more);
  bool fresh = rnd_below (&s, 2);
  if (fresh)
    dst->flags |= IMG_OPEN_NEW;
  else
    copying_scribble (&s, dst);
  uint8_t *before = copying_bytes (&dst, 1, &after);
  struct img_copy_opts opts = copying_opts ();
  opts.workers = (unsigned) PICK (&s, 0, 1, 2, 5, 16);
  opts.sparse = PICK (&s, 0, 512, 4096, 65536);
  opts.compress = dst->driver->encode && !dst->limits.crypt_unit && rnd_below (&s, 2);
  opts.out_of_order = rnd_below (&s, 4) == 0;
  opts.salvage = rnd_below (&s, 4) == 0;
  opts.rate = rnd_below (&s, 4) ? 0 : UINT64_C (1) << 40;
  opts.progress = img_progress_new ();
  int r = img_copy (dst, src, n, &opts, &err);
  ck_assert_msg (r == 0, "%s", err.message);
  ck_assert_uint_eq (img_progress_total (opts.progress), total);
  ck_assert_uint_ge (img_progress_done (opts.progress), total);
  uint8_t *got = copying_bytes (&dst, 1, &after);
  copying_same (want, got, total);
  copying_same (before + total, got + total, after - total);
  if (dst->driver->reserve)
    ck_assert_uint_eq (fake_toy_overlaps (dst), 0);
  img_progress_free (opts.progress);
  for (unsigned i = 0; i < n; i++)
    fake_free (src[i]);
  fake_free (dst);
  free (want);
  free (before);
  free (got);
}

START_TEST (random_copies)
{
  for (unsigned round = 0; round < 150; round++)
    random_copy (seed + round);
}
END_TEST

/* ---- the number of workers does not show ---- */

START_TEST (same_bytes_for_any_workers)
{
  static const unsigned counts[] = { 1, 2, 4, 9, 32 };
  for (unsigned round = 0; round < 16; round++) {
    struct img_error err = IMG_ERROR_INIT;
    uint64_t s = seed + 1000 + round;
    struct img_node *src = random_source (&s);
    uint32_t unit = (uint32_t) PICK (&s, 512, 4096, 65536);
    uint8_t *first = NULL;
    uint64_t length = 0;
    for (unsigned i = 0; i < 5; i++) {
      struct img_node *dst = copying_toy (NULL, atomic_load (&src->size), unit,
                                      round % 2 ? FAKE_PARALLEL : 0);
      struct img_node *file = dst->children[0].node;
      struct img_copy_opts opts = copying_opts ();
      dst->flags |= IMG_OPEN_NEW;
      opts.workers = counts[i];
      opts.compress = round % 4 < 2;
      if (round % 4 == 2)
        fake_encrypt (dst);
      ck_assert_msg (img_copy (dst, &src, 1, &opts, &err) == 0, "%s", err.message);
      if (i == 0) {
        length = atomic_load (&file->size);
        first = malloc (length + 1);
        memcpy (first, fake_mem (file)->data, length);
      }
      ck_assert_uint_eq (atomic_load (&file->size), length);
      copying_same (first, fake_mem (file)->data, length);
      fake_free (dst);
    }
    free (first);
    fake_free (src);
  }
}
END_TEST

/* ---- holes stay holes ---- */

START_TEST (zeroes_are_not_written)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t s = seed + 2000, total;
  struct img_node *src = fake_mem_new (COPYING_ROOM, COPYING_CAP, IMG_OPEN_RDWR);
  struct img_node *dst = fake_mem_new (COPYING_ROOM, COPYING_CAP, IMG_OPEN_RDWR | IMG_OPEN_NEW);
  struct img_copy_opts opts = copying_opts ();
  copying_scribble (&s, src);
  uint8_t *want = copying_bytes (&src, 1, &total);
  ck_assert_int_eq (img_copy (dst, &src, 1, &opts, &err), 0);
  for (uint64_t at = 0; at < COPYING_ROOM; at += 4096) {
    bool zero = true, there = false;
    for (unsigned i = 0; i < 4096 && zero; i++)
      zero = want[at + i] == 0;
    for (unsigned i = 0; i < 4096 / FAKE_BLOCK; i++)
      there = there || fake_mem (dst)->there[at / FAKE_BLOCK + i];
    ck_assert_msg (there == !zero, "0x%llx", (unsigned long long) at);
  }
  ck_assert_uint_eq (atomic_load (&fake_mem (dst)->calls[FAKE_ZERO]), 0);
  free (want);
  fake_free (src);
  fake_free (dst);
}
END_TEST

START_TEST (everything_is_written_when_asked)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *src = fake_mem_new (COPYING_ROOM, COPYING_CAP, IMG_OPEN_RDWR);
  struct img_node *dst = copying_toy (NULL, COPYING_ROOM, 4096, 0);
  struct img_copy_opts opts = copying_opts ();
  opts.sparse = 0;
  dst->flags |= IMG_OPEN_NEW;
  ck_assert_int_eq (img_copy (dst, &src, 1, &opts, &err), 0);
  ck_assert_uint_eq (fake_toy_used (dst), COPYING_ROOM / 4096);
  fake_free (src);
  fake_free (dst);
}
END_TEST

/* ---- overlay ---- */

START_TEST (overlay_repeats_its_own_layer_only)
{
  for (unsigned round = 0; round < 20; round++) {
    struct img_error err = IMG_ERROR_INIT;
    uint64_t s = seed + 3000 + round, size = 300000 + rnd_below (&s, 5000), total;
    uint64_t below = size - rnd_below (&s, 100000);
    struct img_node *base[2] = { copying_toy (NULL, below, 4096, 0),
                                 copying_toy (NULL, below, 4096, 0) };
    copying_scribble (&s, base[0]);
    struct img_copy_opts opts = copying_opts ();
    ck_assert_int_eq (img_copy (base[1], base, 1, &opts, &err), 0);
    struct img_node *src = copying_toy (base[0], size, 4096, 0);
    copying_scribble (&s, src);
    struct img_node *dst = copying_toy (base[1], size, (uint32_t) PICK (&s, 512, 4096, 65536), 0);
    dst->flags |= IMG_OPEN_NEW;
    opts.overlay = true;
    ck_assert_msg (img_copy (dst, &src, 1, &opts, &err) == 0, "%s", err.message);
    uint8_t *want = copying_bytes (&src, 1, &total), *got = copying_bytes (&dst, 1, &total);
    copying_same (want, got, total);
    free (want);
    free (got);
    fake_free (src);
    fake_free (dst);
  }
}
END_TEST

START_TEST (overlay_leaves_what_the_source_leaves)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t size = COPYING_ROOM;
  struct img_node *src = copying_toy (copying_toy (NULL, size, 4096, 0), size, 4096, 0);
  struct img_node *dst = copying_toy (copying_toy (NULL, size, 4096, 0), size, 4096, 0);
  uint8_t byte = 1;
  ck_assert_int_eq (img_pwrite (src->backing, &byte, 1, 0, 0, &err), 0);
  ck_assert_int_eq (img_pwrite (src, &byte, 1, 500000, 0, &err), 0);
  struct img_copy_opts opts = copying_opts ();
  opts.overlay = true;
  dst->flags |= IMG_OPEN_NEW;
  ck_assert_int_eq (img_copy (dst, &src, 1, &opts, &err), 0);
  ck_assert_uint_eq (fake_toy_used (dst), 1);
  fake_free (src);
  fake_free (dst);
}
END_TEST

int
main (void)
{
  seed = test_seed ();
  Suite *suite = suite_create ("copy");
  TCase *tc = tcase_create ("copy");
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, random_copies);
  tcase_add_test (tc, same_bytes_for_any_workers);
  tcase_add_test (tc, zeroes_are_not_written);
  tcase_add_test (tc, everything_is_written_when_asked);
  tcase_add_test (tc, overlay_repeats_its_own_layer_only);
  tcase_add_test (tc, overlay_leaves_what_the_source_leaves);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
