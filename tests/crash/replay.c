/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay - power cuts: every state of the files that a cut may leave while a command runs.
 *
 *   replay [-s SEED] [-n SAMPLES] [-m] LOG START IMAGE VIEW...
 *
 * LOG is what record.c wrote while a command worked on copies of the files in START; the current
 * folder holds further copies, which are changed from state to state.  States: every prefix of
 * the log; and after each entry SAMPLES (default 12) in which of all that was not flushed since any
 * part is there, each write whole, not at all, or torn at a sector.  In each state the check of
 * IMAGE may find leaks only, and IMAGE must read like one of the raw files VIEW (-m: each sector
 * like that of one of them).  Exit code 1 and a line for the first states where that is not so. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/blkimg.h>
#include <blkimg/module.h>
#include <blkimg/overflow.h>
#include <blkimg/vec.h>

#include "tests/crash/log.h"
#include "tests/unit/seed.h"

enum { MOST = 64 << 20, FILES = 64, SECTOR = 512, ENOUGH = 3 };

struct change {
  struct log_entry e;
  const uint8_t *bytes;
};

struct state {
  uint8_t *bytes; /* MOST */
  uint64_t size;
};

struct file {
  char *name;
  struct state full, durable, shown;
  IMG_VEC (const struct change *) loose; /* since the last flush, in order */
};

static struct {
  IMG_VEC (struct change) log;
  struct file files[FILES];
  unsigned n_files;
  const char *start, *image;
  struct state views[8];
  unsigned n_views, samples;
  bool mixed;
  uint64_t random;
  unsigned states, bad;
} run = { .samples = 12 };

static void IMG_PRINTF (1, 2)
die (const char *fmt, ...)
{
  va_list ap;
  va_start (ap, fmt);
  fputs ("replay: ", stderr);
  vfprintf (stderr, fmt, ap);
  fputc ('\n', stderr);
  va_end (ap);
  exit (99);
}

/* ---- files ---- */

static void *
room (uint64_t n)
{
  void *p = calloc (1, n);
  if (p == NULL)
    die ("no memory");
  return p;
}

/* What FOLDER/NAME holds; nothing where there is no such file. */
static struct state
load (const char *folder, const char *name)
{
  struct state s = { room (MOST), 0 };
  char path[4096];
  ssize_t n;

  snprintf (path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name);
  int fd = open (path, O_RDONLY);
  if (fd < 0 && errno == ENOENT && *folder)
    return s;
  while (fd >= 0 && (n = read (fd, s.bytes + s.size, MOST - s.size)) > 0)
    s.size += (uint64_t) n;
  if (fd < 0 || n < 0 || s.size == MOST)
    die ("cannot read %s", path);
  close (fd);
  return s;
}

static void
copy_state (struct state *to, const struct state *from)
{
  memcpy (to->bytes, from->bytes, img_max (from->size, to->size));
  to->size = from->size;
}

/* Makes the file look like S, writing only where that differs from what is there. */
static void
show (struct file *f, const struct state *s)
{
  enum { PIECE = 64 << 10 };
  int fd = open (f->name, O_RDWR | O_CREAT, 0666);

  if (fd < 0 || ftruncate (fd, (off_t) s->size) < 0)
    die ("cannot change %s", f->name);
  for (uint64_t at = 0; at < s->size; at += PIECE) {
    uint64_t n = img_min (PIECE, s->size - at);
    if (at + n <= f->shown.size && memcmp (f->shown.bytes + at, s->bytes + at, n) == 0)
      continue;
    if (pwrite (fd, s->bytes + at, n, (off_t) at) != (ssize_t) n)
      die ("cannot write %s", f->name);
  }
  close (fd);
  copy_state (&f->shown, s);
}

/* ---- changes ---- */

/* [from, end) of what C changes; a change of the size is whole. */
static void
apply (struct state *s, const struct change *c, uint64_t from, uint64_t end)
{
  const struct log_entry *e = &c->e;

  if (e->kind == LOG_SIZE) {
    if (e->offset < s->size)
      memset (s->bytes + e->offset, 0, s->size - e->offset);
    s->size = e->offset;
  } else if (from < end && e->kind == LOG_WRITE) {
    memcpy (s->bytes + e->offset + from, c->bytes + from, end - from);
    s->size = img_max (s->size, e->offset + end);
  } else if (from < end && e->kind == LOG_ZERO && e->offset + from < s->size) {
    memset (s->bytes + e->offset + from, 0, img_min (end, s->size - e->offset) - from);
  }
}

/* Every file's durable state and some of what came since. */
static void
apply_some (void)
{
  uint64_t taste = rnd_below (&run.random, 4);

  for (unsigned i = 0; i < run.n_files; i++) {
    struct file *f = &run.files[i];
    struct state s = { room (MOST), 0 };
    copy_state (&s, &f->durable);
    for (size_t k = 0; k < f->loose.n; k++) {
      uint64_t length = f->loose.v[k]->e.length;
      uint64_t edge = rnd_below (&run.random, length / SECTOR + 1) * SECTOR;
      switch (taste == 1 ? 0 : rnd_below (&run.random, 6)) {
      case 0: case 1:
        apply (&s, f->loose.v[k], 0, length);
        break;
      case 2:
        apply (&s, f->loose.v[k], 0, edge);
        break;
      case 3:
        apply (&s, f->loose.v[k], edge, length);
        break;
      default: /* not there; with taste 0 most are missing, with taste 1 one file is */
        break;
      }
      if (taste == 0 && rnd_below (&run.random, 2))
        k++;
    }
    show (f, taste == 1 && rnd_below (&run.random, 2) ? &f->durable : &s);
    free (s.bytes);
  }
}

/* ---- what must hold ---- */

static bool
complain (const char *where, const char *what)
{
  if (run.bad++ < ENOUGH)
    printf ("%s: %s\n", where, what);
  return false;
}

static bool
is_view (const struct state *view, const uint8_t *bytes, uint64_t size)
{
  return view->size == size && memcmp (view->bytes, bytes, size) == 0;
}

static bool
reads_right (const uint8_t *bytes, uint64_t size)
{
  bool right = false;

  for (unsigned i = 0; i < run.n_views && !right; i++)
    right = is_view (&run.views[i], bytes, size);
  if (right || !run.mixed || size > run.views[0].size)
    return right;
  right = true;
  for (uint64_t at = 0; at < size && right; at += SECTOR) {
    uint64_t n = img_min (SECTOR, size - at);
    right = false;
    for (unsigned i = 0; i < run.n_views && !right; i++)
      right = memcmp (run.views[i].bytes + at, bytes + at, n) == 0;
  }
  return right;
}

static bool
check_leaks_only (const char *where)
{
  struct img_open_params params = { .struct_size = sizeof params,
                                    .flags = IMG_OPENF_CHECK | IMG_OPENF_NO_BACKING };
  struct img_check check = { .struct_size = sizeof check };
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node = img_open (run.image, &params, &err);
  char text[80];

  if (node == NULL)
    return complain (where, err.message);
  int r = img_check (node, &check, 0, &err);
  img_close (node, NULL);
  if (r < 0)
    return complain (where, err.message);
  snprintf (text, sizeof text, "%ju corruptions, %ju errors", (uintmax_t) check.corruptions,
            (uintmax_t) check.check_errors);
  return check.corruptions + check.check_errors == 0 || complain (where, text);
}

static bool
reads_as_wanted (const char *where)
{
  struct img_open_params params = { .struct_size = sizeof params };
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node = img_open (run.image, &params, &err);
  uint64_t size = node ? img_size (node) : 0;

  if (node == NULL)
    return complain (where, err.message);
  if (size > MOST)
    die ("%s is too long", run.image);
  uint8_t *bytes = room (size + 1);
  int r = img_pread (node, bytes, size, 0, 0, &err);
  bool right = r == 0 && reads_right (bytes, size);
  free (bytes);
  img_close (node, NULL);
  return right || complain (where, r < 0 ? err.message : "reads as neither of what it may");
}

static void
judge (const char *what, size_t at)
{
  char where[80];

  run.states++;
  snprintf (where, sizeof where, "%s, entry %zu of %zu", what, at, run.log.n);
  if (check_leaks_only (where))
    reads_as_wanted (where);
}

/* ---- the log ---- */

static void
add_file (const struct change *c)
{
  struct file *f = &run.files[c->e.file];

  if (c->e.file >= FILES || c->e.file != run.n_files)
    die ("strange log");
  f->name = strndup ((const char *) c->bytes, c->e.length);
  f->full = load (run.start, f->name);
  f->durable = load (run.start, f->name);
  f->shown = load (run.start, f->name);
  run.n_files++;
}

static void
read_log (const char *name)
{
  struct state log = load ("", name);
  uint64_t at = 0;

  while (at + sizeof (struct log_entry) <= log.size) {
    struct change c;
    memcpy (&c.e, log.bytes + at, sizeof c.e);
    at += sizeof c.e;
    c.bytes = log.bytes + at;
    if (c.e.kind == LOG_FILE || c.e.kind == LOG_WRITE)
      at += c.e.length;
    if (at > log.size || img_vec_push (&run.log, c) < 0)
      die ("strange log");
  }
  if (run.log.n == 0)
    die ("nothing was recorded");
}

static void
step (struct change *c)
{
  struct file *f = &run.files[c->e.file];

  if (c->e.kind == LOG_FILE) {
    add_file (c);
  } else if (c->e.kind == LOG_FLUSH) {
    copy_state (&f->durable, &f->full);
    f->loose.n = 0;
  } else {
    if (c->e.offset + c->e.length > MOST || img_vec_push (&f->loose, c) < 0)
      die ("%s becomes too long", f->name);
    apply (&f->full, c, 0, c->e.length);
  }
}

static void
replay (void)
{
  for (size_t i = 0; i < run.log.n; i++) {
    struct change *c = &run.log.v[i];
    step (c);
    if (c->e.kind == LOG_FILE || c->e.kind == LOG_FLUSH)
      continue;
    show (&run.files[c->e.file], &run.files[c->e.file].full);
    judge ("cut short", i + 1);
    for (unsigned s = 0; s < run.samples; s++) {
      apply_some ();
      judge ("out of order", i + 1);
    }
    for (unsigned k = 0; k < run.n_files; k++)
      show (&run.files[k], &run.files[k].full);
  }
}

int
main (int argc, char **argv)
{
  int c;

  while ((c = getopt (argc, argv, "s:n:m")) != -1) {
    if (c == 's')
      run.random = strtoull (optarg, NULL, 0);
    else if (c == 'n')
      run.samples = (unsigned) atoi (optarg);
    else if (c == 'm')
      run.mixed = true;
    else
      return 99;
  }
  if (argc - optind < 4 || argc - optind > 11)
    die ("usage: replay [-s SEED] [-n SAMPLES] [-m] LOG START IMAGE VIEW...");
  run.start = argv[optind + 1];
  run.image = argv[optind + 2];
  for (int i = optind + 3; i < argc; i++)
    run.views[run.n_views++] = load ("", argv[i]);
  read_log (argv[optind]);
  replay ();
  printf ("%u states, %u bad\n", run.states, run.bad);
  return run.bad > 0;
}
