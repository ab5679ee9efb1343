/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command line -> the fields that the table names.
 *
 * Owns: the walk over argv (getopt_long underneath) and the value kinds.  Options and operands may
 * mix.  Every command also has -h, -V and the hidden --dump-options. */

#include <config.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/options.h>

#include "common/opt.h"

#define MAX_OPTS 60
enum { VAL_HELP = 1000, VAL_VERSION, VAL_DUMP, VAL_TRACE, VAL_ROW };

const char *const output_words[] = { "human", "json", NULL };

struct parser {
  char letters[3 * MAX_OPTS + 8];
  struct option longs[MAX_OPTS + 5];
};

bool
opt_is_known (const struct opt *row)
{
  return !(row->flags & OPTF_NATIVE) || !tool_compat ();
}

/* getopt's tables out of ours.  A long option's value is VAL_ROW + its row. */
static void
build (struct parser *p, const struct opt *opts)
{
  char *l = p->letters;
  struct option *o = p->longs;

  *l++ = ':'; /* tell a missing argument from an unknown option */
  *l++ = 'h';
  *l++ = 'V';
  for (int i = 0; opts[i].kind != OPT_END && i < MAX_OPTS; i++) {
    const struct opt *row = &opts[i];
    bool has_arg = row->arg || row->words, optional = row->flags & OPTF_OPTIONAL;
    if (!opt_is_known (row))
      continue;
    if (row->letter) {
      *l++ = row->letter;
      if (has_arg && !optional)
        *l++ = ':';
    }
    if (row->name)
      *o++ = (struct option) { row->name, optional ? optional_argument : has_arg, NULL,
                               VAL_ROW + i };
  }
  *l = '\0';
  *o++ = (struct option) { "help", no_argument, NULL, VAL_HELP };
  *o++ = (struct option) { "version", no_argument, NULL, VAL_VERSION };
  *o++ = (struct option) { "dump-options", no_argument, NULL, VAL_DUMP };
  if (!tool_compat ()) /* there it stands before the command */
    *o++ = (struct option) { "trace", required_argument, NULL, VAL_TRACE };
  *o = (struct option) { NULL, 0, NULL, 0 };
}

static int
set_list (char **list, const char *arg)
{
  size_t old = *list ? strlen (*list) : 0, n = strlen (arg);
  char *joined = realloc (*list, old + n + 2);

  if (joined == NULL)
    tool_no_memory ();
  if (*list)
    joined[old++] = ',';
  memcpy (joined + old, arg, n + 1);
  *list = joined;
  return 0;
}

static int
set_number (struct opt_number *field, const char *arg, struct img_error *err)
{
  char *end;

  errno = 0;
  field->value = strtoull (arg, &end, 0);
  if (errno || *end || *arg < '0' || *arg > '9')
    return img_error_set (err, EINVAL, _("'%s' is not a number"), arg);
  field->given = true;
  return 0;
}

static int
set_choice (const struct opt *row, int *field, const char *arg, struct img_error *err)
{
  char words[200] = "";

  for (int i = 0; row->words[i]; i++)
    if (strcmp (row->words[i], arg) == 0) {
      *field = i;
      return 0;
    }
  for (int i = 0; row->words[i]; i++) {
    size_t n = strlen (words);
    snprintf (words + n, sizeof words - n, "%s%s", i ? ", " : "", row->words[i]);
  }
  return img_error_set (err, EINVAL, _("'%s' is not one of: %s"), arg, words);
}

static int
set (const struct opt *row, void *field, const char *arg, struct img_error *err)
{
  switch (row->kind) {
  case OPT_FLAG:
    *(bool *) field = true;
    return 0;
  case OPT_TEXT:
    *(const char **) field = arg;
    return 0;
  case OPT_LIST:
    return set_list (field, arg);
  case OPT_SIZE:
    ((struct opt_number *) field)->given = true;
    return img_size_parse (arg, &((struct opt_number *) field)->value, err);
  case OPT_NUMBER:
    return set_number (field, arg, err);
  case OPT_CHOICE:
    return set_choice (row, field, arg, err);
  default:
    return row->call (field, arg, err);
  }
}

static const struct opt *
find_row (const struct opt *opts, int val)
{
  if (val >= VAL_ROW)
    return &opts[val - VAL_ROW];
  while (opts->kind != OPT_END && opts->letter != val)
    opts++;
  return opts->kind == OPT_END ? NULL : opts;
}

/* What getopt complained of, as the user wrote it. */
static int
unknown (char **argv, bool missing)
{
  char letter[3] = { '-', (char) optopt, '\0' };
  bool is_long = optopt == 0 || optopt >= VAL_HELP;
  const char *text = is_long ? argv[optind - 1] : letter;

  if (missing)
    return tool_usage (_("option '%s' requires an argument"), text);
  if (is_long && optopt)
    return tool_usage (_("option '%s' does not allow an argument"), text);
  return tool_usage (_("unrecognized option '%s'"), text);
}

/* Options of every command; -1: VAL is none that ends it here. */
static int
general (const struct command *command, int val)
{
  bool own_v = find_row (command->opts, 'V') != NULL;

  if (val == 'h' || val == VAL_HELP)
    opt_print_help (command);
  else if (val == VAL_DUMP)
    opt_print_dump (command);
  else if (val == VAL_VERSION || (val == 'V' && !own_v))
    opt_print_version (command);
  else
    return val == VAL_TRACE ? tool_trace (optarg) : -1;
  return EXIT_SUCCESS;
}

int
opt_parse (const struct command *command, int argc, char **argv, void *args, int *n)
{
  struct parser p;
  int val;

  build (&p, command->opts);
  opterr = 0;
  while ((val = getopt_long (argc, argv, p.letters, p.longs, NULL)) != -1) {
    int status = general (command, val);
    if (status >= 0)
      return status;
    if (val == VAL_TRACE)
      continue;
    const struct opt *row = find_row (command->opts, val);
    if (row == NULL)
      return unknown (argv, val == ':');
    struct img_error err = IMG_ERROR_INIT;
    if (set (row, (char *) args + row->offset, optarg, &err) < 0) {
      if (row->name)
        return tool_usage (_("option --%s: %s"), row->name, err.message);
      return tool_usage (_("option -%c: %s"), row->letter, err.message);
    }
  }
  *n = argc - optind;
  return -1;
}
