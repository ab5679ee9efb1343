/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img: runs img-COMMAND.  It knows no command yet. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include <blkimg/blkimg.h>

int
main (int argc, char **argv)
{
  if (argc == 2 && strcmp (argv[1], "--help") == 0) {
    printf ("usage: img OPTION\n\n  --help     print this text\n  --version  print the version\n");
    return 0;
  }
  if (argc == 2 && strcmp (argv[1], "--version") == 0) {
    printf ("img (blkimg) %s\n", img_version ());
    return 0;
  }
  fprintf (stderr, "img: usage: img --version\n");
  return 1;
}
