/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fixed figures are what qemu-img 7.2 measures. */
#include <config.h>

#include <check.h>

#include <blkimg/overflow.h>

#include "modules/qcow2/create.h"
#include "tests/unit/seed.h"
#include "suite.h"

static const struct {
  uint32_t cluster_bits, refcount_order;
  bool extended;
  uint64_t size, end;
} known[] = {
  { 16, 4, false, 0, 196608 },
  { 16, 4, false, 512, 393216 },
  { 16, 4, false, UINT64_C (1) << 30, 1074135040 },
  { 16, 4, false, UINT64_C (3) << 30, 3221946368 },
  { 16, 4, false, UINT64_C (1) << 40, 1099679662080 },
  { 16, 4, true, UINT64_C (1) << 40, 1099813879808 },
  { 9, 4, false, UINT64_C (1) << 30, 1095127040 },
  { 9, 6, false, UINT64_C (1) << 30, 1108370944 },
  { 16, 0, false, UINT64_C (10) << 40, 10996479819776 },
  { 21, 4, false, UINT64_C (10) << 40, 10995177095168 },
};

START_TEST (figures)
{
  struct img_error err = IMG_ERROR_INIT;
  struct qcow2_options o = { .cluster_bits = known[_i].cluster_bits,
                             .refcount_order = known[_i].refcount_order,
                             .extended = known[_i].extended };
  struct qcow2_layout l;
  ck_assert_int_eq (qcow2_layout_make (&l, &o, known[_i].size, true, true, &err), 0);
  ck_assert_uint_eq (l.end, known[_i].end);
}
END_TEST

/* Every cluster is counted, no refcount block and no table cluster is too much. */
START_TEST (any_size)
{
  uint64_t state = test_seed ();
  for (int i = 0; i < 20000; i++) {
    struct img_error err = IMG_ERROR_INIT;
    struct qcow2_options o = { .version = 3 };
    struct qcow2_layout l;
    o.cluster_bits = 9 + (uint32_t) rnd_below (&state, 13);
    o.refcount_order = (uint32_t) rnd_below (&state, 7);
    o.extended = o.cluster_bits >= 14 && rnd_below (&state, 2);
    uint64_t size = rnd (&state) >> (20 + rnd_below (&state, 40));
    bool tables = rnd_below (&state, 2), data = tables && rnd_below (&state, 2);
    if (qcow2_layout_make (&l, &o, size, tables, data, &err) < 0) {
      ck_assert_uint_ge (size >> (2 * o.cluster_bits - 4), (32u << 20) / 8);
      continue;
    }
    uint64_t cluster = UINT64_C (1) << o.cluster_bits, total = l.end >> o.cluster_bits;
    uint64_t per_block = cluster * 8 >> o.refcount_order, per_table = cluster / 8;
    ck_assert_uint_eq (l.blocks, img_div_up (total, per_block));
    ck_assert_uint_eq (l.reftable_clusters, img_div_up (l.blocks, per_table));
    ck_assert_uint_eq (l.reftable_offset, cluster);
    ck_assert_uint_eq (l.block_offset, l.reftable_offset + l.reftable_clusters * cluster);
    ck_assert_uint_eq (l.l1_offset, l.block_offset + l.blocks * cluster);
    ck_assert_uint_eq (l.l2_offset, l.l1_offset + l.l1_clusters * cluster);
    ck_assert_uint_eq (l.data_offset, l.l2_offset + l.l2_tables * cluster);
    ck_assert_uint_eq (l.end, l.data_offset + l.data_clusters * cluster);
    ck_assert_uint_ge (l.guest_clusters * cluster, size);
    ck_assert_uint_ge (l.l1_entries * (cluster / (o.extended ? 16 : 8)), l.guest_clusters);
    ck_assert_uint_eq (l.l2_tables, tables ? l.l1_entries : 0);
    ck_assert_uint_eq (l.data_clusters, data ? l.guest_clusters : 0);
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("qcow2-layout");
  TCase *t = tcase_create ("all");
  tcase_add_loop_test (t, figures, 0, (int) (sizeof known / sizeof known[0]));
  tcase_add_test (t, any_size);
  suite_add_tcase (s, t);
  return run_suite (s);
}
