/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create-stream.c - an image whose contents are known beforehand, from front to back: header,
 * refcounts, L1 table, the L2 tables that are needed, then whole clusters of data in guest order.
 *
 * Nothing is written twice and nothing is sought, so the file may be a pipe.  Refuses what has its
 * data elsewhere or changed on the way: data files, encryption, preallocation.
 */
#include <stdlib.h>

#include <blkimg/vec.h>

#include "create.h"
#include "emit.h"
#include "qcow2.h"

struct stream {
  struct qcow2_options o;
  struct qcow2_layout l;
  uint32_t l2_bits;
  IMG_VEC (struct img_extent) runs;
};

/* What clusters the data touches, as runs. */
static int
find_runs (struct stream *s, const struct img_layout *layout, struct img_error *err)
{
  uint64_t mask = (1ull << s->o.cluster_bits) - 1;
  for (size_t i = 0; i < layout->n_data; i++) {
    const struct img_extent *data = &layout->data[i];
    uint64_t from = data->offset & ~mask, end = (data->offset + data->length + mask) & ~mask;
    struct img_extent *last = s->runs.n ? &s->runs.v[s->runs.n - 1] : NULL;
    if (last && from <= last->offset + last->length) {
      last->length = img_max (last->offset + last->length, end) - last->offset;
      continue;
    }
    struct img_extent run = { .offset = from, .length = end - from };
    if (img_vec_push (&s->runs, run) < 0)
      return img_error_set (err, ENOMEM, _("out of memory"));
  }
  return 0;
}

/* L1 entries [*first, *end) are RUN's; *NEXT is the first that no run before has. */
static void
tables_of (const struct stream *s, const struct img_extent *run, uint64_t next, uint64_t *first,
           uint64_t *end)
{
  unsigned bits = s->o.cluster_bits + s->l2_bits;
  *first = img_max (run->offset >> bits, next);
  *end = ((run->offset + run->length - 1) >> bits) + 1;
}

static int
place (struct stream *s, uint64_t size, struct img_error *err)
{
  uint64_t tables = 0, clusters = 0, next = 0, first, end;
  for (size_t i = 0; i < s->runs.n; i++) {
    tables_of (s, &s->runs.v[i], next, &first, &end);
    tables += end - first;
    next = end;
    clusters += s->runs.v[i].length >> s->o.cluster_bits;
  }
  if (qcow2_layout_place (&s->l, &s->o, size, tables, clusters, err) < 0)
    return -1;
  if (s->l.blocks > QCOW2_MAX_REFTABLE_BYTES / 8)
    return img_error_set (err, EFBIG, _("The image needs a larger refcount table than readers"
                                        " accept (try using a larger cluster size)"));
  uint64_t host = s->l.data_offset;
  for (size_t i = 0; i < s->runs.n; i++) {
    s->runs.v[i].host_offset = host;
    host += s->runs.v[i].length;
  }
  return 0;
}

static int
emit_l1 (struct stream *s, struct qcow2_emit *e, struct img_error *err)
{
  uint64_t next = 0, table = s->l.l2_offset, first, end;
  for (size_t i = 0; i < s->runs.n; i++) {
    tables_of (s, &s->runs.v[i], next, &first, &end);
    if (first < end
        && (qcow2_emit_seek (e, s->l.l1_offset + first * 8, err) < 0
            || qcow2_emit_entries (e, end - first, table | QCOW2_COPIED,
                                   1ull << s->o.cluster_bits, NULL, err) < 0))
      return -1;
    table += (end - first) << s->o.cluster_bits;
    next = end;
  }
  return 0;
}

/* The L2 tables stand side by side: a run goes on from one to the next. */
static int
emit_l2 (struct stream *s, struct qcow2_emit *e, struct img_error *err)
{
  uint64_t all = UINT32_MAX, next = 0, tables = 0, first, end;
  uint32_t bits = s->o.cluster_bits, entry = s->o.extended ? 16 : 8;
  for (size_t i = 0; i < s->runs.n; i++) {
    const struct img_extent *run = &s->runs.v[i];
    tables_of (s, run, next, &first, &end);
    /* `tables` stand before L1 entry `next`, one for each entry from the last gap on. */
    uint64_t table = tables - (next - img_min (run->offset >> (bits + s->l2_bits), next));
    uint64_t index = (run->offset >> bits) & ((1ull << s->l2_bits) - 1);
    if (qcow2_emit_seek (e, s->l.l2_offset + (table << bits) + index * entry, err) < 0
        || qcow2_emit_entries (e, run->length >> bits, run->host_offset | QCOW2_COPIED,
                               1ull << bits, s->o.extended ? &all : NULL, err) < 0)
      return -1;
    tables += end - first;
    next = end;
  }
  return 0;
}

static int
emit (struct stream *s, struct img_node *file, struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *buf = malloc (QCOW2_EMIT_BYTES);
  struct qcow2_emit e = { .file = file, .buf = buf, .at = s->l.reftable_offset };
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (qcow2_emit_entries (&e, s->l.blocks, s->l.block_offset, 1ull << s->o.cluster_bits, NULL, err)
        < 0
      || qcow2_emit_seek (&e, s->l.block_offset, err) < 0
      || qcow2_emit_ones (&e, s->l.end >> s->o.cluster_bits, s->o.refcount_order, err) < 0
      || emit_l1 (s, &e, err) < 0 || emit_l2 (s, &e, err) < 0)
    return -1;
  return qcow2_emit_flush (&e, err);
}

static int
judge (const struct stream *s, struct img_error *err)
{
  const char *what = s->o.data_file                      ? "data_file"
                     : s->o.prealloc != IMG_PREALLOC_OFF ? "preallocation"
                     : s->o.backing                      ? "backing_file"
                     : s->o.crypt_method                 ? "encryption"
                                                         : NULL;
  if (what == NULL)
    return 0;
  return img_error_set (err, ENOTSUP, _("the option '%s' does not go with a stream"), what);
}

int
qcow2_lay_out (struct img_create *c, struct img_layout *layout, struct img_error *err)
{
  struct stream s = { .runs = IMG_VEC_INIT };
  uint64_t size = c->size;
  if (qcow2_options_parse (&s.o, c->opts, err) < 0 || qcow2_options_check (&s.o, err) < 0
      || judge (&s, err) < 0 || qcow2_round_size (&size, err) < 0)
    return -1;
  s.l2_bits = s.o.cluster_bits - (s.o.extended ? 4 : 3);
  if (find_runs (&s, layout, err) < 0 || place (&s, size, err) < 0
      || img_resize (c->file, s.l.end, IMG_PREALLOC_OFF, 0, err) < 0
      || qcow2_create_header (c, &s.l, &s.o, size, err) < 0 || emit (&s, c->file, err) < 0) {
    img_vec_free (&s.runs);
    return -1;
  }
  layout->runs = s.runs.v;
  layout->n_runs = s.runs.n;
  return 0;
}
