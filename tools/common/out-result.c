/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The result of a command as one JSON object. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <blkimg/blkimg.h>
#include <blkimg/i18n.h>

#include "common/out-result.h"
#include "common/tool.h"

static int64_t
now_us (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void
out_result_init (struct out_result *result, int output)
{
  *result = (struct out_result) { .json = output == OUTPUT_JSON, .facts = img_value_object () };
  if (result->facts == NULL)
    tool_no_memory ();
  result->began = now_us ();
}

/* ---- a list of any length ---- */

/* A file without a name. */
static FILE *
temporary (void)
{
  char path[4096];
  FILE *f;
  int fd;

  snprintf (path, sizeof path, "%s/img-XXXXXX", tool_temporary_folder ());
  fd = mkstemp (path);
  if (fd < 0)
    return NULL;
  unlink (path);
  f = fdopen (fd, "w+");
  if (f == NULL)
    close (fd);
  return f;
}

int
out_result_list (struct out_result *result, const char *key, struct img_error *err)
{
  result->list = key;
  result->items = temporary ();
  if (result->items == NULL)
    return img_error_errno (err, errno, _("temporary file"));
  return 0;
}

void
out_result_item (struct out_result *result, const struct img_value *item)
{
  char *text = img_value_json (item, false);

  if (text == NULL || !img_value_ok (item))
    tool_no_memory ();
  fputs (result->has_items ? ",\n" : "\n", result->items);
  result->has_items = true;
  for (char *line = text, *end; line; line = end) { /* two levels deep */
    end = strchr (line, '\n');
    if (end)
      *end++ = '\0';
    fprintf (result->items, "        %s%s", line, end ? "\n" : "");
  }
  if (ferror (result->items) && result->list_errno == 0)
    result->list_errno = errno;
  free (text);
}

int
out_result_listed (struct out_result *result, struct img_error *err)
{
  if (result->list_errno == 0
      && (fflush (result->items) != 0 || (result->list_bytes = ftell (result->items)) < 0
          || fseek (result->items, 0, SEEK_SET) != 0))
    result->list_errno = errno;
  return result->list_errno ? img_error_errno (err, result->list_errno, _("temporary file")) : 0;
}

/* All that went into the file comes out of it: -1 when not, which is said. */
static int
print_items (struct out_result *result)
{
  struct img_error err = IMG_ERROR_INIT;
  char buf[4096];
  long done = 0;
  size_t n;

  while ((n = fread (buf, 1, sizeof buf, result->items)) > 0) {
    fwrite (buf, 1, n, stdout);
    done += (long) n;
  }
  if (!ferror (result->items) && done == result->list_bytes)
    return 0;
  img_error_errno (&err, ferror (result->items) ? errno : EIO, _("temporary file"));
  tool_fail (&err);
  return -1;
}

/* The facts, then the list, then the time: as if all had been in one tree. */
static int
print_with_list (struct out_result *result, double elapsed)
{
  struct img_value *last = img_value_object ();
  char *facts = img_value_json (result->facts, false), *tail;
  int rc;

  img_value_set_real (last, "elapsed", elapsed);
  tail = img_value_json (last, false);
  if (facts == NULL || tail == NULL || !img_value_ok (result->facts) || !img_value_ok (last))
    tool_no_memory ();
  printf ("%.*s,\n    \"%s\": [", (int) (strlen (facts) - strlen ("\n}")), facts, result->list);
  rc = print_items (result);
  if (rc == 0)
    printf ("\n    ],%s\n", tail + strlen ("{"));
  free (tail);
  free (facts);
  img_value_free (last);
  return rc;
}

int
out_result_end (struct out_result *result, bool succeeded)
{
  double elapsed = (double) (now_us () - result->began) / 1e6;
  int rc = 0;

  if (result->json && succeeded && result->items) {
    rc = print_with_list (result, elapsed);
  } else if (result->json && succeeded) {
    img_value_set_real (result->facts, "elapsed", elapsed);
    out_json (result->facts);
  }
  if (result->items)
    fclose (result->items);
  img_value_free (result->facts);
  result->facts = NULL;
  result->items = NULL;
  return rc;
}
