/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams of img-convert: what goes with one, and images that cannot be written in one go.
 *
 * Those (compressed, encrypted, preallocated, over a backing file, with bitmaps, or of unknown
 * length) are made in a temporary folder like any other target, and sent when they are complete. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/module.h>

#include "common/stream.h"
#include "img-convert.h"

/* ---- what -o names ---- */

/* To be freed.  What is wrong with OPTIONS is said by whoever makes the image. */
static struct img_opts *
read_options (const char *options)
{
  struct img_opts *opts = img_opts_new ();
  struct img_error ignored;

  if (opts == NULL)
    tool_no_memory ();
  if (options)
    img_opts_parse (opts, options, NULL, &ignored);
  return opts;
}

static bool
names_option (const char *options, const char *key)
{
  struct img_opts *opts = read_options (options);
  bool named = img_opts_get (opts, key) != NULL;

  img_opts_free (opts);
  return named;
}

bool
convert_names_preallocation (const char *options)
{
  struct img_opts *opts = read_options (options);
  const char *mode = img_opts_get (opts, "preallocation");
  bool named = mode && strcmp (mode, "off") != 0;

  img_opts_free (opts);
  return named;
}

static bool
names_encryption (const char *options)
{
  return names_option (options, "encryption") || names_option (options, "encrypt.format");
}

/* ---- what goes with a stream ---- */

/* A stream is raw, comes once, and how long it is shows at its end. */
int
convert_judge_input (const struct convert_args *a, unsigned n_sources, struct img_error *err)
{
  const char *option = a->snapshot                                ? "-l"
                       : a->reflink == IMG_REFLINK_ALWAYS         ? "--reflink=always"
                       : a->bitmaps                               ? "--bitmaps"
                       : convert_names_preallocation (a->options) ? "preallocation"
                                                                  : NULL;

  if (option)
    return img_error_set (err, EINVAL, _("%s: the option %s does not go with a stream"),
                          stream_input_name (), option);
  if (a->image.format && strcmp (a->image.format, "raw") != 0)
    return img_error_set (err, EINVAL, _("%s: only raw can be read from a stream"),
                          stream_input_name ());
  if (n_sources > 1)
    return img_error_set (err, EINVAL, _("%s: it can only be the only source"),
                          stream_input_name ());
  return 0;
}

int
convert_judge_output (const struct convert_args *a, const char *name, int fd,
                      struct img_error *err)
{
  const char *option = a->no_create                            ? "-n"
                       : names_option (a->options, "data_file")    ? "data_file"
                       : names_option (a->options, "backing_file") ? "backing_file"
                                                                   : NULL;

  if (option)
    return img_error_set (err, EINVAL, _("%s: the option %s does not go with a stream"),
                          stream_output_name (name), option);
  if (a->output == OUTPUT_JSON && fd == STDOUT_FILENO)
    return img_error_set (err, EINVAL, _("%s: the image goes there, which leaves no place for %s"),
                          stream_output_name (name), "--output=json");
  return 0;
}

int
convert_needs_spool (const struct convert_args *a, bool reads_stream, struct img_error *err)
{
  const struct img_driver *driver = img_driver_find (a->target_format ? a->target_format : "raw",
                                                     err);

  if (driver == NULL)
    return -1;
  if (a->compress || a->bitmaps || a->backing || convert_names_preallocation (a->options)
      || names_encryption (a->options))
    return 1;
  return !(driver->caps & IMG_CAP_PLAIN) && (driver->layout == NULL || reads_stream);
}

/* ---- the file ---- */

int
convert_spool_init (struct convert_spool *s, struct img_error *err)
{
  /* Both before there is a folder, or it would stay. */
  if (asprintf (&s->folder, "%s/img-XXXXXX", tool_temporary_folder ()) < 0
      || asprintf (&s->image, "%s/image", s->folder) < 0)
    tool_no_memory ();
  if (mkdtemp (s->folder) == NULL) {
    img_error_errno (err, errno, "%s", s->folder);
    free (s->folder);
    free (s->image);
    *s = (struct convert_spool) { NULL, NULL };
    return -1;
  }
  memcpy (s->image, s->folder, strlen (s->folder));
  return 0;
}

void
convert_spool_release (struct convert_spool *s)
{
  if (s->folder == NULL)
    return;
  unlink (s->image);
  rmdir (s->folder);
  free (s->image);
  free (s->folder);
  *s = (struct convert_spool) { NULL, NULL };
}

int
convert_spool_send (const struct convert_spool *s, const char *name, int to,
                    struct img_progress *progress, struct img_error *err)
{
  struct img_copy_opts o = { .struct_size = sizeof o, .sparse = 4096, .progress = progress };
  uint64_t bytes;
  struct stat st;
  IMG_CLEANUP (close) int fd = open (s->image, O_RDONLY | O_CLOEXEC);

  if (fd < 0 || fstat (fd, &st) < 0)
    return img_error_errno (err, errno, "%s", s->image);
  if (img_copy_stream (to, stream_output_name (name), fd, s->image, &o, &bytes, err) < 0)
    return -1;
  if (bytes < (uint64_t) st.st_size)
    return img_error_set (err, EIO, _("the file ends at 0x%" PRIx64 ", before what is to be read"),
                          bytes);
  return 0;
}
