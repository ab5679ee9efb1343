/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repair-zero.c - what reads as zero in the place of what is lost (spec section "Cluster mapping").
 *
 * Version 3 says it in an entry.  Version 2 cannot: where a backing file would show through an
 * entry refers to a cluster of zeroes, which as many share as a refcount can count.  And in the
 * place of an L2 table that is lost comes one whose entries all read as zero.
 *
 * Owns: how many there must be, by two walks: the first only asks; qcow2_zeroes_make puts what was
 * asked for into new space, with its refcounts; the second walk, which must be as the first, gets
 * it.  And the words that tell what is lost of the active state.  Refuses: more than a cap;
 * clusters of zeroes for encrypted images.  What gets nothing stays as it is.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "repair.h"
#include "write.h"

enum {
  MOST_BYTES = 256 << 20,
  MOST_TIMES = 65535, /* refcounts of version 2 */
  MAX_SAID = 1000     /* lines */
};

static bool
needs_clusters (const struct qcow2 *q)
{
  return q->h.version < 3;
}

/* Nothing more is given. */
static bool
is_full (const struct qcow2_zeroes *z, const struct qcow2 *q)
{
  uint64_t clusters = z->times.n + z->n_tables;
  if (needs_clusters (q))
    clusters += img_div_up ((z->n_tables + 1) << q->l2_bits, MOST_TIMES);
  return clusters >= (uint64_t) MOST_BYTES >> q->cluster_bits;
}

uint64_t
qcow2_zeroes_entry (struct qcow2_zeroes *z, const struct qcow2 *q, uint32_t times, bool active)
{
  if (times > MOST_TIMES || q->h.crypt_method)
    return 0;
  if (z->left < times) {
    if (z->made ? z->next == z->times.n : is_full (z, q) || img_vec_push (&z->times, 0) < 0)
      return 0;
    z->next++;
    z->left = MOST_TIMES;
  }
  z->left -= times;
  if (!z->made)
    z->times.v[z->next - 1] += times;
  return (z->clusters + ((uint64_t) (z->next - 1) << q->cluster_bits))
         | (active && z->times.v[z->next - 1] == 1 ? QCOW2_COPIED : 0);
}

uint64_t
qcow2_zeroes_table (struct qcow2_zeroes *z, const struct qcow2 *q)
{
  if (z->made)
    return z->next_table < z->n_tables ? z->tables + (z->next_table++ << q->cluster_bits) : 0;
  if (!is_full (z, q) && !(needs_clusters (q) && q->h.crypt_method))
    z->n_tables++;
  return 0;
}

/* ---- between the walks ---- */

/* All clusters that are to be made, with their references, are in z->times. */
static int
count_clusters (struct qcow2_zeroes *z, const struct qcow2 *q, uint64_t *single,
                struct img_error *err)
{
  uint64_t left = needs_clusters (q) ? z->n_tables << q->l2_bits : 0;
  bool ok = true;
  *single = z->times.n;
  for (uint64_t part; ok && left > 0; left -= part) {
    part = img_min (left, MOST_TIMES);
    ok = img_vec_push (&z->times, (uint32_t) part) == 0;
  }
  uint64_t zero = z->times.n;
  for (uint64_t i = 0; ok && i < z->n_tables; i++)
    ok = img_vec_push (&z->times, 1) == 0;
  z->tables = zero;
  return ok ? 0 : img_error_set (err, ENOMEM, _("out of memory"));
}

/* Entry number I of table number N.  The clusters of zeroes for tables begin at CLUSTERS. */
static void
fill_entry (const struct qcow2 *q, uint8_t *table, uint64_t n, uint32_t i, uint64_t clusters)
{
  uint8_t *p = table + (size_t) i * q->l2_entry_size;
  uint64_t number = ((n << q->l2_bits) + i) / MOST_TIMES;
  if (q->extended)
    be64_put (p + 8, QCOW2_ALL_ZERO);
  else
    be64_put (p, needs_clusters (q) ? clusters + (number << q->cluster_bits) : QCOW2_ZERO);
}

static int
write_tables (const struct qcow2_zeroes *z, struct qcow2_checker *c, uint64_t clusters,
              struct img_error *err)
{
  struct qcow2 *q = c->q;
  uint64_t most = QCOW2_CHECK_BUF >> q->cluster_bits;
  most = img_max (most, 1);
  memset (c->buf, 0, most << q->cluster_bits);
  for (uint64_t n = 0, part; n < z->n_tables; n += part) {
    part = img_min (most, z->n_tables - n);
    for (uint64_t k = 0; k < part && (n == 0 || needs_clusters (q)); k++)
      for (uint32_t i = 0; i < 1u << q->l2_bits; i++)
        fill_entry (q, c->buf + (k << q->cluster_bits), n + k, i, clusters);
    if (img_pwrite (q->file, c->buf, part << q->cluster_bits, z->tables + (n << q->cluster_bits),
                    0, err) < 0)
      return -1;
  }
  return 0;
}

int
qcow2_zeroes_make (struct qcow2_zeroes *z, struct qcow2_checker *c, bool *changed,
                   struct img_error *err)
{
  struct qcow2 *q = c->q;
  struct img_check silent;
  uint64_t single;
  z->made = true;
  z->next = z->left = 0;
  if (z->times.n + z->n_tables == 0)
    return 0;
  *changed = true;
  if (count_clusters (z, q, &single, err) < 0
      || qcow2_repair_take (c, z->times.n, &z->clusters, err) < 0)
    return -1;
  z->tables = z->clusters + (z->tables << q->cluster_bits);
  if (write_tables (z, c, z->clusters + (single << q->cluster_bits), err) < 0
      || qcow2_repair_own (c, z->clusters, z->times.n, z->times.v, err) < 0)
    return -1;
  z->times.n = single;
  return qcow2_repair_look (c, q, &silent, err);
}

/* ---- what was lost ---- */

static void
say_lost (struct qcow2_zeroes *z)
{
  if (z->lost == z->lost_end || z->n_said++ > MAX_SAID)
    return;
  if (z->n_said > MAX_SAID)
    img_check_say (z->out, true, _("More is lost than is shown."));
  else
    img_check_say (z->out, true, _("What was at guest offsets 0x%" PRIx64 " to 0x%" PRIx64
                                   " is lost and reads as zero."), z->lost, z->lost_end);
}

void
qcow2_zeroes_lost (struct qcow2_zeroes *z, const struct qcow2 *q, uint64_t guest, uint64_t length)
{
  if (!z->made || guest >= q->h.size)
    return;
  if (guest != z->lost_end) {
    say_lost (z);
    z->lost = guest;
  }
  z->lost_end = guest + img_min (length, q->h.size - guest);
}

void
qcow2_zeroes_release (struct qcow2_zeroes *z)
{
  say_lost (z);
  img_vec_free (&z->times);
}
