/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conn.c - connections, and waiting for the requests on them.
 *
 * libnbd's synchronous calls hold the handle for a whole round trip, so they allow one request at
 * a time.  Here each connection has a thread that polls its socket, and any number of threads
 * submit requests and sleep until theirs is answered.  A broken connection answers all of its
 * requests with an error.
 */
#include "nbd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int
connect_once (struct nbd_handle *h, const struct img_opts *opts)
{
  const char *uri = img_opts_string (opts, "uri");
  const char *path = img_opts_string (opts, "server.path");
  const char *host = img_opts_string (opts, "server.host");
  const char *port = img_opts_string (opts, "server.port");
  if (uri)
    return nbd_connect_uri (h, uri);
  if (path)
    return nbd_connect_unix (h, path);
  return nbd_connect_tcp (h, host ? host : "localhost", port ? port : "10809");
}

static int
check_options (const struct img_opts *opts, struct img_error *err)
{
  const char *uri = img_opts_string (opts, "uri"), *path = img_opts_string (opts, "server.path");
  const char *host = img_opts_string (opts, "server.host");
  const char *type = img_opts_get (opts, "server.type");
  if (!uri && !path && !host)
    return img_error_set (err, EINVAL, _("nbd needs server.host, server.path or a URI"));
  if ((uri != NULL) + (path != NULL) + (host != NULL) > 1)
    return img_error_set (err, EINVAL, _("nbd takes one of server.host, server.path and uri"));
  if (type && strcmp (type, path ? "unix" : "inet") != 0)
    return img_error_set (err, EINVAL, _("server.type=%s does not fit the address given"), type);
  return 0;
}

/* A new handle that asks for what we use; what was said of the export in options goes in here. */
static struct nbd_handle *
new_handle (const struct img_opts *opts, struct img_error *err)
{
  struct nbd_handle *h = nbd_create ();
  const char *export = img_opts_string (opts, "export");
  if (h == NULL) {
    img_error_set (err, ENOMEM, "%s", nbd_get_error ());
    return NULL;
  }
  if ((export && nbd_set_export_name (h, export) < 0)
      || nbd_add_meta_context (h, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0
      || nbd_set_uri_allow_local_file (h, true) < 0
      /* we fill buffers whole or fail: no need to clear them first */
      || nbd_set_pread_initialize (h, false) < 0) {
    img_error_set (err, EINVAL, "%s", nbd_get_error ());
    nbd_close (h);
    return NULL;
  }
  return h;
}

static bool
not_there_yet (int code)
{
  return code == ECONNREFUSED || code == ENOENT || code == EHOSTUNREACH || code == ENETUNREACH;
}

int
nbd_conn_open (struct nbd_conn *conn, const struct img_opts *opts, struct img_error *err)
{
  time_t until = time (NULL) + (time_t) img_opts_number (opts, "open-timeout");
  const struct timespec pause = { 0, 100 * 1000 * 1000 };
  if (check_options (opts, err) < 0)
    return -1;
  for (;;) {
    int code;
    conn->wake = -1;
    conn->h = new_handle (opts, err);
    if (conn->h == NULL)
      return -1;
    int r = connect_once (conn->h, opts);
    IMG_TRACE ("nbd_connect", NULL, "%d", r == 0);
    if (r == 0)
      return 0;
    code = nbd_get_errno ();
    img_error_set (err, code ? code : EIO, "%s", nbd_get_error ());
    nbd_close (conn->h);
    conn->h = NULL;
    if (!not_there_yet (code) || time (NULL) >= until)
      return -1;
    nanosleep (&pause, NULL);
  }
}

static void
wake_up (struct nbd_conn *conn)
{
  uint64_t one = 1;
  /* can only fail when the counter is full, and then the thread is awake anyway */
  if (write (conn->wake, &one, sizeof one) < 0)
    return;
}

/* Moves bytes until the node is closed; on a dead connection it only waits for that. */
static void *
serve (void *arg)
{
  struct nbd_conn *conn = arg;
  while (!atomic_load (&conn->quit)) {
    unsigned direction = nbd_aio_get_direction (conn->h);
    int fd = nbd_aio_is_dead (conn->h) > 0 || nbd_aio_is_closed (conn->h) > 0
               ? -1 : nbd_aio_get_fd (conn->h);
    struct pollfd fds[2] = { { .fd = conn->wake, .events = POLLIN }, { .fd = fd } };
    uint64_t drained;
    if (direction & LIBNBD_AIO_DIRECTION_READ)
      fds[1].events |= POLLIN;
    if (direction & LIBNBD_AIO_DIRECTION_WRITE)
      fds[1].events |= POLLOUT;
    if (poll (fds, 2, -1) < 0 && errno != EINTR)
      break;
    if ((fds[0].revents & POLLIN) && read (conn->wake, &drained, sizeof drained) < 0)
      break;
    /* Another thread's request may have moved the state on meanwhile: a notification that no
     * longer fits is refused by libnbd and the next round looks again. */
    if (fds[1].revents & (POLLIN | POLLHUP | POLLERR))
      nbd_aio_notify_read (conn->h);
    else if (fds[1].revents & POLLOUT)
      nbd_aio_notify_write (conn->h);
  }
  return NULL;
}

int
nbd_conn_start (struct nbd_conn *conn, struct img_error *err)
{
  int code;
  conn->wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (conn->wake < 0)
    return img_error_errno (err, errno, _("cannot make an event descriptor"));
  pthread_mutex_init (&conn->lock, NULL);
  code = pthread_create (&conn->thread, NULL, serve, conn);
  if (code != 0) {
    pthread_mutex_destroy (&conn->lock);
    return img_error_errno (err, code, _("cannot start a thread"));
  }
  conn->running = true;
  return 0;
}

void
nbd_conn_close (struct nbd_conn *conn)
{
  if (conn->running) {
    atomic_store (&conn->quit, true);
    wake_up (conn);
    pthread_join (conn->thread, NULL);
    pthread_mutex_destroy (&conn->lock);
    conn->running = false;
  }
  if (conn->wake >= 0)
    close (conn->wake);
  if (conn->h) {
    nbd_shutdown (conn->h, 0);
    nbd_close (conn->h);
  }
  conn->h = NULL;
  conn->wake = -1;
}

struct nbd_conn *
nbd_conn_pick (struct nbd *nbd)
{
  return &nbd->conns[atomic_fetch_add (&nbd->next, 1) % nbd->n_conns];
}

void
nbd_wait_begin (struct nbd_wait *w, struct nbd_conn *conn)
{
  w->conn = conn;
  w->done = false;
  w->error = 0;
  pthread_cond_init (&w->cond, NULL);
}

/* Signals under the lock: the waiter cannot return, and its stack go away, before we are out. */
static int
completed (void *arg, int *error)
{
  struct nbd_wait *w = arg;
  struct nbd_conn *conn = w->conn;
  pthread_mutex_lock (&conn->lock);
  w->error = *error;
  w->done = true;
  pthread_cond_signal (&w->cond);
  pthread_mutex_unlock (&conn->lock);
  return 1; /* retire the request */
}

nbd_completion_callback
nbd_wait_callback (struct nbd_wait *w)
{
  return (nbd_completion_callback) { .callback = completed, .user_data = w };
}

int
nbd_wait_end (struct nbd_wait *w, int64_t cookie, const char *what, uint64_t offset,
              struct img_error *err)
{
  int code = 0;
  if (cookie < 0) {
    code = nbd_get_errno ();
    code = code ? code : EIO;
  } else {
    wake_up (w->conn);
    pthread_mutex_lock (&w->conn->lock);
    while (!w->done)
      pthread_cond_wait (&w->cond, &w->conn->lock);
    code = w->error;
    pthread_mutex_unlock (&w->conn->lock);
  }
  pthread_cond_destroy (&w->cond);
  IMG_TRACE ("nbd_request", NULL, "%s 0x%llx %d", what, (unsigned long long) offset, code);
  return code == 0 ? 0
                   : img_error_errno (err, code, _("NBD %s at 0x%llx failed"), what,
                                      (unsigned long long) offset);
}
