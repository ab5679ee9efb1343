/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nbd.c - network block devices, through libnbd.
 *
 * Owns the driver table and the life of a node: as many connections as the server lets several
 * clients share (multi-conn), many requests in flight on each.  An export has the size that it has:
 * it is never created or resized, only checked.
 */
#include "nbd.h"

#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>

#define DEFAULT_CONNECTIONS 4
/* Servers take requests up to 32 MiB (NBD protocol, "Block size constraints", no limit given). */
#define DEFAULT_MAX_TRANSFER (32u << 20)

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

static const char *const server_types[] = { "inet", "unix", NULL };

static const struct img_optdesc open_opts[] = {
  { "uri", IMG_OPT_STRING, NULL, NULL, N_ ("server and export as an NBD URI"), 0 },
  { "server.type", IMG_OPT_ENUM, NULL, server_types, N_ ("inet or unix"), 0 },
  { "server.host", IMG_OPT_STRING, NULL, NULL, N_ ("host name or address"), 0 },
  { "server.port", IMG_OPT_STRING, NULL, NULL, N_ ("TCP port or service name"), 0 },
  { "server.path", IMG_OPT_STRING, NULL, NULL, N_ ("path of the unix socket"), 0 },
  { "export", IMG_OPT_STRING, NULL, NULL, N_ ("name of the export"), 0 },
  { "connections", IMG_OPT_NUMBER, NULL, NULL,
    N_ ("connections to use where the server allows several, 1 to 16 (default 4)"), 0 },
  { "open-timeout", IMG_OPT_NUMBER, "0", NULL,
    N_ ("seconds to go on trying while the server does not listen yet"), 0 },
  IMG_OPT_END
};

static void
read_facts (struct nbd *nbd)
{
  struct nbd_handle *h = nbd->conns[0].h;
  nbd->can_status = nbd_can_meta_context (h, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
  nbd->can_zero = nbd_can_zero (h) > 0;
  nbd->can_fast_zero = nbd_can_fast_zero (h) > 0;
  nbd->can_trim = nbd_can_trim (h) > 0;
  nbd->can_flush = nbd_can_flush (h) > 0;
}

static int
set_limits (struct img_node *node, struct nbd *nbd, struct img_error *err)
{
  struct nbd_handle *h = nbd->conns[0].h;
  struct img_limits *l = img_node_limits_mut (node);
  int64_t min = nbd_get_block_size (h, LIBNBD_SIZE_MINIMUM);
  int64_t preferred = nbd_get_block_size (h, LIBNBD_SIZE_PREFERRED);
  int64_t max = nbd_get_block_size (h, LIBNBD_SIZE_MAXIMUM);
  if (min > (1 << 16))
    return img_error_set (err, EINVAL, _("the server wants blocks of %lld bytes"), (long long) min);
  nbd->align = min > 0 ? (uint64_t) min : 1;
  l->request_align = (uint32_t) nbd->align;
  l->max_transfer = max > 0 && max < DEFAULT_MAX_TRANSFER ? (uint64_t) max : DEFAULT_MAX_TRANSFER;
  l->opt_transfer = preferred > 0 ? (uint64_t) preferred : 0;
  l->zero_align = l->discard_align = nbd->align;
  /* lengths travel in 32 bits */
  l->max_zero = l->max_discard = (UINT32_MAX / (1u << 20)) * (uint64_t) (1u << 20);
  return 0;
}

/* Opens the further connections that the server allows; each must show the same export. */
static int
open_more (struct nbd *nbd, const struct img_opts *opts, struct img_error *err)
{
  uint64_t want = img_opts_get (opts, "connections") ? img_opts_number (opts, "connections")
                                                     : DEFAULT_CONNECTIONS;
  int64_t size = nbd_get_size (nbd->conns[0].h);
  if (want < 1 || want > NBD_MAX_CONNECTIONS)
    return img_error_set (err, EINVAL, _("connections must be 1 to %d"), NBD_MAX_CONNECTIONS);
  if (nbd_can_multi_conn (nbd->conns[0].h) <= 0)
    want = 1;
  while (nbd->n_conns < want) {
    struct nbd_conn *conn = &nbd->conns[nbd->n_conns];
    if (nbd_conn_open (conn, opts, err) < 0)
      return -1;
    nbd->n_conns++;
    if (nbd_get_size (conn->h) != size)
      return img_error_set (err, EIO, _("the export's size changes from connection to connection"));
  }
  for (unsigned i = 0; i < nbd->n_conns; i++)
    if (nbd_conn_start (&nbd->conns[i], err) < 0)
      return -1;
  return 0;
}

static void
close_node (struct img_node *node)
{
  struct nbd *nbd = img_node_priv (node);
  for (unsigned i = 0; i < nbd->n_conns; i++)
    nbd_conn_close (&nbd->conns[i]);
  nbd->n_conns = 0;
}

static int
open_first (struct img_node *node, const struct img_opts *opts, unsigned flags,
            struct img_error *err)
{
  struct nbd *nbd = img_node_priv (node);
  int64_t size;
  if (nbd_conn_open (&nbd->conns[0], opts, err) < 0)
    return -1;
  nbd->n_conns = 1;
  size = nbd_get_size (nbd->conns[0].h);
  if (size < 0)
    return img_error_set (err, EIO, "%s", nbd_get_error ());
  if ((flags & IMG_OPEN_RDWR) && nbd_is_read_only (nbd->conns[0].h) != 0)
    return img_error_set (err, EROFS, _("the server offers this export read-only"));
  img_node_set_size (node, (uint64_t) size);
  read_facts (nbd);
  if (set_limits (node, nbd, err) < 0)
    return -1;
  return open_more (nbd, opts, err);
}

static int
open_node (struct img_node *node, const struct img_opts *opts, unsigned flags,
           struct img_error *err)
{
  if (open_first (node, opts, flags, err) == 0)
    return 0;
  close_node (node);
  return -1;
}

/* There is nothing to make: the export is there, or not. */
static int
create (struct img_create *c, struct img_error *err)
{
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = img_opts_new ();
  struct nbd_conn conn = { .wake = -1 };
  int64_t size;
  if (opts == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (nbd_parse_name (c->filename, opts, err) < 0
      || img_opts_check (opts, open_opts, "nbd", err) < 0 || nbd_conn_open (&conn, opts, err) < 0)
    return -1;
  size = nbd_get_size (conn.h);
  nbd_conn_close (&conn);
  if (size < 0 || (uint64_t) size < c->size)
    return img_error_set (err, ENOSPC,
                          _("the export has %lld bytes, fewer than the %llu of the new image"),
                          (long long) size, (unsigned long long) c->size);
  return 0;
}

static int
resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
        struct img_error *err)
{
  (void) prealloc;
  (void) flags;
  if (size <= img_size (node))
    return 0; /* a format may use less than the export has */
  return img_error_set (err, ENOSPC, _("an NBD export cannot grow beyond its %llu bytes"),
                        (unsigned long long) img_size (node));
}

static int
get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  (void) node;
  (void) info;
  (void) err;
  return 0;
}

static const char *const schemes[] = { "nbd", "nbd+tcp", "nbd+unix", "nbds", "nbds+unix", NULL };

static const struct img_driver nbd_driver = {
  .struct_size = sizeof (struct img_driver),
  .abi = IMG_ABI,
  .kind = IMG_PROTOCOL,
  .threads = IMG_THREADS_PARALLEL,
  .max_inflight = 16,
  .name = "nbd",
  .longname = N_ ("network block device"),
  .version = "1",
  .priv_size = sizeof (struct nbd),
  .schemes = schemes,
  .open_opts = open_opts,
  .open = open_node,
  .close = close_node,
  .parse_name = nbd_parse_name,
  .create = create,
  .get_info = get_info,
  .map = nbd_map_node,
  .pread = nbd_pread_node,
  .pwrite = nbd_pwrite_node,
  .zero = nbd_zero_node,
  .discard = nbd_discard_node,
  .resize = resize,
  .flush = nbd_flush_node,
};

static const struct img_driver *const drivers[] = { &nbd_driver, NULL };

static const struct img_module module = {
  .struct_size = sizeof (struct img_module),
  .abi = IMG_ABI,
  .drivers = drivers,
};

IMG_MODULE_ENTRY (module)
