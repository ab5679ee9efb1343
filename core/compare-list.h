/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/compare-list.h - differences that are found in any order, told in order and merged. */
#ifndef CORE_COMPARE_LIST_H
#define CORE_COMPARE_LIST_H

#include <blkimg/copy.h>
#include <blkimg/vec.h>

struct compare_difference {
  uint64_t offset, length;
  enum img_compare_result kind;
};

/* One thread at a time.  Zeroed, but for the first two, is empty. */
struct compare_list {
  void (*tell) (void *arg, uint64_t offset, uint64_t length, enum img_compare_result kind);
  void *arg;
  IMG_VEC (struct compare_difference) pending;
  struct compare_difference held, first; /* held waits for neighbours; length 0: none */
  size_t enough;
};

int compare_list_add (struct compare_list *list, uint64_t offset, uint64_t length,
                      enum img_compare_result kind, struct img_error *err);
/* Is it time to tell some, for memory's sake? */
bool compare_list_is_long (const struct compare_list *list);
/* Nothing more will come up before END: tells what lies there. */
void compare_list_tell (struct compare_list *list, uint64_t end);
/* Tells what is left, up to END. */
void compare_list_finish (struct compare_list *list, uint64_t end);

#endif
