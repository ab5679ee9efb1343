/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img: `img convert` runs the img-convert beside it.  Through a link named qemu-img it is a
 * drop-in: the commands see that name and behave as that tool.
 *
 * Owns: finding the command, the help over all.  Refuses: options of commands; those are theirs. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/blkimg.h>
#include <blkimg/i18n.h>

#include "common/tool.h"

/* What drop-in mode says its version is: the line whose options and wording it has. */
#define COMPAT_VERSION "10.1.0"

struct entry {
  const char *name, *summary;
  const char *syntax; /* drop-in help, which programs grep for options; NULL: not of that tool */
};

static const struct entry commands[] = {
  { "amend", N_("change options of an image in place"),
    "[--object objectdef] [--image-opts] [-p] [-q] [-f fmt] [-t cache] [--force] -o options "
    "filename" },
  { "bench", N_("measure how fast an image is"),
    "[-c count] [-d depth] [-f fmt] [--flush-interval=flush_interval] [-i aio] [-n] [--no-drain] "
    "[-o offset] [--pattern=pattern] [-q] [-s buffer_size] [-S step_size] [-t cache] [-w] [-U] "
    "filename" },
  { "bitmap", N_("add, remove and change dirty bitmaps of an image"),
    "(--merge SOURCE | --add | --remove | --clear | --enable | --disable)... [-b source_file "
    "[-F source_fmt]] [-g granularity] [--object objectdef] [--image-opts | -f fmt] filename "
    "bitmap" },
  { "check", N_("check whether an image is consistent"),
    "[--object objectdef] [--image-opts] [-q] [-f fmt] [--output=ofmt] [-r [leaks | all]] "
    "[-T src_cache] [-U] filename" },
  { "commit", N_("put what an image holds into one that it is based on"),
    "[--object objectdef] [--image-opts] [-q] [-f fmt] [-t cache] [-b base] [-r rate_limit] [-d] "
    "[-p] filename" },
  { "compare", N_("compare the contents of two images"),
    "[--object objectdef] [--image-opts] [-f fmt] [-F fmt] [-T src_cache] [-p] [-q] [-s] [-U] "
    "filename1 filename2" },
  { "convert", N_("copy images into a new one of any format"),
    "[--object objectdef] [--image-opts] [--target-image-opts] [--target-is-zero] [-U] [-C] [-c] "
    "[-p] [-q] [-n] [--bitmaps [--skip-broken-bitmaps]] [-f fmt] [-t cache] [-T src_cache] "
    "[-O output_fmt] "
    "[-B backing_file [-F backing_fmt]] [-o options] [-l snapshot_param] [-S sparse_size] "
    "[-r rate_limit] [-m num_coroutines] [-W] [--salvage] filename [filename2 [...]] "
    "output_filename" },
  { "create", N_("create a new, empty image"),
    "[--object objectdef] [-q] [-f fmt] [-b backing_file [-F backing_fmt]] [-u] [-o options] "
    "filename [size]" },
  { "dd", N_("copy blocks from one image to another"),
    "[--image-opts] [-U] [-f fmt] [-O output_fmt] [bs=block_size] [count=blocks] [skip=blocks] "
    "if=input of=output" },
  { "info", N_("print what an image is"),
    "[--object objectdef] [--image-opts] [-f fmt] [--output=ofmt] [--backing-chain] [-U] "
    "filename" },
  { "map", N_("print where the bytes of an image are"),
    "[--object objectdef] [--image-opts] [-f fmt] [--start-offset=offset] [--max-length=len] "
    "[--output=ofmt] [-U] filename" },
  { "measure", N_("print how much space an image needs"),
    "[--output=ofmt] [-O output_fmt] [-o options] [--size N | [--object objectdef] [--image-opts] "
    "[-f fmt] [-l snapshot_param] filename]" },
  { "modules", N_("print which formats, protocols and codecs are installed"), NULL },
  { "rebase", N_("give an image another backing file"),
    "[--object objectdef] [--image-opts] [-U] [-q] [-f fmt] [-t cache] [-T src_cache] [-p] [-u] "
    "[-c] -b backing_file [-F backing_fmt] filename" },
  { "resize", N_("make an image larger or smaller"),
    "[--object objectdef] [--image-opts] [-f fmt] [--preallocation=prealloc] [-q] [--shrink] "
    "filename [+ | -]size" },
  { "snapshot", N_("list, make, apply and delete internal snapshots"),
    "[--object objectdef] [--image-opts] [-U] [-q] [-l | -a snapshot | -c snapshot | -d snapshot] "
    "filename" },
  { NULL, NULL, NULL }
};

static void
print_formats (void)
{
  struct img_error err = IMG_ERROR_INIT;
  const char **names = img_driver_names (&err);

  printf (tool_compat () ? "\nSupported formats:" : _("\nFormats and protocols:"));
  for (size_t i = 0; names && names[i]; i++)
    printf (" %s", names[i]);
  putchar ('\n');
  free (names);
}

static void
print_help (void)
{
  const struct entry *e;

  if (tool_compat ()) {
    printf ("qemu-img version %s (blkimg %s)\n", COMPAT_VERSION, img_version ());
    printf ("usage: qemu-img [standard options] command [command options]\n\nCommand syntax:\n");
    for (e = commands; e->name; e++)
      if (e->syntax)
        printf ("  %s %s\n", e->name, e->syntax);
  } else {
    printf (_("Usage: %s COMMAND [OPTION]...\n"), tool_name ());
    printf (_("       %s COMMAND --help\n\nCommands:\n"), tool_name ());
    for (e = commands; e->name; e++)
      printf ("  %-10s %s\n", e->name, _(e->summary));
    printf (_("\nOptions:\n"));
    printf ("  -T, --trace=%s\n                 %s\n", _("[PATTERN][,events=FILE][,file=FILE]"),
            _("print what happens inside; help lists the events"));
    printf ("  -h, --help     %s\n", _("print this and exit"));
    printf ("  -V, --version  %s\n", _("print the version and exit"));
  }
  print_formats ();
}

static void
print_version (void)
{
  if (tool_compat ())
    printf ("qemu-img version %s (blkimg %s)\n", COMPAT_VERSION, img_version ());
  else
    printf ("%s (blkimg) %s\n", tool_name (), img_version ());
}

/* Only our own commands, never a path. */
static bool
is_command_name (const char *name)
{
  size_t n = strspn (name, "abcdefghijklmnopqrstuvwxyz-");

  return n > 0 && n < 32 && name[n] == '\0' && *name != '-';
}

/* The folder of this program, links followed; "" when the system cannot tell: then PATH. */
static void
own_folder (char *buf, size_t size)
{
  ssize_t n = readlink ("/proc/self/exe", buf, size - 1);
  char *slash;

  buf[n > 0 ? n : 0] = '\0';
  slash = strrchr (buf, '/');
  if (slash)
    slash[1] = '\0';
}

static int
run_command (const char *name, char **argv)
{
  char program[64], folder[PATH_MAX], path[PATH_MAX + 64];

  if (!is_command_name (name))
    return tool_usage (_("Command not found: %s"), name);
  snprintf (program, sizeof program, "img-%s", name);
  own_folder (folder, sizeof folder);
  snprintf (path, sizeof path, "%s%s", folder, program);
  argv[0] = tool_compat () ? (char *) tool_name () : program;
  execvp (path, argv);
  if (errno == ENOENT)
    return tool_usage (_("Command not found: %s"), name);
  tool_say ("%s: %s", path, strerror (errno));
  return EXIT_FAILURE;
}

static bool
is_option (const char *arg, const char *letter, const char *name)
{
  return strcmp (arg, letter) == 0 || strcmp (arg, name) == 0;
}

/* The command finds it in its environment.  -1, or the exit status. */
static int
set_trace (const char *pattern)
{
  const char *before = getenv ("BLKIMG_TRACE");
  int status = tool_trace (pattern);
  char *all;

  if (status >= 0)
    return status;
  if (asprintf (&all, "%s%s%s", before ? before : "", before ? "\n" : "", pattern) < 0 ||
      setenv ("BLKIMG_TRACE", all, 1) < 0)
    tool_no_memory ();
  free (all);
  return -1;
}

int
main (int argc, char **argv)
{
  const char *pattern;
  int i = 1, status;

  tool_init (argv);
  for (; i < argc && argv[i][0] == '-'; i++) {
    if (is_option (argv[i], "-h", "--help")) {
      print_help ();
      return tool_finish (EXIT_SUCCESS);
    }
    if (is_option (argv[i], "-V", "--version")) {
      print_version ();
      return tool_finish (EXIT_SUCCESS);
    }
    if (is_option (argv[i], "-T", "--trace") && i + 1 < argc)
      pattern = argv[++i];
    else if (strncmp (argv[i], "--trace=", 8) == 0)
      pattern = argv[i] + 8;
    else
      return tool_usage (_("unrecognized option '%s'"), argv[i]);
    if ((status = set_trace (pattern)) >= 0)
      return tool_finish (status);
  }
  if (i == argc)
    return tool_usage (_("Not enough arguments"));
  return run_command (argv[i], argv + i);
}
