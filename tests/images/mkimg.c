/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mkimg SPEC FILE: makes a small image from a text that says what stands where, so that an image in
 * a test can be read, and a broken one is its sound sister and one line.
 *
 *   include PATH     another spec first (relative to this one)
 *   @N               go on at offset N
 *   b8 b16 b32 b64   numbers that follow are big endian of that width; l8 ... l64: little endian
 *   N  N*COUNT       a number, COUNT times; decimal or 0x..., with K M G T
 *   "text"           bytes; \xNN, \\ and \"
 *   size N           the file has N bytes (the default is what was written)
 *   # ...            a comment to the end of the line
 *
 * What was not written is a hole.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct maker {
  int fd;
  uint64_t pos;
  unsigned width; /* bytes of a number */
  int little;
  const char *name; /* of the spec being read */
  unsigned line;
};

__attribute__ ((format (printf, 2, 3), noreturn))
static void
die (const struct maker *m, const char *fmt, ...)
{
  va_list args;
  fprintf (stderr, "mkimg: %s:%u: ", m->name, m->line);
  va_start (args, fmt);
  vfprintf (stderr, fmt, args);
  va_end (args);
  fputc ('\n', stderr);
  exit (1);
}

static uint64_t
number (const struct maker *m, const char *s, char **end)
{
  static const char units[] = "KMGT";
  errno = 0;
  uint64_t n = strtoull (s, end, 0);
  const char *unit = **end ? strchr (units, **end) : NULL;
  if (*end == s || errno)
    die (m, "not a number: %s", s);
  if (unit) {
    n <<= 10 * (unit - units + 1);
    (*end)++;
  }
  return n;
}

static void
write_bytes (struct maker *m, const void *p, size_t n)
{
  if (pwrite (m->fd, p, n, (off_t) m->pos) != (ssize_t) n)
    die (m, "cannot write: %s", strerror (errno));
  m->pos += n;
}

static void
write_number (struct maker *m, const char *s)
{
  char *end;
  uint64_t n = number (m, s, &end), times = 1;
  uint8_t bytes[8];
  if (*end == '*')
    times = number (m, end + 1, &end);
  if (*end || m->width == 0)
    die (m, "what is this: %s", s);
  for (unsigned i = 0; i < m->width; i++)
    bytes[i] = (uint8_t) (n >> 8 * (m->little ? i : m->width - 1 - i));
  while (times-- > 0)
    write_bytes (m, bytes, m->width);
}

/* From the opening quote; returns what is behind the closing one. */
static char *
write_text (struct maker *m, char *s)
{
  for (s++; *s && *s != '"'; s++) {
    char c = *s;
    unsigned x;
    if (c == '\\' && s[1] == 'x' && sscanf (s + 2, "%2x", &x) == 1) {
      c = (char) x;
      s += 3;
    } else if (c == '\\') {
      c = *++s;
    }
    write_bytes (m, &c, 1);
  }
  if (*s != '"')
    die (m, "a text does not end");
  return s + 1;
}

static void read_spec (struct maker *m, const char *name);

static void
word (struct maker *m, const char *w)
{
  char *end;
  unsigned bits;
  if (*w == '@')
    m->pos = number (m, w + 1, &end);
  else if ((*w == 'b' || *w == 'l') && sscanf (w + 1, "%u", &bits) == 1) {
    m->width = bits / 8;
    m->little = *w == 'l';
    if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
      die (m, "what is this: %s", w);
  } else
    write_number (m, w);
}

/* "include PATH" and "size N" take the rest of their line.  1: LINE was one of them. */
static int
directive (struct maker *m, char *line)
{
  char *end, path[4096];
  line += strspn (line, " \t");
  line[strcspn (line, "\n")] = '\0';
  if (strncmp (line, "size ", 5) == 0) {
    if (ftruncate (m->fd, (off_t) number (m, line + 5, &end)) < 0)
      die (m, "cannot set the size: %s", strerror (errno));
    return 1;
  }
  if (strncmp (line, "include ", 8) != 0)
    return 0;
  const char *slash = strrchr (m->name, '/');
  struct maker outer = *m;
  snprintf (path, sizeof path, "%.*s%s", slash ? (int) (slash + 1 - m->name) : 0, m->name,
            line + 8);
  read_spec (m, path);
  m->name = outer.name;
  m->line = outer.line;
  return 1;
}

static void
read_line (struct maker *m, char *line)
{
  if (directive (m, line))
    return;
  while (*(line += strspn (line, " \t")) && *line != '#') {
    if (*line == '"') {
      line = write_text (m, line);
      continue;
    }
    char *end = line + strcspn (line, " \t");
    char after = *end;
    *end = '\0';
    word (m, line);
    *end = after;
    line = end;
  }
}

static void
read_spec (struct maker *m, const char *name)
{
  char line[4096];
  FILE *f = fopen (name, "r");
  m->name = name;
  m->line = 0;
  if (f == NULL)
    die (m, "%s", strerror (errno));
  while (m->line++, fgets (line, sizeof line, f))
    read_line (m, line);
  fclose (f);
}

int
main (int argc, char **argv)
{
  struct maker m = { .name = "mkimg" };
  if (argc != 3)
    die (&m, "usage: mkimg SPEC FILE");
  m.fd = open (argv[2], O_RDWR | O_CREAT | O_TRUNC, 0666);
  if (m.fd < 0)
    die (&m, "%s: %s", argv[2], strerror (errno));
  read_spec (&m, argv[1]);
  return close (m.fd) < 0;
}
