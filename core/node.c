/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes: their life, their children, and what everybody may ask of them.
 *
 * Owns: making and freeing a node and the order in which a tree is closed: parents before children,
 * as a driver's close may still look at its file.  Refuses: opening (open.c) and bytes (io.c). */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "core/crypt.h"
#include "core/holes.h"
#include "core/node.h"
#include "core/rangelock.h"
#include "core/serial.h"

/* ---- life ---- */

struct img_node *
img_node_new (const struct img_driver *driver, const char *filename, unsigned flags,
              struct img_context *context, struct img_error *err)
{
  struct img_node *node = calloc (1, sizeof *node);

  if (node) {
    node->driver = driver;
    node->filename = strdup (filename);
    node->priv = calloc (1, driver->priv_size ? driver->priv_size : 1);
    node->flags = flags;
    node->context = context;
    node->limits.request_align = 1;
    node->limits.mem_align = 1;
    pthread_mutex_init (&node->serial, NULL);
    pthread_mutex_init (&node->lazy, NULL);
    if (node->filename && node->priv)
      return node;
    img_node_free (node, false);
  }
  img_error_errno (err, ENOMEM, _("node of driver '%s'"), driver->name);
  return NULL;
}

int
img_node_add_child (struct img_node *node, const char *name, struct img_node *child,
                    struct img_error *err)
{
  struct img_child *grown = reallocarray (node->children, node->n_children + 1, sizeof *grown);
  char *copy = strdup (name);

  if (grown)
    node->children = grown;
  if (grown == NULL || copy == NULL) {
    free (copy);
    return img_error_errno (err, ENOMEM, _("child '%s'"), name);
  }
  child->parent = node;
  node->children[node->n_children] = (struct img_child) { copy, child };
  return (int) node->n_children++;
}

void
img_node_free (struct img_node *node, bool opened)
{
  if (node == NULL)
    return;
  if (opened)
    IMG_TRACE ("node_close", node, "%s", node->driver->name);
  if (opened && node->driver->close) {
    IMG_SERIAL (node);
    node->driver->close (node);
  }
  for (unsigned i = node->n_children; i > 0; i--) {
    img_node_free (node->children[i - 1].node, true);
    free (node->children[i - 1].name);
  }
  free (node->children);
  img_opts_free (node->child_opts);
  img_opts_free (node->backing_opts);
  img_opts_free (node->given);
  img_rangelock_free (node->writes);
  img_holes_free (node->holes);
  img_crypt_free (node->rooms);
  pthread_mutex_destroy (&node->serial);
  pthread_mutex_destroy (&node->lazy);
  free (node->backing_name);
  free (node->backing_format);
  free (node->path);
  free (node->filename);
  free (node->priv);
  free (node);
}

void
img_node_drop (struct img_node *top)
{
  struct img_context *context = top->context;

  img_node_free (top, true);
  free (context);
}

int
img_close (struct img_node *node, struct img_error *err)
{
  int rc = 0;

  if (node == NULL)
    return 0;
  if (node->flags & IMG_OPEN_RDWR)
    rc = img_flush (node, err);
  img_node_drop (node);
  return rc;
}

int
img_error_name (const char *name, struct img_error *err)
{
  size_t n = strlen (name);
  char *at = err->message;

  if (n == 0)
    return -1;
  if (strncmp (at, name, n) == 0 && strncmp (at + n, ": ", 2) == 0)
    return -1;
  /* What a child or an inner step said may hold it already, further back. */
  for (at = strstr (at, name); at; at = strstr (at + 1, name))
    if (at - err->message >= 2 && strncmp (at - 2, ": ", 2) == 0
        && strncmp (at + n, ": ", 2) == 0) {
      memmove (at, at + n + 2, strlen (at + n + 2) + 1);
      break;
    }
  return img_error_prefix (err, "%s", name);
}

/* ---- what a driver may do with its node ---- */

void *
img_node_priv (const struct img_node *node)
{
  return node->priv;
}

void
img_node_set_size (struct img_node *node, uint64_t bytes)
{
  atomic_store (&node->size, bytes);
  node->told_size = true;
}

struct img_limits *
img_node_limits_mut (struct img_node *node)
{
  return &node->limits;
}

static int
replace_text (char **text, const char *with, struct img_error *err)
{
  char *copy = with ? strdup (with) : NULL;

  if (with && copy == NULL)
    return img_error_errno (err, ENOMEM, _("backing file"));
  free (*text);
  *text = copy;
  return 0;
}

int
img_node_set_backing (struct img_node *node, const char *name, const char *format,
                      struct img_error *err)
{
  if (replace_text (&node->backing_name, name, err) < 0)
    return -1;
  return replace_text (&node->backing_format, format && *format ? format : NULL, err);
}

/* ---- facts ---- */

uint64_t
img_size (const struct img_node *node)
{
  return atomic_load (&node->size);
}

const char *
img_filename (const struct img_node *node)
{
  return node->filename;
}

const char *
img_driver_name (const struct img_node *node)
{
  return node->driver->name;
}

bool
img_is_writable (const struct img_node *node)
{
  return node->flags & IMG_OPEN_RDWR;
}

const struct img_limits *
img_node_limits (const struct img_node *node)
{
  return &node->limits;
}

unsigned
img_child_count (const struct img_node *node)
{
  return node->n_children;
}

struct img_node *
img_child (const struct img_node *node, unsigned i)
{
  return i < node->n_children ? node->children[i].node : NULL;
}

const char *
img_child_name (const struct img_node *node, unsigned i)
{
  return i < node->n_children ? node->children[i].name : NULL;
}

struct img_node *
img_child_by_name (const struct img_node *node, const char *name)
{
  for (unsigned i = 0; i < node->n_children; i++)
    if (strcmp (node->children[i].name, name) == 0)
      return node->children[i].node;
  return NULL;
}

struct img_node *
img_backing (const struct img_node *node)
{
  return node->backing;
}
