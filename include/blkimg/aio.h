/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/aio.h - many requests in flight from one thread.
 *
 * A queue looks up where bytes live once for a stretch of the image and hands requests to the
 * protocol's own engine (module.h, struct img_aio_ops); what has no such place (compressed,
 * encrypted, not allocated yet, not aligned, protocols without an engine) a thread does by
 * img_pread and img_pwrite.  Requests in flight at once that overlap are done in any order.
 *
 * A queue belongs to one thread.  While a queue writes, nobody else changes what the image maps:
 * no other writes to it, no zero, discard, resize or snapshot.
 */
#ifndef BLKIMG_AIO_H
#define BLKIMG_AIO_H

#include <blkimg/node.h>

#ifdef __cplusplus
extern "C" {
#endif

enum img_aio_kind { IMG_AIO_READ, IMG_AIO_WRITE, IMG_AIO_FLUSH };

/* The caller's from submit until reap gives it back. */
struct img_aio_request {
  enum img_aio_kind kind;
  bool failed;             /* out */
  void *buf;
  uint64_t length, offset;
  void *user;              /* the caller's own */
};

struct img_aio;
/* A queue for DEPTH requests on NODE.  ENGINE: "threads", "native", "io_uring" for local files;
 * NULL: what the image was opened with.  Protocols without engines ignore it. */
struct img_aio *img_aio_new (struct img_node *node, const char *engine, unsigned depth,
                             struct img_error *err);
/* Starts N requests; with those in flight no more than DEPTH.  -1: none was started. */
int img_aio_submit (struct img_aio *aio, struct img_aio_request *const *requests, unsigned n,
                    struct img_error *err);
/* Fills up to MAX requests that are done, waiting for one at least; 0: none is in flight.  When one
 * has FAILED, *err says why. */
unsigned img_aio_reap (struct img_aio *aio, struct img_aio_request **done, unsigned max,
                       struct img_error *err);
/* Waits for what is in flight.  NULL allowed. */
void img_aio_free (struct img_aio *aio);

#ifdef __cplusplus
}
#endif
#endif
