/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* common/opt.h - one table of options a command.
 *
 * A row says the spelling, what the argument is, one line of help, and where in the command's own
 * `struct args` the value goes.  Parsing, --help and the dump for completion and tests come from
 * it. Rows that many commands share are the macros of opt-image.h. */
#ifndef COMMON_OPT_H
#define COMMON_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <blkimg/error.h>

#include "common/tool.h"

enum opt_kind {
  OPT_END,
  OPT_FLAG,   /* bool, set true */
  OPT_TEXT,   /* const char * */
  OPT_LIST,   /* char *, malloc'ed; given again: joined with a comma */
  OPT_SIZE,   /* struct opt_number */
  OPT_NUMBER, /* struct opt_number */
  OPT_CHOICE, /* int, index into `words` */
  OPT_CALL    /* anything; `call` stores it */
};

struct opt_number {
  bool given;
  uint64_t value;
};

enum {
  OPTF_OPTIONAL = 1, /* the long form may come without its argument; the short form has none */
  OPTF_NATIVE = 2    /* drop-in mode does not know it */
};

struct opt {
  enum opt_kind kind;
  char letter;      /* 0: none */
  const char *name; /* long; NULL: none */
  const char *arg;  /* what the argument is called; NULL: there is none */
  const char *help; /* one line, N_() */
  size_t offset;    /* of the field in the command's args */
  const char *const *words;                                             /* OPT_CHOICE, NULL-ended */
  int (*call) (void *field, const char *arg, struct img_error *err);    /* OPT_CALL */
  unsigned flags;
};

#define OPT_FLAG_ROW(l, n, args, field, h) \
  { OPT_FLAG, l, n, NULL, h, offsetof (args, field), NULL, NULL, 0 }
#define OPT_NATIVE_FLAG_ROW(n, args, field, h) \
  { OPT_FLAG, 0, n, NULL, h, offsetof (args, field), NULL, NULL, OPTF_NATIVE }
#define OPT_TEXT_ROW(l, n, a, args, field, h) \
  { OPT_TEXT, l, n, a, h, offsetof (args, field), NULL, NULL, 0 }
#define OPT_LIST_ROW(l, n, a, args, field, h) \
  { OPT_LIST, l, n, a, h, offsetof (args, field), NULL, NULL, 0 }
#define OPT_SIZE_ROW(l, n, a, args, field, h) \
  { OPT_SIZE, l, n, a, h, offsetof (args, field), NULL, NULL, 0 }
#define OPT_NUMBER_ROW(l, n, a, args, field, h) \
  { OPT_NUMBER, l, n, a, h, offsetof (args, field), NULL, NULL, 0 }
#define OPT_CHOICE_ROW(l, n, w, args, field, h) \
  { OPT_CHOICE, l, n, NULL, h, offsetof (args, field), w, NULL, 0 }
#define OPT_CALL_ROW(l, n, a, f, args, field, h) \
  { OPT_CALL, l, n, a, h, offsetof (args, field), NULL, f, 0 }
#define OPT_OUTPUT_ROW(args, field) \
  OPT_CHOICE_ROW (0, "output", output_words, args, field, N_("form of the output"))
#define OPT_QUIET_ROW(args, field) \
  OPT_FLAG_ROW ('q', "quiet", args, field, N_("print errors only"))
#define OPT_END_ROW { OPT_END, 0, NULL, NULL, NULL, 0, NULL, NULL, 0 }

enum { OUTPUT_HUMAN, OUTPUT_JSON };
extern const char *const output_words[]; /* of --output */

/* Parses into ARGS.  -1: go on, *N operands are the last of argv (which is reordered).  Else the
 * exit status: help was printed, or a fault reported. */
int opt_parse (const struct command *command, int argc, char **argv, void *args, int *n);

bool opt_is_known (const struct opt *row); /* in this mode */

/* opt-usage.c: prints of the table */
void opt_print_help (const struct command *command);
void opt_print_version (const struct command *command);
void opt_print_dump (const struct command *command);

#endif
