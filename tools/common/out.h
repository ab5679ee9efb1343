/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* common/out.h - printing facts, for people and for programs. */
#ifndef COMMON_OUT_H
#define COMMON_OUT_H

#include <blkimg/value.h>

/* V as JSON and a newline.  In drop-in mode keys stand in the order that qemu-img prints. */
void out_json (const struct img_value *v);
/* V without a newline, in one line. */
void out_json_line (const struct img_value *v);

/* Facts of one image (img_info) as `info` prints them. */
void out_info (const struct img_value *info);
/* The table of snapshots (img_snapshot_list) in it; nothing when there are none. */
void out_snapshots (const struct img_value *list);

/* TEXT without what could drive a terminal. */
void out_text (const char *text);

/* A copy of V with keys in qemu-img's order. */
struct img_value *out_ordered (const struct img_value *v);
/* A copy of V whose strings have no control characters; NULL: V has none. */
struct img_value *out_printable (const struct img_value *v);

#endif
