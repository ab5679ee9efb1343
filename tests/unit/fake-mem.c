/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-mem: nodes by hand, and a file in memory that checks its requests against its limits. */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "core/crypt.h"
#include "core/holes.h"
#include "core/rangelock.h"
#include "fake.h"

struct img_node *
fake_node (const struct img_driver *driver, const char *name, uint64_t size, unsigned flags)
{
  struct img_node *node = calloc (1, sizeof *node);
  struct img_driver *copy = malloc (sizeof *copy);
  if (node == NULL || copy == NULL)
    abort ();
  *copy = *driver;
  node->driver = copy;
  node->priv = calloc (1, driver->priv_size ? driver->priv_size : 1);
  node->filename = strdup (name);
  node->flags = flags;
  node->limits.request_align = 1;
  atomic_init (&node->size, size);
  pthread_mutex_init (&node->serial, NULL);
  pthread_mutex_init (&node->lazy, NULL);
  return node;
}

void
fake_add (struct img_node *node, const char *name, struct img_node *child)
{
  node->children = realloc (node->children, (node->n_children + 1) * sizeof *node->children);
  if (node->children == NULL)
    abort ();
  node->children[node->n_children++] = (struct img_child) { strdup (name), child };
  if (strcmp (name, "backing") == 0)
    node->backing = child;
}

void
fake_free (struct img_node *node)
{
  if (node->driver->close)
    node->driver->close (node);
  for (unsigned i = 0; i < node->n_children; i++) {
    fake_free (node->children[i].node);
    free (node->children[i].name);
  }
  img_rangelock_free (node->writes);
  img_holes_free (node->holes);
  img_crypt_free (node->rooms);
  pthread_mutex_destroy (&node->serial);
  pthread_mutex_destroy (&node->lazy);
  free (node->children);
  free ((void *) node->driver);
  free (node->priv);
  free (node->filename);
  free (node->backing_name);
  free (node->backing_format);
  free (node);
}

struct img_driver *
fake_driver (struct img_node *node)
{
  return (struct img_driver *) node->driver;
}

/* ---- the memory protocol ---- */

struct fake_mem *
fake_mem (struct img_node *node)
{
  return node->priv;
}

static int
count (struct fake_mem *m, enum fake_op op, struct img_error *err)
{
  unsigned n = atomic_fetch_add (&m->calls[op], 1) + 1;
  if (n == m->fail_at[op])
    return img_error_set (err, m->fail_code ? m->fail_code : EIO, "call %u was to fail", n);
  return 0;
}

/* Where there are blocks, readers get bytes beside their own, which others may be writing. */
static pthread_mutex_t *
device (struct img_node *node)
{
  struct fake_mem *m = fake_mem (node);
  if (node->limits.request_align == 1)
    return NULL;
  pthread_mutex_lock (&m->device);
  return &m->device;
}
#define DEVICE(node) \
  __attribute__ ((unused, cleanup (img_cleanup_unlock))) pthread_mutex_t *held = device (node)

/* Whether a request is one that the limits allow. */
static void
judge (struct img_node *node, const void *buf, uint64_t length, uint64_t offset)
{
  struct fake_mem *m = fake_mem (node);
  const struct img_limits *l = &node->limits;
  uint64_t end = offset + length, last = 0;
  img_round_up (atomic_load (&node->size), l->request_align, &last);
  if (length == 0 || offset % l->request_align || length % l->request_align || end > last
      || (l->mem_align && (uintptr_t) buf % l->mem_align)
      || (l->max_transfer && length > img_max (l->max_transfer, l->request_align)))
    atomic_fetch_add (&m->bad, 1);
  uint64_t longest = atomic_load (&m->longest);
  while (length > longest && !atomic_compare_exchange_weak (&m->longest, &longest, length))
    ;
}

static int
mem_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
           struct img_error *err)
{
  struct fake_mem *m = fake_mem (node);
  uint64_t size = atomic_load (&node->size);
  judge (node, buf, length, offset);
  if (count (m, FAKE_READ, err) < 0)
    return -1;
  uint64_t n = offset < size ? img_min (length, size - offset) : 0;
  DEVICE (node);
  memcpy (buf, m->data + offset, n);
  memset ((uint8_t *) buf + n, 0, length - n);
  return 0;
}

static void
mark (struct fake_mem *m, uint64_t offset, uint64_t length, uint8_t there)
{
  for (uint64_t b = offset / FAKE_BLOCK; b * FAKE_BLOCK < offset + length; b++)
    __atomic_store_n (&m->there[b], there, __ATOMIC_RELAXED);
}

static int
mem_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
            struct img_error *err)
{
  struct fake_mem *m = fake_mem (node);
  uint64_t size = atomic_load (&node->size);
  judge (node, buf, length, offset);
  if (count (m, FAKE_WRITE, err) < 0)
    return -1;
  if (offset >= size)
    return 0;
  length = img_min (length, size - offset);
  DEVICE (node);
  memcpy (m->data + offset, buf, length);
  mark (m, offset, length, 1);
  return 0;
}

static int
mem_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
         unsigned n, struct img_error *err)
{
  struct fake_mem *m = fake_mem (node);
  uint64_t end = offset + length;
  unsigned got = 0;
  (void) err;
  atomic_fetch_add (&m->maps, 1);
  while (offset < end && got < n) {
    uint64_t from = offset;
    uint8_t there = __atomic_load_n (&m->there[offset / FAKE_BLOCK], __ATOMIC_RELAXED);
    do
      offset = img_min (end, (offset / FAKE_BLOCK + 1) * FAKE_BLOCK);
    while (offset < end
           && __atomic_load_n (&m->there[offset / FAKE_BLOCK], __ATOMIC_RELAXED) == there);
    ext[got++] = (struct img_extent) { from, offset - from, from,
                                       there ? IMG_EXTENT_DATA : IMG_EXTENT_ZERO, IMG_CHILD_SELF,
                                       0 };
  }
  return (int) got;
}

/* Blocks that are zeroed whole become holes. */
static void
clear (struct fake_mem *m, uint64_t offset, uint64_t length)
{
  uint64_t from = img_div_up (offset, FAKE_BLOCK) * FAKE_BLOCK, end = offset + length;
  memset (m->data + offset, 0, length);
  end -= end % FAKE_BLOCK;
  if (from < end)
    mark (m, from, end - from, 0);
}

static int
mem_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
          struct img_error *err)
{
  struct fake_mem *m = fake_mem (node);
  const struct img_limits *l = &node->limits;
  (void) flags;
  if (count (m, FAKE_ZERO, err) < 0)
    return -1;
  if (length == 0 || offset + length > atomic_load (&node->size)
      || (l->zero_align && (offset % l->zero_align || length % l->zero_align))
      || (l->max_zero && length > img_max (l->max_zero, l->zero_align)))
    atomic_fetch_add (&m->bad, 1);
  DEVICE (node);
  clear (m, offset, length);
  return 0;
}

/* The contents become junk: nobody may rely on zeroes. */
static int
mem_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  struct fake_mem *m = fake_mem (node);
  const struct img_limits *l = &node->limits;
  if (count (m, FAKE_DISCARD, err) < 0)
    return -1;
  if (length == 0 || offset + length > atomic_load (&node->size)
      || (l->discard_align && (offset % l->discard_align || length % l->discard_align))
      || (l->max_discard && length > img_max (l->max_discard, l->discard_align)))
    atomic_fetch_add (&m->bad, 1);
  DEVICE (node);
  clear (m, offset, length);
  return 0;
}

static int
mem_flush (struct img_node *node, struct img_error *err)
{
  return count (fake_mem (node), FAKE_FLUSH, err);
}

static int
mem_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
            struct img_error *err)
{
  struct fake_mem *m = fake_mem (node);
  (void) prealloc, (void) flags;
  if (count (m, FAKE_RESIZE, err) < 0)
    return -1;
  if (size > m->cap)
    return img_error_set (err, ENOSPC, "the memory file holds %llu bytes",
                          (unsigned long long) m->cap);
  uint64_t old = atomic_load (&node->size);
  if (size < old)
    clear (m, size, m->cap - size);
  return 0;
}

static int
mem_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  (void) node, (void) info, (void) err;
  return 0;
}

static void
mem_close (struct img_node *node)
{
  struct fake_mem *m = fake_mem (node);
  pthread_mutex_destroy (&m->device);
  munmap (m->data, m->cap ? m->cap : 1);
  free (m->there);
}

static const struct img_driver mem_driver = {
  .struct_size = sizeof mem_driver,
  .abi = IMG_ABI,
  .kind = IMG_PROTOCOL,
  .threads = IMG_THREADS_PARALLEL,
  .name = "fake-mem",
  .priv_size = sizeof (struct fake_mem),
  .caps = IMG_CAP_ZERO_INIT,
  .close = mem_close,
  .get_info = mem_get_info,
  .map = mem_map,
  .pread = mem_pread,
  .pwrite = mem_pwrite,
  .zero = mem_zero,
  .discard = mem_discard,
  .flush = mem_flush,
  .resize = mem_resize,
};

struct img_node *
fake_mem_new (uint64_t size, uint64_t cap, unsigned flags)
{
  struct img_node *node = fake_node (&mem_driver, "memory", size, flags);
  struct fake_mem *m = fake_mem (node);
  pthread_mutex_init (&m->device, NULL);
  m->cap = cap;
  m->data = mmap (NULL, cap ? cap : 1, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  m->there = calloc (cap / FAKE_BLOCK + 2, 1);
  if (m->data == MAP_FAILED || m->there == NULL)
    abort ();
  return node;
}
