/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* randio: random operations on an image through the library, held against a flat shadow.
 *
 * randio [-s SEED] [-n OPS] [-t THREADS] [-c] [-r MAX-SIZE] [-w] [-p PASSWORD] [-o OPTIONS]
 *   IMAGE SHADOW
 *
 * SHADOW is a raw file with what IMAGE holds; it is rewritten at the end.  -c: compressed
 * clusters, too.  -r: grows the image, too.  -t: writes come from that many threads at once,
 * each with bytes of its own in every cluster.  -w: flushes wait for the disk.  -p: the image is
 * encrypted; OPTIONS may name the secret `sec0` as well.  The first difference ends it, with exit
 * code 1.
 */
#include <config.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/blkimg.h>
#include <blkimg/module.h>
#include <blkimg/overflow.h>

#include "tests/unit/seed.h"

enum { STRIPE = 3000, MAX_THREADS = 8, BATCH = 12 };

static const char *image, *shadow_name, *password, *more_options;
static struct img_objects *objects;
static struct img_opts *options;
static struct img_node *node;
static uint8_t *shadow, *scratch;
static uint64_t size, capacity, max_grown;
static uint64_t state;
static bool compress, waits;
static unsigned threads = 1;
static unsigned long op_number;

static void IMG_PRINTF (1, 2)
die (const char *fmt, ...)
{
  va_list ap;
  va_start (ap, fmt);
  fprintf (stderr, "randio: operation %lu: ", op_number);
  vfprintf (stderr, fmt, ap);
  fputc ('\n', stderr);
  va_end (ap);
  _exit (1);
}

static void
need (int r, const struct img_error *err, const char *what)
{
  if (r < 0)
    die ("%s: %s", what, err->message);
}

/* ---- keys ---- */

static void
take_password (void)
{
  struct img_error err = IMG_ERROR_INIT;
  char text[256];
  if (password == NULL)
    return;
  snprintf (text, sizeof text, "secret,id=sec0,data=%s", password);
  objects = img_objects_new ();
  options = img_opts_new ();
  need (img_objects_add (objects, text, &err), &err, "password");
  need (img_opts_set (options, "encrypt.key-secret", "sec0", &err), &err, "password");
  if (more_options)
    need (img_opts_parse (options, more_options, NULL, &err), &err, "options");
}

/* ---- the shadow ---- */

static void
load_shadow (void)
{
  int fd = open (shadow_name, O_RDONLY);
  struct stat st;
  if (fd < 0 || fstat (fd, &st) < 0)
    die ("cannot read %s", shadow_name);
  size = (uint64_t) st.st_size;
  capacity = img_max (size, max_grown);
  shadow = calloc (1, capacity + 1);
  scratch = malloc (capacity + 1);
  if (shadow == NULL || scratch == NULL)
    die ("out of memory");
  for (uint64_t at = 0; at < size;) {
    ssize_t n = pread (fd, shadow + at, size - at, (off_t) at);
    if (n <= 0)
      die ("cannot read %s", shadow_name);
    at += (uint64_t) n;
  }
  close (fd);
}

static void
save_shadow (void)
{
  static const uint8_t zeroes[4096];
  int fd = open (shadow_name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || ftruncate (fd, (off_t) size) < 0)
    die ("cannot write %s", shadow_name);
  for (uint64_t at = 0, n; at < size; at += n) {
    n = img_min (4096, size - at);
    if (memcmp (shadow + at, zeroes, n) != 0
        && pwrite (fd, shadow + at, n, (off_t) at) != (ssize_t) n)
      die ("cannot write %s", shadow_name);
  }
  if (close (fd) < 0)
    die ("cannot write %s", shadow_name);
}

/* ---- the image ---- */

static void
open_image (void)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_open_params params = {
    .struct_size = sizeof params, .format = "qcow2",
    .flags = IMG_OPENF_RDWR | (rnd_below (&state, 2) ? IMG_OPENF_UNMAP : 0),
    .cache = waits ? IMG_CACHE_WRITEBACK : IMG_CACHE_UNSAFE,
    .objects = objects,
    .extra = options,
  };
  node = img_open (image, &params, &err);
  if (node == NULL)
    die ("open: %s", err.message);
  if (img_size (node) != size)
    die ("the image has %llu bytes, not %llu", (unsigned long long) img_size (node),
         (unsigned long long) size);
}

static void
close_image (void)
{
  struct img_error err = IMG_ERROR_INIT;
  need (img_close (node, &err), &err, "close");
  node = NULL;
}

static void
verify (uint64_t offset, uint64_t length, const char *when)
{
  struct img_error err = IMG_ERROR_INIT;
  need (img_pread (node, scratch, length, offset, 0, &err), &err, "read");
  for (uint64_t i = 0; i < length; i++)
    if (scratch[i] != shadow[offset + i])
      die ("%s: byte 0x%llx is %02x, not %02x", when, (unsigned long long) (offset + i),
           scratch[i], shadow[offset + i]);
}

/* ---- ranges ---- */

static void
pick_range (uint64_t *s, uint64_t *offset, uint64_t *length)
{
  static const uint64_t lengths[] = { 511, 4096, 65536, 70000, 1 << 18, 1 << 21 };
  static const uint64_t aligns[] = { 1, 512, 512, 4096, 65536, 65536 };
  uint64_t align = aligns[rnd_below (s, 6)];
  *length = 1 + rnd_below (s, lengths[rnd_below (s, 6)]);
  *length = img_min (img_div_up (*length, align) * align, size);
  *offset = rnd_below (s, size - *length + 1);
  *offset -= *offset % align;
  if (rnd_below (s, 20) == 0)
    *offset = size - *length; /* the end has its own troubles */
}

/* ---- operations ---- */

static void
do_write (uint64_t *s, uint64_t offset, uint64_t length)
{
  struct img_error err = IMG_ERROR_INIT;
  if (rnd_below (s, 4))
    memset (shadow + offset, (int) rnd_below (s, 256), length); /* compresses well */
  else
    rnd_fill (s, shadow + offset, length);
  need (img_pwrite (node, shadow + offset, length, offset, 0, &err), &err, "write");
}

static void
do_zero (uint64_t *s, uint64_t offset, uint64_t length)
{
  struct img_error err = IMG_ERROR_INIT;
  unsigned flags = rnd_below (s, 2) ? IMG_IO_UNMAP : 0;
  memset (shadow + offset, 0, length);
  need (img_zero (node, offset, length, flags, &err), &err, "zero");
}

/* What is there afterwards is old or zero, and stays so. */
static void
do_discard (uint64_t offset, uint64_t length)
{
  struct img_error err = IMG_ERROR_INIT;
  need (img_discard (node, offset, length, 0, &err), &err, "discard");
  need (img_pread (node, scratch, length, offset, 0, &err), &err, "read");
  for (uint64_t i = 0; i < length; i++)
    if (scratch[i] != shadow[offset + i] && scratch[i] != 0)
      die ("discard: byte 0x%llx is %02x", (unsigned long long) (offset + i), scratch[i]);
  memcpy (shadow + offset, scratch, length);
}

static void
do_compress (uint64_t *s, uint64_t offset)
{
  struct img_error err = IMG_ERROR_INIT;
  const struct img_driver *d = img_driver_find ("qcow2", &err);
  uint64_t unit = img_node_limits (node)->encode_unit, alloc = img_node_limits (node)->alloc_unit;
  struct img_place place = { 0 };
  size_t encoded;
  offset -= offset % unit;
  uint64_t length = img_min (unit, size - offset);
  memset (shadow + offset, (int) rnd_below (s, 256), length);
  rnd_fill (s, shadow + offset, rnd_below (s, length + 1) / 2);
  int r = d->encode (node, shadow + offset, length, scratch, capacity, &encoded, &err);
  need (r, &err, "encode");
  if (r == 1) {
    need (img_pwrite (node, shadow + offset, length, offset, 0, &err), &err, "write");
    return;
  }
  length = img_div_up (length, alloc) * alloc;
  if (d->changing) /* as the core does */
    need (d->changing (node, offset, length, &err), &err, "changing");
  need (d->reserve (node, offset, length, encoded, IMG_PLACE_ENCODED, &place, &err), &err,
        "reserve");
  need (img_pwrite (img_child (node, place.child), scratch, encoded, place.host_offset, 0, &err),
        &err, "write of a stream");
  if (rnd_below (s, 16) == 0) { /* as after a failed write: the old data stays */
    d->abandon (node, &place);
    length = img_min (unit, size - offset);
    need (img_pread (node, shadow + offset, length, offset, 0, &err), &err, "read");
    return;
  }
  need (d->commit (node, &place, &err), &err, "commit");
}

static void
do_resize (uint64_t *s)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t more = rnd_below (s, 3) ? rnd_below (s, 300000) : rnd_below (s, max_grown / 4 + 1);
  uint64_t new = (size + more) & ~511ull;
  enum img_prealloc prealloc = (enum img_prealloc) rnd_below (s, 4);
  if (new > max_grown || new < size)
    return;
  need (img_resize (node, new, prealloc, 0, &err), &err, "resize");
  memset (shadow + size, 0, new - size);
  uint64_t old = size;
  size = new;
  verify (old, new - old, "after a resize");
}

static void
one_operation (void)
{
  uint64_t offset, length, what = rnd_below (&state, 100);
  struct img_error err = IMG_ERROR_INIT;
  pick_range (&state, &offset, &length);
  if (what < 45)
    do_write (&state, offset, length);
  else if (what < 60)
    do_zero (&state, offset, length);
  else if (what < 68)
    do_discard (offset, length);
  else if (what < 82)
    compress ? do_compress (&state, offset) : do_write (&state, offset, length);
  else if (what < 92)
    verify (offset, length, "at random");
  else if (what < 95)
    need (img_flush (node, &err), &err, "flush");
  else if (what < 97)
    close_image (), open_image ();
  else if (max_grown)
    do_resize (&state);
}

/* ---- many at once ---- */

struct worker {
  pthread_t thread;
  unsigned number;
  uint64_t state;
};

/* Writes and zeroes in stripes of its own, which share clusters with the others'. */
static void *
work (void *arg)
{
  struct worker *w = arg;
  uint64_t stripes = size / STRIPE / threads;
  for (int i = 0; i < BATCH && stripes > 0; i++) {
    uint64_t start = (rnd_below (&w->state, stripes) * threads + w->number) * STRIPE;
    uint64_t from = rnd_below (&w->state, STRIPE);
    uint64_t length = 1 + rnd_below (&w->state, STRIPE - from);
    if (rnd_below (&w->state, 4))
      do_write (&w->state, start + from, length);
    else
      do_zero (&w->state, start + from, length);
  }
  return NULL;
}

static void
run_threads (void)
{
  struct worker w[MAX_THREADS];
  for (unsigned i = 0; i < threads; i++) {
    w[i].number = i;
    w[i].state = rnd (&state);
    if (pthread_create (&w[i].thread, NULL, work, &w[i]) != 0)
      die ("cannot start a thread");
  }
  for (unsigned i = 0; i < threads; i++)
    pthread_join (w[i].thread, NULL);
}

int
main (int argc, char **argv)
{
  unsigned long ops = 100, seed = 0;
  bool seeded = false;
  int c;
  while ((c = getopt (argc, argv, "s:n:t:r:cwp:o:")) != -1) {
    switch (c) {
    case 's': seed = strtoul (optarg, NULL, 10), seeded = true; break;
    case 'n': ops = strtoul (optarg, NULL, 10); break;
    case 't': threads = (unsigned) strtoul (optarg, NULL, 10); break;
    case 'r': max_grown = strtoull (optarg, NULL, 10); break;
    case 'c': compress = true; break;
    case 'w': waits = true; break;
    case 'p': password = optarg; break;
    case 'o': more_options = optarg; break;
    default: return 2;
    }
  }
  if (argc - optind != 2 || threads < 1 || threads > MAX_THREADS)
    return 2;
  image = argv[optind];
  shadow_name = argv[optind + 1];
  state = seeded ? seed : test_seed ();
  take_password ();
  load_shadow ();
  open_image ();
  verify (0, size, "at the start");
  for (op_number = 1; op_number <= ops; op_number++) {
    if (threads > 1)
      run_threads ();
    one_operation ();
  }
  verify (0, size, "at the end");
  close_image ();
  open_image ();
  verify (0, size, "after the end");
  close_image ();
  save_shadow ();
  img_opts_free (options);
  img_objects_free (objects);
  return 0;
}
