/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Power cuts and failed requests under a VDI image.  Writes to the file are recorded; what was
 * flushed is on the disk, of the rest any sectors may be.  Whatever a cut leaves, a check must find
 * leaks at worst, and what the guest flushed and did not touch since must read as it was. */
#include <config.h>

#include <check.h>

#include <blkimg/endian.h>
#include <blkimg/overflow.h>
#include <blkimg/vec.h>

#include "fake.h"
#include "seed.h"
#include "suite.h"

enum {
  BLOCK = 4096,
  DISK = 512 * 1024,
  MOST = 5 * 1024 * 1024, /* grown; its map takes more than a block, so it moves */
  CAP = 6 * 1024 * 1024,
  DATA = 1024, /* behind a map of 128 entries: no room to grow */
  OPERATIONS = 150
};

const struct img_module *img_module_entry (void);

struct record {
  uint64_t offset, length;
  uint8_t *bytes;
};

static struct {
  struct img_node *node;
  uint8_t *durable;
  IMG_VEC (struct record) loose;
  const struct img_driver *mem;
  uint8_t *now, *safe; /* what the guest wrote; what it had written at its last flush */
  uint8_t *touched;    /* since then, a byte a sector */
  uint64_t state;
  unsigned cuts;
} t;

static struct img_error err;

static struct img_node *
vdi_over (struct img_node *file, unsigned flags)
{
  const struct img_driver *driver = img_module_entry ()->drivers[0];
  struct img_node *node = fake_node (driver, "x.vdi", 0, flags);
  fake_add (node, "file", file);
  ck_assert_msg (driver->open (node, NULL, flags, &err) == 0, "%s", err.message);
  return node;
}

/* ---- one power cut ---- */

/* Sectors of each record, all, none or some. */
static void
apply_some (uint8_t *to)
{
  uint64_t how = rnd_below (&t.state, 3);
  for (size_t i = 0; i < t.loose.n; i++) {
    const struct record *r = &t.loose.v[i];
    uint64_t n;
    for (uint64_t at = 0; at < r->length; at += n) {
      n = img_min (512 - (r->offset + at) % 512, r->length - at);
      if (how == 0 ? i + 1 == t.loose.n : rnd_below (&t.state, 2) == how - 1)
        memcpy (to + r->offset + at, r->bytes + at, n);
    }
  }
}

static void
power_cut (void)
{
  uint64_t size = img_size (t.node->children[0].node);
  struct img_node *file = fake_mem_new (size, CAP, 0);
  struct img_check check = { .struct_size = sizeof check };
  uint8_t *got = malloc (MOST);
  t.cuts++;
  memcpy (fake_mem (file)->data, t.durable, size);
  apply_some (fake_mem (file)->data);
  memset (fake_mem (file)->there, 1, CAP / FAKE_BLOCK);
  struct img_node *node = vdi_over (file, 0);
  ck_assert_int_eq (node->driver->check (node, &check, 0, &err), 0);
  ck_assert_uint_eq (check.corruptions, 0);
  uint64_t length = img_min (img_size (node), img_size (t.node));
  ck_assert_msg (img_pread (node, got, length, 0, 0, &err) == 0, "%s", err.message);
  for (uint64_t at = 0; at < length; at += 512)
    if (!t.touched[at / 512] && memcmp (got + at, t.safe + at, 512) != 0)
      ck_abort_msg ("what was flushed at 0x%llx is lost", (unsigned long long) at);
  fake_free (node);
  free (got);
}

/* ---- the recorded file ---- */

static int
log_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
            struct img_error *e)
{
  struct record r = { offset, length, malloc (length) };
  memcpy (r.bytes, buf, length);
  ck_assert_int_eq (img_vec_push (&t.loose, r), 0);
  if (rnd_below (&t.state, 8) == 0)
    power_cut ();
  return t.mem->pwrite (node, buf, length, offset, e);
}

static int
log_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
          struct img_error *e)
{
  struct record r = { offset, length, calloc (1, length) };
  ck_assert_int_eq (img_vec_push (&t.loose, r), 0);
  return t.mem->zero (node, offset, length, flags, e);
}

static int
log_flush (struct img_node *node, struct img_error *e)
{
  (void) node;
  (void) e;
  if (rnd_below (&t.state, 2) == 0)
    power_cut ();
  for (size_t i = 0; i < t.loose.n; i++) {
    memcpy (t.durable + t.loose.v[i].offset, t.loose.v[i].bytes, t.loose.v[i].length);
    free (t.loose.v[i].bytes);
  }
  t.loose.n = 0;
  return 0;
}

/* A file with an empty image of small blocks. */
static struct img_node *
new_file (void)
{
  struct img_node *file = fake_mem_new (DATA, CAP, IMG_OPEN_RDWR);
  uint8_t *h = fake_mem (file)->data;
  le32_put (h + 0x40, 0xbeda107f);
  le32_put (h + 0x44, 0x00010001);
  le32_put (h + 0x48, 0x180);
  le32_put (h + 0x4c, 1);
  le32_put (h + 0x154, 512);
  le32_put (h + 0x158, DATA);
  le32_put (h + 0x168, 512);
  le32_put (h + 0x170, DISK);
  le32_put (h + 0x178, BLOCK);
  le32_put (h + 0x180, DISK / BLOCK);
  memset (h + 512, 0xff, DISK / BLOCK * 4);
  memset (fake_mem (file)->there, 1, DATA / FAKE_BLOCK);
  return file;
}

static struct img_node *
recorded_file (void)
{
  static struct img_driver original;
  struct img_node *file = new_file ();
  original = *file->driver;
  t.mem = &original;
  t.durable = calloc (1, CAP);
  memcpy (t.durable, fake_mem (file)->data, DATA);
  fake_driver (file)->pwrite = log_pwrite;
  fake_driver (file)->zero = log_zero;
  fake_driver (file)->discard = NULL;
  fake_driver (file)->flush = log_flush;
  return file;
}

/* ---- the guest ---- */

static void
touch (uint64_t offset, uint64_t length)
{
  memset (t.touched + offset / 512, 1, (offset + length + 511) / 512 - offset / 512);
}

static void
guest_write (uint64_t offset, uint64_t length, bool zero)
{
  touch (offset, length);
  if (zero)
    memset (t.now + offset, 0, length);
  else
    rnd_fill (&t.state, t.now + offset, length);
  int r = zero ? img_zero (t.node, offset, length, 0, &err)
               : img_pwrite (t.node, t.now + offset, length, offset, 0, &err);
  ck_assert_msg (r == 0, "%s", err.message);
}

static void
guest_flush (void)
{
  ck_assert_msg (img_flush (t.node, &err) == 0, "%s", err.message);
  memcpy (t.safe, t.now, MOST);
  memset (t.touched, 0, MOST / 512);
}

static void
operate (void)
{
  uint64_t what = rnd_below (&t.state, 20), size = img_size (t.node);
  uint64_t offset = rnd_below (&t.state, size);
  uint64_t length = 1 + rnd_below (&t.state, rnd_below (&t.state, 2) ? 600 : 30000);
  length = img_min (length, size - offset);
  if (what < 13)
    guest_write (offset, length, false);
  else if (what < 16)
    guest_write (offset, length, true);
  else if (what < 19)
    guest_flush ();
  else if (size < MOST / 2) {
    size = img_min (size + rnd_below (&t.state, 5) * 200 * 1024, MOST);
    ck_assert_msg (img_resize (t.node, size, IMG_PREALLOC_OFF, 0, &err) == 0, "%s", err.message);
  }
}

START_TEST (cuts)
{
  t.state = test_seed () + (uint64_t) _i;
  t.cuts = 0;
  t.now = calloc (1, MOST);
  t.safe = calloc (1, MOST);
  t.touched = calloc (1, MOST / 512);
  t.node = vdi_over (recorded_file (), IMG_OPEN_RDWR);
  for (int i = 0; i < OPERATIONS; i++)
    operate ();
  guest_flush ();
  power_cut ();
  printf ("# %u cuts, %llu KiB\n", t.cuts, (unsigned long long) img_size (t.node) / 1024);
  fake_free (t.node);
  free (t.durable);
  free (t.now);
  free (t.safe);
  free (t.touched);
  img_vec_free (&t.loose);
}
END_TEST

/* ---- failed requests ---- */

/* One step of the guest: a page here, another there, flushes, a larger disk. */
static int
fixed_step (struct img_node *node, unsigned i, uint8_t *page)
{
  memset (page, 'a' + (int) i, 2000);
  if (i == 7)
    return img_resize (node, 3 * 1024 * 1024, IMG_PREALLOC_OFF, 0, &err);
  if (i % 4 == 3)
    return img_flush (node, &err);
  return img_pwrite (node, page, 2000, (uint64_t) (i * 7 % 20) * 6000, 0, &err);
}

/* What was said to be done is done, whatever failed before or after it. */
static void
one_failure (enum fake_op op, unsigned n)
{
  struct img_check check = { .struct_size = sizeof check };
  struct img_node *file = new_file ();
  bool done[16];
  uint8_t page[2000], got[2000];
  t.node = vdi_over (file, IMG_OPEN_RDWR);
  fake_mem (file)->fail_at[op] = n + atomic_load (&fake_mem (file)->calls[op]);
  for (unsigned i = 0; i < 16; i++)
    done[i] = fixed_step (t.node, i, page) == 0;
  fake_mem (file)->fail_at[op] = 0;
  ck_assert_msg (img_flush (t.node, &err) == 0, "%s", err.message);
  struct img_node *copy = fake_mem_new (img_size (file), CAP, 0);
  memcpy (fake_mem (copy)->data, fake_mem (file)->data, CAP);
  memset (fake_mem (copy)->there, 1, CAP / FAKE_BLOCK);
  fake_free (t.node);
  struct img_node *node = vdi_over (copy, 0);
  ck_assert_int_eq (node->driver->check (node, &check, 0, &err), 0);
  ck_assert_uint_eq (check.corruptions, 0);
  for (unsigned i = 0; i < 16; i++) {
    if (!done[i] || i % 4 == 3)
      continue;
    ck_assert_int_eq (img_pread (node, got, 2000, (uint64_t) (i * 7 % 20) * 6000, 0, &err), 0);
    ck_assert_msg (got[0] == 'a' + i && got[1999] == 'a' + i, "op %d, call %u: step %u is lost", op,
                   n, i);
  }
  fake_free (node);
}

START_TEST (failures)
{
  for (unsigned n = 1; n < 40; n++)
    one_failure (_i, n);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("vdi-crash");
  TCase *c = tcase_create ("all");
  tcase_set_timeout (c, 60);
  tcase_add_loop_test (c, cuts, 0, 6);
  tcase_add_loop_test (c, failures, 0, FAKE_OPS);
  suite_add_tcase (s, c);
  return run_suite (s);
}
