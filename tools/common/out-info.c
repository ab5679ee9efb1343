/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The facts of an image as lines for people.
 *
 * Owns: wording and order of what `info` prints.  Refuses: knowing formats; what a driver says of
 * its own is printed key by key, and a key is the same in every language. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <blkimg/blkimg.h>
#include <blkimg/i18n.h>

#include "common/columns.h"
#include "common/out.h"
#include "common/tool.h"

static const char *
text (const struct img_value *info, const char *key)
{
  return img_value_string (img_value_get (info, key));
}

static void
indent (unsigned depth)
{
  printf ("%*s", (int) depth * 4, "");
}

/* ---- any tree, key by key ---- */

static void
print_scalar (const struct img_value *v)
{
  switch (img_value_kind (v)) {
  case IMG_VALUE_BOOL:
    printf ("%s", img_value_bool (v) ? "true" : "false");
    break;
  case IMG_VALUE_INT:
    printf ("%" PRId64, img_value_int (v));
    break;
  case IMG_VALUE_UINT:
    printf ("%" PRIu64, img_value_uint (v));
    break;
  case IMG_VALUE_REAL:
    printf ("%g", img_value_real (v));
    break;
  default:
    printf ("%s", img_value_string (v));
  }
}

static void
print_key (const struct img_value *v, size_t i)
{
  const char *key = img_value_key_at (v, i);

  if (key == NULL) {
    printf ("[%zu]", i);
    return;
  }
  for (; *key; key++)
    putchar (*key == '-' ? ' ' : *key);
}

static void
print_tree (const struct img_value *v, unsigned depth)
{
  for (size_t i = 0; i < img_value_count (v); i++) {
    const struct img_value *sub = img_value_at (v, i);
    bool composite = img_value_kind (sub) == IMG_VALUE_OBJECT ||
                     img_value_kind (sub) == IMG_VALUE_ARRAY;
    indent (depth);
    print_key (v, i);
    printf (composite ? ":\n" : ": ");
    if (composite) {
      print_tree (sub, depth + 1);
    } else {
      print_scalar (sub);
      putchar ('\n');
    }
  }
}

static void
print_specific (const struct img_value *specific, unsigned depth)
{
  struct img_value *data;

  if (img_value_count (img_value_get (specific, "data")) == 0)
    return;
  data = out_ordered (img_value_get (specific, "data"));
  indent (depth);
  printf (_("Format specific information:\n"));
  print_tree (data, depth + 1);
  img_value_free (data);
}

/* ---- snapshots ---- */

static const struct { const char *heading; int width; } columns[] = {
  { N_("ID"), -7 }, { N_("TAG"), -16 }, { N_("VM_SIZE"), 8 }, { N_("DATE"), 19 },
  { N_("VM_CLOCK"), 15 }, { N_("ICOUNT"), 10 }
};
#define N_COLUMNS (sizeof columns / sizeof columns[0])

static void
print_row (const char *const *cells)
{
  for (unsigned i = 0; i < N_COLUMNS; i++) {
    column_print (cells[i], column_fit (columns[i].width, _(columns[i].heading)));
    putchar (i + 1 < N_COLUMNS ? ' ' : '\n');
  }
}

static void
print_snapshot (const struct img_value *s)
{
  char date[64] = "", clock[64], icount[24] = "--", size[32];
  time_t when = (time_t) img_value_int (img_value_get (s, "date-sec"));
  uint64_t sec = img_value_uint (img_value_get (s, "vm-clock-sec"));
  struct tm tm;

  if (localtime_r (&when, &tm))
    strftime (date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
  snprintf (clock, sizeof clock, "%04" PRIu64 ":%02d:%02d.%03d", sec / 3600,
            (int) (sec / 60 % 60), (int) (sec % 60),
            (int) (img_value_uint (img_value_get (s, "vm-clock-nsec")) / 1000000));
  if (img_value_get (s, "icount"))
    snprintf (icount, sizeof icount, "%" PRId64, img_value_int (img_value_get (s, "icount")));
  img_size_format (img_value_uint (img_value_get (s, "vm-state-size")), size);
  print_row ((const char *[]) { text (s, "id"), text (s, "name"), size, date, clock, icount });
}

static void
print_snapshots (const struct img_value *list, unsigned depth)
{
  const char *headings[N_COLUMNS];

  if (img_value_count (list) == 0)
    return;
  for (unsigned i = 0; i < N_COLUMNS; i++)
    headings[i] = _(columns[i].heading);
  indent (depth);
  printf (_("Snapshot list:\n"));
  indent (depth);
  print_row (headings);
  for (size_t i = 0; i < img_value_count (list); i++) {
    indent (depth);
    print_snapshot (img_value_at (list, i));
  }
}

/* ---- one image ---- */

static void
print_sizes (const struct img_value *info, bool child, unsigned depth)
{
  uint64_t bytes = img_value_uint (img_value_get (info, "virtual-size"));
  const struct img_value *actual = img_value_get (info, "actual-size");
  char size[32];

  indent (depth);
  printf (child ? _("file length: %s (%" PRIu64 " bytes)\n")
                : _("virtual size: %s (%" PRIu64 " bytes)\n"),
          img_size_format (bytes, size), bytes);
  indent (depth);
  printf (_("disk size: %s\n"),
          actual ? img_size_format (img_value_uint (actual), size) : _("unavailable"));
}

static void
print_backing (const struct img_value *info, unsigned depth)
{
  const char *backing = text (info, "backing-filename");
  const char *full = text (info, "full-backing-filename");
  const char *format = text (info, "backing-filename-format");

  if (backing) {
    indent (depth);
    printf (_("backing file: %s"), backing);
    if (full == NULL)
      printf (_(" (cannot determine actual path)"));
    else if (strcmp (backing, full) != 0)
      printf (_(" (actual path: %s)"), full);
    putchar ('\n');
  }
  if (format) {
    indent (depth);
    printf (_("backing file format: %s\n"), format);
  }
}

static void
print_limits (const struct img_value *limits, unsigned depth)
{
  if (limits == NULL)
    return;
  indent (depth);
  printf (_("Block limits:\n"));
  print_tree (limits, depth + 1);
}

/* A protocol node below a format is a file: other words for name, format and size. */
static bool
is_protocol (const struct img_value *info, const char *path)
{
  return *path && img_value_count (img_value_get (info, "children")) == 0;
}

static void
print_image (const struct img_value *info, const char *path, unsigned depth)
{
  bool child = is_protocol (info, path);
  const struct img_value *children = img_value_get (info, "children");
  const struct img_value *cluster = img_value_get (info, "cluster-size");

  indent (depth);
  printf (*path ? _("filename: %s\n") : _("image: %s\n"), text (info, "filename"));
  indent (depth);
  printf (child ? _("protocol type: %s\n") : _("file format: %s\n"), text (info, "format"));
  print_sizes (info, child, depth);
  if (img_value_bool (img_value_get (info, "encrypted"))) {
    indent (depth);
    printf (_("encrypted: yes\n"));
  }
  if (cluster) {
    indent (depth);
    printf (_("cluster_size: %" PRIu64 "\n"), img_value_uint (cluster));
  }
  if (img_value_bool (img_value_get (info, "dirty-flag"))) {
    indent (depth);
    printf (_("cleanly shut down: no\n"));
  }
  print_backing (info, depth);
  print_limits (img_value_get (info, "limits"), depth);
  print_snapshots (img_value_get (info, "snapshots"), depth);
  print_specific (img_value_get (info, "format-specific"), depth);
  for (size_t i = 0; i < img_value_count (children); i++) {
    const struct img_value *c = img_value_at (children, i);
    char below[256];
    snprintf (below, sizeof below, "%s/%s", path, text (c, "name"));
    printf (_("Child node '%s':\n"), below);
    print_image (img_value_get (c, "info"), below, 1);
  }
}

void
out_info (const struct img_value *info)
{
  struct img_value *safe = tool_compat () ? NULL : out_printable (info);

  print_image (safe ? safe : info, "", 0);
  img_value_free (safe);
}

void
out_snapshots (const struct img_value *list)
{
  struct img_value *safe = tool_compat () ? NULL : out_printable (list);

  print_snapshots (safe ? safe : list, 0);
  img_value_free (safe);
}
