/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copying.h explains. */
#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/overflow.h>

#include "copying.h"

uint64_t
copying_pick (uint64_t *s, const uint64_t *of, size_t n)
{
  return of[rnd_below (s, n)];
}

void
copying_scribble (uint64_t *s, struct img_node *node)
{
  static uint8_t buf[COPYING_ROOM];
  struct img_error err = IMG_ERROR_INIT;
  uint64_t size = atomic_load (&node->size), at = 0;
  while (at < size) {
    uint64_t n = 1 + rnd_below (s, PICK (s, 100, 5000, 70000, 300000));
    n = img_min (n, size - at);
    if (rnd_below (s, 2))
      n = img_min (img_div_up (n, 4096) * 4096, size - at);
    uint64_t what = rnd_below (s, 3);
    if (what == 0)
      rnd_fill (s, buf, n);
    else
      memset (buf, what == 1 ? 0 : (int) rnd_below (s, 256), n);
    if (rnd_below (s, 3))
      ck_assert_msg (img_pwrite (node, buf, n, at, 0, &err) == 0, "%s", err.message);
    at += n;
  }
}

struct img_node *
copying_toy (struct img_node *backing, uint64_t size, uint32_t unit, unsigned flags)
{
  return fake_toy_new (fake_mem_new (0, COPYING_CAP, IMG_OPEN_RDWR), backing, size, unit, flags);
}

uint8_t *
copying_bytes (struct img_node *const *nodes, unsigned n, uint64_t *total)
{
  uint8_t *all = malloc (4 * COPYING_ROOM);
  struct img_error err = IMG_ERROR_INIT;
  *total = 0;
  for (unsigned i = 0; i < n; i++) {
    int r = img_pread (nodes[i], all + *total, atomic_load (&nodes[i]->size), 0, 0, &err);
    ck_assert_msg (r == 0, "%s", err.message);
    *total += atomic_load (&nodes[i]->size);
  }
  return all;
}

void
copying_same (const uint8_t *a, const uint8_t *b, uint64_t n)
{
  uint64_t i = 0;
  if (memcmp (a, b, n) == 0)
    return;
  while (a[i] == b[i])
    i++;
  ck_abort_msg ("byte 0x%llx: %02x, not %02x", (unsigned long long) i, b[i], a[i]);
}

struct img_copy_opts
copying_opts (void)
{
  return (struct img_copy_opts) { .struct_size = sizeof (struct img_copy_opts), .sparse = 4096 };
}
