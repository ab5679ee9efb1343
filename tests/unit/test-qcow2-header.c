/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The header: what is written is read back, what is unknown is kept or refused by name, and no cut
 * or number does more than give an error. */
#include <config.h>

#include <check.h>

#include "fake.h"
#include "suite.h"
#include "modules/qcow2/qcow2.h"
#include "tests/unit/seed.h"

enum { BITS = 12, CLUSTER = 1 << BITS, FILE_SIZE = 8 * CLUSTER };

static struct img_node *file;
static struct qcow2_header h;
static struct img_error err;

static uint8_t *
bytes (void)
{
  return fake_mem (file)->data;
}

/* A sound version 3 header: 1 MiB, L1 in cluster 3, refcount table in cluster 1. */
static struct qcow2_header
sound (void)
{
  return (struct qcow2_header) {
    .version = 3, .cluster_bits = BITS, .size = 1 << 20, .l1_size = 1, .l1_offset = 3 * CLUSTER,
    .reftable_offset = CLUSTER, .reftable_clusters = 1, .refcount_order = 4, .header_length = 112,
  };
}

static void
setup (void)
{
  file = fake_mem_new (FILE_SIZE, FILE_SIZE, IMG_OPEN_RDWR);
  err = (struct img_error) IMG_ERROR_INIT;
  struct qcow2_header s = sound ();
  ck_assert_int_eq (qcow2_header_encode (&s, bytes (), &err), 0);
}

static void
teardown (void)
{
  qcow2_header_free (&h);
  fake_free (file);
}

static void
refuses (unsigned flags, const char *text)
{
  ck_assert_int_eq (qcow2_header_read (&h, file, flags, &err), -1);
  ck_assert_msg (strstr (err.message, text), "got: %s", err.message);
  qcow2_header_free (&h);
}

static void
accepts (unsigned flags)
{
  ck_assert_msg (qcow2_header_read (&h, file, flags, &err) == 0, "%s", err.message);
}

START_TEST (round_trip)
{
  struct qcow2_ext ext[] = { { 0x12345678, 5, (uint8_t *) "hello" }, { 0x99, 0, NULL } };
  struct qcow2_header s = sound ();
  s.backing_name = (char *) "base image.qcow2";
  s.backing_format = (char *) "qcow2";
  s.data_file = (char *) "data.raw";
  s.incompat = QCOW2_INCOMPAT_DATA_FILE | QCOW2_INCOMPAT_COMPRESSION;
  s.compression_type = QCOW2_ZSTD;
  s.compat = QCOW2_COMPAT_LAZY_REFCOUNTS | 0x100;
  s.autoclear = QCOW2_AUTOCLEAR_BITMAPS;
  s.refcount_order = 6;
  s.has_bitmaps = true;
  s.n_bitmaps = 2;
  s.bitmap_dir_offset = 5 * CLUSTER;
  s.bitmap_dir_size = 64;
  s.ext = ext;
  s.n_ext = 2;
  ck_assert_int_eq (qcow2_header_encode (&s, bytes (), &err), 0);
  accepts (0);
  ck_assert_str_eq (h.backing_name, s.backing_name);
  ck_assert_str_eq (h.backing_format, s.backing_format);
  ck_assert_str_eq (h.data_file, s.data_file);
  ck_assert_uint_eq (h.incompat, s.incompat);
  ck_assert_uint_eq (h.compat, s.compat);
  ck_assert_uint_eq (h.autoclear, s.autoclear);
  ck_assert_uint_eq (h.compression_type, QCOW2_ZSTD);
  ck_assert_uint_eq (h.refcount_order, 6);
  ck_assert_uint_eq (h.bitmap_dir_offset, s.bitmap_dir_offset);
  ck_assert_uint_eq (h.bitmap_dir_size, 64);
  ck_assert_uint_eq (h.n_ext, 2);
  ck_assert_uint_eq (h.ext[0].type, 0x12345678);
  ck_assert_mem_eq (h.ext[0].data, "hello", 5);
  ck_assert_uint_eq (h.ext[1].length, 0);
}
END_TEST

START_TEST (longer_headers_are_kept)
{
  uint8_t unknown[120 - QCOW2_KNOWN_HEADER] = { 0 };
  memcpy (unknown + 7, "futures!", 8); /* bytes 112 to 119 */
  struct qcow2_header s = sound ();
  s.header_length = 120;
  s.unknown_fields = unknown;
  s.unknown_length = sizeof unknown;
  ck_assert_int_eq (qcow2_header_encode (&s, bytes (), &err), 0);
  ck_assert_mem_eq (bytes () + 112, "futures!", 8);
  accepts (0);
  ck_assert_uint_eq (h.header_length, 120);
  uint8_t again[CLUSTER];
  ck_assert_int_eq (qcow2_header_encode (&h, again, &err), 0);
  ck_assert_mem_eq (again, bytes (), CLUSTER);
}
END_TEST

START_TEST (version_2)
{
  struct qcow2_header s = sound ();
  s.version = 2;
  s.backing_name = (char *) "b";
  ck_assert_int_eq (qcow2_header_encode (&s, bytes (), &err), 0);
  accepts (IMG_OPEN_RDWR);
  ck_assert_uint_eq (h.header_length, 72);
  ck_assert_uint_eq (h.incompat, 0);
  ck_assert_str_eq (h.backing_name, "b");
}
END_TEST

START_TEST (smallest_cluster_drops_the_feature_names_first)
{
  char name[380];
  uint8_t buf[512];
  struct qcow2_header s = sound ();
  s.cluster_bits = 9;
  memset (name, 'n', sizeof name);
  name[379] = '\0';
  s.backing_name = name;
  ck_assert_int_eq (qcow2_header_encode (&s, buf, &err), 0);
  ck_assert_uint_eq (be32_get (buf + 16), 379);
  char more[500];
  memset (more, 'm', sizeof more);
  more[499] = '\0';
  s.backing_name = more;
  ck_assert_int_eq (qcow2_header_encode (&s, buf, &err), -1);
  ck_assert_int_eq (err.code, ENOSPC);
}
END_TEST

START_TEST (unknown_features_by_name)
{
  be64_put (bytes () + 72, UINT64_C (1) << 60 | UINT64_C (1) << 7);
  refuses (0, "Unsupported qcow2 feature(s): Unknown incompatible feature: 1000000000000080");
  /* The feature table that we write comes first: entry 0 becomes bit 60. */
  ck_assert_uint_eq (be32_get (bytes () + 112), QCOW2_EXT_FEATURES);
  memcpy (bytes () + 120, "\0\74warp drive", 13);
  memset (bytes () + 132, 0, 36);
  refuses (0, "warp drive, Unknown incompatible feature: 80");
}
END_TEST

START_TEST (corrupt_and_dirty)
{
  be64_put (bytes () + 72, QCOW2_INCOMPAT_CORRUPT);
  accepts (0);
  qcow2_header_free (&h);
  refuses (IMG_OPEN_RDWR, "Image is corrupt");
  be64_put (bytes () + 72, QCOW2_INCOMPAT_DIRTY);
  accepts (0);
  qcow2_header_free (&h);
  accepts (IMG_OPEN_RDWR); /* to be repaired */
}
END_TEST

/* Field, value, what the message must hold. */
static const struct {
  unsigned at, width;
  uint64_t value;
  const char *message;
} bad[] = {
  { 0, 4, 0x514649fa, "wrong magic" },
  { 4, 4, 1, "version 1" },
  { 4, 4, 4, "version 4" },
  { 8, 8, CLUSTER + 1, "Invalid backing file offset 0x1001" },
  { 8, 8, UINT64_MAX, "Invalid backing file offset" },
  { 20, 4, 8, "cluster size: 2^8" },
  { 20, 4, 22, "cluster size: 2^22" },
  { 20, 4, 0xffffffff, "cluster size" },
  { 24, 8, UINT64_C (1) << 63, "image size" },
  { 24, 8, INT64_MAX, "L1 table is too small" },
  { 24, 8, 3 << 20, "L1 table is too small (1 entries, 2 needed)" },
  { 32, 4, 3, "encryption method 3" },
  { 36, 4, 0, "L1 table is too small" },
  { 36, 4, (4 << 20) + 1, "L1 table too large" },
  { 36, 4, 0xffffffff, "L1 table too large" },
  { 40, 8, 3 * CLUSTER + 8, "L1 table offset 0x3008 is not aligned" },
  { 40, 8, FILE_SIZE, "L1 table at 0x8000 (8 bytes) lies past the end" },
  { 40, 8, UINT64_MAX << BITS, "L1 table offset" },
  { 48, 8, 1, "reference count table offset 0x1 is not aligned" },
  { 48, 8, UINT64_MAX << BITS, "reference count table offset" },
  { 56, 4, 0, "reference count table" },
  { 56, 4, 2049, "reference count table too large" },
  { 56, 4, 0xffffffff, "reference count table too large" },
  { 60, 4, 65537, "65537 snapshots" },
  { 60, 4, 65536, "snapshot table" },
  { 96, 4, 7, "2^7 bits" },
  { 96, 4, 0xffffffff, "width too large" },
  { 100, 4, 103, "header length 103 is too short" },
  { 100, 4, CLUSTER + 8, "exceeds the cluster size" },
  { 100, 4, 0xffffffff, "exceeds the cluster size" },
  { 104, 1, 1, "contradict" },
  { 88, 8, 2, "data-file-raw requires a data file" },
  { 116, 4, 0xffffffff, "header extension 0x6803f857 at 0x70 is too long" },
  { 72, 8, QCOW2_INCOMPAT_EXTENDED_L2, "16384" },
  { 72, 8, QCOW2_INCOMPAT_COMPRESSION, "contradict" },
};

START_TEST (bad_fields)
{
  uint8_t *p = bytes () + bad[_i].at;
  for (unsigned i = 0; i < bad[_i].width; i++)
    p[i] = (uint8_t) (bad[_i].value >> 8 * (bad[_i].width - 1 - i));
  refuses (0, bad[_i].message);
}
END_TEST

START_TEST (cut_at_every_byte)
{
  struct qcow2_header s = sound ();
  s.backing_name = (char *) "base";
  ck_assert_int_eq (qcow2_header_encode (&s, bytes (), &err), 0);
  for (uint64_t size = 0; size <= 3 * CLUSTER; size++) { /* the last cluster need not be whole */
    atomic_store (&file->size, size);
    ck_assert_int_eq (qcow2_header_read (&h, file, 0, &err), -1);
    ck_assert_uint_ne (err.message[0], 0);
    qcow2_header_free (&h);
  }
}
END_TEST

START_TEST (noise)
{
  uint64_t state = test_seed ();
  for (int i = 0; i < 20000; i++) {
    struct qcow2_header s = sound ();
    s.backing_name = (char *) "base";
    s.backing_format = (char *) "raw";
    ck_assert_int_eq (qcow2_header_encode (&s, bytes (), &err), 0);
    for (uint64_t n = rnd_below (&state, 4) + 1; n > 0; n--)
      bytes ()[rnd_below (&state, 600)] = (uint8_t) rnd (&state);
    if (qcow2_header_read (&h, file, (unsigned) rnd_below (&state, 16), &err) == 0) {
      ck_assert_uint_le (h.l1_offset + (uint64_t) h.l1_size * 8, INT64_MAX);
      ck_assert_uint_le ((uint64_t) h.reftable_clusters << h.cluster_bits, 8 << 20);
    }
    qcow2_header_free (&h);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("qcow2-header");
  TCase *tc = tcase_create ("header");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, round_trip);
  tcase_add_test (tc, longer_headers_are_kept);
  tcase_add_test (tc, version_2);
  tcase_add_test (tc, smallest_cluster_drops_the_feature_names_first);
  tcase_add_test (tc, unknown_features_by_name);
  tcase_add_test (tc, corrupt_and_dirty);
  tcase_add_loop_test (tc, bad_fields, 0, sizeof bad / sizeof bad[0]);
  tcase_add_test (tc, cut_at_every_byte);
  tcase_add_test (tc, noise);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
