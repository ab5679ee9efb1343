/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nbd.h - what the rooms of the nbd driver share.
 *
 * nbd.c the driver table, open and close; name.c names to options; conn.c connections and the
 * requests in flight on them; io.c the requests themselves.
 */
#ifndef NBD_H
#define NBD_H

#include <libnbd.h>
#include <pthread.h>
#include <stdatomic.h>

#include <blkimg/module.h>

#define NBD_MAX_CONNECTIONS 16

/* One connection.  Any thread submits requests (nbd_aio_*), `thread` moves the bytes. */
struct nbd_conn {
  struct nbd_handle *h;
  pthread_t thread;
  bool running;
  _Atomic bool quit;
  int wake;             /* eventfd: look at the handle's direction again */
  pthread_mutex_t lock; /* guards every nbd_wait of this connection */
};

/* One request that a thread waits for; lives on that thread's stack. */
struct nbd_wait {
  struct nbd_conn *conn;
  pthread_cond_t cond;
  bool done;
  int error; /* errno of the server or of the broken connection */
};

struct nbd {
  struct nbd_conn conns[NBD_MAX_CONNECTIONS];
  unsigned n_conns;
  _Atomic unsigned next;
  bool can_status, can_zero, can_fast_zero, can_trim, can_flush;
  uint64_t align; /* the server's smallest block, at least 1 */
};

/* name.c */
int nbd_parse_name (const char *name, struct img_opts *opts, struct img_error *err);

/* conn.c.  Connects and, when that is done, starts the thread.  The options are the driver's. */
int nbd_conn_open (struct nbd_conn *conn, const struct img_opts *opts, struct img_error *err);
int nbd_conn_start (struct nbd_conn *conn, struct img_error *err);
void nbd_conn_close (struct nbd_conn *conn);
struct nbd_conn *nbd_conn_pick (struct nbd *nbd);
/* A request: begin, submit with nbd_wait_callback (&w), then end with what submit returned.  0, or
 * -1 with *err about WHAT at OFFSET. */
void nbd_wait_begin (struct nbd_wait *w, struct nbd_conn *conn);
nbd_completion_callback nbd_wait_callback (struct nbd_wait *w);
int nbd_wait_end (struct nbd_wait *w, int64_t cookie, const char *what, uint64_t offset,
                  struct img_error *err);

/* io.c */
int nbd_pread_node (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                    struct img_error *err);
int nbd_pwrite_node (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                     struct img_error *err);
int nbd_zero_node (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
                   struct img_error *err);
int nbd_discard_node (struct img_node *node, uint64_t offset, uint64_t length,
                      struct img_error *err);
int nbd_flush_node (struct img_node *node, struct img_error *err);
int nbd_map_node (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
                  unsigned n, struct img_error *err);

#endif
