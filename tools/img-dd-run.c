/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The work of img-dd: open, create or grow, copy, publish.
 *
 * Image to image, and image to a stream, is the core's parallel copy of a range; what comes from
 * standard input is its copy of a stream, and the target grows as it comes.  A new
 * target appears whole or not at all; with conv=notrunc it is written in place. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/copy.h>
#include <blkimg/i18n.h>
#include <blkimg/module.h>
#include <blkimg/overflow.h>

#include "common/stream.h"
#include "img-dd.h"

#define SPARSE 4096

struct job {
  const struct dd_args *args;
  const struct dd_range *range;
  struct dd_done *done;
  struct progress *watch;
  struct img_node *src;      /* NULL: standard input */
  int stream;                /* of the output; -1: none */
  struct img_target *target; /* new, or */
  struct img_node *dst;      /* open for writing; NULL: a stream */
};

/* ---- the target ---- */

static const char *
target_format (const struct job *j)
{
  return j->args->target_format ? j->args->target_format : "raw";
}

/* Formats count in sectors; so does the old tool, always. */
static uint64_t
image_size (const struct job *j, uint64_t bytes)
{
  bool plain = strcmp (target_format (j), "raw") == 0 && !tool_compat ();

  return plain ? bytes : img_div_up (bytes, 512) * 512;
}

static int
create_new (struct job *j, uint64_t size, struct img_error *err)
{
  struct img_create_params c = { .struct_size = sizeof c };
  struct img_open_params p = { .struct_size = sizeof p };

  c.format = target_format (j);
  c.size = image_size (j, size);
  c.has_size = true;
  c.compat = tool_compat ();
  c.gate = image_gate (&j->args->image);
  p.gate = c.gate;
  j->target = img_target_new (j->args->out, &c, &p, err);
  j->dst = j->target ? img_target_node (j->target) : NULL;
  return j->dst ? 0 : -1;
}

static int
open_existing (struct job *j, struct img_error *err)
{
  struct img_open_params p = { .struct_size = sizeof p };

  p.format = j->args->target_format;
  p.flags = IMG_OPENF_RDWR;
  p.gate = image_gate (&j->args->image);
  j->dst = img_open (j->args->out, &p, err);
  return j->dst ? 0 : -1;
}

static int
grow (struct job *j, uint64_t size, struct img_error *err)
{
  size = j->target ? image_size (j, size) : size;
  if (size <= img_size (j->dst))
    return 0;
  return img_resize (j->dst, size, IMG_PREALLOC_OFF, 0, err);
}

static int
open_target (struct job *j, uint64_t size, struct img_error *err)
{
  const struct dd_args *a = j->args;
  int rc = stream_open_output (a->out, j->watch, &j->stream, err);
  struct stat st;
  bool there;

  if (rc != 0)
    return rc < 0 ? -1 : 0;
  there = stat (a->out, &st) == 0;
  if (!there && errno == EIO) /* or what stands there would be replaced */
    return img_error_errno (err, EIO, "%s", a->out);
  if (there && (a->flags & DD_EXCL))
    return img_error_errno (err, EEXIST, "%s", a->out);
  if (!there && (a->flags & DD_NOCREAT))
    return img_error_errno (err, ENOENT, "%s", a->out);
  if (there && j->src && !a->image.image_opts && image_same_file (a->in, a->out))
    return img_error_set (err, EINVAL, _("'%s' is both source and target"), a->in);
  if (!there || !(a->flags & DD_NOTRUNC))
    return create_new (j, size, err);
  return open_existing (j, err) < 0 ? -1 : grow (j, size, err);
}

/* A raw image is made in whole sectors; dd counts bytes. */
static int
cut_end (const struct job *j, struct img_error *err)
{
  uint64_t size = image_size (j, j->range->seek + j->done->out);
  struct stat st;

  if (stat (j->args->out, &st) < 0 || !S_ISREG (st.st_mode)
      || strcmp (target_format (j), "raw") != 0 || size >= (uint64_t) st.st_size)
    return 0;
  if (truncate (j->args->out, (off_t) size) < 0)
    return img_error_errno (err, errno, "%s", j->args->out);
  return 0;
}

static int
finish (struct job *j, struct img_error *err)
{
  struct img_target *target = j->target;
  struct img_node *dst = j->dst;
  int rc = 0;

  j->target = NULL;
  j->dst = NULL;
  if (j->stream >= 0)
    return stream_close_output (j->args->out, j->stream, err);
  if (target)
    return img_target_finish (target, err) < 0 ? -1 : cut_end (j, err);
  if (j->args->flags & DD_FSYNC)
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
}

/* ---- from an image ---- */

static void
lost (void *arg, uint64_t offset, uint64_t length, const struct img_error *why)
{
  (void) arg;
  tool_say (_("warning: error while reading offset %" PRIu64 ", %" PRIu64
              " bytes become zeroes: %s"), offset, length, why->message);
}

static int
copy_to_stream (struct job *j, const struct img_copy_opts *o, uint64_t size, struct img_error *err)
{
  struct img_create_params c = { .struct_size = sizeof c };

  c.format = target_format (j);
  c.size = image_size (j, size);
  c.has_size = true;
  return img_copy_to_stream (j->stream, stream_output_name (j->args->out), &c, &j->src, 1, o, err);
}

/* N bytes; UINT64_MAX: all. */
static struct img_copy_opts
copy_opts (const struct job *j, uint64_t n)
{
  struct img_copy_opts o = { .struct_size = sizeof o };

  o.workers = j->args->workers;
  o.sparse = SPARSE;
  o.progress = j->watch->work;
  o.src_offset = j->range->skip;
  o.length = n;
  o.dst_offset = j->range->seek;
  o.leave_zeroes = (j->args->flags & DD_SPARSE) && (j->args->flags & DD_NOTRUNC);
  return o;
}

static int
copy_image (struct job *j, uint64_t n, uint64_t size, struct img_error *err)
{
  struct img_copy_opts o = copy_opts (j, n);

  o.salvage = j->args->flags & DD_NOERROR;
  o.salvaged = lost;
  j->done->in = n;
  j->done->out = size - j->range->seek;
  if (j->stream >= 0)
    return n || size ? copy_to_stream (j, &o, size, err) : 0;
  return n ? img_copy (j->dst, &j->src, 1, &o, err) : 0;
}

static int
from_image (struct job *j, struct img_error *err)
{
  const struct dd_args *a = j->args;
  uint64_t have = img_size (j->src), n = 0, out, size;

  j->done->short_source = j->range->skip > have;
  if (j->range->skip < have)
    n = img_min (have - j->range->skip, j->range->most);
  out = a->flags & DD_SYNC ? img_div_up (n, a->ibs) * a->ibs : n;
  if (tool_compat () && j->range->skip < have) /* its images are whole sectors */
    out = img_min (img_div_up (have, 512) * 512 - j->range->skip, j->range->most);
  if (!img_add (j->range->seek, out, &size) || size > INT64_MAX)
    return img_error_set (err, EFBIG, _("%s: no image can be that large"), a->out);
  if (open_target (j, size, err) < 0)
    return -1;
  return copy_image (j, n, size, err);
}

/* ---- from standard input ---- */

/* Zeroes that fill the last block. */
static int
fill_block (struct job *j, struct img_error *err)
{
  uint64_t at = j->range->seek + j->done->in, n = j->args->ibs - j->done->in % j->args->ibs;

  if (!(j->args->flags & DD_SYNC) || n == j->args->ibs)
    return 0;
  j->done->out += n;
  if (j->stream >= 0)
    return stream_write_zeroes (j->args->out, j->stream, n, err);
  if (grow (j, at + n, err) < 0)
    return -1;
  return j->args->flags & DD_SPARSE ? 0 : img_zero (j->dst, at, n, IMG_IO_UNMAP, err);
}

static int
from_input (struct job *j, struct img_error *err)
{
  struct img_copy_opts o = copy_opts (j, j->range->most);
  const char *name = stream_input_name ();
  int rc;

  if (open_target (j, j->range->seek, err) < 0)
    return -1;
  if (j->stream >= 0 && (j->range->seek || strcmp (target_format (j), "raw") != 0))
    return img_error_set (err, EINVAL,
                          _("from standard input to a stream: raw only, without seek="));
  if (j->range->most == 0)
    return 0;
  o.grow = true;
  if (j->stream < 0)
    rc = img_copy_from_stream (j->dst, STDIN_FILENO, name, &o, &j->done->in, err);
  else
    rc = img_copy_stream (j->stream, stream_output_name (j->args->out), STDIN_FILENO, name, &o,
                          &j->done->in, err);
  j->done->out = j->done->in;
  j->done->short_source = rc > 0;
  return rc < 0 ? -1 : fill_block (j, err);
}

/* ---- all together ---- */

static int
open_source (struct job *j, struct img_error *err)
{
  struct img_open_params p = image_open_params (&j->args->image, IMG_OPENF_STABLE);

  if (!j->args->image.image_opts && stream_is_stdio (j->args->in)) {
    if (j->args->image.format && strcmp (j->args->image.format, "raw") != 0)
      return img_error_set (err, EINVAL, _("%s: raw only"), stream_input_name ());
    return 0;
  }
  j->src = img_open (j->args->in, &p, err);
  return j->src ? 0 : -1;
}

int
dd_run (const struct dd_args *args, const struct dd_range *range, struct progress *watch,
        struct dd_done *done, struct img_error *err)
{
  struct job j = { .args = args, .range = range, .done = done, .watch = watch, .stream = -1 };
  struct img_error late = IMG_ERROR_INIT;
  int rc = open_source (&j, err);

  if (rc == 0)
    rc = j.src ? from_image (&j, err) : from_input (&j, err);
  if (rc == 0 && atomic_load (&watch->signal))
    rc = img_error_set (err, ECANCELED, _("interrupted"));
  if (rc == 0)
    rc = finish (&j, err);
  else
    give_up (&j);
  img_close (j.src, &late);
  return rc;
}
