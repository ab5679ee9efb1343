/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads, writes, zeroes, discards and resizes on fake images, against a flat buffer. */
#include <config.h>

#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/overflow.h>

#include "core/write.h"
#include "fake.h"
#include "seed.h"
#include "suite.h"

#define ROOM (512 * 1024)
#define MEM_CAP (8 * 1024 * 1024)

static uint64_t seed;

/* ---- a random image and its shadow ---- */

struct image {
  struct img_node *top, *mem[4];
  unsigned n_mem;
  uint64_t size;
  uint8_t shadow[ROOM], buf[ROOM + 4096];
};

static uint64_t
pick (uint64_t *s, const uint64_t *of, size_t n)
{
  return of[rnd_below (s, n)];
}
#define PICK(s, ...)                           \
  pick (s, (const uint64_t[]) { __VA_ARGS__ }, \
        sizeof (uint64_t[]) { __VA_ARGS__ } / sizeof (uint64_t))

static struct img_node *
random_mem (struct image *im, uint64_t *s, uint64_t size)
{
  struct img_node *node = fake_mem_new (size, MEM_CAP, IMG_OPEN_RDWR | IMG_OPEN_UNMAP);
  struct img_limits *l = &node->limits;
  l->request_align = (uint32_t) PICK (s, 1, 1, 512, 4096, 768);
  l->mem_align = (uint32_t) PICK (s, 0, 0, 512, 4096);
  l->max_transfer = PICK (s, 0, 0, 512, 8192, 10000);
  l->zero_align = PICK (s, 0, 1, 4096);
  l->max_zero = PICK (s, 0, 0, 4096, 9000);
  l->discard_align = PICK (s, 0, 4096);
  l->max_discard = PICK (s, 0, 8192);
  if (rnd_below (s, 3) == 0)
    fake_driver (node)->zero = NULL;
  if (rnd_below (s, 3) == 0)
    fake_driver (node)->threads = IMG_THREADS_SERIAL;
  im->mem[im->n_mem++] = node;
  return node;
}

/* DEPTH toys on each other, or a plain image, or the file itself. */
static struct img_node *
random_tree (struct image *im, uint64_t *s, unsigned depth)
{
  uint64_t size = 1 + rnd_below (s, ROOM / 2);
  unsigned kind = depth ? 3 : (unsigned) rnd_below (s, 6);
  if (kind == 0)
    return random_mem (im, s, size);
  if (kind == 1) {
    uint64_t start = rnd_below (s, 5000);
    if (rnd_below (s, 2)) {
      start -= start % 512;
      return fake_encrypt (fake_plain_new (random_mem (im, s, start + size), start, size, 0));
    }
    return fake_plain_new (random_mem (im, s, start + size), start, size, 0);
  }
  struct img_node *backing = depth ? random_tree (im, s, depth - 1) : NULL;
  unsigned flags = (unsigned) rnd_below (s, 8);
  uint32_t unit = (uint32_t) PICK (s, 512, 4096, 65536, 300 * 1024, 1000);
  struct img_node *toy = fake_toy_new (random_mem (im, s, 0), backing, size, unit, flags);
  return unit % 512 == 0 && rnd_below (s, 3) == 0 ? fake_encrypt (toy) : toy;
}

static void
show_read (struct image *im, uint64_t offset, uint64_t n)
{
  struct img_error err = IMG_ERROR_INIT;
  uint8_t *p = im->buf + offset % 7;
  memset (p, 0x77, n);
  ck_assert_msg (img_pread (im->top, p, n, offset, 0, &err) == 0, "%s", err.message);
  /* An assertion costs a system call: not one a byte. */
  uint64_t i = 0;
  while (i < n && p[i] == im->shadow[offset + i])
    i++;
  ck_assert_msg (i == n, "byte 0x%llx of 0x%llx+0x%llx: %02x, not %02x",
                 (unsigned long long) (offset + i), (unsigned long long) offset,
                 (unsigned long long) n, p[i], im->shadow[offset + i]);
}

/* What is read after a discard is old data or zero; that is what the shadow holds from then on. */
static void
discard (struct image *im, uint64_t offset, uint64_t n)
{
  struct img_error err = IMG_ERROR_INIT;
  ck_assert_msg (img_discard (im->top, offset, n, 0, &err) == 0, "%s", err.message);
  ck_assert_int_eq (img_pread (im->top, im->buf, n, offset, 0, &err), 0);
  uint64_t bad = 0;
  for (uint64_t i = 0; i < n; i++)
    bad += im->buf[i] != 0 && im->buf[i] != im->shadow[offset + i];
  ck_assert_uint_eq (bad, 0);
  memcpy (im->shadow + offset, im->buf, n);
}

/* Whole units through the three steps, as the copy engine does; one byte value, if that helps. */
static void
write_encoded (struct image *im, uint64_t *s)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t unit = im->top->limits.alloc_unit;
  if (im->top->driver->encode == NULL)
    return;
  uint64_t offset = rnd_below (s, img_div_up (im->size, unit)) * unit;
  uint64_t n = img_min (unit, im->size - offset);
  uint8_t out[8];
  size_t length = 0;
  memset (im->buf, (int) rnd_below (s, 256), n);
  ck_assert_int_eq (img_write_encode (im->top, im->buf, n, out, sizeof out, &length, &err), 0);
  struct img_place place;
  ck_assert_int_eq (img_write_reserve (im->top, offset, unit, length, 0, &place, &err), 0);
  ck_assert_int_eq (img_write_place (im->top, &place, 0, out, length, &err), 0);
  ck_assert_int_eq (img_write_commit (im->top, &place, &err), 0);
  memcpy (im->shadow + offset, im->buf, n);
}

static void
grow (struct image *im, uint64_t *s)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t size = img_min (im->size + rnd_below (s, 10000), ROOM);
  if (im->top->driver->resize == NULL)
    return;
  ck_assert_msg (img_resize (im->top, size, IMG_PREALLOC_OFF, 0, &err) == 0, "%s", err.message);
  memset (im->shadow + im->size, 0, size - im->size);
  im->size = size;
}

static void
one_step (struct image *im, uint64_t *s)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t offset = rnd_below (s, im->size + 1), n = rnd_below (s, im->size - offset + 1);
  if (rnd_below (s, 2))
    n = img_min (n, rnd_below (s, 9000));
  if (rnd_below (s, 4) == 0)
    offset &= ~4095ull;
  n = img_min (n, im->size - offset);
  uint64_t op = rnd_below (s, 20);
  uint8_t *p = im->buf + rnd_below (s, 2) * 512 + rnd_below (s, 2);
  if (op < 8) {
    rnd_fill (s, p, n);
    memcpy (im->shadow + offset, p, n);
    ck_assert_msg (img_pwrite (im->top, p, n, offset, 0, &err) == 0, "%s", err.message);
  } else if (op < 12) {
    unsigned flags = (unsigned) rnd_below (s, 4);
    int r = img_zero (im->top, offset, n, flags, &err);
    if (r < 0 && (flags & IMG_IO_NO_FALLBACK)) {
      ck_assert_int_eq (err.code, ENOTSUP); /* and parts may be zero now */
      err = (struct img_error) IMG_ERROR_INIT;
      ck_assert_int_eq (img_zero (im->top, offset, n, flags & ~IMG_IO_NO_FALLBACK, &err), 0);
    } else {
      ck_assert_msg (r == 0, "%s", err.message);
    }
    memset (im->shadow + offset, 0, n);
  } else if (op < 15) {
    discard (im, offset, n);
  } else if (op < 17) {
    write_encoded (im, s);
  } else if (op < 18) {
    grow (im, s);
  } else if (op < 19) {
    ck_assert_int_eq (img_flush (im->top, &err), 0);
  }
  show_read (im, offset, n);
}

static void
random_image (uint64_t s)
{
  static struct image im;
  memset (&im, 0, sizeof im);
  im.top = random_tree (&im, &s, (unsigned) rnd_below (&s, 4));
  im.size = atomic_load (&im.top->size);
  for (struct img_node *l = im.top; l; l = l->backing) { /* something in every layer */
    uint64_t size = atomic_load (&l->size), offset = rnd_below (&s, size);
    struct img_error err = IMG_ERROR_INIT;
    rnd_fill (&s, im.buf, size - offset);
    ck_assert_msg (img_pwrite (l, im.buf, (size - offset + 1) / 2, offset, 0, &err) == 0, "%s",
                   err.message);
  }
  struct img_error err = IMG_ERROR_INIT;
  ck_assert_int_eq (img_pread (im.top, im.shadow, im.size, 0, 0, &err), 0);
  for (int i = 0; i < 60; i++)
    one_step (&im, &s);
  show_read (&im, 0, im.size);
  for (struct img_node *l = im.top; l; l = l->backing)
    if (l->driver->reserve)
      ck_assert_uint_eq (fake_toy_overlaps (l), 0);
  for (unsigned i = 0; i < im.n_mem; i++)
    ck_assert_uint_eq (atomic_load (&fake_mem (im.mem[i])->bad), 0);
  fake_free (im.top);
}

START_TEST (random_images)
{
  for (unsigned round = 0; round < 400; round++)
    random_image (seed + round);
}
END_TEST

/* ---- particular cases ---- */

START_TEST (bounds)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *mem = fake_mem_new (1000, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *toy = fake_toy_new (mem, NULL, 1000, 512, 0);
  struct img_node *nodes[] = { mem, toy };
  static uint8_t buf[2000];
  for (int i = 0; i < 2; i++) {
    struct img_node *n = nodes[i];
    ck_assert_int_eq (img_pread (n, buf, 1000, 0, 0, &err), 0);
    ck_assert_int_eq (img_pread (n, buf, 0, 1000, 0, &err), 0);
    ck_assert_int_eq (img_pwrite (n, buf, 0, 1000, 0, &err), 0);
    ck_assert_int_eq (img_zero (n, 1000, 0, 0, &err), 0);
    ck_assert_int_eq (img_discard (n, 1000, 0, 0, &err), 0);
    ck_assert_int_eq (err.code, 0);
    ck_assert_int_eq (img_pread (n, buf, 1, 1000, 0, &err), -1);
    ck_assert_int_eq (err.code, EINVAL);
    ck_assert_int_eq (img_pread (n, buf, 2, UINT64_MAX, 0, &err), -1);
    ck_assert_int_eq (img_pwrite (n, buf, 1001, 0, 0, &err), -1);
    ck_assert_int_eq (err.code, EINVAL);
    ck_assert_int_eq (img_zero (n, 999, 2, 0, &err), -1);
    ck_assert_int_eq (img_discard (n, 1001, 0, 0, &err), -1);
    ck_assert_int_eq (img_allocate (n, 1, 1000, &err), -1);
    ck_assert_ptr_null (img_walk_new (n, 1, 1000, 0, &err));
    ck_assert_int_eq (err.code, EINVAL);
    err = (struct img_error) IMG_ERROR_INIT;
  }
  fake_free (toy);
}
END_TEST

START_TEST (read_only)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *toy = fake_toy_new (fake_mem_new (0, MEM_CAP, 0), NULL, 4096, 512,
                                       FAKE_READ_ONLY);
  uint8_t byte = 1;
  struct img_place place;
  ck_assert_int_eq (img_pwrite (toy, &byte, 1, 0, 0, &err), -1);
  ck_assert_int_eq (err.code, EACCES);
  ck_assert_int_eq (img_zero (toy, 0, 1, 0, &err), -1);
  ck_assert_int_eq (img_discard (toy, 0, 1, 0, &err), -1);
  ck_assert_int_eq (img_resize (toy, 8192, IMG_PREALLOC_OFF, 0, &err), -1);
  ck_assert_int_eq (img_write_reserve (toy, 0, 512, 0, 0, &place, &err), -1);
  err = (struct img_error) IMG_ERROR_INIT;
  ck_assert_int_eq (img_flush (toy, &err), 0);
  fake_free (toy);
}
END_TEST

/* Sizes near 2^63 neither wrap nor loop. */
START_TEST (enormous)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *mem = fake_mem_new (4096, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *plain = fake_plain_new (mem, 0, UINT64_MAX, 0);
  uint8_t byte = 0;
  ck_assert_int_eq (img_pread (plain, &byte, 1, UINT64_MAX - 1, 0, &err), -1);
  ck_assert_int_eq (err.code, EINVAL);
  ck_assert_int_eq (img_pread (plain, &byte, 1, INT64_MAX - 1, 0, &err), -1);
  ck_assert_int_eq (err.code, EIO);
  ck_assert_int_eq (img_resize (mem, UINT64_MAX, IMG_PREALLOC_OFF, 0, &err), -1);
  ck_assert_int_eq (err.code, EFBIG);
  fake_free (plain);
}
END_TEST

/* The message names the file once, whatever the number of layers it came through. */
START_TEST (errors_name_the_file)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *mem = fake_mem_new (4096, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *plain = fake_plain_new (mem, 0, 4096, 0);
  uint8_t buf[512];
  free (plain->filename);
  plain->filename = strdup ("memory");
  fake_mem (mem)->fail_at[FAKE_READ] = 1;
  ck_assert_int_eq (img_pread (plain, buf, sizeof buf, 0, 0, &err), -1);
  ck_assert_int_eq (err.code, EIO);
  ck_assert_str_eq (err.message, "memory: call 1 was to fail");
  fake_free (plain);
}
END_TEST

/* Every call may fail, at every place: an error each time, and space is given back. */
START_TEST (every_fault_is_reported)
{
  static const enum fake_op ops[] = { FAKE_READ, FAKE_WRITE, FAKE_ZERO, FAKE_FLUSH, FAKE_RESIZE };
  for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
    unsigned at = 1;
    for (bool reached = true; reached; at++) {
      struct img_error err = IMG_ERROR_INIT;
      struct img_node *mem = fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR);
      struct img_node *base = fake_mem_new (20000, MEM_CAP, IMG_OPEN_RDWR);
      mem->limits.request_align = 512;
      struct img_node *toy = fake_toy_new (mem, base, 20000, 4096, 0);
      uint8_t buf[9000];
      memset (buf, 3, sizeof buf);
      fake_mem (mem)->fail_at[ops[k]] = at;
      int r = img_pwrite (toy, buf, 9000, 1000, 0, &err);
      if (r == 0)
        r = img_zero (toy, 1500, 2300, 0, &err);
      if (r == 0)
        r = img_pread (toy, buf, 9000, 900, 0, &err);
      if (r == 0)
        r = img_flush (toy, &err);
      reached = atomic_load (&fake_mem (mem)->calls[ops[k]]) >= at;
      ck_assert_int_eq (r, reached ? -1 : 0);
      ck_assert_int_eq (err.code, reached ? EIO : 0);
      fake_free (toy);
    }
    ck_assert_uint_gt (at, 2); /* the kind was used at all */
  }
}
END_TEST

/* Zeroing what is zero already takes no space. */
START_TEST (zero_takes_nothing)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *toy = fake_toy_new (fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR), NULL, 100000, 4096,
                                       FAKE_NO_ZERO);
  ck_assert_int_eq (img_zero (toy, 1, 99998, 0, &err), 0);
  ck_assert_uint_eq (fake_toy_used (toy), 0);
  fake_free (toy);
  toy = fake_toy_new (fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR), NULL, 100000, 4096, 0);
  ck_assert_int_eq (img_zero (toy, 4097, 10, 0, &err), 0);
  ck_assert_uint_eq (fake_toy_used (toy), 0);
  /* the start of a unit, then its rest: all is zero then */
  uint8_t buf[4096];
  memset (buf, 1, sizeof buf);
  ck_assert_int_eq (img_pwrite (toy, buf, 4096, 8192, 0, &err), 0);
  ck_assert_int_eq (img_zero (toy, 8192, 4096, 0, &err), 0);
  ck_assert_uint_eq (fake_toy_used (toy), 0);
  ck_assert_int_eq (img_pwrite (toy, buf, 10, 98999, 0, &err), 0);
  ck_assert_int_eq (img_zero (toy, 98304, 100000 - 98304, 0, &err), 0); /* short last unit */
  ck_assert_uint_eq (fake_toy_used (toy), 0);
  fake_free (toy);
}
END_TEST

/* Growth shows zeroes, not the longer backing image. */
START_TEST (growth_hides_the_backing)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *base = fake_mem_new (50000, MEM_CAP, IMG_OPEN_RDWR);
  static uint8_t buf[50000];
  memset (buf, 9, sizeof buf);
  ck_assert_int_eq (img_pwrite (base, buf, sizeof buf, 0, 0, &err), 0);
  struct img_node *toy = fake_toy_new (fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR), base, 10000, 4096,
                                       0);
  ck_assert_int_eq (img_resize (toy, 60000, IMG_PREALLOC_OFF, 0, &err), 0);
  ck_assert_uint_eq (atomic_load (&toy->size), 60000);
  ck_assert_int_eq (img_pread (toy, buf, 50000, 0, 0, &err), 0);
  int bad = 0;
  for (int i = 0; i < 50000; i++)
    bad += buf[i] != (i < 10000 ? 9 : 0);
  ck_assert_int_eq (bad, 0);
  ck_assert_int_eq (img_resize (toy, 5000, IMG_PREALLOC_OFF, 0, &err), -1);
  ck_assert_int_eq (err.code, EINVAL);
  fake_free (toy);
}
END_TEST

/* A host file that ends inside its last unit reads as zero there and grows when it is written; what
 * lies wholly past its end is an error, not zeroes. */
START_TEST (short_host_file)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *mem = fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *toy = fake_toy_new (mem, NULL, 65536, 4096, 0);
  uint8_t buf[8192];
  fake_toy_fill (toy, 0, 16);
  atomic_store (&mem->size, 2 * 4096 + 100);
  memset (fake_mem (mem)->data, 5, 2 * 4096 + 100);
  ck_assert_int_eq (img_pread (toy, buf, 8192, 4096, 0, &err), 0);
  ck_assert_int_eq (buf[4096 + 99], 5);
  ck_assert_int_eq (buf[4096 + 100], 0);
  ck_assert_int_eq (buf[8191], 0);
  ck_assert_int_eq (img_pread (toy, buf, 8192, 8192, 0, &err), -1);
  ck_assert_int_eq (err.code, EIO);
  err = (struct img_error) IMG_ERROR_INIT;
  memset (buf, 6, 200);
  ck_assert_int_eq (img_pwrite (toy, buf, 200, 8192 + 1000, 0, &err), 0);
  ck_assert_uint_eq (atomic_load (&mem->size), 8192 + 1200);
  ck_assert_int_eq (img_pread (toy, buf, 4096, 8192, 0, &err), 0);
  ck_assert_int_eq (buf[99], 5);
  ck_assert_int_eq (buf[999], 0);
  ck_assert_int_eq (buf[1000], 6);
  ck_assert_int_eq (buf[1200], 0);
  fake_free (toy);
}
END_TEST

/* Requests are as long as they may be, not longer. */
START_TEST (splits)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *mem = fake_mem_new (1 << 20, MEM_CAP, IMG_OPEN_RDWR);
  struct fake_mem *m = fake_mem (mem);
  uint8_t *buf = aligned_alloc (4096, 1 << 20);
  memset (buf, 1, 1 << 20);
  ck_assert_int_eq (img_pwrite (mem, buf, 1 << 20, 0, 0, &err), 0);
  ck_assert_uint_eq (atomic_load (&m->calls[FAKE_WRITE]), 1);
  mem->limits.request_align = 512;
  mem->limits.max_transfer = 100000;
  atomic_store (&m->longest, 0);
  ck_assert_int_eq (img_pread (mem, buf, 1 << 20, 0, 0, &err), 0);
  ck_assert_uint_eq (atomic_load (&m->longest), 99840);
  ck_assert_uint_eq (atomic_load (&m->calls[FAKE_READ]), 11);
  ck_assert_uint_eq (atomic_load (&m->bad), 0);
  free (buf);
  fake_free (mem);
}
END_TEST

START_TEST (flush_modes)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *mem = fake_mem_new (0, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *toy = fake_toy_new (mem, NULL, 65536, 4096, 0);
  struct fake_mem *m = fake_mem (mem);
  uint8_t buf[10] = { 1 };
  ck_assert_int_eq (img_pwrite (toy, buf, 10, 0, 0, &err), 0);
  ck_assert_uint_eq (atomic_load (&m->calls[FAKE_FLUSH]), 0);
  ck_assert_int_eq (img_flush (toy, &err), 0);
  ck_assert_uint_eq (atomic_load (&m->calls[FAKE_FLUSH]), 1);
  toy->flags |= IMG_OPEN_WRITETHROUGH;
  ck_assert_int_eq (img_pwrite (toy, buf, 10, 0, 0, &err), 0);
  ck_assert_int_eq (img_zero (toy, 0, 4096, 0, &err), 0);
  ck_assert_uint_eq (atomic_load (&m->calls[FAKE_FLUSH]), 3);
  mem->flags |= IMG_OPEN_NO_FLUSH;
  ck_assert_int_eq (img_flush (toy, &err), 0);
  ck_assert_uint_eq (atomic_load (&m->calls[FAKE_FLUSH]), 3);
  fake_free (toy);
}
END_TEST

/* ---- bytes that move from file to file ---- */

static int
mem_copy_from (struct img_node *node, uint64_t offset, struct img_node *src, uint64_t src_offset,
               uint64_t length, unsigned flags, struct img_error *err)
{
  (void) flags, (void) err;
  memcpy (fake_mem (node)->data + offset, fake_mem (src)->data + src_offset, length);
  return 0;
}

START_TEST (copy_range)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *a = fake_mem_new (20000, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *b = fake_mem_new (20000, MEM_CAP, IMG_OPEN_RDWR);
  struct img_node *src = fake_plain_new (a, 1000, 19000, 0);
  struct img_node *dst = fake_plain_new (b, 500, 19500, 0);
  memset (fake_mem (a)->data, 8, 20000);
  ck_assert_int_eq (img_copy_range (dst, 100, src, 200, 5000, 0, &err), 1); /* other drivers */
  fake_driver (b)->copy_from = mem_copy_from;
  const struct img_driver *own = a->driver;
  a->driver = b->driver;
  ck_assert_int_eq (img_copy_range (dst, 100, src, 200, 5000, 0, &err), 0);
  ck_assert_int_eq (fake_mem (b)->data[599], 0);
  ck_assert_int_eq (fake_mem (b)->data[600], 8);
  ck_assert_int_eq (fake_mem (b)->data[5599], 8);
  ck_assert_int_eq (fake_mem (b)->data[5600], 0);
  ck_assert_int_eq (img_copy_range (dst, 19000, src, 0, 501, 0, &err), -1);
  ck_assert_int_eq (err.code, EINVAL);
  struct img_node *toy = fake_toy_new (b, NULL, 3 * 4096, 4096, 0);
  struct img_place place;
  fake_driver (b)->threads = IMG_THREADS_PARALLEL;
  atomic_store (&b->size, 0);
  ck_assert_int_eq (img_write_reserve (toy, 4096, 4096, 0, 0, &place, &err), 0);
  ck_assert_int_eq (img_write_share (toy, &place, src, 15000, 0, &err), 1); /* too short */
  ck_assert_int_eq (img_write_share (toy, &place, src, 10000, 0, &err), 0);
  ck_assert_int_eq (img_write_commit (toy, &place, &err), 0);
  uint8_t got[3 * 4096];
  ck_assert_int_eq (img_pread (toy, got, sizeof got, 0, 0, &err), 0);
  ck_assert_int_eq (got[4095], 0);
  ck_assert (got[4096] == 8 && got[8191] == 8);
  ck_assert_int_eq (got[8192], 0);
  dst->n_children = 0; /* B is the toy's now */
  free (dst->children[0].name);
  fake_free (toy);
  a->driver = own;
  fake_free (src);
  fake_free (dst);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("io");
  TCase *tc = tcase_create ("io");
  seed = test_seed ();
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, random_images);
  tcase_add_test (tc, bounds);
  tcase_add_test (tc, read_only);
  tcase_add_test (tc, enormous);
  tcase_add_test (tc, errors_name_the_file);
  tcase_add_test (tc, every_fault_is_reported);
  tcase_add_test (tc, zero_takes_nothing);
  tcase_add_test (tc, growth_hides_the_backing);
  tcase_add_test (tc, short_host_file);
  tcase_add_test (tc, splits);
  tcase_add_test (tc, flush_modes);
  tcase_add_test (tc, copy_range);
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
