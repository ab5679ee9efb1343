/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* damage - for tests of repair:
 *
 *   damage hurt SEED FILE    changes some fields of the metadata of a qcow2 image
 *   damage read FILE OUT     what the guest sees: for each 512 bytes a byte 1 and the bytes, or a
 *                            byte 0 when they cannot be read
 *   damage same OUT1 OUT2    all that could be read in OUT1 reads the same in OUT2
 */
#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/blkimg.h>
#include <blkimg/endian.h>

enum { PIECE = 512, MAX_PLACES = 4096 };

static uint64_t state;

/* Below N. */
static uint64_t
any (uint64_t n)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (state >> 11) % n;
}

/* ---- hurt ---- */

struct image {
  int fd;
  uint64_t size, cluster, n;
  uint64_t places[MAX_PLACES]; /* of metadata, 8 bytes each */
};

static uint64_t
word (const struct image *m, uint64_t at)
{
  uint8_t b[8] = { 0 };
  if (pread (m->fd, b, 8, (off_t) at) < 0)
    return 0;
  return be64_get (b);
}

/* Some of the N words at AT: those that say something, and a few that do not. */
static void
add_table (struct image *m, uint64_t at, uint64_t n)
{
  for (uint64_t i = 0; i < n && m->n < MAX_PLACES; i++)
    if (word (m, at + i * 8) || any (200) == 0)
      m->places[m->n++] = at + i * 8;
}

static void
add_l1 (struct image *m, uint64_t at, uint64_t n)
{
  add_table (m, at, n);
  for (uint64_t i = 0; i < n; i++) {
    uint64_t l2 = word (m, at + i * 8) & UINT64_C (0x00fffffffffffe00);
    if (l2)
      add_table (m, l2, m->cluster / 8);
  }
}

static uint64_t
damaged (const struct image *m, uint64_t was)
{
  switch (any (7)) {
  case 0:
    return was ^ UINT64_C (1) << any (64);
  case 1:
    return 0;
  case 2:
    return word (m, m->places[any (m->n)]);
  case 3:
    return any (m->size / m->cluster + 3) * m->cluster | UINT64_C (1) << 63;
  case 4:
    return was ^ any (m->cluster);
  case 5:
    return was ^ UINT64_C (1) << (60 + any (4));
  default:
    return any (UINT64_MAX);
  }
}

static int
hurt (const char *seed, const char *name)
{
  struct image m = { .fd = open (name, O_RDWR) };
  struct stat st;
  if (m.fd < 0 || fstat (m.fd, &st) < 0)
    return 1;
  state = strtoull (seed, NULL, 10) * 2654435761u + 1;
  m.size = (uint64_t) st.st_size;
  m.cluster = UINT64_C (1) << (word (&m, 16) & 63);
  add_l1 (&m, word (&m, 40), word (&m, 32) & UINT32_MAX);
  uint64_t reftable = word (&m, 48);
  add_table (&m, reftable, m.cluster / 8);
  for (uint64_t i = 0; i < 4; i++)
    if (word (&m, reftable + i * 8))
      add_table (&m, word (&m, reftable + i * 8), m.cluster / 8);
  for (uint64_t i = any (6) + 1; i > 0 && m.n > 0; i--) {
    uint64_t at = m.places[any (m.n)];
    bool l1 = any (12) == 0; /* where the header says that the L1 table is */
    at = l1 ? 40 : at;
    uint64_t was = word (&m, at), now = l1 ? any (m.size / m.cluster + 3) * m.cluster
                                           : damaged (&m, was);
    uint8_t b[8];
    be64_put (b, now);
    printf ("# 0x%" PRIx64 ": %016" PRIx64 " -> %016" PRIx64 "\n", at, was, now);
    if (pwrite (m.fd, b, 8, (off_t) at) != 8)
      return 1;
  }
  return close (m.fd) < 0;
}

/* ---- read, same ---- */

static int
read_all (const char *name, const char *out)
{
  struct img_open_params params = { .struct_size = sizeof params, .format = "qcow2" };
  struct img_error err = IMG_ERROR_INIT;
  uint8_t piece[1 + PIECE];
  FILE *f = fopen (out, "w");
  struct img_node *node = img_open (name, &params, &err);
  uint64_t size = node ? img_size (node) : 0;
  if (f == NULL)
    return 1;
  for (uint64_t at = 0; at + PIECE <= size; at += PIECE) {
    memset (piece, 0, sizeof piece);
    piece[0] = img_pread (node, piece + 1, PIECE, at, 0, &err) == 0;
    if (fwrite (piece, sizeof piece, 1, f) != 1)
      return 1;
    img_error_clear (&err);
  }
  if (node)
    img_close (node, &err);
  return fclose (f) != 0;
}

static int
same (const char *before, const char *after)
{
  uint8_t a[1 + PIECE], b[1 + PIECE];
  FILE *f = fopen (before, "r"), *g = fopen (after, "r");
  if (f == NULL || g == NULL)
    return 1;
  for (uint64_t at = 0; fread (a, sizeof a, 1, f) == 1; at += PIECE) {
    bool there = fread (b, sizeof b, 1, g) == 1;
    if (a[0] && (!there || memcmp (a, b, sizeof a))) {
      printf ("guest offset 0x%" PRIx64 " is not what it was\n", at);
      return 1;
    }
  }
  fclose (f);
  fclose (g);
  return 0;
}

int
main (int argc, char **argv)
{
  if (argc == 4 && strcmp (argv[1], "hurt") == 0)
    return hurt (argv[2], argv[3]);
  if (argc == 4 && strcmp (argv[1], "read") == 0)
    return read_all (argv[2], argv[3]);
  if (argc == 4 && strcmp (argv[1], "same") == 0)
    return same (argv[2], argv[3]);
  fprintf (stderr, "usage: damage hurt SEED FILE | read FILE OUT | same OUT1 OUT2\n");
  return 2;
}
