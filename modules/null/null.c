/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* null-co, null-aio: a disk that is not there.  It reads as zero and forgets what is written; for
 * measuring what all the rest costs.  Both names do the same here. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <blkimg/module.h>

struct null {
  struct timespec latency;
  bool zeroes;
};

static int
null_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
           struct img_error *err)
{
  struct null *n = img_node_priv (node);
  uint64_t latency = img_opts_number (opts, "latency-ns");
  uint64_t size = img_opts_number (opts, "size");

  (void) flags;
  if (size > INT64_MAX)
    return img_error_set (err, EFBIG, _("no image can be that large"));
  n->latency = (struct timespec) { (time_t) (latency / 1000000000u),
                                   (long) (latency % 1000000000u) };
  n->zeroes = img_opts_bool (opts, "read-zeroes");
  img_node_set_size (node, size);
  return 0;
}

static void
wait_a_while (struct img_node *node)
{
  const struct null *n = img_node_priv (node);

  if (n->latency.tv_sec > 0 || n->latency.tv_nsec > 0)
    clock_nanosleep (CLOCK_MONOTONIC, 0, &n->latency, NULL);
}

static int
null_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
            struct img_error *err)
{
  (void) offset;
  (void) err;
  wait_a_while (node);
  memset (buf, 0, length);
  return 0;
}

static int
null_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
             struct img_error *err)
{
  (void) buf;
  (void) length;
  (void) offset;
  (void) err;
  wait_a_while (node);
  return 0;
}

static int
null_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
           struct img_error *err)
{
  (void) flags;
  return null_pwrite (node, NULL, length, offset, err);
}

static int
null_flush (struct img_node *node, struct img_error *err)
{
  return null_pwrite (node, NULL, 0, 0, err);
}

/* Without read-zeroes nothing is promised of what is read. */
static int
null_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
          unsigned n, struct img_error *err)
{
  const struct null *null = img_node_priv (node);

  (void) n;
  (void) err;
  *ext = (struct img_extent) { offset, length, offset,
                               null->zeroes ? IMG_EXTENT_ZERO : IMG_EXTENT_DATA, IMG_CHILD_SELF,
                               0 };
  return 1;
}

static int
null_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  (void) node;
  (void) info;
  (void) err;
  return 0;
}

static int
null_get_allocated (struct img_node *node, uint64_t *bytes, struct img_error *err)
{
  (void) node;
  (void) err;
  *bytes = 0;
  return 0;
}

static int
null_parse_name (const char *name, struct img_opts *opts, struct img_error *err)
{
  const char *rest = strstr (name, "://");

  (void) opts;
  if (rest == NULL || rest[3] != '\0')
    return img_error_set (err, EINVAL, _("the name is null-co:// or null-aio:// and no more"));
  return 0;
}

static const struct img_optdesc null_opts[] = {
  { "size", IMG_OPT_SIZE, "1G", NULL, N_("size of the disk"), 0 },
  { "latency-ns", IMG_OPT_NUMBER, "0", NULL, N_("nanoseconds that each request takes"), 0 },
  { "read-zeroes", IMG_OPT_BOOL, "off", NULL, N_("promise that it reads as zero"), 0 },
  IMG_OPT_END
};

#define NULL_DRIVER(word, text, names)                                                        \
  {                                                                                           \
    .struct_size = sizeof (struct img_driver), .abi = IMG_ABI, .kind = IMG_PROTOCOL,          \
    .threads = IMG_THREADS_PARALLEL, .name = word, .longname = text,                          \
    .priv_size = sizeof (struct null), .schemes = names, .open_opts = null_opts,              \
    .open = null_open, .parse_name = null_parse_name, .get_info = null_get_info,              \
    .get_allocated = null_get_allocated, .map = null_map, .pread = null_pread,                \
    .pwrite = null_pwrite, .zero = null_zero, .flush = null_flush                             \
  }

static const char *const co_schemes[] = { "null-co", NULL };
static const char *const aio_schemes[] = { "null-aio", NULL };
static const struct img_driver null_co =
  NULL_DRIVER ("null-co", N_("no disk: forgets what is written"), co_schemes);
static const struct img_driver null_aio =
  NULL_DRIVER ("null-aio", N_("no disk: forgets what is written"), aio_schemes);

static const struct img_driver *const null_drivers[] = { &null_co, &null_aio, NULL };

static const struct img_module null_module = {
  .struct_size = sizeof null_module,
  .abi = IMG_ABI,
  .drivers = null_drivers,
};

IMG_MODULE_ENTRY (null_module)
