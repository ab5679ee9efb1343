/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The work of img-convert: open, create, copy, publish.
 *
 * Owns: the order of steps and what is undone when one fails: a new target appears whole or not at
 * all, also when a signal ends us.  Refuses: knowing formats. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/module.h>
#include <blkimg/overflow.h>

#include "common/stream.h"
#include "img-convert.h"

struct job {
  const struct convert_args *args;
  struct img_node **sources;
  unsigned n_sources;
  uint64_t size;             /* of all sources */
  const char *target_name;
  enum img_reflink reflink;  /* as asked, or by itself */
  struct img_target *target; /* new, or */
  struct img_node *dst;      /* open for writing, in any case, but for */
  bool reads_stream;         /* the source is standard input */
  int stream;                /* a descriptor that is written from front to back; -1: none */
  struct convert_spool spool; /* the image that goes there later */
  struct progress watch;
  struct img_copy_stats stats;
  struct out_result result;
  struct img_value *bitmaps; /* of the source, to be copied; or NULL */
};

/* ---- sources ---- */

static int
open_sources (struct job *j, char **names, struct img_error *err)
{
  struct img_open_params p = image_open_params (&j->args->image, IMG_OPENF_STABLE);

  if (j->reads_stream)
    return convert_judge_input (j->args, j->n_sources, err);
  p.snapshot = j->args->snapshot;
  for (unsigned i = 0; i < j->n_sources; i++) {
    if (!j->args->image.image_opts && image_same_file (names[i], j->target_name))
      return img_error_set (err, EINVAL, _("'%s' is both source and target"), names[i]);
    j->sources[i] = img_open (names[i], &p, err);
    if (j->sources[i] == NULL)
      return -1;
    if (!img_add (j->size, img_size (j->sources[i]), &j->size) || j->size > INT64_MAX)
      return img_error_set (err, EFBIG, _("the sources are too large together"));
  }
  return 0;
}

static int
close_sources (struct job *j, struct img_error *err)
{
  int rc = 0;

  for (unsigned i = 0; i < j->n_sources; i++)
    if (img_close (j->sources[i], err) < 0)
      rc = -1;
  return rc;
}

/* ---- target ---- */

static bool
has_open_option (const struct img_driver *driver, const char *name)
{
  for (const struct img_optdesc *d = driver->open_opts; d && d->name; d++)
    if (strcmp (d->name, name) == 0)
      return true;
  return false;
}

/* What compression asks of the target's format, before a file is made. */
static int
check_compression (const struct job *j, const char *format, struct img_error *err)
{
  const struct img_driver *driver = img_driver_find (format, err);

  if (driver == NULL)
    return -1;
  if (!j->args->compress)
    return 0;
  if (!(driver->caps & IMG_CAP_COMPRESS))
    return tool_compat ()
             ? img_error_set (err, ENOTSUP, _("Compression not supported for this file format"))
             : img_error_set (err, ENOTSUP, _("%s: %s images cannot be compressed"),
                              j->target_name, format);
  if (j->args->level.given && !has_open_option (driver, "compress-level"))
    return img_error_set (err, ENOTSUP, _("%s has no compression levels"), format);
  if (convert_names_preallocation (j->args->options))
    return img_error_set (err, ENOTSUP,
                          _("Compression and preallocation not supported at the same time"));
  return 0;
}

/* Runtime options of the target: the level. */
static struct img_opts *
target_options (const struct job *j)
{
  struct img_opts *opts = img_opts_new ();
  struct img_error err;
  char level[24];

  if (opts == NULL)
    tool_no_memory ();
  snprintf (level, sizeof level, "%" PRIu64, j->args->level.value);
  if (j->args->level.given && img_opts_set (opts, "compress-level", level, &err) < 0)
    tool_no_memory ();
  return opts;
}

static int
open_existing (struct job *j, struct img_open_params *p, struct img_error *err)
{
  p->flags |= IMG_OPENF_RDWR;
  if (j->args->target_image_opts)
    p->flags |= IMG_OPENF_IMAGE_OPTS;
  j->dst = img_open (j->target_name, p, err);
  if (j->dst == NULL)
    return -1;
  if (check_compression (j, img_driver_name (j->dst), err) < 0)
    return -1;
  if (j->args->target_is_zero && img_backing (j->dst))
    return img_error_set (err, EINVAL, _("'--target-is-zero' does not go with a backing file"));
  if (img_size (j->dst) < j->size)
    return img_error_set (err, ENOSPC,
                          _("output file is smaller than input file: %" PRIu64 " < %" PRIu64
                            " bytes"), img_size (j->dst), j->size);
  return 0;
}

static struct img_create_params
create_params (const struct job *j)
{
  const struct convert_args *a = j->args;
  struct img_create_params c = { .struct_size = sizeof c };

  c.format = a->target_format ? a->target_format : "raw";
  c.options = a->options;
  c.size = j->size;
  c.has_size = !j->reads_stream || !a->backing; /* a stream's shows at the end */
  c.backing = a->backing;
  c.backing_format = a->backing_format;
  c.compat = tool_compat ();
  c.gate = image_gate (&a->image);
  c.objects = a->image.objects;
  return c;
}

static int
create_new (struct job *j, struct img_open_params *p, struct img_error *err)
{
  struct img_create_params c = create_params (j);
  /* Names are not relative to a temporary folder. */
  IMG_CLEANUP (free) char *backing =
    j->spool.image && c.backing ? realpath (c.backing, NULL) : NULL;

  if (check_compression (j, c.format, err) < 0)
    return -1;
  if (backing)
    c.backing = backing;
  p->format = c.format;
  p->flags |= IMG_OPENF_RDWR;
  j->target = img_target_new (j->spool.image ? j->spool.image : j->target_name, &c, p, err);
  if (j->target == NULL)
    return -1;
  j->dst = img_target_node (j->target);
  return 0;
}

/* Shared blocks are not looked at for zeroes and take no space of their own: so not by itself where
 * that was asked for, nor where the other tool looks. */
static enum img_reflink
reflink (const struct convert_args *a)
{
  bool ours = !tool_compat () && !a->sparse.given && !convert_names_preallocation (a->options);

  return a->reflink == IMG_REFLINK_AUTO && !ours ? IMG_REFLINK_NEVER
                                                 : (enum img_reflink) a->reflink;
}

static int
open_target (struct job *j, struct img_error *err)
{
  struct img_open_params p = { .struct_size = sizeof p, .objects = j->args->image.objects };
  struct img_opts *extra = target_options (j);
  int rc = stream_open_output (j->target_name, &j->watch, &j->stream, err);
  bool done = rc > 0;

  j->reflink = reflink (j->args);
  if (rc > 0 && (rc = convert_judge_output (j->args, j->target_name, j->stream, err)) == 0
      && (rc = convert_needs_spool (j->args, j->reads_stream, err)) > 0) {
    rc = convert_spool_init (&j->spool, err);
    done = false;
  }
  if (rc < 0 || done) {
    img_opts_free (extra);
    return rc;
  }
  p.cache = j->spool.image ? IMG_CACHE_UNSAFE : j->args->target_cache.mode;
  p.gate = image_gate (&j->args->image);
  p.objects = j->args->image.objects;
  p.extra = extra;
  if (j->args->no_create) {
    p.format = j->args->target_image_opts ? NULL
               : j->args->target_format   ? j->args->target_format
                                          : "raw";
    rc = open_existing (j, &p, err);
  } else {
    rc = create_new (j, &p, err);
  }
  img_opts_free (extra);
  return rc;
}

/* ---- the copy ---- */

static void
salvaged (void *arg, uint64_t offset, uint64_t length, const struct img_error *why)
{
  const struct convert_args *args = arg;

  if (!args->quiet)
    tool_say (_("warning: error while reading offset %" PRIu64 ", %" PRIu64
                " bytes become zeroes: %s"), offset, length, why->message);
}

static int
copy_to_stream (struct job *j, const struct img_copy_opts *o, struct img_error *err)
{
  struct img_create_params c = create_params (j);

  return img_copy_to_stream (j->stream, stream_output_name (j->target_name), &c, j->sources,
                             j->n_sources, o, err);
}

static int
copy (struct job *j, struct img_error *err)
{
  const struct convert_args *a = j->args;
  struct img_copy_opts o = { .struct_size = sizeof o };

  o.workers = a->workers;
  o.sparse = a->sparse.value;
  o.compress = a->compress;
  o.target_is_zero = a->target_is_zero;
  o.out_of_order = a->out_of_order;
  o.copy_range = a->copy_range;
  o.salvage = a->salvage;
  o.reflink = j->reflink;
  o.rate = a->rate.value;
  o.overlay = a->backing != NULL;
  o.progress = j->watch.work;
  o.salvaged = salvaged;
  o.salvaged_arg = (void *) a;
  o.stats = &j->stats;
  if (j->reads_stream && j->dst == NULL)
    return img_copy_stream (j->stream, stream_output_name (j->target_name), STDIN_FILENO,
                            stream_input_name (), &o, &j->size, err);
  if (j->reads_stream)
    return img_copy_from_stream (j->dst, STDIN_FILENO, stream_input_name (), &o, &j->size, err);
  if (j->dst == NULL)
    return copy_to_stream (j, &o, err);
  return img_copy (j->dst, j->sources, j->n_sources, &o, err);
}

/* What waits in the temporary folder is complete: its backing file gets the name that the user
 * said, and off it goes. */
static int
send_spool (struct job *j, struct img_target *target, struct img_error *err)
{
  const struct convert_args *a = j->args;
  int rc = 0;

  if (a->backing)
    rc = img_set_backing (img_target_node (target), a->backing, a->backing_format, err);
  if (rc < 0)
    img_target_abort (target);
  else
    rc = img_target_finish (target, err);
  return rc < 0 ? -1
                : convert_spool_send (&j->spool, j->target_name, j->stream, j->watch.work, err);
}

/* Flushes, closes and publishes. */
static int
finish (struct job *j, struct img_error *err)
{
  struct img_target *target = j->target;
  struct img_node *dst = j->dst;
  int rc = 0;

  j->target = NULL;
  j->dst = NULL;
  if (target && j->spool.image && send_spool (j, target, err) < 0)
    return -1;
  if (j->stream >= 0)
    return stream_close_output (j->target_name, j->stream, err);
  if (target)
    return img_target_finish (target, err);
  if (j->args->target_cache.mode != IMG_CACHE_UNSAFE)
    rc = img_flush (dst, err);
  return img_close (dst, err) < 0 ? -1 : rc;
}

static void
give_up (struct job *j)
{
  struct img_error ignored;

  if (j->target)
    img_target_abort (j->target);
  else
    img_close (j->dst, &ignored);
  j->target = NULL;
  j->dst = NULL;
}

/* What there is to tell once all is done. */
static void
set_facts (struct job *j, char **names)
{
  struct img_value *facts = j->result.facts, *list;

  list = img_value_add_array (facts, "source");
  for (unsigned i = 0; i < j->n_sources; i++)
    img_value_set_string (list, NULL, names[i]);
  img_value_set_string (facts, "target", j->target_name);
  img_value_set_string (facts, "format", j->dst ? img_driver_name (j->dst)
                                                 : create_params (j).format);
  img_value_set_uint (facts, "virtual-size", j->dst ? img_size (j->dst) : j->size);
  img_value_set_uint (facts, "copied", j->size);
  img_value_set_uint (facts, "data", j->stats.data);
  img_value_set_uint (facts, "zero", j->stats.zero);
  img_value_set_uint (facts, "compressed", j->stats.compressed);
  img_value_set_uint (facts, "compressed-size", j->stats.streams);
  img_value_set_uint (facts, "shared", j->stats.shared);
}

/* After a signal what was made is removed, even when it was ready. */
static int
convert (struct job *j, char **names, struct img_error *err)
{
  const struct convert_args *a = j->args;
  const char *format = a->target_format ? a->target_format : a->target_image_opts ? NULL : "raw";

  if (open_sources (j, names, err) < 0 ||
      convert_bitmaps_judge (a, j->sources[0], format, &j->bitmaps, err) < 0 ||
      open_target (j, err) < 0 || copy (j, err) < 0 ||
      convert_bitmaps_copy (a, j->dst, j->sources[0], j->bitmaps, err) < 0)
    return -1;
  if (atomic_load (&j->watch.signal))
    return img_error_set (err, ECANCELED, _("interrupted"));
  set_facts (j, names);
  return finish (j, err);
}

int
convert_run (const struct convert_args *args, int n, char **names)
{
  struct job j = { .args = args, .n_sources = (unsigned) n - 1, .target_name = names[n - 1] };
  struct img_error err = IMG_ERROR_INIT, late;
  int rc;

  j.stream = -1;
  for (unsigned i = 0; i < j.n_sources && !args->image.image_opts; i++)
    j.reads_stream |= stream_is_stdio (names[i]);
  j.sources = calloc (j.n_sources, sizeof *j.sources);
  if (j.sources == NULL)
    tool_no_memory ();
  out_result_init (&j.result, args->output);
  progress_start (&j.watch, &args->progress, args->quiet,
                  j.result.json || stream_is_stdio (j.target_name));
  rc = convert (&j, names, &err);
  if (rc < 0)
    give_up (&j);
  progress_end (&j.watch, rc == 0);
  progress_newline (&j.watch);
  if (rc < 0 && !atomic_load (&j.watch.signal))
    tool_fail (&err);
  close_sources (&j, &late);
  out_result_end (&j.result, rc == 0);
  convert_spool_release (&j.spool);
  img_value_free (j.bitmaps);
  free (j.sources);
  progress_release (&j.watch);
  return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
