/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy: img_copy.  Finds out what the target can do and how the work is cut, then lets the workers
 * go.  The rooms are listed in copy-job.h.
 *
 * Refuses: sources that do not fit, compression where the format has none or encrypts. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/copy-job.h"
#include "core/crypt.h"
#include "core/pool.h"
#include "core/progress.h"
#include "core/workers.h"

#define CHUNK (UINT64_C (256) * 1024) /* with its encoded twin it stays in an L2 cache */
#define CHUNK_MIN (UINT64_C (64) * 1024)
#define BUFFERS_MAX (UINT64_C (16) << 20)
#define WINDOW_PLAIN (UINT64_C (4) << 20)  /* of chunks that stand in line; */
#define WINDOW_ENCODE (UINT64_C (8) << 20) /* the same, with as much for what comes out of them */
#define GRAIN 4096u     /* what file systems allocate */
#define DETECT UINT64_C (4096) /* what detect-zeroes takes for a run */
#define LOCAL_MAX 2     /* threads that move bytes between local files: more only wait in line */

/* How much of the one source is wanted, if not all of it. */
static int
cut_source (const struct copy_job *job, uint64_t *length, struct img_error *err)
{
  const struct img_copy_opts *o = &job->opts;
  uint64_t size = atomic_load (&job->src[0]->size);
  *length = o->length ? o->length : size - img_min (o->src_offset, size);
  if (job->n_src == 1 && img_within (o->src_offset, *length, size))
    return 0;
  return img_error_set (err, EINVAL, _("%s: the part to copy is not inside it"),
                        job->src[0]->filename);
}

static int
add_sizes (struct copy_job *job, struct img_error *err)
{
  uint64_t length;
  job->start = job->total = job->opts.dst_offset;
  for (unsigned i = 0; i < job->n_src; i++) {
    length = atomic_load (&job->src[i]->size);
    if ((job->opts.src_offset || job->opts.length) && cut_source (job, &length, err) < 0)
      return -1;
    if (!img_add (job->total, length, &job->total))
      return img_error_set (err, EFBIG, _("the sources are too large together"));
  }
  if (job->total <= atomic_load (&job->dst->size))
    return 0;
  return img_error_set (err, EINVAL, _("%s: %llu bytes do not fit into %llu"),
                        job->dst->filename, (unsigned long long) job->total,
                        (unsigned long long) atomic_load (&job->dst->size));
}

/* Sizes of the work.  N: workers. */
static void
cut_work (struct copy_job *job, unsigned n)
{
  const struct img_limits *limits = &job->dst->limits;
  job->unit = img_max (job->reserves ? limits->alloc_unit : limits->request_align, 1);
  job->unit = img_max (job->unit, limits->crypt_unit);
  if (job->opts.compress && limits->encode_unit)
    job->unit = limits->encode_unit;
  job->chunk = CHUNK;
  while (n * job->chunk > BUFFERS_MAX && job->chunk > CHUNK_MIN)
    job->chunk /= 2;
  job->chunk = img_div_up (job->chunk, job->unit) * job->unit;
  uint64_t grain = img_min (GRAIN, img_max (job->opts.sparse, 1));
  job->grain = img_div_up (grain, job->unit) * job->unit;
}

/* Does NODE, which we just made, read as zero?  A plain format shows what its file holds, and a
 * device or an export is only new to us. */
static bool
made_blank (struct img_node *node)
{
  uint32_t caps = node->driver->caps;
  if (!(node->flags & IMG_OPEN_NEW) || !(caps & IMG_CAP_ZERO_INIT) || img_crypt_noise (node, 0))
    return false;
  return !(caps & IMG_CAP_PLAIN) || made_blank (node->children[0].node);
}

/* A target that need not be looked at: it was just made, or can be wiped in one go. */
static int
wipe_target (struct copy_job *job, struct img_error *err)
{
  struct img_node *dst = job->dst;
  job->blank = job->opts.target_is_zero || made_blank (dst);
  job->zeroed = job->blank || job->opts.leave_zeroes;
  if (job->zeroed || job->layers != COPY_ALL || dst->backing || job->opts.sparse == 0)
    return 0;
  struct img_error why = IMG_ERROR_INIT;
  if (img_zero (dst, job->start, job->total - job->start, IMG_IO_UNMAP | IMG_IO_NO_FALLBACK, &why)
      == 0)
    job->zeroed = true;
  else if (why.code != ENOTSUP) {
    *err = why;
    return -1;
  }
  return 0;
}

static int
first_sharing (const struct copy_job *job)
{
  const struct img_copy_opts *o = &job->opts;
  if (o->compress || job->dst->sequential || job->dst->limits.crypt_unit
      || (o->copy_range && o->salvage) || job->layers == COPY_PIN)
    return SHARING_NO;
  if (o->leave_zeroes) /* those inside data, too: they have to be found */
    return SHARING_NO;
  if (o->reflink == IMG_REFLINK_NEVER && !o->copy_range)
    return SHARING_NO;
  /* Sharing would leave the zeroes inside data unallocated in neither file: what was asked for is
   * a target that is written in full. */
  return o->sparse == 0 && !o->copy_range && o->reflink != IMG_REFLINK_ALWAYS ? SHARING_NO
                                                                              : SHARING_UNKNOWN;
}

/* Ordered, up to twice the workers: one to fill while another waits for those before it.  Where
 * filling is the work, more, so that nobody stands still while the slot at the head takes its time.
 * Big units make fewer. */
static unsigned
count_slots (const struct copy_job *job, unsigned n, bool ordered)
{
  if (!ordered)
    return n;
  if (n == 1)
    return 2;
  if (job->opts.compress)
    return (unsigned) img_max (2 * n, img_min (8 * n, WINDOW_ENCODE / job->chunk));
  return (unsigned) img_max (n, img_min (2 * n, WINDOW_PLAIN / job->chunk));
}

static int
run_workers (struct copy_job *job, unsigned n, bool ordered, struct img_error *err)
{
  job->plan = copy_plan_new (job, err);
  job->order = job->plan ? copy_order_new (job, ordered, count_slots (job, n, ordered), err) : NULL;
  int r = job->order ? img_pool_run (n, copy_work, job, err) : -1;
  copy_order_free (job->order);
  copy_plan_free (job->plan);
  return r;
}

static void
add_stats (const struct copy_job *job, struct img_copy_stats *stats)
{
  uint64_t data = atomic_load (&job->done.data), shared = atomic_load (&job->done.shared);
  uint64_t compressed = atomic_load (&job->done.compressed), length = job->total - job->start;
  if (stats == NULL)
    return;
  stats->data += data;
  stats->compressed += compressed;
  stats->shared += shared;
  stats->streams += atomic_load (&job->done.streams);
  stats->zero += length - img_min (data + compressed + shared, length);
}

int
copy_run (struct copy_job *job, struct img_error *err)
{
  struct img_node *dst = job->dst;
  job->reserves = dst->driver->reserve != NULL;
  if (job->opts.compress && !(dst->driver->caps & IMG_CAP_COMPRESS))
    return img_error_set (err, ENOTSUP, _("%s: the %s format has no compression"),
                          dst->filename, dst->driver->name);
  if (job->opts.compress && dst->limits.crypt_unit)
    return img_error_set (err, ENOTSUP, _("%s: what is encrypted cannot be compressed as well"),
                          dst->filename);
  if (add_sizes (job, err) < 0 || img_progress_check (job->opts.progress, err) < 0)
    return -1;
  if (job->total == job->start)
    return 0;
  unsigned inflight = img_workers_inflight (dst);
  for (unsigned i = 0; i < job->n_src; i++)
    inflight = (unsigned) img_max (inflight, img_workers_inflight (job->src[i]));
  unsigned n = img_workers_count (job->opts.workers, inflight);
  cut_work (job, n);
  if (wipe_target (job, err) < 0)
    return -1;
  bool local = job->opts.workers == 0 && inflight == 0 && !job->opts.compress
               && dst->limits.crypt_unit == 0;
  job->local_max = local ? LOCAL_MAX : IMG_WORKERS_MAX;
  job->batch = inflight == 0 ? COPY_BATCH : 1; /* far away they are better under way at once */
  atomic_init (&job->sharing, first_sharing (job));
  atomic_init (&job->allocating, true);
  pthread_mutex_init (&job->report, NULL);
  img_rate_init (&job->rate, job->opts.rate);
  img_progress_start (job->opts.progress, job->total - job->start);
  IMG_TRACE ("copy_start", dst, "%u %" PRIu64 " %" PRIu64 " %" PRIu64, n, job->unit, job->chunk,
             job->total);
  int r = run_workers (job, n, dst->sequential || (job->reserves && !job->opts.out_of_order), err);
  IMG_TRACE ("copy_end", dst, "%d", r);
  img_rate_release (&job->rate);
  pthread_mutex_destroy (&job->report);
  if (r == 0)
    add_stats (job, job->opts.stats);
  return r;
}

int
img_copy (struct img_node *dst, struct img_node *const *src, unsigned n_src,
          const struct img_copy_opts *opts, struct img_error *err)
{
  struct copy_job job = { .dst = dst, .src = src, .n_src = n_src };
  memcpy (&job.opts, opts, img_min (opts->struct_size, sizeof job.opts));
  if (job.opts.sparse == 0 && (dst->flags & IMG_OPEN_DETECT_ZEROES))
    job.opts.sparse = DETECT;
  job.layers = job.opts.overlay ? COPY_OVERLAY : COPY_ALL;
  job.left = job.opts.overlay ? dst->backing : dst;
  return copy_run (&job, err);
}
