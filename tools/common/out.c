/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON on standard output. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include <blkimg/blkimg.h>

#include "common/out.h"
#include "common/tool.h"

static void
print_json (const struct img_value *v, bool one_line)
{
  struct img_value *ordered = tool_compat () ? out_ordered (v) : NULL;
  char *text = img_value_json (ordered ? ordered : v, one_line);

  if (text == NULL || !img_value_ok (v))
    tool_no_memory ();
  fputs (text, stdout);
  free (text);
  img_value_free (ordered);
}

void
out_json (const struct img_value *v)
{
  print_json (v, false);
  putchar ('\n');
}

void
out_json_line (const struct img_value *v)
{
  print_json (v, true);
}
