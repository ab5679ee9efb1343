/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io.c - the requests: read, write, zero, trim, flush, block status (NBD protocol, "Request
 * types"). */
#include "nbd.h"

#include <string.h>

#include <blkimg/overflow.h>

int
nbd_pread_node (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                struct img_error *err)
{
  struct nbd_conn *conn = nbd_conn_pick (img_node_priv (node));
  struct nbd_wait w;
  nbd_wait_begin (&w, conn);
  return nbd_wait_end (&w, nbd_aio_pread (conn->h, buf, length, offset, nbd_wait_callback (&w), 0),
                       "read", offset, err);
}

int
nbd_pwrite_node (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err)
{
  struct nbd_conn *conn = nbd_conn_pick (img_node_priv (node));
  struct nbd_wait w;
  nbd_wait_begin (&w, conn);
  return nbd_wait_end (&w, nbd_aio_pwrite (conn->h, buf, length, offset, nbd_wait_callback (&w), 0),
                       "write", offset, err);
}

int
nbd_zero_node (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
               struct img_error *err)
{
  struct nbd *nbd = img_node_priv (node);
  struct nbd_conn *conn = nbd_conn_pick (nbd);
  struct nbd_wait w;
  uint32_t how = flags & IMG_IO_UNMAP ? 0 : LIBNBD_CMD_FLAG_NO_HOLE;
  if (!nbd->can_zero || ((flags & IMG_IO_NO_FALLBACK) && !nbd->can_fast_zero))
    return img_error_set (err, ENOTSUP, _("the NBD server cannot zero quickly"));
  if (flags & IMG_IO_NO_FALLBACK)
    how |= LIBNBD_CMD_FLAG_FAST_ZERO;
  nbd_wait_begin (&w, conn);
  return nbd_wait_end (&w, nbd_aio_zero (conn->h, length, offset, nbd_wait_callback (&w), how),
                       "zero", offset, err);
}

int
nbd_discard_node (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  struct nbd *nbd = img_node_priv (node);
  struct nbd_conn *conn = nbd_conn_pick (nbd);
  struct nbd_wait w;
  if (!nbd->can_trim)
    return img_error_set (err, ENOTSUP, _("the NBD server does not trim"));
  nbd_wait_begin (&w, conn);
  return nbd_wait_end (&w, nbd_aio_trim (conn->h, length, offset, nbd_wait_callback (&w), 0),
                       "trim", offset, err);
}

/* One flush covers what was written through every connection: more than one is only open when the
 * server promises that (NBD_FLAG_CAN_MULTI_CONN). */
int
nbd_flush_node (struct img_node *node, struct img_error *err)
{
  struct nbd *nbd = img_node_priv (node);
  struct nbd_conn *conn = &nbd->conns[0];
  struct nbd_wait w;
  if (!nbd->can_flush)
    return 0;
  nbd_wait_begin (&w, conn);
  return nbd_wait_end (&w, nbd_aio_flush (conn->h, nbd_wait_callback (&w), 0), "flush", 0, err);
}

/* What one block status reply fills. */
struct reply {
  struct img_extent *ext;
  unsigned n, max;
  uint64_t at, end; /* the next extent begins at `at`; nothing beyond `end` is wanted */
};

static void
add_extent (struct reply *r, uint64_t begin, uint64_t end, bool zero)
{
  uint32_t kind = zero ? IMG_EXTENT_ZERO : IMG_EXTENT_DATA;
  if (r->n > 0 && r->ext[r->n - 1].kind == kind) {
    r->ext[r->n - 1].length += end - begin;
    return;
  }
  if (r->n == r->max) {
    r->end = begin; /* full: what follows is asked for again */
    return;
  }
  r->ext[r->n++] = (struct img_extent) {
    .offset = begin, .length = end - begin, .host_offset = begin, .kind = kind,
    .child = IMG_CHILD_SELF, .flags = zero ? IMG_EXTENT_HOST : 0
  };
}

/* ENTRIES are pairs of length and flags, in order from the offset asked for. */
static int
on_status (void *arg, const char *context, uint64_t offset, uint32_t *entries, size_t n, int *error)
{
  struct reply *r = arg;
  uint64_t at = offset;
  (void) error;
  if (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0)
    return 0;
  for (size_t i = 0; i + 1 < n && at < r->end; i += 2) {
    uint64_t begin = img_max (at, r->at), end = img_min (at + entries[i], r->end);
    if (begin < end)
      add_extent (r, begin, end, entries[i + 1] & LIBNBD_STATE_ZERO);
    at += entries[i];
  }
  return 0;
}

int
nbd_map_node (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
              unsigned n, struct img_error *err)
{
  struct nbd *nbd = img_node_priv (node);
  struct nbd_conn *conn = nbd_conn_pick (nbd);
  struct reply r = { .ext = ext, .max = n, .at = offset, .end = offset + length };
  struct nbd_wait w;
  nbd_extent_callback on_extent = { .callback = on_status, .user_data = &r };
  uint64_t begin = offset - offset % nbd->align, span = r.end - begin;
  int rc;
  if (!nbd->can_status) {
    add_extent (&r, offset, r.end, false);
    return 1;
  }
  /* a request's length has 32 bits and must be a multiple of the server's block */
  span = img_min (span, (uint64_t) 1 << 31);
  span = img_min (img_div_up (span, nbd->align) * nbd->align, img_size (node) - begin);
  r.end = img_min (r.end, begin + span);
  nbd_wait_begin (&w, conn);
  rc = nbd_wait_end (&w, nbd_aio_block_status (conn->h, span, begin, on_extent,
                                               nbd_wait_callback (&w), 0),
                     "block status", offset, err);
  if (rc < 0)
    return -1;
  if (r.n == 0)
    return img_error_set (err, EIO, _("the NBD server gave no status for 0x%llx"),
                          (unsigned long long) offset);
  return (int) r.n;
}
