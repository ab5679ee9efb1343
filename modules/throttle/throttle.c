/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* throttle: a filter that lets only so many bytes and requests a second through.  The limits are
 * those of an object (--object throttle-group), and all nodes that name the same share them.
 *
 * Each limit is a leaky bucket, kept as the moment at which it will be empty: a request moves that
 * moment by what it costs, and waits until the bucket has room again (the virtual scheduling form
 * of ITU-T I.371's generic cell rate algorithm).  So a bucket is one number, changed by
 * compare-and-swap, and nobody waits under a lock. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include <blkimg/overflow.h>

#include "filter.h"

enum { BPS_TOTAL, BPS_READ, BPS_WRITE, IOPS_TOTAL, IOPS_READ, IOPS_WRITE, LIMITS };
enum { READING, WRITING };

static const char *const limit_words[LIMITS] = {
  "bps-total", "bps-read", "bps-write", "iops-total", "iops-read", "iops-write"
};

/* What all nodes of a group share. */
struct group {
  _Atomic uint64_t empty[LIMITS][2]; /* ns of the monotonic clock: by the average, by `max` */
};

struct limit {
  double average, max, seconds; /* units a second, 0: none; how long `max` may last */
};

struct throttle {
  struct limit limits[LIMITS];
  uint64_t iops_size; /* longer requests count as several; 0: never */
  struct group *group;
};

/* ---- opening ---- */

/* limits.bps-total-max, or x-bps-total-max as it is called on command lines. */
static uint64_t
property (const struct img_opts *object, const char *word, const char *suffix)
{
  char name[64];

  snprintf (name, sizeof name, "limits.%s%s", word, suffix);
  if (img_opts_string (object, name) == NULL)
    snprintf (name, sizeof name, "x-%s%s", word, suffix);
  return img_opts_number (object, name);
}

static int
take_limit (struct limit *l, const struct img_opts *object, const char *word,
            struct img_error *err)
{
  uint64_t seconds = property (object, word, "-max-length");

  l->average = (double) property (object, word, "");
  l->max = (double) property (object, word, "-max");
  l->seconds = seconds ? (double) seconds : 1;
  if (l->max > 0 && l->max < l->average)
    return img_error_set (err, EINVAL, _("%s-max is less than %s"), word, word);
  if (l->max > 0 && l->average <= 0)
    return img_error_set (err, EINVAL, _("%s-max needs %s"), word, word);
  if (seconds && l->max <= 0)
    return img_error_set (err, EINVAL, _("%s-max-length needs %s-max"), word, word);
  return 0;
}

static int
check_totals (const struct throttle *t, struct img_error *err)
{
  for (int i = 0; i < LIMITS; i += 3)
    if (t->limits[i].average > 0
        && (t->limits[i + 1].average > 0 || t->limits[i + 2].average > 0))
      return img_error_set (err, EINVAL, _("%s goes neither with %s nor with %s"), limit_words[i],
                            limit_words[i + 1], limit_words[i + 2]);
  return 0;
}

static int
throttle_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
               struct img_error *err)
{
  struct throttle *t = img_node_priv (node);
  const char *id = img_opts_string (opts, "throttle-group");
  const struct img_opts *object;

  (void) flags;
  if (id == NULL)
    return img_error_set (err, EINVAL, _("'throttle-group' must be given"));
  object = img_node_object (node, "throttle-group", id, err);
  if (object == NULL)
    return -1;
  for (int i = 0; i < LIMITS; i++)
    if (take_limit (&t->limits[i], object, limit_words[i], err) < 0)
      return -1;
  t->iops_size = property (object, "iops-size", "");
  t->group = img_node_object_state (node, "throttle-group", id, sizeof *t->group, err);
  if (t->group == NULL || check_totals (t, err) < 0)
    return -1;
  return filter_open_child (node, "file", 0, err);
}

/* ---- waiting ---- */

static uint64_t
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

/* COST units go into a bucket that leaks RATE units a second and holds SECONDS of that.  When there
 * is room for them. */
static uint64_t
pour (_Atomic uint64_t *empty, double cost, double rate, double seconds, uint64_t now)
{
  uint64_t takes = (uint64_t) (cost / rate * 1e9), holds = (uint64_t) (seconds * 1e9);
  uint64_t old = atomic_load (empty), from;

  do
    from = img_max (old, now);
  while (!atomic_compare_exchange_weak (empty, &old, from + takes));
  return from > now + holds ? from - holds : now;
}

static uint64_t
pour_limit (struct throttle *t, int i, double cost, uint64_t now)
{
  const struct limit *l = &t->limits[i];
  const double little = 0.1; /* seconds: what may come at once without a burst being allowed */
  uint64_t when;

  if (l->average <= 0)
    return now;
  if (l->max <= 0)
    return pour (&t->group->empty[i][0], cost, l->average, little, now);
  when = pour (&t->group->empty[i][0], cost, l->average, l->max * l->seconds / l->average, now);
  return img_max (when, pour (&t->group->empty[i][1], cost, l->max, little, now));
}

static void
wait_turn (struct img_node *node, int direction, uint64_t length)
{
  struct throttle *t = img_node_priv (node);
  uint64_t now = now_ns (), when = now;
  double requests = 1;

  if (t->iops_size > 0 && length > t->iops_size)
    requests = (double) length / (double) t->iops_size;
  when = img_max (when, pour_limit (t, BPS_TOTAL, (double) length, now));
  when = img_max (when, pour_limit (t, BPS_READ + direction, (double) length, now));
  when = img_max (when, pour_limit (t, IOPS_TOTAL, requests, now));
  when = img_max (when, pour_limit (t, IOPS_READ + direction, requests, now));
  if (when > now) {
    struct timespec at = { (time_t) (when / 1000000000u), (long) (when % 1000000000u) };
    while (clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
      ;
  }
}

/* ---- requests ---- */

static int
throttle_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                struct img_error *err)
{
  wait_turn (node, READING, length);
  return filter_pread (node, buf, length, offset, err);
}

static int
throttle_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err)
{
  wait_turn (node, WRITING, length);
  return filter_pwrite (node, buf, length, offset, err);
}

static int
throttle_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
               struct img_error *err)
{
  wait_turn (node, WRITING, length);
  return filter_zero (node, offset, length, flags, err);
}

static int
throttle_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  wait_turn (node, WRITING, length);
  return filter_discard (node, offset, length, err);
}

static const struct img_optdesc throttle_opts[] = {
  { "throttle-group", IMG_OPT_STRING, NULL, NULL, N_("the object with the limits"), 0 },
  IMG_OPT_END
};

static const struct img_driver throttle_driver = {
  .struct_size = sizeof throttle_driver,
  .abi = IMG_ABI,
  .kind = IMG_FILTER,
  .threads = IMG_THREADS_PARALLEL,
  .name = "throttle",
  .longname = N_("limits bytes and requests a second"),
  .priv_size = sizeof (struct throttle),
  .open_opts = throttle_opts,
  .open = throttle_open,
  .get_info = filter_get_info,
  .map = filter_map,
  .pread = throttle_pread,
  .pwrite = throttle_pwrite,
  .zero = throttle_zero,
  .discard = throttle_discard,
  .resize = filter_resize,
};

static const struct img_driver *const throttle_drivers[] = { &throttle_driver, NULL };

static const struct img_module throttle_module = {
  .struct_size = sizeof throttle_module,
  .abi = IMG_ABI,
  .drivers = throttle_drivers,
};

IMG_MODULE_ENTRY (throttle_module)
