/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of options looks like in print: for people and for programs. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/blkimg.h>
#include <blkimg/i18n.h>

#include "common/columns.h"
#include "common/opt.h"

#define HELP_COLUMN 34

/* The argument's name: `arg`, or the words that OPT_CHOICE takes. */
static void
argument_name (const struct opt *row, char *buf, size_t size)
{
  size_t used = 0;

  buf[0] = '\0';
  if (row->arg)
    snprintf (buf, size, "%s", _(row->arg));
  for (int i = 0; row->words && row->words[i] && used < size; i++)
    used += (size_t) snprintf (buf + used, size - used, "%s%s", i ? "|" : "", row->words[i]);
}

static void
print_row (const struct opt *row)
{
  char left[200], arg[120];
  int n = 0;

  argument_name (row, arg, sizeof arg);
  if (row->letter && row->name)
    n = snprintf (left, sizeof left, "  -%c, --%s", row->letter, row->name);
  else if (row->name)
    n = snprintf (left, sizeof left, "      --%s", row->name);
  else
    n = snprintf (left, sizeof left, "  -%c", row->letter);
  if (*arg && n > 0 && (size_t) n < sizeof left) {
    bool optional = row->flags & OPTF_OPTIONAL;
    n += snprintf (left + n, sizeof left - (size_t) n, "%s%s%s",
                   optional ? "[=" : row->name ? "=" : " ", arg, optional ? "]" : "");
  }
  if (column_width (left) > HELP_COLUMN - 2)
    printf ("%s\n%*s", left, HELP_COLUMN, "");
  else
    column_print (left, -HELP_COLUMN);
  printf ("%s\n", _(row->help));
}

/* What one types to run it. */
static void
print_called (const struct command *command, const char *before)
{
  printf ("%s%s", before, tool_name ());
  if (tool_compat ())
    printf (" %s", command->name);
}

void
opt_print_help (const struct command *command)
{
  static const struct opt help = { OPT_FLAG, 'h', "help", NULL, N_("print this and exit"),
                                   0, NULL, NULL, 0 };
  static const struct opt version = { OPT_FLAG, 'V', "version", NULL,
                                      N_("print the version and exit"), 0, NULL, NULL, 0 };
  static const struct opt trace = { OPT_CALL, 0, "trace", N_("[PATTERN][,events=FILE][,file=FILE]"),
                                    N_("print what happens inside; help lists the events"),
                                    0, NULL, NULL, 0 };

  print_called (command, _("Usage: "));
  printf (_(" [OPTION]... %s\n"), _(command->operands));
  printf ("%s\n\n", _(command->summary));
  for (const struct opt *row = command->opts; row->kind != OPT_END; row++)
    if (opt_is_known (row))
      print_row (row);
  if (!tool_compat ())
    print_row (&trace);
  print_row (&help);
  print_row (&version);
}

void
opt_print_version (const struct command *command)
{
  print_called (command, "");
  printf (" (blkimg) %s\n", img_version ());
}

/* One line an option: letter, name, argument, help, parted by tabs; "-" for what is not there. */
void
opt_print_dump (const struct command *command)
{
  char arg[120];

  for (const struct opt *row = command->opts; row->kind != OPT_END; row++) {
    argument_name (row, arg, sizeof arg);
    printf ("%c\t%s\t%s\t%s\n", row->letter ? row->letter : '-', row->name ? row->name : "-",
            *arg ? arg : "-", _(row->help));
  }
}
