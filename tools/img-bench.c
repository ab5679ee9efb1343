/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-bench: how fast is an image?  Options and results; img-bench-run.c does the work. */

#include <config.h>

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <blkimg/i18n.h>
#include <blkimg/value.h>

#include "img-bench.h"
#include "common/opt-image.h"
#include "common/out.h"

static const char *const engine_words[] = { "threads", "native", "io_uring", NULL };

struct args {
  struct image_args image;
  struct opt_number count, depth, offset, size, step, pattern, flush_interval;
  int engine; /* -1: not said */
  int output;
  bool write, no_drain, native, quiet;
};

static const struct opt opts[] = {
  OPT_NUMBER_ROW ('c', "count", N_("N"), struct args, count,
                  N_("number of requests (default: 75000)")),
  OPT_NUMBER_ROW ('d', "depth", N_("N"), struct args, depth,
                  N_("requests in flight (default: 64)")),
  OPT_SIZE_ROW ('o', "offset", N_("BYTES"), struct args, offset,
                N_("where the first request begins (default: 0)")),
  OPT_SIZE_ROW ('s', "buffer-size", N_("BYTES"), struct args, size,
                N_("length of a request (default: 4k)")),
  OPT_SIZE_ROW ('S', "step-size", N_("BYTES"), struct args, step,
                N_("from one request to the next (default: its length)")),
  OPT_FLAG_ROW ('w', "write", struct args, write, N_("write instead of reading")),
  OPT_NUMBER_ROW (0, "pattern", N_("BYTE"), struct args, pattern,
                  N_("the byte to write (default: 0)")),
  OPT_NUMBER_ROW (0, "flush-interval", N_("N"), struct args, flush_interval,
                  N_("flush after each N writes")),
  OPT_FLAG_ROW (0, "no-drain", struct args, no_drain,
                N_("flush while other requests are in flight")),
  OPT_CHOICE_ROW ('i', "aio", engine_words, struct args, engine,
                  N_("how the host does many requests at once")),
  OPT_FLAG_ROW ('n', "native", struct args, native, N_("the same as --aio=native")),
  OPT_FORMAT_ROW ('f', "format", struct args, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_CACHE_ROW ('t', "cache", struct args, image.cache),
  OPT_SHARE_ROW (struct args, image),
  OPT_QUIET_ROW (struct args, quiet),
  OPT_OUTPUT_ROW (struct args, output),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

static uint64_t
number_or (const struct opt_number *n, uint64_t otherwise)
{
  return n->given ? n->value : otherwise;
}

/* 0, or the exit status after a complaint. */
static int
check (const struct args *args)
{
  if (number_or (&args->count, 1) > INT_MAX)
    return tool_usage (_("Invalid request count specified"));
  if (number_or (&args->depth, 1) < 1 || number_or (&args->depth, 1) > INT_MAX)
    return tool_usage (_("Invalid queue depth specified"));
  if (args->size.value > INT_MAX)
    return tool_usage (_("Invalid buffer size specified. Must be between 0 and 2147483647."));
  if (args->step.value > INT_MAX)
    return tool_usage (_("Invalid step_size specified. Must be between 0 and 2147483647."));
  if (args->offset.value > INT64_MAX)
    return tool_usage (_("Invalid offset specified"));
  if (args->pattern.value > 255)
    return tool_usage (_("Invalid pattern byte specified"));
  if (args->flush_interval.value > INT_MAX)
    return tool_usage (_("Invalid flush interval specified"));
  if (!args->write && args->flush_interval.value)
    return tool_usage (_("--flush-interval is only available in write tests"));
  if (args->flush_interval.value && args->flush_interval.value < number_or (&args->depth, 64))
    return tool_usage (_("Flush interval can't be smaller than depth"));
  return 0;
}

static void
fill (struct bench *b, const struct args *args)
{
  int engine = args->native && args->engine < 0 ? 1 : args->engine;

  b->engine = engine < 0 ? NULL : engine_words[engine];
  b->count = number_or (&args->count, 75000);
  b->depth = (unsigned) number_or (&args->depth, 64);
  b->offset = args->offset.value;
  b->size = number_or (&args->size, 4096);
  b->step = args->step.value ? args->step.value : b->size;
  b->flush_interval = args->flush_interval.value;
  b->pattern = (int) args->pattern.value;
  b->write = args->write;
  b->no_drain = args->no_drain;
}

/* ---- results ---- */

static const struct {
  const char *name;
  double percent;
} percentiles[] = { { "p50", 50 }, { "p95", 95 }, { "p99", 99 }, { "p99.9", 99.9 } };
#define N_PERCENTILES (sizeof percentiles / sizeof percentiles[0])

static double
a_second (const struct bench *b, double what)
{
  return b->seconds > 0 ? what / b->seconds : 0;
}

static void
announce (const struct bench *b)
{
  printf (b->write ? _("Sending %" PRIu64 " write requests, %" PRIu64 " bytes each, %u in parallel "
                       "(starting at offset %" PRIu64 ", step size %" PRIu64 ")\n")
                   : _("Sending %" PRIu64 " read requests, %" PRIu64 " bytes each, %u in parallel "
                       "(starting at offset %" PRIu64 ", step size %" PRIu64 ")\n"),
          b->count, b->size, b->depth, b->offset, b->step);
  if (b->flush_interval)
    printf (_("Sending flush every %" PRIu64 " requests\n"), b->flush_interval);
}

static void
print (const struct bench *b)
{
  printf (_("Run completed in %.3f seconds.\n"), b->seconds);
  if (tool_compat ())
    return;
  printf (_("IOPS: %.0f, MB/s: %.1f\n"), a_second (b, (double) b->count),
          a_second (b, (double) b->count * (double) b->size) / 1e6);
  printf (_("Latency in microseconds:"));
  for (size_t i = 0; i < N_PERCENTILES; i++)
    printf (" %s %.1f,", percentiles[i].name,
            (double) latency_percentile (&b->latency, percentiles[i].percent) / 1e3);
  printf (_(" max %.1f\n"), (double) b->latency.max / 1e3);
}

static void
print_json (const struct bench *b, const char *name)
{
  const struct latency *l = &b->latency;
  struct img_value *v = img_value_object (), *times;

  img_value_set_string (v, "filename", name);
  img_value_set_string (v, "operation", b->write ? "write" : "read");
  img_value_set_uint (v, "count", b->count);
  img_value_set_uint (v, "depth", b->depth);
  img_value_set_uint (v, "offset", b->offset);
  img_value_set_uint (v, "buffer-size", b->size);
  img_value_set_uint (v, "step-size", b->step);
  img_value_set_uint (v, "flush-interval", b->flush_interval);
  if (b->engine)
    img_value_set_string (v, "aio", b->engine);
  img_value_set_real (v, "seconds", b->seconds);
  img_value_set_real (v, "iops", a_second (b, (double) b->count));
  img_value_set_real (v, "bytes-per-second", a_second (b, (double) b->count * (double) b->size));
  times = img_value_add_object (v, "latency-ns");
  for (size_t i = 0; i < N_PERCENTILES; i++)
    img_value_set_uint (times, percentiles[i].name, latency_percentile (l, percentiles[i].percent));
  img_value_set_uint (times, "max", l->max);
  img_value_set_uint (times, "mean", l->n ? l->sum / l->n : 0);
  out_json (v);
  img_value_free (v);
}

static int
bench (struct img_node *node, void *data)
{
  const struct args *args = data;
  static struct bench b; /* large */
  struct img_error err = IMG_ERROR_INIT;
  bool human = args->output == OUTPUT_HUMAN && (!args->quiet || tool_compat ());

  fill (&b, args);
  b.ready = human ? announce : NULL;
  if (bench_run (&b, node, &err) < 0)
    return tool_fail (&err);
  if (human)
    print (&b);
  else if (args->output == OUTPUT_JSON)
    print_json (&b, img_filename (node));
  return EXIT_SUCCESS;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_open_params params;
  int status;

  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  status = check (args);
  if (status)
    return status;
  params = image_open_params (&args->image, args->write ? IMG_OPENF_RDWR : 0);
  return image_run (names[0], &params, bench, args);
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "bench", N_("Measure how fast an image is read or written."), N_("FILE"), opts, run
  };
  struct args args = { .engine = -1 };

  return tool_main (argc, argv, &command, &args);
}
