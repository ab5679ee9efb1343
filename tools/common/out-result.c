/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The result of a command as one JSON object. */

#include <config.h>

#include <stdio.h>
#include <time.h>

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
  result->json = output == OUTPUT_JSON;
  result->facts = img_value_object ();
  if (result->facts == NULL)
    tool_no_memory ();
  result->began = now_us ();
}

void
out_result_end (struct out_result *result, bool succeeded)
{
  if (result->json && succeeded) {
    img_value_set_real (result->facts, "elapsed", (double) (now_us () - result->began) / 1e6);
    out_json (result->facts);
  }
  img_value_free (result->facts);
  result->facts = NULL;
}
