/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay: runs a fuzz target once over each file named on the command line, so that seeds and
 * old crashes are tests in builds without libFuzzer.  Refuses nothing: the target judges. */

#include <config.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static int
replay (const char *name)
{
  FILE *f = fopen (name, "rb");
  struct stat st;
  if (!f || fstat (fileno (f), &st) < 0) {
    perror (name);
    return 1;
  }
  /* Exactly as many bytes, so that sanitizers see the first one past the end. */
  size_t size = (size_t) st.st_size;
  uint8_t *data = malloc (size ? size : 1);
  int failed = !data || fread (data, 1, size, f) != size;
  if (failed) {
    perror (name);
  } else {
    fprintf (stderr, "%s: %zu bytes\n", name, size);
    LLVMFuzzerTestOneInput (data, size);
  }
  free (data);
  fclose (f);
  return failed;
}

int
main (int argc, char **argv)
{
  int failed = 0;
  for (int i = 1; i < argc; i++)
    failed |= replay (argv[i]);
  return failed;
}
