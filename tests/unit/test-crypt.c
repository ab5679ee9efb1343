/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Extents whose child holds ciphertext: what no random test of bytes would show. */
#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "copying.h"
#include "suite.h"
#include "core/write.h"

#define SIZE (64u * 1024)

static uint64_t seed;
static uint8_t bytes[SIZE], back[SIZE];
static struct img_error err;

static void
start (void)
{
  uint64_t s = seed;
  img_error_clear (&err);
  rnd_fill (&s, bytes, sizeof bytes);
}

#define ok(call) ck_assert_msg ((call) == 0, "%s: %s", #call, err.message)

static struct img_node *
secret_plain (uint64_t from, unsigned flags)
{
  struct img_node *mem = fake_mem_new (from + SIZE, COPYING_CAP, IMG_OPEN_RDWR);
  return fake_encrypt (fake_plain_new (mem, from, SIZE, flags));
}

/* What the file holds is the cipher's, for guest and host offset, whatever way it was written. */
START_TEST (the_file_holds_ciphertext)
{
  struct img_node *node = secret_plain (2048, 0);
  uint8_t *file = fake_mem (node->children[0].node)->data + 2048;
  ok (img_pwrite (node, bytes, 1000, 0, 0, &err));
  ok (img_pwrite (node, bytes + 1000, SIZE - 1000 - 3, 1000, 0, &err));
  ok (img_pwrite (node, bytes + SIZE - 3, 3, SIZE - 3, 0, &err));
  ok (img_zero (node, 5000, 3000, 0, &err));
  memset (bytes + 5000, 0, 3000);
  for (unsigned at = 0; at < SIZE; at += 512) {
    uint8_t sector[512];
    memcpy (sector, bytes + at, 512);
    fake_cipher (true, sector, at, 2048 + at);
    ck_assert_msg (memcmp (sector, file + at, 512) == 0, "sector at 0x%x", at);
  }
  fake_free (node);
}
END_TEST

/* No block of it is to be read below, no hole below is zeroes, from the top or from further up. */
START_TEST (blocks_stay_above)
{
  for (int layers = 1; layers <= 2; layers++) {
    struct img_node *secret = secret_plain (0, 0), *top = secret;
    if (layers == 2)
      top = fake_plain_new (secret, 512, SIZE - 512, 0);
    struct img_walk *walk = img_walk_new (top, 0, img_size (top), IMG_WALK_HOLES, &err);
    struct img_block b;
    ck_assert_int_eq (img_walk_next (walk, &b, &err), 1);
    ck_assert_uint_eq (b.flags, IMG_BLOCK_DATA | IMG_BLOCK_PRESENT | IMG_BLOCK_ENCRYPTED);
    ck_assert_uint_eq (b.length, img_size (top));
    ck_assert_ptr_eq (b.node, secret);
    ck_assert_uint_eq (b.host_offset, layers == 2 ? 512 : 0);
    ck_assert_int_eq (img_walk_next (walk, &b, &err), 0);
    img_walk_free (walk);
    fake_free (top);
  }
}
END_TEST

static atomic_uint shared;

static int
count_share (struct img_node *node, uint64_t offset, struct img_node *src, uint64_t src_offset,
             uint64_t length, unsigned flags, struct img_error *e)
{
  (void) node, (void) offset, (void) src, (void) src_offset, (void) length, (void) flags, (void) e;
  atomic_fetch_add (&shared, 1);
  return 0;
}

/* Ciphertext is never moved by the kernel, neither side's. */
START_TEST (nothing_is_shared)
{
  for (int way = 0; way < 3; way++) {
    struct img_node *src = way == 0 ? fake_mem_new (SIZE, COPYING_CAP, IMG_OPEN_RDWR)
                                    : secret_plain (4096, 0);
    struct img_node *dst = way == 1   ? fake_mem_new (SIZE, COPYING_CAP, IMG_OPEN_RDWR)
                           : way == 0 ? fake_encrypt (copying_toy (NULL, SIZE, 4096, FAKE_PARALLEL))
                                      : secret_plain (8192, 0);
    struct img_node *leaf[2] = { way == 0 ? src : src->children[0].node,
                                 way == 1 ? dst : dst->children[0].node };
    const struct img_driver *own = leaf[1]->driver;
    struct img_copy_opts opts = copying_opts ();
    opts.copy_range = true;
    shared = 0;
    fake_driver (leaf[0])->copy_from = count_share;
    leaf[1]->driver = leaf[0]->driver; /* or they would have nothing in common */
    ok (img_pwrite (src, bytes, SIZE, 0, 0, &err));
    ok (img_copy (dst, &src, 1, &opts, &err));
    ok (img_pread (dst, back, SIZE, 0, 0, &err));
    copying_same (bytes, back, SIZE);
    ck_assert_uint_eq (shared, 0);
    if (dst->driver->kind != IMG_PROTOCOL && dst->driver->reserve == NULL)
      ck_assert_int_eq (img_copy_range (dst, 0, src, 0, SIZE, 0, &err), 1);
    ck_assert_uint_eq (shared, 0);
    leaf[1]->driver = own;
    fake_free (src);
    fake_free (dst);
  }
}
END_TEST

/* A new image whose space was taken ahead does not read as zero. */
START_TEST (space_taken_ahead_is_noise)
{
  struct img_node *src = fake_mem_new (SIZE, COPYING_CAP, IMG_OPEN_RDWR);
  struct img_node *dst = fake_encrypt (copying_toy (NULL, SIZE, 4096, FAKE_NO_ZERO));
  struct img_copy_opts opts = copying_opts ();
  dst->flags |= IMG_OPEN_NEW;
  fake_toy_fill (dst, 0, SIZE / 4096);
  ok (img_copy (dst, &src, 1, &opts, &err));
  ok (img_pread (dst, back, SIZE, 0, 0, &err));
  memset (bytes, 0, SIZE);
  copying_same (bytes, back, SIZE);
  fake_free (src);
  fake_free (dst);
}
END_TEST

START_TEST (not_compressed_as_well)
{
  struct img_node *src = fake_mem_new (SIZE, COPYING_CAP, IMG_OPEN_RDWR);
  struct img_node *dst = fake_encrypt (copying_toy (NULL, SIZE, 4096, 0));
  struct img_copy_opts opts = copying_opts ();
  opts.compress = true;
  ck_assert_int_eq (img_copy (dst, &src, 1, &opts, &err), -1);
  ck_assert_int_eq (err.code, ENOTSUP);
  fake_free (src);
  fake_free (dst);
}
END_TEST

/* A driver that speaks of ciphertext and has no cipher, or an odd one. */
START_TEST (impossible_maps)
{
  static const uint32_t units[] = { 256, 8192, 513, 512 };
  for (unsigned i = 0; i < 4; i++) {
    struct img_node *node = secret_plain (0, 0);
    struct img_extent ext;
    ck_assert_int_eq (img_map (node, 1, 5, &ext, 1, &err), 1);
    node->limits.crypt_unit = units[i];
    if (i == 3)
      fake_driver (node)->crypt = NULL;
    ck_assert_int_eq (img_map (node, 0, SIZE, &ext, 1, &err), -1);
    ck_assert_int_eq (err.code, EIO);
    ck_assert_int_eq (img_pwrite (node, bytes, 512, 0, 0, &err), -1);
    fake_free (node);
  }
}
END_TEST

static int
no_cipher (struct img_node *node, bool encrypt, void *buf, uint64_t length, uint64_t offset,
           uint64_t host, struct img_error *e)
{
  (void) node, (void) buf, (void) length, (void) offset, (void) host;
  return encrypt == (atomic_load (&shared) == 1) ? img_error_set (e, EKEYREJECTED, "no") : 0;
}

/* Faults of the file and of the cipher reach the caller; space is given back. */
START_TEST (every_fault_is_reported)
{
  for (shared = 0; shared < 2; shared++) {
    struct img_node *node = secret_plain (0, 0);
    fake_driver (node)->crypt = no_cipher;
    ck_assert_int_eq (img_pwrite (node, bytes, 100, 700, 0, &err), -1);
    ck_assert_int_eq (err.code, EKEYREJECTED);
    fake_free (node);
  }
  for (int op = FAKE_READ; op <= FAKE_WRITE; op++)
    for (unsigned at = 1; at <= 2; at++) {
      struct img_node *node = fake_encrypt (copying_toy (NULL, SIZE, 4096, 0));
      ok (img_pwrite (node, bytes, SIZE / 2, 0, 0, &err));
      struct fake_mem *mem = fake_mem (node->children[0].node);
      mem->fail_at[op] = atomic_load (&mem->calls[op]) + at;
      int r = img_pwrite (node, bytes, 3000, 100, 0, &err);
      if (r == 0)
        r = img_pwrite (node, bytes, 5000, SIZE / 2 + 50, 0, &err);
      ck_assert_int_eq (r, -1);
      ck_assert_int_eq (err.code, EIO);
      ck_assert_uint_eq (fake_toy_used (node), SIZE / 2 / 4096);
      fake_free (node);
    }
}
END_TEST

int
main (void)
{
  seed = test_seed ();
  Suite *suite = suite_create ("crypt");
  TCase *tc = tcase_create ("crypt");
  tcase_add_checked_fixture (tc, start, NULL);
  tcase_add_test (tc, the_file_holds_ciphertext);
  tcase_add_test (tc, blocks_stay_above);
  tcase_add_test (tc, nothing_is_shared);
  tcase_add_test (tc, space_taken_ahead_is_noise);
  tcase_add_test (tc, not_compressed_as_well);
  tcase_add_test (tc, impossible_maps);
  tcase_add_test (tc, every_fault_is_reported);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
