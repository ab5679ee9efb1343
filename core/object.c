/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects: what --object makes, to be named by options of images.
 *
 * Owns: the types and their properties as tables, the list, the way from a driver to it.  Secrets
 * are read when they are defined (secret.c).  Refuses: to repeat values in messages. */

#include <config.h>

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>
#include <blkimg/vec.h>

#include "core/node.h"
#include "core/object.h"
#include "core/optdesc.h"
#include "core/spec.h"

IMG_CLEANUP_FN (img_opts_free, struct img_opts *)

struct img_objects {
  pthread_mutex_t lock; /* around the making of state */
  IMG_VEC (struct img_object *) list;
};

/* ---- types ---- */

static const char *const formats[] = { "raw", "base64", NULL };
static const char *const endpoints[] = { "client", "server", NULL };
static const char *const policies[] = { "deny", "allow", NULL };

#define ROW(name, type, def, choices) { name, type, def, choices, NULL, 0 }
#define SECRET(name) { name, IMG_OPT_STRING, NULL, NULL, NULL, IMG_OPTF_SECRET }
#define COMMON ROW ("qom-type", IMG_OPT_STRING, NULL, NULL), ROW ("id", IMG_OPT_STRING, NULL, NULL)
#define WRAPPED                                                                      \
  ROW ("format", IMG_OPT_ENUM, "raw", formats), ROW ("keyid", IMG_OPT_STRING, NULL, NULL), \
    ROW ("iv", IMG_OPT_STRING, NULL, NULL)

static const struct img_optdesc secret[] = {
  COMMON, SECRET ("data"), ROW ("file", IMG_OPT_STRING, NULL, NULL), WRAPPED, IMG_OPT_END
};
static const struct img_optdesc secret_keyring[] = {
  COMMON, ROW ("serial", IMG_OPT_NUMBER, NULL, NULL), WRAPPED, IMG_OPT_END
};
#define LIMITS(p, x)                                                                   \
  ROW (p "bps-total" x, IMG_OPT_NUMBER, NULL, NULL),                                   \
    ROW (p "bps-read" x, IMG_OPT_NUMBER, NULL, NULL),                                  \
    ROW (p "bps-write" x, IMG_OPT_NUMBER, NULL, NULL),                                 \
    ROW (p "iops-total" x, IMG_OPT_NUMBER, NULL, NULL),                                \
    ROW (p "iops-read" x, IMG_OPT_NUMBER, NULL, NULL),                                 \
    ROW (p "iops-write" x, IMG_OPT_NUMBER, NULL, NULL)
#define ALL_LIMITS(p) \
  LIMITS (p, ""), LIMITS (p, "-max"), LIMITS (p, "-max-length"), \
    ROW (p "iops-size", IMG_OPT_NUMBER, NULL, NULL)
static const struct img_optdesc throttle_group[] = {
  COMMON, ALL_LIMITS ("limits."), ALL_LIMITS ("x-"), IMG_OPT_END
};
#define TLS                                                                                \
  COMMON, ROW ("dir", IMG_OPT_STRING, NULL, NULL),                                         \
    ROW ("endpoint", IMG_OPT_ENUM, NULL, endpoints),                                       \
    ROW ("verify-peer", IMG_OPT_BOOL, NULL, NULL), ROW ("priority", IMG_OPT_STRING, NULL, NULL)
static const struct img_optdesc tls_x509[] = {
  TLS, ROW ("sanity-check", IMG_OPT_BOOL, NULL, NULL),
  ROW ("passwordid", IMG_OPT_STRING, NULL, NULL),
  IMG_OPT_END
};
static const struct img_optdesc tls_psk[] = {
  TLS, ROW ("username", IMG_OPT_STRING, NULL, NULL), IMG_OPT_END
};
static const struct img_optdesc tls_anon[] = { TLS, IMG_OPT_END };
static const struct img_optdesc tls_suites[] = {
  COMMON, ROW ("priority", IMG_OPT_STRING, NULL, NULL), IMG_OPT_END
};
/* Of no use to a disk image, and harmless: scripts give them together with others. */
static const struct img_optdesc main_loop[] = {
  COMMON, ROW ("aio-max-batch", IMG_OPT_NUMBER, NULL, NULL),
  ROW ("thread-pool-min", IMG_OPT_NUMBER, NULL, NULL),
  ROW ("thread-pool-max", IMG_OPT_NUMBER, NULL, NULL), IMG_OPT_END
};
static const struct img_optdesc authz_simple[] = {
  COMMON, ROW ("identity", IMG_OPT_STRING, NULL, NULL), IMG_OPT_END
};
static const struct img_optdesc authz_list[] = {
  COMMON, ROW ("policy", IMG_OPT_ENUM, NULL, policies), ROW ("rules.*", IMG_OPT_STRING, NULL, NULL),
  IMG_OPT_END
};
static const struct img_optdesc authz_list_file[] = {
  COMMON, ROW ("filename", IMG_OPT_STRING, NULL, NULL), ROW ("refresh", IMG_OPT_BOOL, NULL, NULL),
  IMG_OPT_END
};

static const struct type {
  const char *name;
  const struct img_optdesc *properties;
  bool secret;
} types[] = {
  { "authz-list", authz_list, false },
  { "authz-list-file", authz_list_file, false },
  { "authz-simple", authz_simple, false },
  { "iothread", main_loop, false },
  { "main-loop", main_loop, false },
  { "secret", secret, true },
  { "secret_keyring", secret_keyring, true },
  { "throttle-group", throttle_group, false },
  { "tls-cipher-suites", tls_suites, false },
  { "tls-creds-anon", tls_anon, false },
  { "tls-creds-psk", tls_psk, false },
  { "tls-creds-x509", tls_x509, false },
};

static const struct type *
find_type (const char *name, struct img_error *err)
{
  for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
    if (strcmp (types[i].name, name) == 0)
      return &types[i];
  if (name)
    img_error_set (err, EINVAL, _("unknown object type '%s'"), name);
  else
    img_error_set (err, EINVAL, _("an object needs a type"));
  return NULL;
}

/* ---- the list ---- */

struct img_objects *
img_objects_new (void)
{
  struct img_objects *objects = calloc (1, sizeof *objects);

  if (objects)
    pthread_mutex_init (&objects->lock, NULL);
  return objects;
}

static void
object_free (struct img_object *o)
{
  if (o == NULL)
    return;
  img_opts_free (o->opts);
  img_secret_free (o->secret, o->n);
  free (o->state);
  free (o);
}
IMG_CLEANUP_FN (object_free, struct img_object *)

void
img_objects_free (struct img_objects *objects)
{
  if (objects == NULL)
    return;
  for (size_t i = 0; i < objects->list.n; i++)
    object_free (objects->list.v[i]);
  img_vec_free (&objects->list);
  pthread_mutex_destroy (&objects->lock);
  free (objects);
}

const struct img_object *
img_objects_find (const struct img_objects *objects, const char *type, const char *id)
{
  for (size_t i = 0; objects && i < objects->list.n; i++) {
    const struct img_object *o = objects->list.v[i];
    if ((type == NULL || strcmp (o->type, type) == 0) && strcmp (o->id, id) == 0)
      return o;
  }
  return NULL;
}

const struct img_object *
img_objects_secret (const struct img_objects *objects, const char *id, struct img_error *err)
{
  const struct img_object *o = img_objects_find (objects, NULL, id);

  if (o && o->secret)
    return o;
  img_error_set (err, ENOENT, _("No secret with id '%s'"), id);
  return NULL;
}

/* ---- adding ---- */

static int
parse_text (struct img_opts **opts, const char *text, struct img_error *err)
{
  IMG_CLEANUP (free) char *name = NULL;
  struct img_spec spec;
  size_t n = strlen (text) + sizeof "json:";

  if (*text != '{') {
    *opts = img_opts_new ();
    return *opts ? img_opts_parse (*opts, text, "qom-type", err)
                 : img_error_errno (err, ENOMEM, _("objects"));
  }
  name = malloc (n);
  if (name == NULL)
    return img_error_errno (err, ENOMEM, _("objects"));
  memcpy (name, "json:", 5);
  strcpy (name + 5, text);
  int rc = img_spec_parse (&spec, name, false, err);
  explicit_bzero (name, n);
  if (rc < 0) /* its message would repeat a piece of the text */
    return img_error_set (err, EINVAL, _("the object is not valid JSON"));
  *opts = img_steal (spec.opts);
  img_spec_release (&spec);
  return 0;
}

static int
check_id (const char *id, struct img_error *err)
{
  const char *p = id;

  if (id == NULL)
    return img_error_set (err, EINVAL, _("an object needs an id"));
  for (; *p; p++)
    if (!isalnum ((unsigned char) *p) && (p == id || strchr ("-._", *p) == NULL))
      break;
  if (*p || !isalpha ((unsigned char) *id))
    return img_error_set (err, EINVAL, _("object id '%s' is not an identifier: letters, digits, "
                                         "'-', '.', '_', beginning with a letter"), id);
  return 0;
}

/* Options of the table only, and no value in the message about another one. */
static int
check_properties (struct img_object *o, const struct type *type, struct img_error *err)
{
  const char *key, *value;

  for (size_t i = 0; i < img_opts_count (o->opts); i++) {
    img_opts_pair (o->opts, i, &key, &value);
    if (img_optdesc_find (type->properties, key) == NULL)
      return img_error_set (err, EINVAL, _("object '%s' of type '%s' has no property '%s'"), o->id,
                            o->type, key);
  }
  return img_opts_check (o->opts, type->properties, o->type, err);
}

static int
fill (struct img_object *o, struct img_objects *objects, struct img_error *err)
{
  const struct type *type = find_type (img_opts_get (o->opts, "qom-type"), err);

  if (type == NULL || check_id (img_opts_get (o->opts, "id"), err) < 0)
    return -1;
  o->type = type->name;
  o->id = img_opts_get (o->opts, "id");
  if (img_objects_find (objects, NULL, o->id))
    return img_error_set (err, EEXIST, _("there are two objects with the id '%s'"), o->id);
  if (check_properties (o, type, err) < 0)
    return -1;
  o->id = img_opts_get (o->opts, "id"); /* the check may have moved it */
  return type->secret ? img_secret_load (o, objects, err) : 0;
}

int
img_objects_add (struct img_objects *objects, const char *text, struct img_error *err)
{
  IMG_CLEANUP (object_free) struct img_object *o = calloc (1, sizeof *o);

  if (o == NULL)
    return img_error_errno (err, ENOMEM, _("objects"));
  if (parse_text (&o->opts, text, err) < 0 || fill (o, objects, err) < 0)
    return -1;
  if (img_vec_push (&objects->list, o) < 0)
    return img_error_errno (err, ENOMEM, _("objects"));
  img_steal (o);
  return 0;
}

/* ---- for drivers ---- */

static struct img_objects *
objects_of (const struct img_node *node)
{
  return node->context ? node->context->objects : NULL;
}

const struct img_opts *
img_node_object (const struct img_node *node, const char *type, const char *id,
                 struct img_error *err)
{
  const struct img_object *o = img_objects_find (objects_of (node), type, id);

  if (o)
    return o->opts;
  img_error_set (err, ENOENT, _("there is no object '%s' of type '%s'"), id, type);
  return NULL;
}

void *
img_node_object_state (const struct img_node *node, const char *type, const char *id, size_t size,
                       struct img_error *err)
{
  struct img_objects *objects = objects_of (node);

  for (size_t i = 0; objects && i < objects->list.n; i++) {
    struct img_object *o = objects->list.v[i];
    if (strcmp (o->type, type) != 0 || strcmp (o->id, id) != 0)
      continue;
    IMG_GUARD (&objects->lock);
    if (o->state == NULL && (o->state = calloc (1, size)) == NULL)
      img_error_errno (err, ENOMEM, _("object '%s'"), id);
    return o->state;
  }
  img_error_set (err, ENOENT, _("there is no object '%s' of type '%s'"), id, type);
  return NULL;
}

int
img_node_secret (const struct img_node *node, const char *id, uint8_t **bytes, size_t *n,
                 struct img_error *err)
{
  const struct img_object *o = img_objects_secret (objects_of (node), id, err);

  if (o == NULL)
    return -1;
  *bytes = malloc (o->n + 1);
  if (*bytes == NULL)
    return img_error_errno (err, ENOMEM, _("secret '%s'"), id);
  memcpy (*bytes, o->secret, o->n);
  *n = o->n;
  return 0;
}

void
img_secret_free (uint8_t *bytes, size_t n)
{
  if (bytes)
    explicit_bzero (bytes, n);
  free (bytes);
}
