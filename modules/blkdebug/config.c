/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* config: rules from a file, which is lines: [inject-error] or [set-state], key = "value", and
 * comments that begin with #. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>

#include "blkdebug.h"

enum { MOST_RULES = 1000 };

IMG_CLEANUP_FN (fclose, FILE *)
IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

static char *
trim (char *s)
{
  s += strspn (s, " \t");
  s[strcspn (s, "\r\n")] = '\0';
  for (size_t n = strlen (s); n > 0 && strchr (" \t", s[n - 1]); n--)
    s[n - 1] = '\0';
  return s;
}

/* LINE, `key = "value"` with or without quotes, as the option SECTION.key. */
static int
take_pair (struct img_opts *opts, const char *section, char *line, struct img_error *err)
{
  char *value = strchr (line, '='), key[160];
  size_t n;

  if (value == NULL || *section == '\0')
    return img_error_set (err, EINVAL, _("this is neither a section nor key = value: %s"), line);
  *value++ = '\0';
  value = trim (value);
  n = strlen (value);
  if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
    value[n - 1] = '\0';
    value++;
  }
  if ((size_t) snprintf (key, sizeof key, "%s.%s", section, trim (line)) >= sizeof key)
    return img_error_set (err, EINVAL, _("this key is too long: %s"), line);
  return img_opts_set (opts, key, value, err);
}

static int
take_line (struct img_opts *opts, char *section, size_t cap, unsigned *n, char *line,
           struct img_error *err)
{
  size_t length = strlen (line);

  if (length == 0 || line[0] == '#')
    return 0;
  if (line[0] != '[')
    return take_pair (opts, section, line, err);
  line[length - 1] = '\0';
  if (strcmp (line + 1, "inject-error") != 0 && strcmp (line + 1, "set-state") != 0)
    return img_error_set (err, EINVAL, _("there is no section [%s]"), line + 1);
  if (++*n > MOST_RULES)
    return img_error_set (err, EINVAL, _("more than %d rules"), MOST_RULES);
  snprintf (section, cap, "%s.file%u", line + 1, *n);
  return 0;
}

int
blkdebug_rules_read (struct blkdebug_rules *r, const char *path, struct img_error *err)
{
  IMG_CLEANUP (fclose) FILE *f = fopen (path, "re");
  IMG_CLEANUP (img_opts_free) struct img_opts *opts = img_opts_new ();
  char line[512], section[80] = "";
  unsigned n = 0, number = 0;

  if (opts == NULL)
    return img_error_errno (err, ENOMEM, _("blkdebug rules"));
  if (f == NULL)
    return img_error_errno (err, errno, "%s", path);
  while (fgets (line, sizeof line, f)) {
    number++;
    if (strchr (line, '\n') == NULL && !feof (f))
      return img_error_set (err, EINVAL, _("%s: line %u is too long"), path, number);
    if (take_line (opts, section, sizeof section, &n, trim (line), err) < 0) {
      img_error_prefix (err, _("%s: line %u"), path, number);
      return -1;
    }
  }
  if (ferror (f))
    return img_error_errno (err, EIO, "%s", path);
  return blkdebug_rules_add (r, opts, err);
}
