/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts about images, as a tree of values.
 *
 * Owns: which keys there are and their order, which scripts and people have come to know.  Format
 * drivers fill in their own part only.  Opens nothing, but for the chain when that is asked for. */

#include <config.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/gate.h"
#include "core/open.h"
#include "core/serial.h"

IMG_CLEANUP_FN (img_value_free, struct img_value *)

static int
no_memory (struct img_error *err)
{
  return img_error_errno (err, ENOMEM, _("facts about the image"));
}

/* ---- pieces ---- */

/* Bytes on the host of NODE and what belongs to it, its backing image left out.  1: not known. */
static int
allocated (struct img_node *node, uint64_t *bytes, struct img_error *err)
{
  uint64_t sum = 0, part;
  bool known = false;

  if (node->driver->get_allocated) {
    struct img_error why = IMG_ERROR_INIT;
    IMG_SERIAL (node);
    if (node->driver->get_allocated (node, bytes, &why) == 0)
      return 0;
    if (why.code == ENOTSUP)
      return 1;
    *err = why;
    return img_error_name (node->filename, err);
  }
  for (unsigned i = 0; i < node->n_children; i++) {
    struct img_node *child = node->children[i].node;
    int rc = child == node->backing ? 1 : allocated (child, &part, err);
    if (rc < 0)
      return -1;
    if (rc == 0 && img_add (sum, part, &sum))
      known = true;
  }
  *bytes = sum;
  return known ? 0 : 1;
}

static int
add_backing (struct img_value *v, const struct img_node *node, struct img_error *err)
{
  IMG_CLEANUP (free) char *full = NULL;

  if (node->backing_name == NULL)
    return 0;
  img_value_set_string (v, "backing-filename", node->backing_name);
  errno = 0;
  full = img_gate_resolve (node, node->backing_name, 0);
  if (full == NULL && errno == ENOMEM)
    return no_memory (err);
  if (full)
    img_value_set_string (v, "full-backing-filename", full);
  if (node->backing_format)
    img_value_set_string (v, "backing-filename-format", node->backing_format);
  return 0;
}

static int
add_snapshots (struct img_value *v, struct img_node *node, struct img_error *err)
{
  const struct img_snapshot_ops *ops = node->driver->snapshot;
  IMG_CLEANUP (img_value_free) struct img_value *list = NULL;

  if (ops == NULL || ops->list == NULL)
    return 0;
  list = img_value_array ();
  if (list == NULL)
    return no_memory (err);
  {
    IMG_SERIAL (node);
    if (ops->list (node, list, err) < 0)
      return img_error_name (node->filename, err);
  }
  if (img_value_count (list) > 0)
    img_value_take (v, "snapshots", img_steal (list));
  return 0;
}

static void
add_nonzero (struct img_value *v, const char *key, uint64_t n)
{
  if (n)
    img_value_set_uint (v, key, n);
}

static void
add_limits (struct img_value *v, const struct img_node *node)
{
  const struct img_limits *l = &node->limits;

  if (!(node->context->openf & IMG_OPENF_LIMITS))
    return;
  v = img_value_add_object (v, "limits");
  img_value_set_uint (v, "request-alignment", l->request_align);
  add_nonzero (v, "max-discard", l->max_discard);
  add_nonzero (v, "discard-alignment", l->discard_align);
  add_nonzero (v, "max-write-zeroes", l->max_zero);
  add_nonzero (v, "write-zeroes-alignment", l->zero_align);
  add_nonzero (v, "opt-transfer", l->opt_transfer);
  add_nonzero (v, "max-transfer", l->max_transfer);
  img_value_set_uint (v, "max-iov", IOV_MAX);
  img_value_set_uint (v, "min-mem-alignment", l->mem_align);
  img_value_set_uint (v, "opt-mem-alignment", l->mem_align);
}

static void
add_specific (struct img_value *v, const char *type, struct img_value *data)
{
  v = img_value_add_object (v, "format-specific");
  img_value_set_string (v, "type", type);
  img_value_take (v, "data", data);
}

/* ---- a node ---- */

static int describe (struct img_value *v, struct img_node *node, struct img_error *err);

static int
add_children (struct img_value *v, struct img_node *node, struct img_error *err)
{
  struct img_value *children = img_value_add_array (v, "children");

  for (unsigned i = 0; i < node->n_children; i++) {
    struct img_child *child = &node->children[i];
    if (child->node == node->backing)
      continue;
    struct img_value *entry = img_value_add_object (children, NULL);
    img_value_set_string (entry, "name", child->name);
    if (describe (img_value_add_object (entry, "info"), child->node, err) < 0)
      return -1;
  }
  return 0;
}

static int
describe (struct img_value *v, struct img_node *node, struct img_error *err)
{
  IMG_CLEANUP (img_value_free) struct img_value *specific = img_value_object ();
  struct img_driver_info info = { .struct_size = sizeof info, .specific = specific };
  uint64_t bytes;
  int rc;

  if (specific == NULL)
    return no_memory (err);
  {
    IMG_SERIAL (node);
    if (node->driver->get_info (node, &info, err) < 0)
      return img_error_name (node->filename, err);
  }
  img_value_set_string (v, "filename", node->filename);
  img_value_set_string (v, "format", node->driver->name);
  img_value_set_uint (v, "virtual-size", img_size (node));
  rc = allocated (node, &bytes, err);
  if (rc < 0)
    return -1;
  if (rc == 0)
    img_value_set_uint (v, "actual-size", bytes);
  img_value_set_bool (v, "dirty-flag", info.dirty);
  add_nonzero (v, "cluster-size", info.cluster_size);
  if (info.encrypted)
    img_value_set_bool (v, "encrypted", true);
  if (info.compressed)
    img_value_set_bool (v, "compressed", true);
  if (add_backing (v, node, err) < 0 || add_snapshots (v, node, err) < 0)
    return -1;
  add_limits (v, node);
  if (info.specific_type)
    add_specific (v, info.specific_type, img_steal (specific));
  return add_children (v, node, err);
}

struct img_value *
img_info (struct img_node *node, struct img_error *err)
{
  IMG_CLEANUP (img_value_free) struct img_value *v = img_value_object ();

  if (v == NULL) {
    no_memory (err);
    return NULL;
  }
  if (describe (v, node, err) < 0)
    return NULL;
  if (img_value_ok (v))
    return img_steal (v);
  no_memory (err);
  return NULL;
}

/* ---- a chain ---- */

/* Adds NODE and what is below it.  Each image is opened for its facts only, so what it names is
 * opened here and not with it. */
static int
add_chain (struct img_value *array, struct img_node *node, struct img_error *err)
{
  const unsigned facts_only = IMG_OPEN_NO_IO | IMG_OPEN_NO_BACKING;

  while (node) {
    struct img_value *v = img_info (node, err);
    if (v == NULL)
      return -1;
    img_value_take (array, NULL, v);
    node->flags &= ~facts_only;
    int rc = img_open_backing (node, facts_only, err);
    node->flags |= facts_only;
    if (rc < 0)
      return img_error_name (node->filename, err);
    node = node->backing;
  }
  return 0;
}

struct img_value *
img_info_chain (const char *name, const struct img_open_params *params, struct img_error *err)
{
  struct img_open_params p = img_open_params_now (params);
  IMG_CLEANUP (img_value_free) struct img_value *array = img_value_array ();
  struct img_node *top;
  int rc;

  if (array == NULL) {
    no_memory (err);
    return NULL;
  }
  p.flags |= IMG_OPENF_INFO;
  top = img_open (name, &p, err);
  if (top == NULL)
    return NULL;
  rc = add_chain (array, top, err);
  if (img_close (top, rc < 0 ? &(struct img_error) IMG_ERROR_INIT : err) < 0 || rc < 0)
    return NULL;
  if (img_value_ok (array))
    return img_steal (array);
  no_memory (err);
  return NULL;
}
