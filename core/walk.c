/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* walk: what a chain of images shows, block by block.
 *
 * Each layer has one batch of its extents at hand, from img_map, and is asked only for what the
 * layers above leave open.  limit[i] is how far layers 0 .. i all pass the question down, so when a
 * block ends the search goes on at the layer that ended it: nothing above is looked at again, and
 * nothing below moves until it is needed.  The work is the number of layer steps, the memory one
 * batch a layer, whatever the depth.  A piece is then followed to the node that has the bytes, and
 * alike neighbours are joined.  Reads tables, never data. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/holes.h"
#include "core/io.h"
#include "core/walk.h"

#define BATCH_BYTES (256 * 1024) /* of all layers together */
#define BATCH_MIN 32
#define BATCH_MAX 512
#define HOLES_BATCH 32
/* A layer below is asked this far ahead although the layers above may cover some of it: else it
 * would be asked anew for each gap they leave. */
#define AHEAD ((uint64_t) 1 << 30)

struct layer {
  struct img_node *node;
  uint64_t size;
  struct img_extent *ext;
  unsigned n, i; /* ext[i] is the current one */
};

/* A run that one layer defines, or nobody. */
struct piece {
  uint64_t offset, length;
  unsigned depth;
  bool defined;
  bool open;             /* all layers were asked, and it is defined in none */
  struct img_extent ext; /* of the layer that defines it or was asked last; may begin before it */
};

struct img_walk {
  unsigned flags, n_layers, batch;
  bool stops;       /* there are layers below, which are not asked */
  uint64_t pos, end;
  unsigned resume;  /* limit[0 .. resume - 1] hold at pos */
  uint64_t *limit;
  struct layer *layers;
  struct piece piece;     /* what is left of it */
  struct img_block held;  /* waits for neighbours; length 0: none */
  struct img_node *holes_of; /* what holes[] tells of */
  unsigned n_holes, i_hole;
  struct img_extent holes[HOLES_BATCH];
  struct img_extent extents[]; /* batch * n_layers */
};

struct img_walk *
img_walk_new (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
              struct img_error *err)
{
  return img_walk_new_above (node, flags & IMG_WALK_TOP ? node->backing : NULL, offset, length,
                             flags, err);
}

struct img_walk *
img_walk_new_above (struct img_node *node, const struct img_node *stop, uint64_t offset,
                    uint64_t length, unsigned flags, struct img_error *err)
{
  IMG_TRACE ("walk_new", node, "0x%" PRIx64 " %" PRIu64 " 0x%x", offset, length, flags);
  if (img_io_bounds (node, offset, length, err) < 0)
    return NULL;
  unsigned n = 1;
  for (struct img_node *l = node; l->backing != stop; l = l->backing)
    n++;
  size_t batch = BATCH_BYTES / sizeof (struct img_extent) / n;
  batch = batch < BATCH_MIN ? BATCH_MIN : batch > BATCH_MAX ? BATCH_MAX : batch;
  struct img_walk *walk = calloc (1, sizeof *walk + n * batch * sizeof walk->extents[0]);
  if (walk)
    walk->layers = calloc (n, sizeof *walk->layers);
  if (walk && walk->layers)
    walk->limit = calloc (n, sizeof *walk->limit);
  if (walk == NULL || walk->limit == NULL) {
    img_walk_free (walk);
    img_error_set (err, ENOMEM, _("out of memory"));
    return NULL;
  }
  walk->flags = flags;
  walk->stops = stop != NULL;
  walk->n_layers = n;
  walk->batch = (unsigned) batch;
  walk->pos = offset;
  walk->end = offset + length;
  for (unsigned i = 0; i < n; i++, node = node->backing) {
    walk->layers[i].node = node;
    walk->layers[i].size = atomic_load (&node->size);
    walk->layers[i].ext = walk->extents + i * batch;
  }
  return walk;
}

void
img_walk_free (struct img_walk *walk)
{
  if (walk == NULL)
    return;
  free (walk->layers);
  free (walk->limit);
  free (walk);
}

void
img_walk_move (struct img_walk *walk, uint64_t offset, uint64_t length)
{
  walk->pos = offset;
  walk->end = offset + length;
  walk->resume = 0;
  walk->piece.length = walk->held.length = 0;
  for (unsigned i = 0; i < walk->n_layers; i++)
    walk->layers[i].n = walk->layers[i].i = 0;
}

const struct img_block *
img_walk_held (const struct img_walk *walk)
{
  return &walk->held;
}

/* ---- layers to pieces ---- */

/* Makes ext[i] of LAYER the extent at pos; the layers above leave [pos, limit) open. */
static int
layer_seek (struct img_walk *w, struct layer *layer, uint64_t limit, struct img_error *err)
{
  uint64_t pos = w->pos;
  while (layer->i < layer->n && layer->ext[layer->i].offset + layer->ext[layer->i].length <= pos)
    layer->i++;
  if (layer->i < layer->n)
    return 0;
  uint64_t end = img_min (w->end, layer->size);
  uint64_t length = img_min (end - pos, img_max (limit - pos, AHEAD));
  layer->n = layer->i = 0;
  int n = img_map (layer->node, pos, length, layer->ext, w->batch, err);
  if (n < 0)
    return -1;
  layer->n = (unsigned) n;
  if (w->flags & IMG_WALK_HOLES)
    img_holes_expect (layer->node, layer->ext, layer->n);
  return 0;
}

/* The next piece, from pos on. */
static int
next_piece (struct img_walk *w, struct img_error *err)
{
  unsigned i = w->resume;
  uint64_t limit = i > 0 ? w->limit[i - 1] : w->end;
  struct piece *p = &w->piece;
  p->defined = false;
  for (; i < w->n_layers && w->pos < w->layers[i].size; i++) {
    struct layer *layer = &w->layers[i];
    if (layer_seek (w, layer, limit, err) < 0)
      return -1;
    const struct img_extent *ext = &layer->ext[layer->i];
    limit = img_min (limit, ext->offset + ext->length);
    if (ext->kind != IMG_EXTENT_UNALLOC) {
      p->defined = true;
      break;
    }
    w->limit[i] = limit;
  }
  p->open = i == w->n_layers;
  p->depth = p->defined ? i : i - 1; /* the last one that was asked */
  p->ext = w->layers[p->depth].ext[w->layers[p->depth].i];
  p->offset = w->pos;
  p->length = limit - w->pos;
  w->pos = limit;
  if (i == w->n_layers)
    i--;
  while (i > 0 && w->limit[i - 1] <= w->pos)
    i--;
  w->resume = i;
  return 0;
}

/* ---- pieces to blocks ---- */

static bool
is_through (const struct img_node *node, const struct img_extent *ext)
{
  return node->driver->caps & IMG_CAP_PLAIN
         || (ext->flags & IMG_EXTENT_THROUGH);
}

/* Whether NODE, a protocol, has a hole at OFFSET; *length is cut to where that changes. */
static int
in_hole (struct img_walk *w, struct img_node *node, uint64_t offset, uint64_t *length,
         struct img_error *err)
{
  const struct img_extent *ext = w->holes + w->i_hole;
  if (w->holes_of == node && w->i_hole < w->n_holes && offset >= ext->offset)
    while (w->i_hole < w->n_holes && offset >= ext->offset + ext->length)
      ext++, w->i_hole++;
  if (w->holes_of != node || w->i_hole >= w->n_holes || offset < ext->offset) {
    int n = (node->flags & IMG_OPEN_RDWR ? img_map : img_holes_map) (node, offset, *length,
                                                                     w->holes, HOLES_BATCH, err);
    w->holes_of = n < 0 ? NULL : node;
    if (n < 0)
      return -1;
    w->n_holes = (unsigned) n;
    w->i_hole = 0;
    ext = w->holes;
  }
  *length = img_min (*length, ext->offset + ext->length - offset);
  return ext->kind == IMG_EXTENT_ZERO;
}

/* Follows EXT, data of NODE, one child down.  False: that is as far as it goes. */
static bool
descend (struct img_block *b, const struct img_node *node, const struct img_extent *ext)
{
  uint64_t data, zero;
  struct img_node *child = node->children[ext->child].node;
  img_io_host_span (child, ext->host_offset, b->length, node->limits.alloc_unit, &data, &zero);
  if (data > 0)
    b->length = data;
  else if (zero > 0) { /* the file ends inside this unit */
    b->length = zero;
    b->flags |= IMG_BLOCK_ZERO;
  } else { /* not there: reading the layer says so */
    return false;
  }
  b->node = child;
  b->host_offset = ext->host_offset;
  b->flags |= IMG_BLOCK_HOST;
  return data > 0;
}

/* The bytes of B, data of its layer by EXT, as far down as they are just bytes elsewhere. */
static int
resolve_data (struct img_walk *w, struct img_block *b, struct img_extent ext,
              struct img_error *err)
{
  bool through = true;
  struct img_node *node = b->layer;
  while (!img_moves_bytes (node)) {
    through &= is_through (node, &ext);
    if (!descend (b, node, &ext)) {
      if (through && (b->flags & IMG_BLOCK_ZERO))
        b->flags &= ~(unsigned) IMG_BLOCK_DATA;
      return 0;
    }
    node = b->node;
    if (img_moves_bytes (node))
      break;
    if (img_map (node, b->host_offset, b->length, &ext, 1, err) < 0)
      return -1;
    b->length = ext.length;
    if (ext.kind == IMG_EXTENT_ZERO)
      b->flags = (b->flags & ~(through ? IMG_BLOCK_DATA : 0u)) | IMG_BLOCK_ZERO;
    if (ext.flags & IMG_EXTENT_ENCRYPTED)
      b->flags |= IMG_BLOCK_ENCRYPTED;
    if (ext.kind != IMG_EXTENT_DATA || (ext.flags & IMG_EXTENT_ENCRYPTED)) {
      b->flags &= ~(unsigned) IMG_BLOCK_HOST;
      return 0;
    }
  }
  if (node == b->layer || !(w->flags & IMG_WALK_HOLES)) /* a protocol's own map told already */
    return 0;
  if ((w->flags & IMG_WALK_PLAIN) && !through)
    return 0;
  int hole = in_hole (w, node, b->host_offset, &b->length, err);
  if (hole > 0)
    b->flags = (b->flags & ~(through ? IMG_BLOCK_DATA : 0u)) | IMG_BLOCK_ZERO;
  return hole < 0 ? -1 : 0;
}

/* A first part of the piece as a block. */
static int
piece_block (struct img_walk *w, struct img_block *b, struct img_error *err)
{
  const struct piece *p = &w->piece;
  struct img_node *node = w->layers[p->depth].node;
  *b = (struct img_block) { p->offset, p->length, p->offset, node, node, 0, p->depth };
  struct img_extent ext = p->ext;
  ext.host_offset += p->offset - ext.offset;
  ext.offset = p->offset;
  ext.length = p->length;
  b->flags = p->defined ? IMG_BLOCK_PRESENT : 0;
  bool self = img_moves_bytes (node);
  if (!p->defined || ext.kind == IMG_EXTENT_ZERO) {
    if (p->defined || !w->stops)
      b->flags |= IMG_BLOCK_ZERO;
    else if (!p->open) /* a layer that ends before hides what stands below the walk */
      b->flags |= IMG_BLOCK_ZERO | IMG_BLOCK_PRESENT;
    if (self || (ext.flags & IMG_EXTENT_HOST)) {
      b->flags |= IMG_BLOCK_HOST;
      b->host_offset = ext.host_offset;
      b->node = self ? node : node->children[ext.child].node;
    }
    return 0;
  }
  b->flags |= IMG_BLOCK_DATA | (ext.flags & IMG_EXTENT_COMPRESSED ? IMG_BLOCK_COMPRESSED : 0)
              | (ext.flags & IMG_EXTENT_ENCRYPTED ? IMG_BLOCK_ENCRYPTED : 0);
  if (ext.kind != IMG_EXTENT_DATA || (ext.flags & IMG_EXTENT_ENCRYPTED))
    return 0;
  if (self)
    b->flags |= IMG_BLOCK_HOST;
  return resolve_data (w, b, ext, err);
}

bool
img_block_joins (const struct img_block *a, const struct img_block *b)
{
  return a->flags == b->flags && a->depth == b->depth && a->node == b->node
         && a->host_offset + a->length == b->host_offset;
}

int
img_walk_next (struct img_walk *walk, struct img_block *block, struct img_error *err)
{
  struct piece *p = &walk->piece;
  for (;;) {
    if (p->length == 0 && walk->pos >= walk->end)
      break;
    if (p->length == 0 && next_piece (walk, err) < 0)
      return -1;
    struct img_block next;
    if (piece_block (walk, &next, err) < 0)
      return -1;
    p->offset += next.length;
    p->length -= next.length;
    if (walk->held.length == 0) {
      walk->held = next;
    } else if (img_block_joins (&walk->held, &next)) {
      walk->held.length += next.length;
    } else {
      *block = walk->held;
      walk->held = next;
      return 1;
    }
  }
  *block = walk->held;
  walk->held.length = 0;
  return block->length > 0;
}
