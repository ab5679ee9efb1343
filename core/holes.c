/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* holes: where a host file has data, remembered as the offsets at which data and holes change
 * places.
 *
 * The table grows from the start of the file, as far as anybody asked.  When it is asked on and on
 * it is completed, and becomes a bitmap, which needs no lock.  When it would pass its budget it
 * becomes a window that starts where it is asked for; windows grow while the questions
 * move forward and shrink while they jump about, as read-ahead does.  While one thread fills the
 * table the others ask the file itself.  A file that others write to meanwhile (-U) may have
 * changed since: so may it with any other way of asking. */
#include <config.h>

#include <inttypes.h>
#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>
#include <blkimg/vec.h>

#include "core/holes.h"
#include "core/io.h"

#define EDGES_MAX (512 * 1024) /* 4 MiB */
#define WINDOW_MIN 8
#define WINDOW_JUMP 256 /* the most after a jump, however far the last walk came */
#define BATCH 256
#define ASKED_ENOUGH 256 /* to be worth buckets */
#define FIRST 64 /* look-ups without a table: the first may lie at the end of a long file */
#define BITS_MAX (4u << 20) /* bytes */

/* The whole file, one bit a granule, set where there is data. */
struct bits {
  unsigned shift;
  uint64_t n; /* granules */
  uint64_t word[];
};

struct img_holes {
  pthread_mutex_t mutex;
  uint64_t start, end; /* what the table covers */
  /* Runs, alternately data and hole: edge[i] is where run i begins. */
  IMG_VEC (uint64_t) edge;
  bool first_is_data;
  bool windows;        /* the whole file does not fit */
  size_t window;       /* runs to fetch next time */
  size_t hint;         /* the run that was found last */
  unsigned first;      /* look-ups before there was a table */
  /* Once the table rests: bucket[b] is the run at start + (b << shift), one more for the end. */
  uint32_t *bucket;
  unsigned shift, asked; /* look-ups since it grew */
  struct bits *_Atomic bits; /* instead of all the others, once it is there */
};

static struct img_holes *
node_holes (struct img_node *node, struct img_error *err)
{
  struct img_holes *holes = __atomic_load_n (&node->holes, __ATOMIC_ACQUIRE);
  if (holes != NULL)
    return holes;
  IMG_GUARD (&node->lazy);
  if (node->holes == NULL) {
    holes = calloc (1, sizeof *holes);
    if (holes == NULL) {
      img_error_set (err, ENOMEM, _("out of memory"));
      return NULL;
    }
    pthread_mutex_init (&holes->mutex, NULL);
    holes->window = 1024;
    __atomic_store_n (&node->holes, holes, __ATOMIC_RELEASE);
  }
  return node->holes;
}

void
img_holes_free (struct img_holes *holes)
{
  if (holes == NULL)
    return;
  pthread_mutex_destroy (&holes->mutex);
  img_vec_free (&holes->edge);
  free (holes->bucket);
  free (holes->bits);
  free (holes);
}

static bool
run_is_data (const struct img_holes *h, size_t i)
{
  return (i % 2 == 0) == h->first_is_data;
}

/* ---- the whole file ---- */

static void
set_bits (uint64_t *word, uint64_t from, uint64_t to)
{
  for (; from < to && from % 64 != 0; from++)
    word[from / 64] |= 1ull << from % 64;
  for (; to - from >= 64; from += 64)
    word[from / 64] = UINT64_MAX;
  for (; from < to; from++)
    word[from / 64] |= 1ull << from % 64;
}

/* Once all runs are known, if a bitmap of them fits. */
static void
make_bits (struct img_holes *h)
{
  uint64_t edges = 1ull << 30; /* granules are no larger */
  for (size_t i = 0; i < h->edge.n; i++)
    edges |= h->edge.v[i];
  unsigned shift = (unsigned) __builtin_ctzll (edges);
  uint64_t granules = img_div_up (h->end, 1ull << shift), words = img_div_up (granules, 64);
  struct bits *bits = words > BITS_MAX / 8 ? NULL : calloc (1, sizeof *bits + words * 8);
  if (bits == NULL) /* then without */
    return;
  bits->shift = shift;
  bits->n = granules;
  for (size_t i = 0; i < h->edge.n; i++)
    if (run_is_data (h, i))
      set_bits (bits->word, h->edge.v[i] >> shift,
                i + 1 < h->edge.n ? h->edge.v[i + 1] >> shift : granules);
  img_vec_free (&h->edge);
  atomic_store_explicit (&h->bits, bits, memory_order_release);
}

/* The first granule behind I that is not as I is, at most N. */
static uint64_t
bits_end (const uint64_t *word, uint64_t i, uint64_t n)
{
  uint64_t at = i / 64, same = word[at] >> i % 64 & 1 ? UINT64_MAX : 0;
  uint64_t other = (word[at] ^ same) >> i % 64 << i % 64;
  while (other == 0 && ++at * 64 < n)
    other = word[at] ^ same;
  return other ? img_min (at * 64 + (unsigned) __builtin_ctzll (other), n) : n;
}

static int
map_bits (const struct bits *bits, uint64_t offset, uint64_t to, struct img_extent *ext, unsigned n)
{
  uint64_t granules = img_div_up (to, 1ull << bits->shift);
  unsigned got = 0;
  for (; got < n && offset < to; got++) {
    uint64_t i = offset >> bits->shift;
    bool data = bits->word[i / 64] >> i % 64 & 1;
    uint64_t end = img_min (bits_end (bits->word, i, granules) << bits->shift, to);
    ext[got] = (struct img_extent) { offset, end - offset, offset,
                                     data ? IMG_EXTENT_DATA : IMG_EXTENT_ZERO, IMG_CHILD_SELF, 0 };
    offset = end;
  }
  return (int) got;
}

/* ---- what was asked for ---- */

/* About as many buckets as runs: two cache lines a look-up, where halving touches one a step. */
static void
make_buckets (struct img_holes *h)
{
  uint64_t span = h->end - h->start;
  for (h->shift = 0; span >> h->shift > h->edge.n;)
    h->shift++;
  size_t n = (size_t) (span >> h->shift) + 1, run = 0;
  h->asked = 0;
  h->bucket = malloc ((n + 1) * sizeof *h->bucket);
  if (h->bucket == NULL) /* then without */
    return;
  for (size_t b = 0; b < n; b++) {
    while (run + 1 < h->edge.n && h->edge.v[run + 1] <= h->start + ((uint64_t) b << h->shift))
      run++;
    h->bucket[b] = (uint32_t) run;
  }
  h->bucket[n] = (uint32_t) h->edge.n - 1;
}

/* The run at OFFSET, which the table covers. */
static size_t
find_run (struct img_holes *h, uint64_t offset)
{
  const uint64_t *edge = h->edge.v;
  size_t low = h->hint, n = h->edge.n; /* edge[low] <= offset < edge[low + n] */
  if (low < n && edge[low] <= offset)
    for (size_t next = low + 1; next <= low + 2; next++)
      if (next >= n || offset < edge[next])
        return h->hint = next - 1;
  if (h->bucket == NULL && ++h->asked > ASKED_ENOUGH)
    make_buckets (h);
  low = 0;
  if (h->bucket) {
    const uint32_t *b = h->bucket + ((offset - h->start) >> h->shift);
    low = b[0];
    n = b[1] - low + 1;
  }
  while (n > 1) {
    size_t half = n / 2;
    if (edge[low + half] <= offset)
      low += half;
    n -= half;
  }
  return h->hint = low;
}

static int
append (struct img_holes *h, const struct img_extent *ext, struct img_error *err)
{
  bool data = ext->kind != IMG_EXTENT_ZERO;
  free (h->bucket);
  h->bucket = NULL;
  h->asked = 0;
  if (h->edge.n == 0)
    h->first_is_data = data;
  if (h->edge.n == 0 || run_is_data (h, h->edge.n - 1) != data)
    if (img_vec_push (&h->edge, ext->offset) < 0)
      return img_error_set (err, ENOMEM, _("out of memory"));
  h->end = ext->offset + ext->length;
  return 0;
}

/* Goes on with the walk until OFFSET is covered and there are RUNS runs, or too many. */
static int
extend (struct img_holes *h, struct img_node *node, uint64_t offset, size_t runs,
        struct img_error *err)
{
  struct img_extent ext[BATCH];
  uint64_t size = atomic_load (&node->size);
  while (h->end < size && (h->end <= offset || h->edge.n < runs) && h->edge.n < EDGES_MAX) {
    unsigned want = h->windows ? (unsigned) img_min (runs, BATCH) : BATCH;
    int n = img_map (node, h->end, size - h->end, ext, want, err);
    if (n < 0)
      return -1;
    for (int i = 0; i < n; i++)
      if (append (h, &ext[i], err) < 0)
        return -1;
  }
  return 0;
}

static void
restart (struct img_holes *h, uint64_t offset)
{
  h->start = h->end = offset;
  h->edge.n = h->hint = 0;
  free (h->bucket);
  h->bucket = NULL;
}

static int
cover (struct img_holes *h, struct img_node *node, uint64_t offset, struct img_error *err)
{
  if (offset >= h->start && offset < h->end)
    return 0;
  if (!h->windows) {
    if (extend (h, node, offset, 0, err) < 0)
      return -1;
    if (offset < h->end)
      return 0;
    h->windows = true;
  } else if (offset >= h->end && offset - h->end <= h->end - h->start) {
    h->window = img_min (h->window * 2, EDGES_MAX);
  } else {
    h->window = img_max (img_min (h->window / 4, WINDOW_JUMP), WINDOW_MIN);
  }
  restart (h, offset);
  IMG_TRACE ("holes_scan", node, "0x%" PRIx64 " %" PRIu64, offset, h->window);
  return extend (h, node, offset, h->window, err);
}

/* Whether there is a bitmap now: a table that was asked often without growing will be so more. */
static bool
complete (struct img_holes *h, struct img_node *node)
{
  struct img_error ignored; /* of places that nobody asked for */
  if (atomic_load_explicit (&h->bits, memory_order_relaxed))
    return true;
  if (h->windows || h->bucket || h->asked < ASKED_ENOUGH)
    return false;
  uint64_t size = atomic_load (&node->size);
  if (extend (h, node, size - 1, 0, &ignored) < 0 || h->end < size)
    return false;
  make_bits (h);
  return atomic_load_explicit (&h->bits, memory_order_relaxed) != NULL;
}

void
img_holes_expect (const struct img_node *node, const struct img_extent *ext, unsigned n)
{
  const struct img_node *of = NULL, *child;
  const struct bits *bits = NULL;
  for (unsigned i = 0; i < n; i++) {
    if (ext[i].kind != IMG_EXTENT_DATA || ext[i].child == IMG_CHILD_SELF)
      continue;
    child = node->children[ext[i].child].node;
    if (child != of) {
      struct img_holes *h = __atomic_load_n (&child->holes, __ATOMIC_ACQUIRE);
      bits = h ? atomic_load_explicit (&h->bits, memory_order_acquire) : NULL;
      of = child;
    }
    if (bits && ext[i].host_offset >> bits->shift < bits->n)
      __builtin_prefetch (&bits->word[(ext[i].host_offset >> bits->shift) / 64], 0, 2);
  }
}

/* As img_holes_map, with the mutex. */
static int
map_table (struct img_holes *h, struct img_node *node, uint64_t offset, uint64_t length,
           struct img_extent *ext, unsigned n, struct img_error *err)
{
  if (h->first < FIRST) {
    h->first++;
    int got = img_map (node, offset, length, ext, n, err);
    for (int i = 0; i < got && ext[i].offset == h->end; i++) /* one walk from the start on */
      if (append (h, &ext[i], err) < 0)
        return -1;
    return got;
  }
  if (complete (h, node))
    return map_bits (atomic_load_explicit (&h->bits, memory_order_relaxed), offset, offset + length,
                     ext, n);
  if (cover (h, node, offset, err) < 0)
    return -1;
  unsigned got = 0;
  uint64_t to = img_min (offset + length, h->end);
  for (size_t i = find_run (h, offset); got < n && offset < to; i++, got++) {
    uint64_t end = i + 1 < h->edge.n ? img_min (h->edge.v[i + 1], to) : to;
    ext[got] = (struct img_extent) { offset, end - offset, offset,
                                     run_is_data (h, i) ? IMG_EXTENT_DATA : IMG_EXTENT_ZERO,
                                     IMG_CHILD_SELF, 0 };
    offset = end;
  }
  return (int) got;
}

int
img_holes_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
               unsigned n, struct img_error *err)
{
  if (img_io_bounds (node, offset, length, err) < 0)
    return -1;
  if (length == 0)
    return 0;
  struct img_holes *h = node_holes (node, err);
  if (h == NULL)
    return -1;
  const struct bits *bits = atomic_load_explicit (&h->bits, memory_order_acquire);
  if (bits)
    return map_bits (bits, offset, offset + length, ext, n);
  if (pthread_mutex_trylock (&h->mutex) != 0)
    return img_map (node, offset, length, ext, n, err);
  int got = map_table (h, node, offset, length, ext, n, err);
  pthread_mutex_unlock (&h->mutex);
  return got;
}
