/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tables.c - the cache of metadata tables: L2 slices, refcount blocks.
 *
 * Owns: finding a table by its file offset, loading (runs of adjoining tables in one read),
 * choosing a victim by the clock rule, writing dirty tables out in runs.  Refuses: to decide on its
 * own when to write (a dirty table is never a victim; the cache grows instead), and to judge
 * contents.
 *
 * A loading table is in the hash with state LOADING, so that threads that want the same one wait
 * for one read.  Table memory is made once and used again; nothing is allocated a look-up.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2.h"

enum { TABLE_FREE, TABLE_LOADING, TABLE_READY };

enum {
  RUN_BYTES = 256 << 10, /* longest read of adjoining tables */
  LARGE = 64 << 10, /* tables of that size are read one by one: more would only be copied */
  MAX_RUN = RUN_BYTES >> QCOW2_MIN_CLUSTER_BITS,
  WRITE_BYTES = 1 << 20, /* longest write of adjoining dirty tables */
  PASSING = 256 << 10, /* what a walk from table to table needs of the budget */
  MIN_TABLES = 4
};

struct qcow2_cache {
  struct img_node *file;
  const char *load, *update; /* events */
  uint32_t size; /* of one table */
  size_t budget; /* tables that we may hold */
  size_t hand, n_dirty;
  struct qcow2_table **tables; /* all made so far */
  size_t n, cap;
  struct qcow2_table **hash;
  size_t hash_mask;
  uint8_t *scratch; /* RUN_BYTES for the next run read; NULL while one uses it */
  pthread_mutex_t lock;
  pthread_cond_t loaded;
};

struct qcow2_cache *
qcow2_cache_new (struct img_node *file, uint32_t table_size, uint64_t budget,
                 struct img_error *err)
{
  struct qcow2_cache *cache = calloc (1, sizeof *cache);
  size_t buckets = 16;
  if (cache == NULL)
    goto oom;
  cache->file = file;
  cache->size = table_size;
  cache->budget = budget / table_size < MIN_TABLES ? MIN_TABLES : budget / table_size;
  while (buckets < cache->budget && buckets < (1u << 20))
    buckets *= 2;
  cache->hash_mask = buckets - 1;
  cache->hash = calloc (buckets, sizeof (struct qcow2_table *));
  if (cache->hash == NULL)
    goto oom;
  pthread_mutex_init (&cache->lock, NULL);
  pthread_cond_init (&cache->loaded, NULL);
  return cache;
oom:
  free (cache);
  img_error_set (err, ENOMEM, _("out of memory"));
  return NULL;
}

void
qcow2_cache_free (struct qcow2_cache *cache)
{
  if (cache == NULL)
    return;
  for (size_t i = 0; i < cache->n; i++) {
    free (cache->tables[i]->bytes);
    free (cache->tables[i]);
  }
  pthread_mutex_destroy (&cache->lock);
  pthread_cond_destroy (&cache->loaded);
  free (cache->tables);
  free (cache->hash);
  free (cache->scratch);
  free (cache);
}

/* ---- the hash; all of this under the mutex ---- */

static struct qcow2_table **
bucket (struct qcow2_cache *cache, uint64_t offset)
{
  uint64_t h = offset / cache->size * 0x9e3779b97f4a7c15ull;
  return &cache->hash[(h >> 32) & cache->hash_mask];
}

static struct qcow2_table *
find (struct qcow2_cache *cache, uint64_t offset)
{
  struct qcow2_table *t = *bucket (cache, offset);
  while (t && t->offset != offset)
    t = t->next;
  return t;
}

static void
unhash (struct qcow2_cache *cache, struct qcow2_table *t)
{
  struct qcow2_table **p = bucket (cache, t->offset);
  while (*p != t)
    p = &(*p)->next;
  *p = t->next;
  t->state = TABLE_FREE;
  t->used = false;
}

static struct qcow2_table *
make_table (struct qcow2_cache *cache)
{
  if (cache->n == cache->cap) {
    size_t cap = cache->cap ? cache->cap * 2 : 16;
    struct qcow2_table **p = realloc (cache->tables, cap * sizeof *p);
    if (p == NULL)
      return NULL;
    cache->tables = p;
    cache->cap = cap;
  }
  struct qcow2_table *t = calloc (1, sizeof *t);
  void *bytes = NULL;
  if (t == NULL || posix_memalign (&bytes, cache->size < 4096 ? cache->size : 4096, cache->size)) {
    free (t);
    return NULL;
  }
  t->bytes = bytes;
  cache->tables[cache->n++] = t;
  return t;
}

/* A table that nobody uses and that needs no write; NULL when there is none. */
static struct qcow2_table *
victim (struct qcow2_cache *cache)
{
  for (size_t left = 2 * cache->n; left > 0; left--) {
    struct qcow2_table *t = cache->tables[cache->hand];
    cache->hand = (cache->hand + 1) % cache->n;
    if (t->pins > 0 || t->dirty || t->state == TABLE_LOADING)
      continue;
    if (!t->used)
      return t;
    t->used = false;
  }
  return NULL;
}

/* A pinned table for OFFSET in state LOADING, of ENOUGH or, when none of these is free, of as many
 * as the budget allows.  MUST: grow past it rather than fail. */
static struct qcow2_table *
claim (struct qcow2_cache *cache, uint64_t offset, size_t enough, bool must)
{
  struct qcow2_table *t = cache->n < enough ? make_table (cache) : victim (cache);
  if (t == NULL && (must || cache->n < cache->budget))
    t = make_table (cache);
  if (t == NULL)
    return NULL;
  if (t->state != TABLE_FREE)
    unhash (cache, t);
  struct qcow2_table **head = bucket (cache, offset);
  t->offset = offset;
  t->next = *head;
  *head = t;
  t->pins = 1;
  t->used = true;
  t->state = TABLE_LOADING;
  return t;
}

void
qcow2_cache_events (struct qcow2_cache *cache, const char *load, const char *update)
{
  cache->load = load;
  cache->update = update;
}

/* ---- loading ---- */

/* Reads N adjoining tables; several go through one buffer. */
static int
read_run (struct qcow2_cache *cache, struct qcow2_table **run, size_t n, struct img_error *err)
{
  uint64_t offset = run[0]->offset;
  IMG_TRACE ("qcow2_table_read", cache->file, "0x%" PRIx64 " %zu", offset, n);
  if (!img_within (offset, cache->size, img_size (cache->file)))
    return img_error_set (err, EIO, _("table at 0x%" PRIx64 " lies past the end of the file"),
                          offset);
  if (cache->load)
    img_event (cache->file, cache->load);
  if (n == 1)
    return img_pread (cache->file, run[0]->bytes, cache->size, offset, 0, err);

  pthread_mutex_lock (&cache->lock);
  uint8_t *buf = img_steal (cache->scratch);
  pthread_mutex_unlock (&cache->lock);
  if (buf == NULL)
    buf = malloc (RUN_BYTES);
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  int r = img_pread (cache->file, buf, (uint64_t) n * cache->size, offset, 0, err);
  for (size_t i = 0; r == 0 && i < n; i++)
    memcpy (run[i]->bytes, buf + i * cache->size, cache->size);
  pthread_mutex_lock (&cache->lock);
  if (cache->scratch == NULL)
    cache->scratch = img_steal (buf);
  pthread_mutex_unlock (&cache->lock);
  free (buf);
  return r;
}

/* Under the mutex: these N were read (OK) or not.  All but the first lose their pin. */
static void
settle (struct qcow2_cache *cache, struct qcow2_table **run, size_t first, size_t n, bool ok)
{
  for (size_t i = first; i < n; i++) {
    if (ok)
      run[i]->state = TABLE_READY;
    else
      unhash (cache, run[i]);
    if (i > 0 || !ok)
      run[i]->pins = 0;
  }
  pthread_cond_broadcast (&cache->loaded);
}

/* Under the mutex: claims the table at OFFSET and those of MORE bytes behind that are not here.
 * Who goes on will not come back soon: for that the whole budget is not taken, of which a chain has
 * as many as layers. */
static size_t
claim_run (struct qcow2_cache *cache, uint64_t offset, uint64_t more, struct qcow2_table **run)
{
  size_t n = 0, max = cache->size < LARGE ? RUN_BYTES / cache->size : 1;
  size_t enough = img_min (img_max (PASSING / cache->size, MIN_TABLES), cache->budget);
  uint64_t size = img_size (cache->file);
  if (more < cache->size)
    enough = cache->budget;
  if (max > cache->budget / 4)
    max = cache->budget / 4;
  run[n] = claim (cache, offset, enough, true);
  if (run[n] == NULL)
    return 0;
  for (n = 1; n < max && more >= cache->size; n++, more -= cache->size) {
    uint64_t at;
    if (!img_add (offset, n * (uint64_t) cache->size, &at) || !img_within (at, cache->size, size)
        || find (cache, at))
      break;
    run[n] = claim (cache, at, enough, false);
    if (run[n] == NULL)
      break;
  }
  return n;
}

static int
load (struct qcow2_cache *cache, struct qcow2_table **run, size_t n, struct img_error *err)
{
  int r = read_run (cache, run, n, err);
  if (r < 0 && n > 1) { /* the fault may be in what nobody asked for */
    img_error_clear (err);
    pthread_mutex_lock (&cache->lock);
    settle (cache, run, 1, n, false);
    pthread_mutex_unlock (&cache->lock);
    n = 1;
    r = read_run (cache, run, 1, err);
  }
  pthread_mutex_lock (&cache->lock);
  settle (cache, run, 0, n, r == 0);
  pthread_mutex_unlock (&cache->lock);
  return r;
}

/* Under the mutex: the table at OFFSET, pinned, when it is here or on its way. */
static struct qcow2_table *
pin (struct qcow2_cache *cache, uint64_t offset)
{
  struct qcow2_table *t;
  while ((t = find (cache, offset)) && t->state == TABLE_LOADING)
    pthread_cond_wait (&cache->loaded, &cache->lock);
  if (t) {
    t->pins++;
    t->used = true;
  }
  return t;
}

struct qcow2_table *
qcow2_cache_find (struct qcow2_cache *cache, uint64_t offset)
{
  IMG_GUARD (&cache->lock);
  return pin (cache, offset);
}

struct qcow2_table *
qcow2_cache_get (struct qcow2_cache *cache, uint64_t offset, uint64_t more, struct img_error *err)
{
  struct qcow2_table *run[MAX_RUN];
  pthread_mutex_lock (&cache->lock);
  struct qcow2_table *t = pin (cache, offset);
  size_t n = t ? 0 : claim_run (cache, offset, more, run);
  pthread_mutex_unlock (&cache->lock);
  if (t)
    return t;
  if (n == 0) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  return load (cache, run, n, err) < 0 ? NULL : run[0];
}

void
qcow2_cache_put (struct qcow2_cache *cache, struct qcow2_table *table)
{
  pthread_mutex_lock (&cache->lock);
  table->pins--;
  pthread_mutex_unlock (&cache->lock);
}

/* ---- changing ---- */

void
qcow2_cache_dirty (struct qcow2_cache *cache, struct qcow2_table *table)
{
  pthread_mutex_lock (&cache->lock);
  if (!table->dirty) {
    table->dirty = true;
    cache->n_dirty++;
  }
  pthread_mutex_unlock (&cache->lock);
}

struct qcow2_table *
qcow2_cache_make (struct qcow2_cache *cache, uint64_t offset, struct img_error *err)
{
  pthread_mutex_lock (&cache->lock);
  struct qcow2_table *t = find (cache, offset);
  if (t)
    t->pins++;
  else
    t = claim (cache, offset, cache->budget, true);
  if (t) {
    memset (t->bytes, 0, cache->size);
    t->state = TABLE_READY;
  }
  pthread_mutex_unlock (&cache->lock);
  if (t == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  qcow2_cache_dirty (cache, t);
  return t;
}

void
qcow2_cache_forget (struct qcow2_cache *cache, uint64_t offset, uint64_t length)
{
  pthread_mutex_lock (&cache->lock);
  for (uint64_t done = 0; done < length; done += cache->size) {
    struct qcow2_table *t = find (cache, offset + done);
    if (t == NULL)
      continue;
    if (t->dirty)
      cache->n_dirty--;
    t->dirty = false;
    unhash (cache, t);
  }
  pthread_mutex_unlock (&cache->lock);
}

void
qcow2_cache_forget_all (struct qcow2_cache *cache)
{
  pthread_mutex_lock (&cache->lock);
  for (size_t i = 0; i < cache->n; i++) {
    struct qcow2_table *t = cache->tables[i];
    if (t->state == TABLE_FREE)
      continue;
    t->dirty = false;
    unhash (cache, t);
  }
  cache->n_dirty = 0;
  pthread_mutex_unlock (&cache->lock);
}

bool
qcow2_cache_is_dirty (struct qcow2_cache *cache)
{
  return cache->n_dirty > 0;
}

bool
qcow2_cache_pressure (struct qcow2_cache *cache)
{
  return cache->n_dirty > cache->budget / 2;
}

static int
by_offset (const void *a, const void *b)
{
  const struct qcow2_table *x = *(struct qcow2_table *const *) a;
  const struct qcow2_table *y = *(struct qcow2_table *const *) b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Writes N adjoining tables through BUF, which holds that many when N > 1. */
static int
write_run (struct qcow2_cache *cache, struct qcow2_table **run, size_t n, uint8_t *buf,
           struct img_error *err)
{
  const uint8_t *from = run[0]->bytes;
  IMG_TRACE ("qcow2_table_write", cache->file, "0x%" PRIx64 " %zu", run[0]->offset, n);
  if (n > 1) {
    for (size_t i = 0; i < n; i++)
      memcpy (buf + i * cache->size, run[i]->bytes, cache->size);
    from = buf;
  }
  if (cache->update)
    img_event (cache->file, cache->update);
  if (img_pwrite (cache->file, from, (uint64_t) n * cache->size, run[0]->offset, 0, err) < 0)
    return -1;
  pthread_mutex_lock (&cache->lock);
  for (size_t i = 0; i < n; i++)
    run[i]->dirty = false;
  cache->n_dirty -= n;
  pthread_mutex_unlock (&cache->lock);
  return 0;
}

int
qcow2_cache_write (struct qcow2_cache *cache, struct img_error *err)
{
  size_t n = 0, max = WRITE_BYTES / cache->size, run;
  if (cache->n_dirty == 0)
    return 0;
  IMG_CLEANUP (free) struct qcow2_table **dirty = malloc (cache->n_dirty * sizeof *dirty);
  IMG_CLEANUP (free) uint8_t *buf = malloc (max * cache->size);
  if (dirty == NULL || buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (size_t i = 0; i < cache->n; i++)
    if (cache->tables[i]->dirty)
      dirty[n++] = cache->tables[i];
  qsort (dirty, n, sizeof *dirty, by_offset);
  for (size_t i = 0; i < n; i += run) {
    run = 1;
    while (run < max && i + run < n
           && dirty[i + run]->offset == dirty[i]->offset + run * (uint64_t) cache->size)
      run++;
    if (write_run (cache, dirty + i, run, buf, err) < 0)
      return -1;
  }
  return 0;
}
