/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* compare-list: pieces are compared in any order, and people want the list from the start.
 *
 * What was found waits, unsorted, until a good deal has gathered; then all that nothing can come
 * before any more is sorted and told.  So the memory is bounded by what the threads have at hand,
 * not by how much differs. */
#include <config.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/compare-list.h"

#define ENOUGH 65536u

int
compare_list_add (struct compare_list *list, uint64_t offset, uint64_t length,
                  enum img_compare_result kind, struct img_error *err)
{
  struct compare_difference d = { offset, length, kind };
  if (img_vec_push (&list->pending, d) < 0)
    return img_error_set (err, ENOMEM, _("out of memory"));
  return 0;
}

bool
compare_list_is_long (const struct compare_list *list)
{
  return list->pending.n >= img_max (list->enough, ENOUGH);
}

static int
by_offset (const void *a, const void *b)
{
  const struct compare_difference *x = a, *y = b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void
tell_held (struct compare_list *list)
{
  if (list->held.length == 0)
    return;
  if (list->first.length == 0)
    list->first = list->held;
  list->tell (list->arg, list->held.offset, list->held.length, list->held.kind);
}

void
compare_list_tell (struct compare_list *list, uint64_t end)
{
  size_t i = 0;
  if (list->pending.n > 0)
    qsort (list->pending.v, list->pending.n, sizeof *list->pending.v, by_offset);
  for (; i < list->pending.n && list->pending.v[i].offset < end; i++) {
    struct compare_difference *held = &list->held, *d = &list->pending.v[i];
    if (held->length > 0 && held->kind == d->kind && held->offset + held->length == d->offset) {
      held->length += d->length;
      continue;
    }
    tell_held (list);
    *held = *d;
  }
  list->pending.n -= i;
  if (i > 0)
    memmove (list->pending.v, list->pending.v + i, list->pending.n * sizeof *list->pending.v);
  list->enough = 2 * list->pending.n;
}

void
compare_list_finish (struct compare_list *list, uint64_t end)
{
  compare_list_tell (list, end);
  tell_held (list);
  list->held.length = 0;
  img_vec_free (&list->pending);
}
