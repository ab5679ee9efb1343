/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img_copy when something fails: reads, writes, space, commits, sharing; cancel; salvage. */
#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/overflow.h>

#include "copying.h"
#include "suite.h"

static uint64_t seed;

/* ---- failures ---- */

static atomic_uint places; /* reserved, neither committed nor abandoned */
static int (*toy_reserve) (struct img_node *, uint64_t, uint64_t, uint64_t, unsigned,
                           struct img_place *, struct img_error *);
static int (*toy_commit) (struct img_node *, const struct img_place *, struct img_error *);
static void (*toy_abandon) (struct img_node *, const struct img_place *);
static atomic_uint commits;
static unsigned fail_commit; /* the number of the commit that fails; 0: none */

static int
counting_reserve (struct img_node *node, uint64_t offset, uint64_t length, uint64_t encoded,
                  unsigned flags, struct img_place *place, struct img_error *err)
{
  int r = toy_reserve (node, offset, length, encoded, flags, place, err);
  if (r == 0)
    atomic_fetch_add (&places, 1);
  return r;
}

static int
counting_commit (struct img_node *node, const struct img_place *place, struct img_error *err)
{
  atomic_fetch_sub (&places, 1);
  if (atomic_fetch_add (&commits, 1) + 1 == fail_commit)
    return img_error_set (err, EIO, "commit %u was to fail", fail_commit);
  return toy_commit (node, place, err);
}

static void
counting_abandon (struct img_node *node, const struct img_place *place)
{
  atomic_fetch_sub (&places, 1);
  toy_abandon (node, place);
}

static struct img_node *
counted_toy (uint64_t size, uint32_t unit, unsigned flags)
{
  struct img_node *toy = copying_toy (NULL, size, unit, flags);
  struct img_driver *driver = fake_driver (toy);
  toy_reserve = driver->reserve;
  toy_commit = driver->commit;
  toy_abandon = driver->abandon;
  driver->reserve = counting_reserve;
  driver->commit = counting_commit;
  driver->abandon = counting_abandon;
  atomic_store (&places, 0);
  atomic_store (&commits, 0);
  toy->flags |= IMG_OPEN_NEW;
  return toy;
}

enum stage { STAGE_READ, STAGE_WRITE, STAGE_SPACE, STAGE_COMMIT, STAGES };

static void
fail_once (enum stage stage, unsigned call, unsigned workers, bool compress)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t s = seed + 4000 + call;
  struct img_node *src = fake_mem_new (COPYING_ROOM, COPYING_CAP, IMG_OPEN_RDWR);
  copying_scribble (&s, src);
  struct img_node *dst = counted_toy (COPYING_ROOM, 4096, call % 2 ? FAKE_PARALLEL : 0);
  struct fake_mem *from = fake_mem (src), *to = fake_mem (dst->children[0].node);
  atomic_store (&from->calls[FAKE_READ], 0);
  from->fail_at[FAKE_READ] = stage == STAGE_READ ? call : 0;
  to->fail_at[FAKE_WRITE] = stage == STAGE_WRITE ? call : 0;
  to->fail_at[FAKE_RESIZE] = stage == STAGE_SPACE ? call : 0;
  fail_commit = stage == STAGE_COMMIT ? call : 0;
  struct img_copy_opts opts = copying_opts ();
  opts.workers = workers;
  opts.compress = compress;
  int r = img_copy (dst, &src, 1, &opts, &err);
  unsigned done = stage == STAGE_READ    ? atomic_load (&from->calls[FAKE_READ])
                  : stage == STAGE_WRITE ? atomic_load (&to->calls[FAKE_WRITE])
                  : stage == STAGE_SPACE ? atomic_load (&to->calls[FAKE_RESIZE])
                                         : atomic_load (&commits);
  ck_assert_msg (r == (done >= call ? -1 : 0), "stage %d, call %u of %u: %d", stage, call, done, r);
  if (r < 0)
    ck_assert_int_eq (err.code, EIO);
  ck_assert_uint_eq (atomic_load (&places), 0);
  fake_free (src);
  fake_free (dst);
}

START_TEST (failures_are_told_and_undone)
{
  for (unsigned call = 1; call < 14; call++)
    for (unsigned workers = 1; workers <= 4; workers += 3)
      fail_once ((enum stage) _i, call, workers, call % 3 == 0);
}
END_TEST

START_TEST (misuse_is_refused)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *src = fake_mem_new (1000, COPYING_CAP, IMG_OPEN_RDWR);
  struct img_node *dst = fake_mem_new (999, COPYING_CAP, IMG_OPEN_RDWR);
  struct img_copy_opts opts = copying_opts ();
  ck_assert_int_eq (img_copy (dst, &src, 1, &opts, &err), -1);
  ck_assert_int_eq (err.code, EINVAL);
  opts.compress = true;
  ck_assert_int_eq (img_copy (src, &dst, 1, &opts, &err), -1);
  ck_assert_int_eq (err.code, ENOTSUP);
  fake_free (src);
  fake_free (dst);
}
END_TEST

/* ---- cancel ---- */

static struct img_progress *to_cancel;
static int (*mem_pwrite) (struct img_node *, const void *, uint64_t, uint64_t,
                          struct img_error *);

static int
cancelling_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                   struct img_error *err)
{
  img_progress_cancel (to_cancel);
  return mem_pwrite (node, buf, length, offset, err);
}

START_TEST (cancel)
{
  for (unsigned round = 0; round < 8; round++) {
    struct img_error err = IMG_ERROR_INIT;
    uint64_t s = seed + 5000;
    struct img_node *src = fake_mem_new (COPYING_ROOM, COPYING_CAP, IMG_OPEN_RDWR);
    copying_scribble (&s, src);
    struct img_node *dst = counted_toy (COPYING_ROOM, 4096, 0);
    struct img_driver *mem = fake_driver (dst->children[0].node);
    mem_pwrite = mem->pwrite;
    if (round > 0)
      mem->pwrite = cancelling_pwrite;
    struct img_copy_opts opts = copying_opts ();
    opts.workers = 1 + round % 4;
    opts.progress = to_cancel = img_progress_new ();
    if (round == 0)
      img_progress_cancel (to_cancel);
    ck_assert_int_eq (img_copy (dst, &src, 1, &opts, &err), -1);
    ck_assert_int_eq (err.code, ECANCELED);
    ck_assert_uint_eq (atomic_load (&places), 0);
    img_progress_free (to_cancel);
    fake_free (src);
    fake_free (dst);
  }
}
END_TEST

/* ---- salvage ---- */

static uint64_t bad_from, bad_to;
static int (*mem_pread) (struct img_node *, void *, uint64_t, uint64_t, struct img_error *);

static int
scratched_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err)
{
  if (offset < bad_to && offset + length > bad_from)
    return img_error_set (err, EIO, "scratched");
  return mem_pread (node, buf, length, offset, err);
}

static uint64_t lost_bytes, lost_from;

static void
note_lost (void *arg, uint64_t offset, uint64_t length, const struct img_error *why)
{
  ck_assert_ptr_eq (arg, &lost_bytes);
  ck_assert_int_eq (why->code, EIO);
  lost_from = lost_bytes ? img_min (lost_from, offset) : offset;
  lost_bytes += length;
}

START_TEST (salvage)
{
  static uint8_t data[COPYING_ROOM];
  struct img_error err = IMG_ERROR_INIT;
  uint64_t s = seed + 6000, total;
  struct img_node *src = fake_mem_new (COPYING_ROOM, COPYING_CAP, IMG_OPEN_RDWR);
  struct img_node *dst = fake_mem_new (COPYING_ROOM, COPYING_CAP, IMG_OPEN_RDWR | IMG_OPEN_NEW);
  rnd_fill (&s, data, COPYING_ROOM);
  ck_assert_int_eq (img_pwrite (src, data, COPYING_ROOM, 0, 0, &err), 0);
  mem_pread = src->driver->pread;
  fake_driver (src)->pread = scratched_pread;
  bad_from = 300000;
  bad_to = 300000 + 270000;
  struct img_copy_opts opts = copying_opts ();
  ck_assert_int_eq (img_copy (dst, &src, 1, &opts, &err), -1);
  ck_assert_int_eq (err.code, EIO);
  opts.salvage = true;
  opts.salvaged = note_lost;
  opts.salvaged_arg = &lost_bytes;
  lost_bytes = 0;
  ck_assert_int_eq (img_copy (dst, &src, 1, &opts, &err), 0);
  uint64_t from = bad_from / 512 * 512, to = img_div_up (bad_to, 512) * 512;
  ck_assert_uint_eq (lost_from, from);
  ck_assert_uint_eq (lost_bytes, to - from);
  memset (data + from, 0, to - from);
  uint8_t *got = copying_bytes (&dst, 1, &total);
  copying_same (data, got, total);
  free (got);
  fake_free (src);
  fake_free (dst);
}
END_TEST

/* ---- sharing ---- */

static atomic_uint shares;
static unsigned share_from, share_to; /* the calls between these work */
static int share_failure;             /* what the others return: 1, or -1 */

static int
fake_copy_from (struct img_node *node, uint64_t offset, struct img_node *src, uint64_t src_offset,
                uint64_t length, unsigned flags, struct img_error *err)
{
  unsigned n = atomic_fetch_add (&shares, 1);
  ck_assert_uint_eq (flags, IMG_IO_NO_FALLBACK);
  if (n < share_from || n >= share_to) {
    if (share_failure < 0)
      img_error_set (err, EIO, "share %u was to fail", n);
    return share_failure;
  }
  return node->driver->pwrite (node, fake_mem (src)->data + src_offset, length, offset, err);
}

/* Two nodes of one driver, which fakes are not by themselves. */
static void
marry (struct img_node *a, struct img_node *b)
{
  fake_driver (a)->copy_from = fake_copy_from;
  free (fake_driver (b));
  b->driver = a->driver;
}

static void
divorce (struct img_node *b)
{
  struct img_driver *own = malloc (sizeof *own);
  *own = *b->driver;
  b->driver = own;
}

static void
share_case (bool toy, unsigned from, unsigned to, int failure, enum img_reflink reflink, int want)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t s = seed + 7000, total;
  struct img_node *src = fake_mem_new (COPYING_ROOM, COPYING_CAP, IMG_OPEN_RDWR);
  struct img_node *mem = fake_mem_new (toy ? 0 : COPYING_ROOM, COPYING_CAP, IMG_OPEN_RDWR);
  struct img_node *dst = toy ? fake_toy_new (mem, NULL, COPYING_ROOM, 4096, 0) : mem;
  dst->flags |= IMG_OPEN_NEW;
  uint8_t *data = copying_bytes (&src, 1, &total);
  rnd_fill (&s, data, total);
  ck_assert_int_eq (img_pwrite (src, data, total, 0, 0, &err), 0);
  marry (src, mem);
  atomic_store (&shares, 0);
  share_from = from;
  share_to = to;
  share_failure = failure;
  struct img_copy_opts opts = copying_opts ();
  opts.reflink = reflink;
  opts.workers = 4;
  int r = img_copy (dst, &src, 1, &opts, &err);
  ck_assert_msg (r == want, "%d: %s", r, err.message);
  if (r == 0) {
    uint8_t *got = copying_bytes (&dst, 1, &total);
    copying_same (data, got, total);
    free (got);
  }
  if (reflink == IMG_REFLINK_NEVER)
    ck_assert_uint_eq (atomic_load (&shares), 0);
  else
    ck_assert_uint_gt (atomic_load (&shares), 0);
  if (from > 0 && r == 0 && failure > 0 && reflink != IMG_REFLINK_NEVER)
    ck_assert_uint_eq (atomic_load (&shares), 1); /* the first try decides */
  divorce (mem);
  free (data);
  fake_free (src);
  fake_free (dst);
}

START_TEST (sharing)
{
  bool toy = _i;
  share_case (toy, 0, 1000, 1, IMG_REFLINK_AUTO, 0);
  share_case (toy, 0, 1000, 1, IMG_REFLINK_ALWAYS, 0);
  share_case (toy, 1000, 1000, 1, IMG_REFLINK_AUTO, 0);
  share_case (toy, 1000, 1000, 1, IMG_REFLINK_ALWAYS, -1);
  share_case (toy, 1000, 1000, -1, IMG_REFLINK_AUTO, -1);
  share_case (toy, 0, 1, 1, IMG_REFLINK_AUTO, 0);
  share_case (toy, 0, 1, -1, IMG_REFLINK_AUTO, -1);
  share_case (toy, 0, 1000, 1, IMG_REFLINK_NEVER, 0);
}
END_TEST

int
main (void)
{
  seed = test_seed ();
  Suite *suite = suite_create ("copy-failures");
  TCase *tc = tcase_create ("copy-failures");
  tcase_set_timeout (tc, 120);
  tcase_add_loop_test (tc, failures_are_told_and_undone, 0, STAGES);
  tcase_add_test (tc, misuse_is_refused);
  tcase_add_test (tc, cancel);
  tcase_add_test (tc, salvage);
  tcase_add_loop_test (tc, sharing, 0, 2);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
