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
  free (text);
}

int
out_result_listed (struct out_result *result, struct img_error *err)
{
  if (fflush (result->items) != 0 || ferror (result->items) || fseek (result->items, 0, SEEK_SET))
    return img_error_errno (err, errno, _("temporary file"));
  return 0;
}

/* The facts, then the list, then the time: as if all had been in one tree. */
static void
print_with_list (struct out_result *result, double elapsed)
{
  struct img_value *last = img_value_object ();
  char *facts = img_value_json (result->facts, false), *tail, buf[4096];
  size_t n;

  img_value_set_real (last, "elapsed", elapsed);
  tail = img_value_json (last, false);
  if (facts == NULL || tail == NULL || !img_value_ok (result->facts) || !img_value_ok (last))
    tool_no_memory ();
  printf ("%.*s,\n    \"%s\": [", (int) (strlen (facts) - strlen ("\n}")), facts, result->list);
  while ((n = fread (buf, 1, sizeof buf, result->items)) > 0)
    fwrite (buf, 1, n, stdout);
  printf ("\n    ],%s\n", tail + strlen ("{"));
  free (tail);
  free (facts);
  img_value_free (last);
}

void
out_result_end (struct out_result *result, bool succeeded)
{
  double elapsed = (double) (now_us () - result->began) / 1e6;

  if (result->json && succeeded && result->items) {
    print_with_list (result, elapsed);
  } else if (result->json && succeeded) {
    img_value_set_real (result->facts, "elapsed", elapsed);
    out_json (result->facts);
  }
  if (result->items)
    fclose (result->items);
  img_value_free (result->facts);
  result->facts = NULL;
  result->items = NULL;
}
