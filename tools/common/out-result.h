/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* common/out-result.h - what a command did, for programs: --output=json of commands that change
 * something.
 *
 *   OPT_RESULT_ROW (struct args, output),              in the table; drop-in mode does not know it
 *
 *   struct out_result result;
 *   out_result_init (&result, args->output);           when work begins: the clock starts
 *   img_value_set_string (result.facts, "filename", name);
 *   if (!result.json) printf (...);                    lines for people are not mixed with it
 *   out_result_end (&result, succeeded);               prints, when JSON was asked for
 *
 * One object, keys as `info` has them: "filename" (or "source", "target"), then the facts in bytes,
 * last "elapsed" in seconds.  Nothing is printed of work that failed: its error is a line on
 * standard error, as ever.  -q does not silence it, who asks for JSON wants it.  Commands that show
 * progress set `apart` of their progress_args, so that it goes to standard error. */
#ifndef COMMON_OUT_RESULT_H
#define COMMON_OUT_RESULT_H

#include <stdbool.h>
#include <stdio.h>

#include <blkimg/value.h>

#include "common/opt.h"
#include "common/out.h"

#define OPT_RESULT_ROW(args, field)                                                        \
  { OPT_CHOICE, 0, "output", NULL, N_("form of the result"), offsetof (args, field),       \
    output_words, NULL, OPTF_NATIVE }

struct out_result {
  bool json;
  struct img_value *facts; /* an object to fill; never NULL */
  int64_t began;
  const char *list; /* key of an array that is not held in memory; NULL: none */
  FILE *items;      /* its elements as text, in a file without a name */
  bool has_items;
  int list_errno;   /* why they are not all there */
  long list_bytes;
};

/* OUTPUT is OUTPUT_HUMAN or OUTPUT_JSON. */
void out_result_init (struct out_result *result, int output);
/* KEY, which comes behind all other facts, is an array of objects as long as it may get: they wait
 * in a temporary file. */
int out_result_list (struct out_result *result, const char *key, struct img_error *err);
void out_result_item (struct out_result *result, const struct img_value *item);
/* After the last one: whether all could be written. */
int out_result_listed (struct out_result *result, struct img_error *err);
/* Prints the facts when JSON was asked for and the work SUCCEEDED, and frees them.  -1: the list
 * was lost, which was said. */
int out_result_end (struct out_result *result, bool succeeded);

#endif
