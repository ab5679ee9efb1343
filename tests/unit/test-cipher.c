/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* modules/common/cipher.h against published vectors, and LUKS1 headers in memory. */
#include <config.h>

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "luks.h"
#include "suite.h"

static void
unhex (const char *hex, uint8_t *out)
{
  for (; *hex; hex += 2, out++)
    ck_assert_int_eq (sscanf (hex, "%2hhx", out), 1);
}

static struct crypt *
make (struct crypt_spec spec, const char *key_hex)
{
  struct img_error err = IMG_ERROR_INIT;
  uint8_t key[CRYPT_MAX_KEY];
  struct crypt *c = NULL;
  unhex (key_hex, key);
  ck_assert_msg (crypt_new (&c, &spec, key, strlen (key_hex) / 2, &err) == 0, "%s", err.message);
  return c;
}

/* The 512 bytes at SECTOR begin with CIPHERTEXT, and come back. */
static void
vector (struct crypt *c, const uint8_t *plain, uint64_t sector, const char *ciphertext)
{
  struct img_error err = IMG_ERROR_INIT;
  uint8_t buf[512], want[64];
  memcpy (buf, plain, sizeof buf);
  unhex (ciphertext, want);
  ck_assert_int_eq (crypt_sectors (c, true, buf, sizeof buf, sector, &err), 0);
  ck_assert_mem_eq (buf, want, strlen (ciphertext) / 2);
  ck_assert_int_eq (crypt_sectors (c, false, buf, sizeof buf, sector, &err), 0);
  ck_assert_mem_eq (buf, plain, sizeof buf);
}

/* IEEE 1619-2007, annex B, vectors 1, 4 and 10. */
START_TEST (xts)
{
  struct crypt_spec spec = { .cipher = CRYPT_AES_128, .mode = CRYPT_XTS, .ivgen = CRYPT_PLAIN64 };
  uint8_t plain[512] = { 0 };
  struct crypt *c = make (spec, "0000000000000000000000000000000000000000000000000000000000000000");
  vector (c, plain, 0, "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e");
  crypt_free (c);
  for (unsigned i = 0; i < sizeof plain; i++)
    plain[i] = (uint8_t) i;
  c = make (spec, "2718281828459045235360287471352631415926535897932384626433832795");
  vector (c, plain, 0, "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c");
  crypt_free (c);
  spec.cipher = CRYPT_AES_256;
  c = make (spec, "2718281828459045235360287471352662497757247093699959574966967627"
                  "3141592653589793238462643383279502884197169399375105820974944592");
  vector (c, plain, 0xff, "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b");
  crypt_free (c);
}
END_TEST

/* NIST SP 800-38A, F.1.1: sector 0 has an IV of zeroes, so that CBC begins like ECB. */
START_TEST (cbc)
{
  struct crypt_spec spec = { .cipher = CRYPT_AES_128, .mode = CRYPT_CBC, .ivgen = CRYPT_PLAIN64 };
  uint8_t plain[512] = { 0 };
  struct crypt *c = make (spec, "2b7e151628aed2a6abf7158809cf4f3c");
  unhex ("6bc1bee22e409f96e93d7e117393172a", plain);
  vector (c, plain, 0, "3ad77bb40d7a3660a89ecaf32466ef97");
  /* The IV of sector 6 undone by hand. */
  plain[0] ^= 6;
  vector (c, plain, 6, "3ad77bb40d7a3660a89ecaf32466ef97");
  crypt_free (c);
}
END_TEST

/* plain forgets the upper half of the number, and plain64 does not; essiv has a key of its own. */
START_TEST (ivs)
{
  static const struct crypt_spec specs[] = {
    { .cipher = CRYPT_AES_256, .mode = CRYPT_CBC, .ivgen = CRYPT_PLAIN },
    { .cipher = CRYPT_AES_256, .mode = CRYPT_CBC, .ivgen = CRYPT_PLAIN64 },
    { .cipher = CRYPT_AES_256, .mode = CRYPT_CBC, .ivgen = CRYPT_ESSIV,
      .ivgen_hash = CRYPT_SHA256 },
  };
  struct img_error err = IMG_ERROR_INIT;
  uint8_t out[3][2][512];
  for (unsigned i = 0; i < 3; i++) {
    struct crypt *c = make (specs[i], "603deb1015ca71be2b73aef0857d7781"
                                      "1f352c073b6108d72d9810a30914dff4");
    memset (out[i], 7, sizeof out[i]);
    ck_assert_int_eq (crypt_sectors (c, true, out[i][0], 512, 5, &err), 0);
    ck_assert_int_eq (crypt_sectors (c, true, out[i][1], 512, 5 + (UINT64_C (1) << 32), &err), 0);
    crypt_free (c);
  }
  ck_assert_mem_eq (out[0][0], out[0][1], 512);
  ck_assert_mem_eq (out[0][0], out[1][0], 512);
  ck_assert_mem_ne (out[1][0], out[1][1], 512);
  ck_assert_mem_ne (out[1][0], out[2][0], 512);
}
END_TEST

/* Every cipher in every mode that it has: many sectors at once are what they are one by one. */
START_TEST (batches)
{
  struct crypt_spec spec = { .cipher = (enum crypt_cipher) (_i / 4),
                             .mode = (enum crypt_mode) (_i % 4), .ivgen = CRYPT_PLAIN64 };
  struct img_error err = IMG_ERROR_INIT;
  uint8_t key[CRYPT_MAX_KEY], plain[200 * 512], whole[sizeof plain], single[sizeof plain];
  struct crypt *c;
  size_t n = crypt_key_length (&spec);
  bool small = spec.cipher >= CRYPT_DES && spec.cipher <= CRYPT_CAST5_128;
  ck_assert_int_eq (n == 0, small && spec.mode == CRYPT_XTS);
  if (n == 0)
    return;
  for (unsigned i = 0; i < sizeof key; i++)
    key[i] = (uint8_t) (i * 31 + 5);
  if (spec.cipher == CRYPT_TWOFISH_192) {
    ck_assert_int_eq (crypt_new (&c, &spec, key, n, &err), -1);
    ck_assert_int_eq (err.code, ENOTSUP);
    return;
  }
  ck_assert_msg (crypt_new (&c, &spec, key, n, &err) == 0, "%s", err.message);
  for (unsigned i = 0; i < sizeof plain; i++)
    plain[i] = (uint8_t) (i ^ i >> 8);
  memcpy (whole, plain, sizeof plain);
  memcpy (single, plain, sizeof plain);
  ck_assert_int_eq (crypt_sectors (c, true, whole, sizeof whole, 1000, &err), 0);
  for (unsigned i = 0; i < 200; i++)
    ck_assert_int_eq (crypt_sectors (c, true, single + i * 512, 512, 1000 + i, &err), 0);
  ck_assert_mem_eq (whole, single, sizeof whole);
  ck_assert_mem_ne (whole, plain, sizeof whole);
  ck_assert_int_eq (crypt_sectors (c, false, whole, sizeof whole, 1000, &err), 0);
  ck_assert_mem_eq (whole, plain, sizeof whole);
  ck_assert_int_eq (crypt_sectors (c, true, whole, 100, 0, &err), -1);
  crypt_free (c);
}
END_TEST

struct sharer {
  struct crypt *c;
  bool good;
};

static void *
share (void *arg)
{
  struct sharer *s = arg;
  struct img_error err = IMG_ERROR_INIT;
  uint8_t buf[16 * 512], zero[sizeof buf] = { 0 };
  s->good = true;
  for (unsigned i = 0; i < 200; i++) {
    memset (buf, 0, sizeof buf);
    s->good = s->good && crypt_sectors (s->c, true, buf, sizeof buf, i, &err) == 0 &&
              crypt_sectors (s->c, false, buf, sizeof buf, i, &err) == 0 &&
              memcmp (buf, zero, sizeof buf) == 0;
  }
  return NULL;
}

START_TEST (threads)
{
  struct crypt_spec spec = { .cipher = CRYPT_AES_128, .mode = CRYPT_CBC, .ivgen = CRYPT_PLAIN64 };
  struct crypt *c = make (spec, "2b7e151628aed2a6abf7158809cf4f3c");
  struct sharer sharers[4];
  pthread_t t[4];
  for (unsigned i = 0; i < 4; i++) {
    sharers[i].c = c;
    ck_assert_int_eq (pthread_create (&t[i], NULL, share, &sharers[i]), 0);
  }
  for (unsigned i = 0; i < 4; i++) {
    pthread_join (t[i], NULL);
    ck_assert (sharers[i].good);
  }
  crypt_free (c);
}
END_TEST

/* RFC 6070, and the splitter both ways. */
START_TEST (keys)
{
  struct img_error err = IMG_ERROR_INIT;
  uint8_t out[20], want[20], key[48], back[48];
  static uint8_t material[48 * 100];
  unhex ("4b007901b765489abead49d926f721d065a429c1", want);
  ck_assert_int_eq (crypt_pbkdf2 (CRYPT_SHA1, "password", 8, "salt", 4, 4096, out, 20, &err), 0);
  ck_assert_mem_eq (out, want, 20);
  memset (key, 0x5a, sizeof key);
  ck_assert_int_eq (crypt_af_split (CRYPT_SHA256, key, 48, 100, material, &err), 0);
  ck_assert_int_eq (crypt_af_merge (CRYPT_SHA256, material, 48, 100, back, &err), 0);
  ck_assert_mem_eq (key, back, 48);
  material[7] ^= 1;
  ck_assert_int_eq (crypt_af_merge (CRYPT_SHA256, material, 48, 100, back, &err), 0);
  ck_assert_mem_ne (key, back, 48);
}
END_TEST

/* ---- headers ---- */

static uint8_t disk[4 << 20];

static int
mem_read (void *arg, void *buf, uint64_t length, uint64_t offset, struct img_error *err)
{
  (void) arg;
  (void) err;
  ck_assert (offset + length <= sizeof disk);
  memcpy (buf, disk + offset, length);
  return 0;
}

static int
mem_write (void *arg, const void *buf, uint64_t length, uint64_t offset, struct img_error *err)
{
  (void) arg;
  (void) err;
  ck_assert (offset + length <= sizeof disk);
  memcpy (disk + offset, buf, length);
  return 0;
}

static const struct luks_io io = { mem_read, mem_write, NULL, NULL, sizeof disk, false };

START_TEST (header)
{
  struct luks_params params = { .spec = { .cipher = CRYPT_AES_256, .mode = CRYPT_XTS,
                                          .ivgen = CRYPT_PLAIN64 },
                                .hash = CRYPT_SHA256, .iter_time = 1 };
  struct img_error err = IMG_ERROR_INIT;
  struct luks made, read;
  struct crypt *c = NULL, *again = NULL;
  uint8_t key[CRYPT_MAX_KEY], a[512] = "plain", b[512];
  const uint8_t *pass = (const uint8_t *) "open sesame";
  ck_assert_uint_eq (luks_length (&params), 2068480);
  ck_assert_msg (luks_create (&made, &params, &io, pass, 11, &c, &err) == 0, "%s", err.message);
  ck_assert_msg (luks_read (&read, &io, &err) == 0, "%s", err.message);
  ck_assert_str_eq (read.uuid, made.uuid);
  ck_assert_uint_eq (read.payload_offset, 2068480);
  ck_assert_int_eq (luks_unlock (&read, &io, pass, 10, key, &err), -1);
  ck_assert_int_eq (err.code, EACCES);
  ck_assert_int_eq (luks_unlock (&read, &io, pass, 11, key, &err), 0);
  ck_assert_int_eq (crypt_new (&again, &read.spec, key, read.key_length, &err), 0);
  memcpy (b, a, sizeof a);
  ck_assert_int_eq (crypt_sectors (c, true, a, sizeof a, 3, &err), 0);
  ck_assert_int_eq (crypt_sectors (again, true, b, sizeof b, 3, &err), 0);
  ck_assert_mem_eq (a, b, sizeof a);
  crypt_free (c);
  crypt_free (again);
}
END_TEST

static const struct bad {
  unsigned offset, length;
  const char *bytes, *message;
} bads[] = {
  { 0, 1, "l", "not a LUKS header" },
  { 7, 1, "\2", "not a LUKS header of version 1" },
  { 8, 3, "foo", "cipher 'foo' in mode 'xts-plain64'" },
  { 8, 32, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "is not terminated" },
  { 40, 4, "lrw-", "cipher mode 'lrw-plain64'" },
  { 40, 32, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "is not terminated" },
  { 72, 6, "whirlp", "hash 'whirlp'" },
  { 168, 40, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "UUID" },
  { 104, 4, "\0\0\0\1", "overlap the header" },
  { 108, 4, "\0\0\0\41", "key of 33 bytes" },
  { 108, 4, "\377\377\377\377", "key of 4294967295 bytes" },
  { 164, 4, "\0\0\0\0", "no iterations" },
  { 164, 4, "\377\377\377\377", "iterations, more than" },
  { 208, 4, "\1\2\3\4", "key slot 0 is neither" },
  { 212, 4, "\0\0\0\0", "key slot 0 has no iterations" },
  { 212, 4, "\377\377\377\377", "key slot 0 has 4294967295 iterations" },
  { 248, 4, "\0\0\0\1", "key slot 0 overlaps the header" },
  { 248, 4, "\0\0\17\310", "overlaps the data" },
  { 248, 4, "\377\377\377\377", "overlaps the data" },
  { 252, 4, "\377\377\377\377", "4294967295 stripes" },
  { 252, 4, "\0\0\0\1", "1 stripes" },
  { 296, 4, "\0\0\0\12", "key slots 0 and 1 overlap" },
};

START_TEST (hostile)
{
  struct luks_params params = { .spec = { .cipher = CRYPT_AES_256, .mode = CRYPT_XTS,
                                          .ivgen = CRYPT_PLAIN64 },
                                .hash = CRYPT_SHA256, .iter_time = 1 };
  struct img_error err = IMG_ERROR_INIT;
  struct luks_io cut = io;
  struct luks l;
  uint8_t good[592];
  ck_assert_int_eq (luks_create (&l, &params, &io, (const uint8_t *) "x", 1, NULL, &err), 0);
  memcpy (good, disk, sizeof good);
  for (const struct bad *bad = bads; bad < bads + sizeof bads / sizeof *bads; bad++) {
    memcpy (disk, good, sizeof good);
    memcpy (disk + bad->offset, bad->bytes, bad->length);
    ck_assert_msg (luks_read (&l, &io, &err) == -1, "%s", bad->message);
    ck_assert_msg (strstr (err.message, bad->message), "%s", err.message);
  }
  memcpy (disk, good, sizeof good);
  cut.size = 200000;
  ck_assert_int_eq (luks_read (&l, &cut, &err), -1);
  ck_assert_msg (strstr (err.message, "past the end of the file"), "%s", err.message);
  cut.size = 500;
  ck_assert_int_eq (luks_read (&l, &cut, &err), -1);
  ck_assert_msg (strstr (err.message, "cut off"), "%s", err.message);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("cipher");
  TCase *tc = tcase_create ("cipher");
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, xts);
  tcase_add_test (tc, cbc);
  tcase_add_test (tc, ivs);
  tcase_add_loop_test (tc, batches, 0, (CRYPT_SM4 + 1) * 4);
  tcase_add_test (tc, threads);
  tcase_add_test (tc, keys);
  tcase_add_test (tc, header);
  tcase_add_test (tc, hostile);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
