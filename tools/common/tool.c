/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frame of every command.
 *
 * Owns: locale, the name in messages, drop-in mode, the way out.  Refuses: work that the command
 * may not need; start-up is what short commands cost. */

#include <config.h>

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/blkimg.h>
#include <blkimg/i18n.h>

#include "common/opt.h"
#include "common/tool.h"

#define COMPAT_NAME "qemu-img"

static const char *name = "img";
static bool compat;
static int trouble_status = EXIT_FAILURE;

#if ENABLE_NLS
/* Is there anything to translate to?  Setting up a locale costs as much as opening an image. */
static bool
speaks_other (void)
{
  static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
  const char *value = NULL, *language;

  for (unsigned i = 0; i < 3 && (value == NULL || *value == '\0'); i++)
    value = getenv (names[i]);
  if (value == NULL || *value == '\0' || strcmp (value, "C") == 0 || strcmp (value, "POSIX") == 0)
    return false;
  /* C.UTF-8 says nothing of the language, LANGUAGE may. */
  language = getenv ("LANGUAGE");
  return strncmp (value, "C.", 2) != 0 || (language && *language);
}
#endif

void
tool_init (char **argv)
{
  const char *slash;

  if (argv[0] && *argv[0]) {
    slash = strrchr (argv[0], '/');
    name = slash ? slash + 1 : argv[0];
    argv[0] = (char *) name; /* getopt's messages begin with it */
  }
  compat = strcmp (name, COMPAT_NAME) == 0;
#if ENABLE_NLS
  const char *uninstalled = secure_getenv ("BLKIMG_LOCALE_PATH");
  /* The other tool speaks English only, and programs read it.  Not LC_NUMERIC: they read our
   * numbers, too. */
  if (!compat && speaks_other ()) {
    setlocale (LC_CTYPE, "");
    setlocale (LC_MESSAGES, "");
    bindtextdomain ("blkimg", uninstalled ? uninstalled : IMG_LOCALEDIR);
  }
#endif
  signal (SIGPIPE, SIG_IGN);
}

const char *
tool_name (void)
{
  return name;
}

bool
tool_compat (void)
{
  return compat;
}

int
tool_finish (int status)
{
  if (fflush (stdout) == 0 && !ferror (stdout))
    return status;
  if (errno != EPIPE)
    tool_say (_("standard output: %s"), strerror (errno));
  return status > EXIT_FAILURE ? status : trouble_status;
}

/* ---- tracing ---- */

static void
print_events (void)
{
  for (const struct img_trace_event *e = img_trace_events (); e->name; e++)
    if (compat)
      printf ("%s\n", e->name);
    else
      printf ("%-20s %s\n", e->name, e->arguments);
}

/* A name without wildcards that no event has is a slip. */
static void
warn_unknown (const char *text)
{
  size_t n = strcspn (text, ",");
  const struct img_trace_event *e = img_trace_events ();
  char word[100];

  if (strncmp (text, "enable=", 7) == 0)
    text += 7, n -= 7;
  if (*text == '-')
    text++, n--;
  snprintf (word, sizeof word, "%.*s", (int) n, text);
  if (n == 0 || strpbrk (word, "*?[="))
    return;
  while (e->name && strcmp (e->name, word) != 0)
    e++;
  if (e->name == NULL)
    tool_say (_("warning: trace event '%s' does not exist"), word);
}

/* What the environment asks for comes before what options say.  Not for --help. */
static int
trace_environment (struct img_error *err)
{
  static bool done;

  if (done)
    return 0;
  done = true;
  return img_trace_init (err);
}

int
tool_trace (const char *text)
{
  struct img_error err = IMG_ERROR_INIT;

  if (strcmp (text, "help") == 0 || strcmp (text, "?") == 0) {
    print_events ();
    return EXIT_SUCCESS;
  }
  warn_unknown (text);
  if (trace_environment (&err) < 0 || img_trace_set (text, &err) < 0)
    return tool_fail (&err);
  return -1;
}

/* ---- the frame ---- */

int
tool_main (int argc, char **argv, const struct command *command, void *args)
{
  struct img_error err = IMG_ERROR_INIT;
  int status, n;

  tool_init (argv);
  status = opt_parse (command, argc, argv, args, &n);
  if (status < 0 && trace_environment (&err) < 0)
    status = tool_fail (&err);
  if (status < 0)
    status = command->run (args, n, argv + argc - n);
  return tool_finish (status);
}

/* ---- messages ---- */

IMG_PRINTF (1, 0)
static void
vsay (const char *fmt, va_list ap)
{
  fflush (stdout);
  fprintf (stderr, "%s: ", name);
  vfprintf (stderr, fmt, ap);
  fputc ('\n', stderr);
}

void
tool_say (const char *fmt, ...)
{
  va_list ap;

  va_start (ap, fmt);
  vsay (fmt, ap);
  va_end (ap);
}

int
tool_fail (const struct img_error *err)
{
  tool_say ("%s", err->message);
  if (*err->hint)
    fprintf (stderr, "%s\n", err->hint);
  return EXIT_FAILURE;
}

int
tool_usage_status (void)
{
  return compat ? 1 : 64; /* EX_USAGE */
}

int
tool_usage (const char *fmt, ...)
{
  va_list ap;

  va_start (ap, fmt);
  vsay (fmt, ap);
  va_end (ap);
  fprintf (stderr, _("Try '%s --help' for more information\n"), name);
  return tool_usage_status ();
}

void
tool_set_trouble (int status)
{
  trouble_status = status;
}

const char *
tool_temporary_folder (void)
{
  const char *folder = getenv ("TMPDIR");

  return folder && *folder ? folder : "/tmp";
}

void
tool_no_memory (void)
{
  tool_say ("%s", strerror (ENOMEM));
  exit (trouble_status);
}
