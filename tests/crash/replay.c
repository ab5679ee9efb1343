/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay - power cuts: every state of the files that a cut may leave while a command runs.
 *
 *   replay [OPTION]... LOG START IMAGE VIEW...
 *   replay -k [OPTION]... START IMAGE VIEW...    # judges the files as they are: after a kill
 *
 * LOG is what record.c wrote while a command worked on copies of the files in START; the current
 * folder holds further copies, which are changed from state to state.  States: every prefix of
 * the log; and after each entry SAMPLES (default 12) in which of all that was not flushed since any
 * part is there, each write whole, not at all, or torn at a sector.  In each state the check of
 * IMAGE may find leaks only, and IMAGE must read like one of the raw files VIEW.  Exit code 1 and a
 * line for the first states where that is not so.
 *
 *   -s SEED, -n SAMPLES
 *   -m              each sector like that of one VIEW or another
 *   -A              while the autoclear feature bit 63 is set, IMAGE reads like the first VIEW
 *   -w              IMAGE is wrong from the start: the check finds no more than it does there,
 *                   and each sector that can be read there reads the same; no VIEW is needed
 *   -W REPAIRED     the same, but a repair is what was cut short: COPIED flags do not count, and
 *                   another repair must leave no more than there is in REPAIRED
 *   -l NAME=VIEW    the snapshot NAME reads like VIEW; -L NAME=VIEW: if it is there
 *   -b NAME=VIEW    the bitmap NAME has marked all in which IMAGE differs from VIEW, or says that
 *                   it is not to be trusted, or is not there
 *   -h SHADOW       LOG has the writes into this raw file, too: each after the same change of
 *                   IMAGE, and a flush of it after one of IMAGE; each byte reads as it was at the
 *                   last flush or was written since; no VIEW is needed
 *   -a NAME         where IMAGE does not open for its passphrase, NAME must
 *   -u N=NAME       of a LUKS image, while key slot N is in use, NAME opens, which has its
 *                   passphrase; when it is no longer, its key material is not there any more
 *   -O OBJECT       --object for all that is opened; IMAGE may be a json: name */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/module.h>
#include <blkimg/overflow.h>

#include "tests/crash/replay.h"
#include "tests/unit/seed.h"

struct run run = { .samples = 12, .shadow_file = -1 };

void
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

void *
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

void
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
  if (run.n_files == 0)
    run.at_start = load (run.start, f->name);
  if (run.shadow && strcmp (f->name, run.shadow) == 0)
    run.shadow_file = (int) run.n_files;
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
    if (c->e.kind == LOG_FILE || c->e.kind == LOG_FLUSH || (int) c->e.file == run.shadow_file)
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

/* TEXT is NAME=VIEW; to the *N of V. */
static void
add_named (struct snapshot *v, unsigned *n, const char *text, bool must)
{
  const char *view = strchr (text, '=');

  if (*n == MANY || view == NULL)
    die ("strange snapshots or bitmaps");
  v[(*n)++] = (struct snapshot) { strndup (text, (size_t) (view - text)), load ("", view + 1),
                                  must };
}

static void
add_object (const char *text)
{
  struct img_error err = IMG_ERROR_INIT;

  if (run.objects == NULL)
    run.objects = img_objects_new ();
  if (run.objects == NULL || img_objects_add (run.objects, text, &err) < 0)
    die ("%s", err.message);
}

/* TEXT is N=NAME. */
static void
set_slot (const char *text)
{
  char *end;

  run.slot = (unsigned) strtoul (text, &end, 10);
  if (run.slot > 7 || *end != '=')
    die ("strange key slot");
  run.by_slot = end + 1;
}

static void
take_option (int c)
{
  switch (c) {
  case 's': run.random = strtoull (optarg, NULL, 0); break;
  case 'n': run.samples = (unsigned) atoi (optarg); break;
  case 'm': run.mixed = true; break;
  case 'w': run.wrong = true; break;
  case 'W': run.wrong = true, run.repaired = optarg; break;
  case 'k': run.killed = true; break;
  case 'A': run.autoclear = true; break;
  case 'l': add_named (run.snapshots, &run.n_snapshots, optarg, true); break;
  case 'L': add_named (run.snapshots, &run.n_snapshots, optarg, false); break;
  case 'b': add_named (run.bitmaps, &run.n_bitmaps, optarg, false); break;
  case 'h': run.shadow = optarg; break;
  case 'a': run.other = optarg; break;
  case 'u': set_slot (optarg); break;
  case 'O': add_object (optarg); break;
  default: exit (99);
  }
}

int
main (int argc, char **argv)
{
  char wrong[4096];
  int c;

  while ((c = getopt (argc, argv, "s:n:mwW:kAl:L:b:h:a:u:O:")) != -1)
    take_option (c);
  argv += optind + (run.killed ? -1 : 0); /* there is no LOG */
  argc -= optind + (run.killed ? -1 : 0);
  if (argc < 3 + (!run.wrong && !run.shadow) || (run.shadow && run.killed) || argc > 3 + MANY)
    die ("usage: replay [OPTION]... LOG START IMAGE VIEW...");
  run.start = argv[1];
  run.image = argv[2];
  for (int i = 3; i < argc; i++)
    run.views[run.n_views++] = load ("", argv[i]);
  snprintf (wrong, sizeof wrong, "%s/%s", run.start, run.image);
  if (run.wrong)
    look_at_wrong (wrong);
  if (run.killed) {
    judge ("killed", 0);
  } else {
    read_log (argv[0]);
    replay ();
    printf ("%u states, %u bad\n", run.states, run.bad);
  }
  return run.bad > 0;
}
