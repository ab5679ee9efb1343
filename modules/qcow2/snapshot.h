/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot.h - what the files that change snapshots share; snapshot-table.c. */
#ifndef QCOW2_SNAPSHOT_H
#define QCOW2_SNAPSHOT_H

#include "turn.h"

/* Whether NODE can have snapshots changed, and all that it has; free *ALL in any case. */
int qcow2_snapshot_begin (struct img_node *node, struct qcow2_snapshots *all,
                          struct img_error *err);
/* The same, and *S: what the user calls TEXT, an ID or a name, in this order or the other. */
int qcow2_snapshot_find (struct img_node *node, const char *text, bool id_first,
                         struct qcow2_snapshots *all, const struct qcow2_snapshot **s,
                         struct img_error *err);
/* The snapshot table of the new state has S (with a new ID) as well, or S, one of ALL, no more. */
int qcow2_snapshot_add (struct qcow2_turn *t, const struct qcow2_snapshots *all,
                        const struct qcow2_snapshot *s, struct img_error *err);
int qcow2_snapshot_cut (struct qcow2_turn *t, struct qcow2_snapshots *all,
                        const struct qcow2_snapshot *s, struct img_error *err);
/* The bytes of a table with those of ALL that are not `dropped`, with the L1 offsets that ALL has:
 * *N entries, *BYTES; ROOM zero bytes behind them.  NULL: *err. */
uint8_t *qcow2_snapshots_encode (struct qcow2 *q, const struct qcow2_snapshots *all, uint64_t room,
                                 uint64_t *bytes, uint32_t *n, struct img_error *err);

#endif
