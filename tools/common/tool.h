/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* common/tool.h - what every command is: a table of options and a function.
 *
 *   static const struct command command = { "info", N_("..."), N_("FILE"), opts, run };
 *   int main (int argc, char **argv) { struct args args = {...}; return tool_main (...); }
 *
 * A command runs natively (`img-info`, `img info`) or as a drop-in (called `qemu-img`): then option
 * spelling, standard output and exit codes are that tool's. */
#ifndef COMMON_TOOL_H
#define COMMON_TOOL_H

#include <stdbool.h>

#include <blkimg/error.h>

struct opt;

struct command {
  const char *name;          /* "convert" */
  const char *summary;       /* one line, N_() */
  const char *operands;      /* "SRC... DST", N_() */
  const struct opt *opts;    /* ends with a row without name and letter */
  int (*run) (void *args, int n, char **operands); /* the exit status */
};

/* Sets up locale and names, parses options into ARGS, calls run, closes standard output.  The exit
 * status of the process. */
int tool_main (int argc, char **argv, const struct command *command, void *args);

/* The same for a program that parses its own command line: img. */
void tool_init (char **argv);
/* Closes standard output; STATUS, or failure when what was printed did not reach it. */
int tool_finish (int status);

/* What --trace says.  -1: go on; else the exit status: events were listed, or TEXT is at fault. */
int tool_trace (const char *text);

const char *tool_name (void); /* the base name we were called by: what messages begin with */
bool tool_compat (void);      /* drop-in mode */

/* "NAME: TEXT" on standard error. */
void tool_say (const char *fmt, ...) IMG_PRINTF (1, 2);
/* Prints what went wrong, with its hint.  Returns EXIT_FAILURE. */
int tool_fail (const struct img_error *err);
/* Prints a fault in the command line and where help is.  Returns the exit status for it: 64, or 1
 * in drop-in mode. */
int tool_usage (const char *fmt, ...) IMG_PRINTF (1, 2);
int tool_usage_status (void);
const char *tool_temporary_folder (void); /* TMPDIR, or /tmp */
/* Out of memory: there is nothing else to do. */
_Noreturn void tool_no_memory (void);
/* The exit status then, and when the output is lost, where EXIT_FAILURE is an answer. */
void tool_set_trouble (int status);

#endif
