/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operands of img-dd, NAME=VALUE.
 *
 * Numbers are written as dd(1) has it: with c, w, b, k, K, kB, KiB, M, MB, ... behind them, and
 * products (2x512).  In drop-in mode there are five operands, and sizes are that tool's. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "img-dd.h"

#define MAX_BLOCK INT32_MAX

/* ---- numbers ---- */

/* What stands behind a number; 0: no such thing. */
static uint64_t
suffix_factor (const char *text, size_t n)
{
  static const char letters[] = "KMGTPE";
  const char *at = n && *text == 'k' ? letters : n ? strchr (letters, *text) : NULL;
  bool ten = n == 2 && text[1] == 'B', two = n == 1 || (n == 3 && memcmp (text + 1, "iB", 2) == 0);
  uint64_t factor = 1;

  if (n == 0 || (n == 1 && *text == 'c'))
    return 1;
  if (n == 1 && (*text == 'w' || *text == 'b'))
    return *text == 'w' ? 2 : 512;
  if (at == NULL || *at == '\0' || (!ten && !two))
    return 0;
  for (const char *p = letters; p <= at; p++)
    factor *= ten ? 1000 : 1024;
  return factor;
}

static bool
parse_product (const char *text, uint64_t *value)
{
  uint64_t product = 1, number;

  for (;; text++) {
    size_t digits = strspn (text, "0123456789"), n = 0;
    number = 0;
    if (digits == 0)
      return false;
    for (size_t i = 0; i < digits; i++)
      if (!img_mul (number, 10, &number) || !img_add (number, (uint64_t) (text[i] - '0'), &number))
        return false;
    text += digits;
    n = strcspn (text, "x");
    if (suffix_factor (text, n) == 0 || !img_mul (number, suffix_factor (text, n), &number)
        || !img_mul (product, number, &product))
      return false;
    text += n;
    if (*text == '\0')
      break;
  }
  *value = product;
  return product <= INT64_MAX;
}

static int
parse_number (const char *name, const char *text, uint64_t *value)
{
  struct img_error err = IMG_ERROR_INIT;

  if (tool_compat () ? img_size_parse (text, value, &err) == 0 && *value <= INT64_MAX
                     : parse_product (text, value))
    return 0;
  if (!tool_compat ())
    return tool_usage (_("%s=%s is not a number"), name, text);
  tool_say ("Invalid %s specified. You may use k, M, G, T, P or E suffixes for", name);
  tool_say ("kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.");
  return EXIT_FAILURE;
}

static int
parse_block (const char *name, const char *text, uint64_t *value)
{
  int fault = parse_number (name, text, value);

  if (fault == 0 && (*value < 1 || *value > MAX_BLOCK))
    return tool_usage (_("Invalid %s specified. Must be between 1 and %d."), name, MAX_BLOCK);
  return fault;
}

/* ---- words ---- */

static const struct {
  const char *operand, *word;
  unsigned flag;
} words[] = {
  { "conv", "notrunc", DD_NOTRUNC },
  { "conv", "nocreat", DD_NOCREAT },
  { "conv", "excl", DD_EXCL },
  { "conv", "sparse", DD_SPARSE },
  { "conv", "sync", DD_SYNC },
  { "conv", "noerror", DD_NOERROR },
  { "conv", "fsync", DD_FSYNC },
  { "conv", "fdatasync", DD_FSYNC },
  { "iflag", "count_bytes", DD_COUNT_BYTES },
  { "iflag", "skip_bytes", DD_SKIP_BYTES },
  { "iflag", "fullblock", 0 }, /* always */
  { "oflag", "seek_bytes", DD_SEEK_BYTES },
};

static int
parse_words (const char *operand, const char *text, unsigned *flags)
{
  size_t n;

  for (; *text; text += n + (text[n] == ',')) {
    bool found = false;
    n = strcspn (text, ",");
    for (unsigned i = 0; i < sizeof words / sizeof *words && !found; i++)
      if (strcmp (words[i].operand, operand) == 0 && strlen (words[i].word) == n
          && memcmp (words[i].word, text, n) == 0) {
        *flags |= words[i].flag;
        found = true;
      }
    if (!found)
      return tool_usage (_("%s=%.*s is not known"), operand, (int) n, text);
  }
  return 0;
}

static int
parse_status (const char *text, int *status)
{
  static const char *const kinds[] = { "all", "noxfer", "none", "progress", NULL };

  for (int i = 0; kinds[i]; i++)
    if (strcmp (text, kinds[i]) == 0) {
      *status = i;
      return 0;
    }
  return tool_usage (_("%s=%s is not known"), "status", text);
}

/* ---- operands ---- */

/* -1: there is no such operand. */
static int
parse_common (struct dd_args *args, const char *name, const char *value)
{
  int fault;

  if (strcmp (name, "if") == 0)
    args->in = value;
  else if (strcmp (name, "of") == 0)
    args->out = value;
  else if (strcmp (name, "skip") == 0)
    return parse_number (name, value, &args->skip);
  else if (strcmp (name, "count") == 0) {
    args->has_count = true;
    return parse_number (name, value, &args->count);
  } else if (strcmp (name, "bs") == 0) {
    fault = parse_block (name, value, &args->ibs);
    args->obs = args->ibs;
    return fault;
  } else {
    return -1;
  }
  return 0;
}

static int
parse_native (struct dd_args *args, const char *name, const char *value)
{
  if (strcmp (name, "ibs") == 0)
    return parse_block (name, value, &args->ibs);
  if (strcmp (name, "obs") == 0)
    return parse_block (name, value, &args->obs);
  if (strcmp (name, "seek") == 0)
    return parse_number (name, value, &args->seek);
  if (strcmp (name, "conv") == 0 || strcmp (name, "iflag") == 0 || strcmp (name, "oflag") == 0)
    return parse_words (name, value, &args->flags);
  if (strcmp (name, "status") == 0)
    return parse_status (value, &args->status);
  return -1;
}

int
dd_parse (struct dd_args *args, int n, char **operands)
{
  char name[16];
  int fault = 0;

  for (int i = 0; i < n && fault == 0; i++) {
    size_t length = strcspn (operands[i], "=");
    const char *value = operands[i][length] ? operands[i] + length + 1 : NULL;
    fault = -1;
    if (value && length < sizeof name) {
      memcpy (name, operands[i], length);
      name[length] = '\0';
      fault = parse_common (args, name, value);
      if (fault < 0 && !tool_compat ())
        fault = parse_native (args, name, value);
    }
    if (fault < 0)
      return tool_usage (_("unrecognized operand %.*s"), (int) length, operands[i]);
  }
  if (fault)
    return fault;
  if (tool_compat () && (args->in == NULL || args->out == NULL))
    return tool_usage (_("Must specify both input and output files"));
  if ((args->flags & DD_NOCREAT) && (args->flags & DD_EXCL))
    return tool_usage (_("conv=nocreat and conv=excl are mutually exclusive"));
  args->in = args->in ? args->in : "-";
  args->out = args->out ? args->out : "-";
  return 0;
}
