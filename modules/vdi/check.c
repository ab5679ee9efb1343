/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check.c - does every entry of the map name a block of its own inside the file, and does the
 * header count them rightly?  Reports only. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <blkimg/overflow.h>

#include "vdi.h"

/* Which blocks are named, a bit each; chunks are made when first needed, for a sparse file may
 * claim to have billions. */
#define CHUNK_BITS (UINT32_C (1) << 19)
struct marks {
  uint8_t **chunks;
  uint32_t n_chunks;
};

/* 1: N was marked already. */
static int
mark (struct marks *m, uint32_t n, struct img_error *err)
{
  uint8_t **chunk = &m->chunks[n / CHUNK_BITS], bit = (uint8_t) (1u << n % 8);
  uint32_t byte = n % CHUNK_BITS / 8;

  if (*chunk == NULL && (*chunk = calloc (1, CHUNK_BITS / 8)) == NULL)
    return img_error_errno (err, ENOMEM, _("check"));
  if ((*chunk)[byte] & bit)
    return 1;
  (*chunk)[byte] |= bit;
  return 0;
}

struct tally {
  uint64_t in_file; /* blocks that begin inside the file */
  uint64_t named, behind; /* good entries; one past the highest of them */
};

/* More lines than these help nobody. */
#define MAX_LINES 1000

static int
check_entry (struct img_check *check, struct marks *marks, struct tally *t, uint32_t index,
             uint32_t entry, struct img_error *err)
{
  bool say = check->corruptions < MAX_LINES;
  int r;

  if (entry >= t->in_file) {
    if (say)
      img_check_say (check, true, _("block index %u too large, is %u"), index, entry);
    check->corruptions++;
    return 0;
  }
  r = mark (marks, entry, err);
  if (r < 0)
    return -1;
  if (r == 1) {
    if (say)
      img_check_say (check, true, _("block index %u: block %u is used more than once"),
                     index, entry);
    check->corruptions++;
    return 0;
  }
  t->named++;
  t->behind = img_max (t->behind, entry + UINT64_C (1));
  return 0;
}

static int
check_map (struct img_node *node, struct img_check *check, struct marks *marks, struct tally *t,
           struct img_error *err)
{
  const struct vdi *v = img_node_priv (node);

  for (uint32_t i = 0; i < v->h.blocks; i++) {
    uint32_t entry;
    if (vdi_entry_get (node, i, &entry, err) < 0)
      return -1;
    if (entry < VDI_NO_BLOCK && check_entry (check, marks, t, i, entry, err) < 0)
      return -1;
  }
  return 0;
}

/* What the header says is what other programs take for the first free block. */
static void
check_count (const struct vdi *v, struct img_check *check, const struct tally *t)
{
  uint64_t taken;

  if (v->h.allocated < t->behind) {
    img_check_say (check, true,
                   _("the header counts %u blocks, but the map names block %" PRIu64),
                   v->h.allocated, t->behind - 1);
    check->corruptions++;
  }
  /* What is behind them is the file's business: it may be a device. */
  taken = img_min (img_max (v->h.allocated, t->behind), t->in_file);
  if (taken > t->named) {
    img_check_say (check, false, _("%" PRIu64 " blocks of the file are not in use"),
                   taken - t->named);
    check->leaks += taken - t->named;
  }
  if (v->h.allocated > t->in_file) {
    img_check_say (check, true, _("the header counts %u blocks, the file has %" PRIu64),
                   v->h.allocated, t->in_file);
    check->corruptions++;
  }
}

int
vdi_check (struct img_node *node, struct img_check *check, unsigned repair, struct img_error *err)
{
  const struct vdi *v = img_node_priv (node);
  uint64_t size = img_size (img_child (node, 0));
  struct marks marks = { NULL, 0 };
  struct tally t = { 0, 0, 0 };
  int r;

  if (repair)
    return img_error_set (err, ENOTSUP, _("VDI images cannot be repaired"));
  if (size > v->h.offset_data)
    t.in_file = img_min (img_div_up (size - v->h.offset_data, v->h.block_size), VDI_NO_BLOCK);
  marks.n_chunks = (uint32_t) img_div_up (t.in_file, CHUNK_BITS);
  marks.chunks = calloc (marks.n_chunks + 1u, sizeof *marks.chunks);
  if (marks.chunks == NULL)
    return img_error_errno (err, ENOMEM, _("check"));
  r = check_map (node, check, &marks, &t, err);
  if (r == 0)
    check_count (v, check, &t);
  for (uint32_t i = 0; i < marks.n_chunks; i++)
    free (marks.chunks[i]);
  free (marks.chunks);
  return r;
}
