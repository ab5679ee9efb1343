/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quorum: several images that should hold the same.  What is read is what enough of them say; what
 * is written has to reach enough of them.  With read-pattern=fifo one is read after the other until
 * one can.
 *
 * A flush has to reach all of them: the core knows no half. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "filter.h"

enum { MOST = 64 };
enum { PATTERN_QUORUM, PATTERN_FIFO };

struct quorum {
  unsigned n, threshold;
  int pattern;
  bool rewrite;
};

/* ---- opening ---- */

static int
open_children (struct img_node *node, struct quorum *q, struct img_error *err)
{
  char name[24];

  for (;; q->n++) {
    snprintf (name, sizeof name, "children.%u", q->n);
    if (!img_node_names_child (node, name))
      break;
    if (q->n == MOST)
      return img_error_set (err, EINVAL, _("more than %d children"), MOST);
    if (filter_open_child (node, name, 0, err) < 0)
      return -1;
    if (img_size (img_child (node, q->n)) != img_size (node))
      return img_error_set (err, EINVAL, _("%s has %" PRIu64 " bytes, but the first one has %"
                                             PRIu64),
                            name, img_size (img_child (node, q->n)), img_size (node));
  }
  return 0;
}

static const char *const pattern_words[] = { "quorum", "fifo", NULL };

static int
quorum_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
             struct img_error *err)
{
  struct quorum *q = img_node_priv (node);
  uint64_t threshold = img_opts_number (opts, "vote-threshold");

  (void) flags;
  if (open_children (node, q, err) < 0)
    return -1;
  q->pattern = img_opts_choice (opts, "read-pattern", pattern_words);
  if (q->pattern == PATTERN_FIFO && threshold == 0)
    threshold = 1;
  if (q->n == 0 || threshold == 0 || threshold > q->n)
    return img_error_set (err, EINVAL,
                          _("vote-threshold is from 1 to the number of children (%u)"), q->n);
  q->threshold = (unsigned) threshold;
  q->rewrite = img_opts_bool (opts, "rewrite-corrupted");
  if (q->rewrite && q->pattern == PATTERN_FIFO)
    return img_error_set (err, EINVAL, _("rewrite-corrupted goes with read-pattern=quorum only"));
  if (img_opts_bool (opts, "blkverify") && (q->n != 2 || q->threshold != 2))
    return img_error_set (err, EINVAL, _("blkverify=on needs 2 children and vote-threshold=2"));
  return 0;
}

/* ---- reading ---- */

/* What the children say: their buffers stand one behind the other. */
struct ballot {
  uint8_t *bytes;
  uint64_t length;
  bool read[MOST];
};

static const uint8_t *
paper (const struct ballot *b, unsigned i)
{
  return b->bytes + i * b->length;
}

/* The child with whom most agree; *VOTES of them. */
static unsigned
winner (const struct quorum *q, const struct ballot *b, unsigned *votes)
{
  unsigned best = 0;

  *votes = 0;
  for (unsigned i = 0; i < q->n; i++) {
    unsigned n = 0;
    for (unsigned k = 0; b->read[i] && k < q->n; k++)
      n += b->read[k] && memcmp (paper (b, i), paper (b, k), b->length) == 0;
    if (n > *votes) {
      *votes = n;
      best = i;
    }
  }
  return best;
}

/* Those who said something else get what won; that this fails changes nothing. */
static void
rewrite (struct img_node *node, const struct ballot *b, unsigned best, uint64_t offset)
{
  const struct quorum *q = img_node_priv (node);

  for (unsigned i = 0; i < q->n; i++) {
    struct img_error ignored = IMG_ERROR_INIT;
    struct img_node *child = img_child (node, i);
    if (b->read[i] && memcmp (paper (b, i), paper (b, best), b->length) == 0)
      continue;
    if (img_is_writable (child))
      (void) img_pwrite (child, paper (b, best), b->length, offset, 0, &ignored);
  }
}

static int
read_by_vote (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
              struct img_error *err)
{
  const struct quorum *q = img_node_priv (node);
  IMG_CLEANUP (free) uint8_t *bytes = calloc (q->n, length);
  struct ballot b = { bytes, length, { false } };
  unsigned votes, best;

  if (bytes == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  for (unsigned i = 0; i < q->n; i++)
    b.read[i] = img_pread (img_child (node, i), bytes + i * length, length, offset, 0, err) == 0;
  best = winner (q, &b, &votes);
  if (votes < q->threshold)
    return img_error_set (err, EIO, _("only %u of %u images agree at offset 0x%" PRIx64), votes,
                          q->n, offset);
  memcpy (buf, paper (&b, best), length);
  if (q->rewrite && votes < q->n)
    rewrite (node, &b, best, offset);
  return 0;
}

static int
quorum_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
              struct img_error *err)
{
  const struct quorum *q = img_node_priv (node);

  if (q->pattern == PATTERN_QUORUM)
    return read_by_vote (node, buf, length, offset, err);
  for (unsigned i = 0; i < q->n; i++)
    if (img_pread (img_child (node, i), buf, length, offset, 0, err) == 0)
      return 0;
  return -1;
}

/* Zero is what all call zero. */
static int
quorum_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
            unsigned n, struct img_error *err)
{
  const struct quorum *q = img_node_priv (node);

  *ext = (struct img_extent) { offset, length, offset, IMG_EXTENT_ZERO, IMG_CHILD_SELF, 0 };
  (void) n;
  for (unsigned i = 0; i < q->n; i++) {
    struct img_extent one;
    if (filter_map_of (img_child (node, i), offset, ext->length, &one, 1, err) < 0)
      return -1;
    ext->length = one.length;
    if (one.kind == IMG_EXTENT_DATA)
      ext->kind = IMG_EXTENT_DATA;
  }
  return 1;
}

/* ---- writing ---- */

/* GOOD of the children did it. */
static int
judge (const struct quorum *q, unsigned good, struct img_error *err)
{
  if (good >= q->threshold)
    return 0;
  return img_error_prefix (err, _("only %u of %u images were written"), good, q->n);
}

static int
quorum_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
               struct img_error *err)
{
  const struct quorum *q = img_node_priv (node);
  unsigned good = 0;

  for (unsigned i = 0; i < q->n; i++)
    good += img_pwrite (img_child (node, i), buf, length, offset, 0, err) == 0;
  return judge (q, good, err);
}

static int
quorum_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
             struct img_error *err)
{
  const struct quorum *q = img_node_priv (node);
  unsigned good = 0;

  for (unsigned i = 0; i < q->n; i++)
    good += img_zero (img_child (node, i), offset, length, flags & ~(unsigned) IMG_IO_NO_FALLBACK,
                      err) == 0;
  return judge (q, good, err);
}

static int
quorum_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
               struct img_error *err)
{
  const struct quorum *q = img_node_priv (node);

  for (unsigned i = 0; i < q->n; i++)
    if (img_resize (img_child (node, i), size, prealloc, flags, err) < 0)
      return -1;
  img_node_set_size (node, img_size (img_child (node, 0)));
  return 0;
}

/* ---- the driver ---- */

static const struct img_optdesc quorum_opts[] = {
  { "vote-threshold", IMG_OPT_NUMBER, NULL, NULL, N_("how many images must agree"), 0 },
  { "blkverify", IMG_OPT_BOOL, "off", NULL, N_("two images that must agree"), 0 },
  { "rewrite-corrupted", IMG_OPT_BOOL, "off", NULL,
    N_("rewrite images that differ from what most say"), 0 },
  { "read-pattern", IMG_OPT_ENUM, "quorum", pattern_words,
    N_("vote, or take the first image that can be read"), 0 },
  IMG_OPT_END
};

static const struct img_driver quorum_driver = {
  .struct_size = sizeof quorum_driver,
  .abi = IMG_ABI,
  .kind = IMG_FILTER,
  .threads = IMG_THREADS_PARALLEL,
  .name = "quorum",
  .longname = N_("several images that hold the same"),
  .priv_size = sizeof (struct quorum),
  .open_opts = quorum_opts,
  .open = quorum_open,
  .get_info = filter_get_info,
  .map = quorum_map,
  .pread = quorum_pread,
  .pwrite = quorum_pwrite,
  .zero = quorum_zero,
  .resize = quorum_resize,
};

static const struct img_driver *const quorum_drivers[] = { &quorum_driver, NULL };

static const struct img_module quorum_module = {
  .struct_size = sizeof quorum_module,
  .abi = IMG_ABI,
  .drivers = quorum_drivers,
};

IMG_MODULE_ENTRY (quorum_module)
