/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check.c - is the image consistent?  Runs the passes of check.h and gathers their findings.
 *
 * Owns: counters and the wording of what is found, which is qemu-img's where scripts look for it.
 * Refuses: to change anything; repair.c does.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repair.h"

enum { MAX_SAID = 100000 }; /* lines; what is found beyond that is counted only */

IMG_PRINTF (3, 0)
static void
say (struct qcow2_checker *c, bool corruption, const char *fmt, va_list args)
{
  char line[512];
  if (qcow2_check_silent (c))
    return;
  if (c->n_said++ == MAX_SAID) {
    img_check_say (c->out, corruption, _("Further findings are counted, but not shown."));
    return;
  }
  vsnprintf (line, sizeof line, fmt, args);
  img_check_say (c->out, corruption, "%s", line);
}

bool
qcow2_check_silent (const struct qcow2_checker *c)
{
  return c->n_said > MAX_SAID;
}

void
qcow2_check_error (struct qcow2_checker *c, const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  c->out->corruptions++;
  say (c, true, fmt, args);
  va_end (args);
}

void
qcow2_check_leak (struct qcow2_checker *c, const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  c->out->leaks++;
  say (c, false, fmt, args);
  va_end (args);
}

void
qcow2_check_failed (struct qcow2_checker *c, struct img_error *err)
{
  c->out->check_errors++;
  qcow2_check_unknown (c, err);
  if (c->n_said++ < MAX_SAID)
    img_check_say (c->out, true, _("ERROR %s"), err->message);
  img_error_clear (err);
}

void
qcow2_check_unknown (struct qcow2_checker *c, const struct img_error *err)
{
  c->incomplete = true;
  if (err->code != EINVAL && err->code != EFBIG)
    c->failed = true;
}

int
qcow2_check_read (struct qcow2_checker *c, void *buf, uint64_t length, uint64_t offset,
                  struct img_error *err)
{
  uint64_t there = offset < c->file_size ? img_min (length, c->file_size - offset) : 0;
  memset ((uint8_t *) buf + there, 0, length - there);
  return there ? img_pread (c->q->file, buf, there, offset, 0, err) : 0;
}

uint64_t
qcow2_check_hole (struct qcow2_checker *c, uint64_t offset)
{
  struct img_extent ext;
  struct img_error err;
  if (offset >= c->file_size)
    return UINT64_MAX;
  if (img_map (c->q->file, offset, c->file_size - offset, &ext, 1, &err) < 1
      || ext.kind != IMG_EXTENT_ZERO)
    return offset;
  return ext.offset + ext.length;
}

void
qcow2_checker_init (struct qcow2_checker *c, struct qcow2 *q, struct img_check *out)
{
  *c = (struct qcow2_checker) { .q = q, .out = out };
  c->file_size = img_size (q->file);
  c->n_clusters = img_div_up (c->file_size, q->cluster_size);
}

void
qcow2_checker_release (struct qcow2_checker *c)
{
  qcow2_count_release (c);
  free (c->past);
  free (c->bitmap_broken);
  free (c->reftable);
  free (c->l2);
  free (c->buf);
}

int
qcow2_check_run (struct qcow2_checker *c, struct img_error *err)
{
  c->buf = malloc (QCOW2_CHECK_BUF + c->q->cluster_size);
  if (c->buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (qcow2_count_init (c, err) < 0 || qcow2_check_load_refcounts (c, err) < 0
      || qcow2_check_refs (c, err) < 0 || qcow2_check_reftable (c, err) < 0
      || qcow2_check_compare (c, err) < 0)
    return -1;
  c->out->total_clusters = img_div_up (c->q->h.size, c->q->cluster_size);
  c->out->image_end_offset = c->end << c->q->cluster_bits;
  return 0;
}

int
qcow2_check (struct img_node *node, struct img_check *check, unsigned repair,
             struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct qcow2_checker c;
  if (q->l2_cache == NULL)
    return img_error_set (err, EINVAL, _("the image was opened for its facts only"));
  if (repair)
    return qcow2_repair (q, check, repair, err);
  qcow2_checker_init (&c, q, check);
  int r = qcow2_check_run (&c, err);
  if (r == 0 && c.copied_wrong)
    r = qcow2_check_copied (&c, err);
  qcow2_checker_release (&c);
  return r;
}
