/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace: what happens inside, a line an event.
 *
 * Owns: the table of events, the patterns that choose among them, where lines go.  Off, a trace
 * point costs a look at one flag.  The choice is made before there are threads; lines are written
 * with one call each.  Refuses nothing at run time: an event that is not in the table, a module's
 * own, is matched by its name all the same. */
#include <config.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/vec.h>

#include "core/log.h"
#include "core/node.h"

#define LINE_MAX 600

/* Sorted; tests/lint/trace.sh holds it against the uses. */
static const struct img_trace_event events[] = {
  { "compare_difference", "kind offset" },
  { "compare_piece", "offset length" },
  { "compare_start", "workers total" },
  { "copy_end", "result" },
  { "copy_range", "kind offset length" },
  { "copy_start", "workers unit chunk total" },
  { "debug", "text" },
  { "file_open_path", "path mode" },
  { "file_unlocked", "reason" },
  { "format_probe", "format score" },
  { "gate_check", "what name" },
  { "holes_scan", "offset length" },
  { "image_create", "path format size" },
  { "module_load", "name folder" },
  { "nbd_connect", "connected" },
  { "nbd_request", "what offset result" },
  { "node_allocate", "offset length" },
  { "node_close", "driver" },
  { "node_copy_range", "from source-offset offset length" },
  { "node_discard", "offset length flags" },
  { "node_flush", "driver" },
  { "node_lock", "flags" },
  { "node_map", "offset length" },
  { "node_open", "driver flags" },
  { "node_pread", "offset length" },
  { "node_pwrite", "offset length" },
  { "node_resize", "size preallocation flags" },
  { "node_zero", "offset length flags" },
  { "place_abandon", "offset length host-offset" },
  { "place_commit", "offset length host-offset" },
  { "place_reserve", "offset length encoded" },
  { "place_write", "child host-offset length" },
  { "pool_run", "workers" },
  { "qcow2_alloc", "host-offset clusters" },
  { "qcow2_decode", "guest-offset length" },
  { "qcow2_encode", "length encoded" },
  { "qcow2_free", "host-offset clusters" },
  { "qcow2_table_read", "host-offset tables" },
  { "qcow2_table_write", "host-offset tables" },
  { "range_lock", "offset length" },
  { "target_abort", "path" },
  { "target_finish", "path" },
  { "walk_new", "offset length flags" },
  { NULL, NULL }
};

struct pattern {
  char *glob;
  bool on;
};

bool img_tracing;
static IMG_VEC (struct pattern) patterns;
static FILE *output; /* NULL: standard error */

const struct img_trace_event *
img_trace_events (void)
{
  return events;
}

/* The last pattern that fits decides. */
static bool
wanted (const char *event)
{
  for (size_t i = patterns.n; i > 0; i--)
    if (fnmatch (patterns.v[i - 1].glob, event, 0) == 0)
      return patterns.v[i - 1].on;
  return false;
}

IMG_PRINTF (3, 0)
static void
trace (const char *event, const struct img_node *node, const char *fmt, va_list ap)
{
  struct timeval now;
  char text[LINE_MAX], line[2 * LINE_MAX];

  if (vsnprintf (text, sizeof text, fmt, ap) < 0)
    text[0] = '\0';
  gettimeofday (&now, NULL);
  snprintf (line, sizeof line, "%ld@%lld.%06ld:%s%s%s%s%s", (long) getpid (),
            (long long) now.tv_sec, (long) now.tv_usec, event, node ? " " : "",
            node ? node->filename : "", *text ? " " : "", text);
  for (char *p = line; *p; p++) /* names of files may hold what drives a terminal */
    if ((unsigned char) *p < 0x20 || *p == 0x7f)
      *p = '?';
  fprintf (output ? output : stderr, "%s\n", line);
}

void
img_trace (const char *event, const struct img_node *node, const char *fmt, ...)
{
  va_list ap;

  if (!wanted (event))
    return;
  va_start (ap, fmt);
  trace (event, node, fmt, ap);
  va_end (ap);
}

void
img_debug (const struct img_node *node, const char *fmt, ...)
{
  va_list ap;

  if (!img_tracing || !wanted ("debug"))
    return;
  va_start (ap, fmt);
  trace ("debug", node, fmt, ap);
  va_end (ap);
}

/* ---- what is asked for ---- */

static int
add_pattern (const char *text, struct img_error *err)
{
  struct pattern p = { NULL, *text != '-' };

  if (!p.on)
    text++;
  p.glob = strdup (text);
  if (p.glob == NULL || img_vec_push (&patterns, p) < 0) {
    free (p.glob);
    return img_error_errno (err, ENOMEM, "%s", text);
  }
  img_tracing = true;
  return 0;
}

/* A pattern a line; empty ones and those that begin with # do not count. */
static int
add_file (const char *path, struct img_error *err)
{
  IMG_CLEANUP (free) char *line = NULL;
  FILE *f = fopen (path, "re");
  size_t room = 0;
  ssize_t n;
  int rc = 0;

  if (f == NULL)
    return img_error_errno (err, errno, "%s", path);
  while (rc == 0 && (n = getline (&line, &room, f)) >= 0) {
    while (n > 0 && strchr (" \t\r\n", line[n - 1]))
      line[--n] = '\0';
    if (n > 0 && *line != '#')
      rc = add_pattern (line, err);
  }
  if (rc == 0 && ferror (f))
    rc = img_error_errno (err, errno ? errno : EIO, "%s", path);
  fclose (f);
  return rc;
}

static int
set_output (const char *path, struct img_error *err)
{
  FILE *f = fopen (path, "we");

  if (f == NULL)
    return img_error_errno (err, errno, "%s", path);
  setvbuf (f, NULL, _IOLBF, 0);
  if (output)
    fclose (output);
  output = f;
  return 0;
}

int
img_trace_set (const char *text, struct img_error *err)
{
  struct img_opts *opts = img_opts_new ();
  const char *key, *value;
  int rc = opts ? img_opts_parse (opts, text, "enable", err)
                : img_error_errno (err, ENOMEM, "%s", text);

  for (size_t i = 0; rc == 0 && i < img_opts_count (opts); i++) {
    img_opts_pair (opts, i, &key, &value);
    if (strcmp (key, "enable") == 0)
      rc = add_pattern (value, err);
    else if (strcmp (key, "events") == 0)
      rc = add_file (value, err);
    else if (strcmp (key, "file") == 0)
      rc = set_output (value, err);
    else
      rc = img_error_set (err, EINVAL, _("Invalid parameter '%s'"), key);
  }
  img_opts_free (opts);
  return rc;
}

int
img_trace_init (struct img_error *err)
{
  const char *text = secure_getenv ("BLKIMG_TRACE");

  if (img_debug_word ("trace") && add_pattern ("*", err) < 0)
    return -1;
  for (size_t n; text && *text; text += n + (text[n] == '\n')) {
    n = strcspn (text, "\n");
    IMG_CLEANUP (free) char *one = strndup (text, n);
    if (one == NULL)
      return img_error_errno (err, ENOMEM, "BLKIMG_TRACE");
    if (*one && img_trace_set (one, err) < 0)
      return -1;
  }
  return 0;
}
