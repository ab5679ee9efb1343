/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy-plan: what is copied next.
 *
 * One walk over each source in turn, read as the workers ask, so nothing is scanned up front.  What
 * need not be written is passed over here; the rest is dealt in whole units of the target, data in
 * chunks that fit a worker's buffer, zeroes and shared data in long runs.  A unit that several
 * blocks or sources meet in becomes one range of several segments.  The deal depends on the images
 * and the options only, never on who asks when: that is what makes the output the same for any
 * number of workers. */
#include <config.h>

#include <stdlib.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/copy-job.h"
#include "core/progress.h"
#include "core/walk.h"
#include "core/workers.h"

#define ZERO_MAX (UINT64_C (256) << 20) /* a cancel waits for no more */
#define SHARE_MAX (UINT64_C (256) << 20)
#define SHARE_TRY (UINT64_C (64) * 1024)
#define SHARE_ALIGN 4096u               /* blocks of the file systems that share */

enum class {
  CLASS_LEAVE, /* the target's backing image shows it */
  CLASS_ZERO,
  CLASS_DATA
};

/* What lies at the plan's position, up to END. */
struct block {
  enum class class;
  bool host, special;
  uint64_t offset, end;
  struct img_node *node; /* NULL: zeroes */
  uint64_t at;
  struct img_node *other; /* COPY_PIN; NULL: zeroes */
  uint64_t other_at;
  bool same;              /* COPY_PIN */
};

struct copy_plan {
  struct copy_job *job;
  uint64_t pos, end;   /* of the target; END: the sources' end, or that of the unit they end in */
  unsigned i;          /* which source */
  uint64_t base;       /* where it begins in the target; modulo 2^64, if its start is left out */
  struct img_walk *walk;
  bool holes;          /* the walk tells of holes in files */
  uint64_t walked;     /* in the source */
  struct copy_pin *pin; /* in place of the walk: COPY_PIN */
  struct block block;
};

struct copy_plan *
copy_plan_new (struct copy_job *job, struct img_error *err)
{
  struct copy_plan *plan = calloc (1, sizeof *plan);
  if (plan == NULL) {
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  plan->job = job;
  plan->pos = job->start - (job->reserves ? job->start % job->unit : 0);
  plan->walked = job->opts.src_offset;
  plan->base = job->start - plan->walked;
  plan->end = job->total;
  plan->pin = job->layers == COPY_PIN ? copy_pin_new (job, err) : NULL;
  if (job->layers == COPY_PIN && plan->pin == NULL) {
    free (plan);
    return NULL;
  }
  /* The rest of the last unit stays as it is in the target. */
  if (job->reserves && !job->blank)
    plan->end = img_min (img_div_up (job->total, job->unit) * job->unit,
                         atomic_load (&job->dst->size));
  return plan;
}

void
copy_plan_free (struct copy_plan *plan)
{
  if (plan == NULL)
    return;
  img_walk_free (plan->walk);
  copy_pin_free (plan->pin);
  free (plan);
}

/* ---- blocks ---- */

/* Where the wanted part of the present source ends. */
static uint64_t
source_end (const struct copy_plan *plan)
{
  const struct copy_job *job = plan->job;
  return job->n_src == 1 ? job->total - plan->base : atomic_load (&job->src[plan->i]->size);
}

/* Part of a source whose tables cannot be read: reading it will say what is left. */
static void
lost_block (struct copy_plan *plan, struct img_block *b)
{
  struct img_node *src = plan->job->src[plan->i];
  uint64_t chunk = plan->job->chunk;
  uint64_t end = img_min ((plan->walked / chunk + 1) * chunk, source_end (plan));
  *b = (struct img_block) {
    .offset = plan->walked,
    .length = end - plan->walked,
    .host_offset = plan->walked,
    .node = src,
    .flags = IMG_BLOCK_DATA | IMG_BLOCK_PRESENT,
  };
}

static void
end_walk (struct copy_plan *plan)
{
  img_walk_free (plan->walk);
  plan->walk = NULL;
}

/* Where data is shared into a target that is as its file is, the file system takes care of holes,
 * and they need not be looked for. */
static bool
wants_holes (const struct copy_plan *plan)
{
  return plan->job->reserves || atomic_load (&plan->job->sharing) != SHARING_YES;
}

/* Over what is left of the source. */
static void
begin_walk (struct copy_plan *plan, struct img_error *err)
{
  const struct copy_job *job = plan->job;
  struct img_node *src = job->src[plan->i];
  plan->holes = wants_holes (plan);
  unsigned flags = plan->holes ? IMG_WALK_HOLES : 0;
  struct img_node *stop = job->layers == COPY_OVERLAY ? src->backing
                          : job->layers == COPY_MERGE ? job->dst
                                                      : NULL;
  plan->walk = img_walk_new_above (src, stop, plan->walked, source_end (plan) - plan->walked,
                                   flags, err);
}

/* Another kind of walk from here on. */
static void
change_walk (struct copy_plan *plan)
{
  end_walk (plan);
  if (plan->pos < plan->block.end && plan->i < plan->job->n_src) {
    plan->block.end = plan->pos;
    plan->walked = plan->pos - plan->base;
  }
}

/* As img_walk_next, over the present source. */
static int
walk_source (struct copy_plan *plan, struct img_block *b, struct img_error *err)
{
  const struct copy_job *job = plan->job;
  if (plan->walked >= source_end (plan))
    return 0;
  struct img_error why = IMG_ERROR_INIT;
  if (plan->walk == NULL)
    begin_walk (plan, &why);
  int r = plan->walk ? img_walk_next (plan->walk, b, &why) : -1;
  if (r < 0 && job->opts.salvage && why.code != ENOMEM) {
    end_walk (plan);
    lost_block (plan, b);
    r = 1;
  }
  if (r < 0)
    *err = why;
  if (r > 0)
    plan->walked = b->offset + b->length;
  return r;
}

static enum class
classify (const struct copy_plan *plan, const struct img_block *b)
{
  const struct copy_job *job = plan->job;
  bool zero = (b->flags & IMG_BLOCK_ZERO) || !(b->flags & IMG_BLOCK_DATA);
  if (job->layers != COPY_ALL && !(b->flags & IMG_BLOCK_PRESENT))
    return CLASS_LEAVE;
  if (job->layers == COPY_OVERLAY) {
    const struct img_node *backing = job->left;
    bool behind = backing == NULL || plan->base + b->offset >= atomic_load (&backing->size);
    if (zero && behind && job->zeroed)
      return CLASS_LEAVE;
  }
  if (zero && job->opts.leave_zeroes)
    return CLASS_LEAVE;
  return zero ? CLASS_ZERO : CLASS_DATA;
}

/* What lies before the first source in the target's first unit. */
static void
head_block (struct copy_plan *plan)
{
  plan->block = (struct block) {
    .class = plan->job->blank ? CLASS_ZERO : CLASS_DATA,
    .offset = plan->pos,
    .end = plan->job->start,
    .node = plan->job->dst,
    .at = plan->pos,
  };
}

/* The next block of a source that gets another backing image. */
static int
pin_block (struct copy_plan *plan, struct img_error *err)
{
  struct copy_pin_block b;
  int r = copy_pin_next (plan->pin, &b, err);
  if (r > 0)
    plan->block = (struct block) {
      .class = b.same ? CLASS_LEAVE : CLASS_DATA,
      .offset = b.offset,
      .end = b.offset + b.length,
      .node = b.node,
      .at = b.at,
      .other = b.other,
      .other_at = b.other_at,
      .same = b.same,
    };
  return r;
}

/* What is left of the target's last unit behind the sources. */
static int
rest_block (struct copy_plan *plan)
{
  if (plan->pos >= plan->end)
    return 0;
  plan->block = (struct block) {
    .class = CLASS_DATA,
    .offset = plan->pos,
    .end = plan->end,
    .node = plan->job->dst,
    .at = plan->pos,
  };
  return 1;
}

/* Makes plan->block the one at plan->pos.  1, or 0 at the end. */
static int
seek_block (struct copy_plan *plan, struct img_error *err)
{
  struct img_block b;
  if (plan->walk && plan->holes != wants_holes (plan))
    change_walk (plan);
  if (plan->pos < plan->block.end)
    return 1;
  if (plan->pin)
    return pin_block (plan, err);
  if (plan->pos < plan->job->start) {
    head_block (plan);
    return 1;
  }
  while (plan->i < plan->job->n_src) {
    int r = walk_source (plan, &b, err);
    if (r < 0)
      return -1;
    if (r > 0) {
      plan->block = (struct block) {
        .class = classify (plan, &b),
        .host = (b.flags & IMG_BLOCK_HOST) != 0,
        .special = (b.flags & (IMG_BLOCK_COMPRESSED | IMG_BLOCK_ENCRYPTED)) != 0,
        .offset = plan->base + b.offset,
        .end = plan->base + b.offset + b.length,
        .node = b.node,
        .at = b.host_offset,
      };
      return 1;
    }
    plan->base += atomic_load (&plan->job->src[plan->i++]->size);
    plan->walked = 0;
    end_walk (plan);
  }
  return rest_block (plan);
}

/* ---- what may be done with the block at a unit's start ---- */

/* Nothing to write for this class. */
static bool
is_free (const struct copy_job *job, enum class class)
{
  return class == CLASS_LEAVE
         || (class == CLASS_ZERO && job->zeroed && job->layers == COPY_ALL && job->opts.sparse > 0);
}

/* How much of the block needs no look at single bytes: whole units of zeroes. */
static uint64_t
quiet_length (const struct copy_plan *plan)
{
  const struct copy_job *job = plan->job;
  const struct block *b = &plan->block;
  if (b->class == CLASS_DATA || (b->class == CLASS_ZERO && job->opts.sparse == 0))
    return 0;
  uint64_t length = b->end - plan->pos;
  return b->end >= plan->end ? length : length - length % job->unit;
}

/* How much of the block the kernel may be asked to move. */
static uint64_t
share_length (const struct copy_plan *plan)
{
  const struct copy_job *job = plan->job;
  const struct block *b = &plan->block;
  int sharing = atomic_load (&job->sharing);
  if (sharing == SHARING_NO || b->class != CLASS_DATA || !b->host || b->node == job->dst)
    return 0;
  uint64_t unit = img_max (job->unit, SHARE_ALIGN);
  /* The first try may cost space in the target: as much whatever the number of workers. */
  uint64_t max = sharing == SHARING_YES ? SHARE_MAX : img_max (SHARE_TRY, unit);
  if (unit % job->unit != 0 || plan->pos % unit != 0
      || (b->at + (plan->pos - b->offset)) % SHARE_ALIGN != 0)
    return 0;
  uint64_t length = img_min (b->end - plan->pos, max);
  return length - length % unit;
}

/* --reflink=always, and a block that has no place of its own in a file. */
static bool
must_share (const struct copy_plan *plan)
{
  const struct block *b = &plan->block;
  return plan->job->opts.reflink == IMG_REFLINK_ALWAYS && b->class == CLASS_DATA
         && (!b->host || b->special) && b->node != plan->job->dst;
}

/* ---- ranges ---- */

static int
add_segment (struct copy_plan *plan, struct copy_range *range, uint64_t length,
             struct img_error *err)
{
  const struct block *b = &plan->block;
  struct copy_segment s = { .offset = plan->pos, .length = length };
  if (b->class == CLASS_DATA || plan->pin) {
    s.node = b->node;
    s.at = b->at + (plan->pos - b->offset);
    s.other = b->other;
    s.other_at = b->other_at + (plan->pos - b->offset);
    s.same = b->same;
  } else if (b->class == CLASS_LEAVE) {
    struct img_node *left = plan->job->left;
    uint64_t size = left ? atomic_load (&left->size) : 0;
    s.node = plan->pos < size ? left : NULL;
    s.at = plan->pos;
    if (s.node)
      s.length = img_min (length, size - plan->pos);
  }
  if (img_vec_push (&range->segments, s) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  plan->pos += s.length;
  range->length += s.length;
  return 0;
}

/* Blocks up to the end of the chunk, or to whole units that are treated in another way.  *DATA,
 * *ZERO: whether there are such blocks among them. */
static int
gather (struct copy_plan *plan, struct copy_range *range, bool *data, bool *zero,
        struct img_error *err)
{
  const struct copy_job *job = plan->job;
  uint64_t limit = img_min (plan->end, (plan->pos / job->chunk + 1) * job->chunk);
  *data = *zero = false;
  while (plan->pos < limit) {
    int r = seek_block (plan, err);
    if (r <= 0)
      return r;
    bool starts = plan->pos % job->unit == 0 && range->length > 0;
    if (starts && (quiet_length (plan) > 0 || share_length (plan) > 0))
      return 0;
    *data = *data || plan->block.class == CLASS_DATA;
    *zero = *zero || plan->block.class == CLASS_ZERO;
    if (add_segment (plan, range, img_min (plan->block.end, limit) - plan->pos, err) < 0)
      return -1;
  }
  return 0;
}

/* One segment of LENGTH bytes. */
static int
deal_run (struct copy_plan *plan, struct copy_range *range, enum copy_kind kind, uint64_t length,
          struct img_error *err)
{
  range->kind = kind;
  return add_segment (plan, range, length, err) < 0 ? -1 : 1;
}

/* 1: RANGE filled; 0: something was passed over. */
static int
deal (struct copy_plan *plan, struct copy_range *range, struct img_error *err)
{
  struct copy_job *job = plan->job;
  uint64_t quiet = quiet_length (plan), share = share_length (plan);
  bool data, zero;
  if (quiet > 0)
    return deal_run (plan, range, COPY_ZERO, img_min (quiet, ZERO_MAX - ZERO_MAX % job->unit), err);
  if (share > 0) {
    if (atomic_load (&job->sharing) == SHARING_UNKNOWN)
      atomic_store (&job->sharing, SHARING_TRIED);
    return deal_run (plan, range, COPY_SHARE, share, err);
  }
  if (must_share (plan))
    return img_error_set (err, ENOTSUP, _("%s: what is not plain data cannot be shared"),
                          plan->block.node->filename);
  if (gather (plan, range, &data, &zero, err) < 0)
    return -1;
  if (data || (zero && !is_free (job, CLASS_ZERO)))
    return 1;
  img_progress_add (job->opts.progress, range->length);
  return 0;
}

/* Moves on to the next block that is to be written.  0: there is none. */
static int
pass_over (struct copy_plan *plan, struct img_error *err)
{
  uint64_t quiet;
  int r;
  while ((r = seek_block (plan, err)) > 0 && is_free (plan->job, plan->block.class)
         && (quiet = quiet_length (plan)) > 0) {
    plan->pos += quiet;
    img_progress_add (plan->job->opts.progress, quiet);
  }
  return r;
}

int
copy_plan_hands (struct copy_plan *plan, unsigned *hands, struct img_error *err)
{
  const struct copy_job *job = plan->job;
  const struct block *b = &plan->block;
  int r = pass_over (plan, err);
  *hands = IMG_WORKERS_MAX;
  if (r > 0 && atomic_load (&job->sharing) == SHARING_YES && share_length (plan) > 0)
    *hands = 1;
  else if (r > 0 && (b->class != CLASS_DATA || (b->host && !b->special)))
    *hands = job->local_max;
  return r;
}

/* HANDS: as for copy_plan_more; 0: for any. */
static int
next_range (struct copy_plan *plan, unsigned hands, struct copy_range *range,
            struct img_error *err)
{
  unsigned these = hands;
  int r;
  do {
    range->length = 0;
    r = hands ? copy_plan_hands (plan, &these, err) : pass_over (plan, err);
    if (r <= 0)
      return r;
    if (these != hands || (hands && share_length (plan) > 0))
      return 0;
    range->kind = COPY_READ;
    range->offset = plan->pos;
    range->segments.n = 0;
    r = deal (plan, range, err);
  } while (r == 0);
  return r;
}

int
copy_plan_next (struct copy_plan *plan, struct copy_range *range, struct img_error *err)
{
  return next_range (plan, 0, range, err);
}

int
copy_plan_more (struct copy_plan *plan, unsigned hands, struct copy_range *range,
                struct img_error *err)
{
  return next_range (plan, hands, range, err);
}
