/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mkfrag - makes large, fragmented qcow2 images in well under a second, for the benchmark.
 *
 *   mkfrag OUT MIB CLUSTER_BITS CLUSTERS SEED ORDER [fill]
 *
 * CLUSTERS distinct guest clusters of a virtual disk of MIB are allocated; their host clusters
 * follow each other in ORDER: random, guest, or runs (16 adjoining guest clusters are 16 adjoining
 * host clusters, the runs in random order).  The data region is a hole, with `fill` every 8th
 * cluster begins with 4 KiB of random bytes.  The same arguments make the same bytes.  Layout:
 * header, L1, L2 tables, data, refcount blocks, refcount table (qcow2 specification, version 3).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "tests/bench/make.h"

#define COPIED (1ull << 63)
#define RUN 16

struct image {
  int fd;
  unsigned bits;
  uint64_t cluster, guest_clusters, count;
  uint64_t *guest; /* guest cluster of the Nth host data cluster */
  uint64_t l1_entries, l1_offset, l2_offset, l2_tables, data_offset, refblock_offset, refblocks;
  uint64_t reftable_offset, reftable_clusters;
};

static void *
need (void *p)
{
  if (p == NULL)
    die ("mkfrag: memory");
  return p;
}

static void
put (int fd, const void *buf, size_t n, uint64_t offset)
{
  if (pwrite (fd, buf, n, (off_t) offset) != (ssize_t) n)
    die ("mkfrag: write");
}

static void
shuffle (uint64_t *v, uint64_t n)
{
  for (uint64_t i = n; i > 1; i--) {
    uint64_t j = next_random () % i, t = v[i - 1];
    v[i - 1] = v[j];
    v[j] = t;
  }
}

static int
by_number (const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
  return x < y ? -1 : x > y;
}

/* Fills guest[]: COUNT distinct clusters, in groups of RUN where ORDER asks. */
static void
choose (struct image *im, const char *order)
{
  uint64_t step = strcmp (order, "runs") == 0 ? RUN : 1, groups = im->count / step;
  uint64_t space = im->guest_clusters / step;
  uint8_t *taken = need (calloc (space / 8 + 1, 1));
  uint64_t *pick = need (calloc (groups, sizeof *pick));
  for (uint64_t i = 0; i < groups;) {
    uint64_t g = next_random () % space;
    if (taken[g / 8] & (1u << g % 8))
      continue;
    taken[g / 8] |= (uint8_t) (1u << g % 8);
    pick[i++] = g;
  }
  if (strcmp (order, "guest") == 0)
    qsort (pick, groups, sizeof *pick, by_number);
  else
    shuffle (pick, groups);
  for (uint64_t i = 0; i < groups; i++)
    for (uint64_t k = 0; k < step; k++)
      im->guest[i * step + k] = pick[i] * step + k;
  im->count = groups * step;
  free (pick);
  free (taken);
}

/* Finds how many clusters each part takes; the refcounts count themselves. */
static void
lay_out (struct image *im, const uint64_t *l2_of)
{
  uint64_t per_l2 = im->cluster / 8, per_block = im->cluster / 2, total;
  im->l1_entries = img_div_up (im->guest_clusters, per_l2);
  im->l1_offset = im->cluster;
  im->l2_offset = im->l1_offset + img_div_up (im->l1_entries * 8, im->cluster) * im->cluster;
  im->l2_tables = l2_of[im->l1_entries];
  im->data_offset = im->l2_offset + im->l2_tables * im->cluster;
  im->refblock_offset = im->data_offset + im->count * im->cluster;
  im->refblocks = 1;
  im->reftable_clusters = 1;
  for (;;) {
    total = im->refblock_offset / im->cluster + im->refblocks + im->reftable_clusters;
    uint64_t blocks = img_div_up (total, per_block);
    uint64_t tables = img_div_up (blocks * 8, im->cluster);
    if (blocks == im->refblocks && tables == im->reftable_clusters)
      break;
    im->refblocks = blocks;
    im->reftable_clusters = tables;
  }
  im->reftable_offset = im->refblock_offset + im->refblocks * im->cluster;
}

static void
write_header (const struct image *im, uint64_t size)
{
  uint8_t h[112] = { 'Q', 'F', 'I', 0xfb };
  be32_put (h + 4, 3);
  be32_put (h + 20, im->bits);
  be64_put (h + 24, size);
  be32_put (h + 36, (uint32_t) im->l1_entries);
  be64_put (h + 40, im->l1_offset);
  be64_put (h + 48, im->reftable_offset);
  be32_put (h + 56, (uint32_t) im->reftable_clusters);
  be32_put (h + 96, 4);   /* refcount_order: 16 bits */
  be32_put (h + 100, 104); /* header_length; then the end extension (8 zero bytes) */
  put (im->fd, h, sizeof h, 0);
}

static void
write_tables (const struct image *im, const uint64_t *l2_of)
{
  uint64_t per_l2 = im->cluster / 8;
  uint8_t *l1 = need (calloc (im->l1_entries, 8));
  uint8_t *l2 = need (calloc (im->l2_tables, im->cluster));
  for (uint64_t t = 0; t < im->l1_entries; t++)
    if (l2_of[t] != l2_of[t + 1])
      be64_put (l1 + 8 * t, (im->l2_offset + l2_of[t] * im->cluster) | COPIED);
  for (uint64_t i = 0; i < im->count; i++) {
    uint64_t g = im->guest[i];
    be64_put (l2 + l2_of[g / per_l2] * im->cluster + g % per_l2 * 8,
              (im->data_offset + i * im->cluster) | COPIED);
  }
  put (im->fd, l1, im->l1_entries * 8, im->l1_offset);
  for (uint64_t t = 0; t < im->l2_tables; t++)
    put (im->fd, l2 + t * im->cluster, im->cluster, im->l2_offset + t * im->cluster);
  free (l1);
  free (l2);
}

static void
write_refcounts (const struct image *im)
{
  uint64_t total = im->reftable_offset / im->cluster + im->reftable_clusters;
  uint64_t per_block = im->cluster / 2;
  uint8_t *block = need (malloc (im->cluster));
  uint8_t *table = need (calloc (im->reftable_clusters, im->cluster));
  for (uint64_t b = 0; b < im->refblocks; b++) {
    for (uint64_t k = 0; k < per_block; k++)
      be16_put (block + 2 * k, b * per_block + k < total);
    put (im->fd, block, im->cluster, im->refblock_offset + b * im->cluster);
    be64_put (table + 8 * b, im->refblock_offset + b * im->cluster);
  }
  put (im->fd, table, im->reftable_clusters * im->cluster, im->reftable_offset);
  free (block);
  free (table);
}

static void
write_fill (const struct image *im)
{
  uint64_t buf[512];
  for (uint64_t i = 0; i < im->count; i += 8) {
    for (unsigned k = 0; k < 512; k++)
      buf[k] = next_random ();
    put (im->fd, buf, img_min (sizeof buf, im->cluster), im->data_offset + i * im->cluster);
  }
}

int
main (int argc, char **argv)
{
  struct image im = { .fd = -1 };
  uint64_t *l2_of;
  if (argc != 7 && argc != 8) {
    fprintf (stderr, "usage: mkfrag OUT MIB CLUSTER_BITS CLUSTERS SEED random|guest|runs [fill]\n");
    return 64;
  }
  uint64_t size = strtoull (argv[2], NULL, 0) << 20;
  im.bits = (unsigned) atoi (argv[3]);
  im.cluster = 1ull << im.bits;
  im.guest_clusters = size >> im.bits;
  im.count = strtoull (argv[4], NULL, 0);
  random_seed (strtoull (argv[5], NULL, 0));
  im.guest = need (calloc (im.count, sizeof *im.guest));
  choose (&im, argv[6]);

  /* l2_of[t] becomes the number of L2 tables before the one of L1 entry t */
  uint64_t per_l2 = im.cluster / 8, entries = img_div_up (im.guest_clusters, per_l2);
  l2_of = need (calloc (entries + 1, sizeof *l2_of));
  for (uint64_t i = 0; i < im.count; i++)
    l2_of[im.guest[i] / per_l2 + 1] = 1;
  for (uint64_t t = 0; t < entries; t++)
    l2_of[t + 1] += l2_of[t];

  im.fd = open (argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (im.fd < 0)
    die (argv[1]);
  lay_out (&im, l2_of);
  write_header (&im, size);
  write_tables (&im, l2_of);
  write_refcounts (&im);
  if (argc == 8)
    write_fill (&im);
  if (close (im.fd) < 0)
    die (argv[1]);
  free (im.guest);
  free (l2_of);
  return 0;
}
