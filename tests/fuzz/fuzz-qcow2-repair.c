/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-qcow2-repair: a repair of a hostile image.  It may refuse; what the guest could read stays
 * as it was, and when it says that nothing is wrong any more, the next check says so, too. */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACES = 192, PIECE = 512 };

struct seen {
  uint8_t bytes[PLACES][PIECE];
  bool readable[PLACES];
};

/* Pieces from all over the disk, most of them from its beginning. */
static void
look (int fd, struct seen *seen)
{
  struct img_node *node = fuzz_open_file (fd, "qcow2", 0);
  uint64_t size = node ? img_size (node) / PIECE * PIECE : 0;
  for (unsigned i = 0; i < PLACES; i++) {
    struct img_error err = IMG_ERROR_INIT;
    uint64_t at = i < PLACES / 2 ? (uint64_t) i * PIECE : size / PLACES / PIECE * PIECE * i;
    seen->readable[i] = node && size >= PIECE && at <= size - PIECE
                        && img_pread (node, seen->bytes[i], PIECE, at, 0, &err) == 0;
  }
  if (node)
    fuzz_close (node);
}

static void
check_again (int fd)
{
  struct img_check check = { .struct_size = sizeof check };
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node = fuzz_open_file (fd, "qcow2", IMG_OPENF_CHECK);
  if (node == NULL || img_check (node, &check, 0, &err) < 0 || check.corruptions
      || check.check_errors) {
    fprintf (stderr, "fuzz: repaired, and yet: %s\n", err.message);
    abort ();
  }
  fuzz_close (node);
}

/* True: nothing is wrong any more. */
static bool
repair (int fd, unsigned how)
{
  struct img_check check = { .struct_size = sizeof check };
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node = fuzz_open_file (fd, "qcow2", IMG_OPENF_CHECK | IMG_OPENF_RDWR);
  if (node == NULL)
    return false;
  int r = img_check (node, &check, how, &err);
  if (r < 0)
    fuzz_explained (&err);
  fuzz_close (node);
  return r == 0 && check.corruptions == 0 && check.check_errors == 0;
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static struct seen before, after;
  unsigned how = IMG_REPAIR_LEAKS;
  int fd = fuzz_file (data, size);
  look (fd, &before);
  if (size == 0 || data[size - 1] % 4 != 1)
    how |= IMG_REPAIR_ERRORS;
  if (size && (how & IMG_REPAIR_ERRORS) && data[size - 1] % 2)
    how |= IMG_REPAIR_DROP_SNAPSHOTS | IMG_REPAIR_DROP_BITMAPS;
  if (repair (fd, how))
    check_again (fd);
  look (fd, &after);
  for (unsigned i = 0; i < PLACES; i++)
    if (before.readable[i]
        && (!after.readable[i] || memcmp (before.bytes[i], after.bytes[i], PIECE))) {
      fprintf (stderr, "fuzz: piece %u could be read and is now %s\n", i,
               after.readable[i] ? "another" : "unreadable");
      abort ();
    }
  close (fd);
  return 0;
}
