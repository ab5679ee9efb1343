/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts about modules, drivers and codecs: what img-modules prints. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/blkimg.h>
#include <blkimg/i18n.h>

#include "core/driver.h"

static void
add_words (struct img_value *object, const char *key, const char *const *words)
{
  if (words == NULL || words[0] == NULL)
    return;
  struct img_value *array = img_value_add_array (object, key);
  for (unsigned i = 0; words[i]; i++)
    img_value_set_string (array, NULL, words[i]);
}

static void
add_caps (struct img_value *object, uint32_t caps)
{
  struct img_value *array = img_value_add_array (object, "caps");

  for (unsigned bit = 0; img_cap_name (bit); bit++)
    if (caps & (1u << bit))
      img_value_set_string (array, NULL, img_cap_name (bit));
}

/* Bytes as a manifest writes them. */
static void
add_magics (struct img_value *object, const struct img_magic *magics)
{
  if (magics == NULL || magics->length == 0)
    return;
  struct img_value *array = img_value_add_array (object, "magics");
  for (; magics->length; magics++) {
    struct img_value *magic = img_value_add_object (array, NULL);
    char *text = malloc (magics->length * 4u + 1), *p = text;
    for (uint32_t i = 0; text && i < magics->length; i++) {
      unsigned char c = (unsigned char) magics->bytes[i];
      if (c == '\\')
        p += sprintf (p, "\\\\");
      else if (c > 0x20 && c < 0x7f)
        *p++ = (char) c;
      else
        p += sprintf (p, "\\x%02x", c);
    }
    img_value_set_int (magic, "offset", magics->offset);
    if (text)
      *p = '\0';
    img_value_set_string (magic, "bytes", text ? text : "");
    free (text);
  }
}

static void
add_options (struct img_value *object, const char *key, const struct img_optdesc *table)
{
  static const char *const types[] = { "string", "bool", "number", "size", "enum" };
  struct img_value *array;

  if (table == NULL)
    return;
  array = img_value_add_array (object, key);
  for (; table->name; table++) {
    if (table->flags & IMG_OPTF_HIDDEN)
      continue;
    struct img_value *option = img_value_add_object (array, NULL);
    img_value_set_string (option, "name", table->name);
    img_value_set_string (option, "type", types[table->type]);
    if (table->def)
      img_value_set_string (option, "default", table->def);
    if (table->type == IMG_OPT_ENUM)
      add_words (option, "choices", table->choices);
    if (table->help)
      img_value_set_string (option, "help", table->help);
  }
}

static void
add_driver (struct img_value *array, const struct img_manifest_driver *d)
{
  static const char *const kinds[] = { "", N_("format"), N_("protocol"), N_("filter") };
  struct img_value *object = img_value_add_object (array, NULL);

  img_value_set_string (object, "name", d->name);
  if (d->driver && d->driver->longname)
    img_value_set_string (object, "longname", d->driver->longname);
  if (d->driver && d->driver->version)
    img_value_set_string (object, "version", d->driver->version);
  img_value_set_string (object, "kind", kinds[d->kind]);
  img_value_set_string (object, "threads",
                        d->threads == IMG_THREADS_PARALLEL ? "parallel" : "serial");
  add_caps (object, d->caps);
  add_words (object, "schemes", d->schemes);
  add_words (object, "extensions", d->extensions);
  add_magics (object, d->magics);
  if (d->driver) {
    add_options (object, "open-options", d->driver->open_opts);
    add_options (object, "create-options", d->driver->create_opts);
    add_options (object, "amend-options", d->driver->amend_opts);
  }
}

static void
add_codec (struct img_value *array, const char *name, bool loaded)
{
  struct img_error err = IMG_ERROR_INIT;
  struct img_value *object = img_value_add_object (array, NULL);
  const struct img_codec *codec = loaded ? img_codec_find (name, &err) : NULL;

  img_value_set_string (object, "name", name);
  if (codec == NULL)
    return;
  if (codec->version)
    img_value_set_string (object, "version", codec->version);
  img_value_set_int (object, "level-min", codec->level_min);
  img_value_set_int (object, "level-default", codec->level_default);
  img_value_set_int (object, "level-max", codec->level_max);
}

static void
add_module (struct img_value *array, const struct img_manifest *m)
{
  struct img_value *object = img_value_add_object (array, NULL), *sub;
  char *path = NULL;

  img_value_set_string (object, "name", m->name);
  if (m->dir && asprintf (&path, "%s/%s.so", m->dir, m->name) >= 0)
    img_value_set_string (object, "path", path);
  free (path);
  if (m->abi)
    img_value_set_uint (object, "abi", m->abi);
  sub = img_value_add_array (object, "drivers");
  for (size_t i = 0; i < m->drivers.n; i++)
    add_driver (sub, m->drivers.v[i]);
  sub = img_value_add_array (object, "codecs");
  for (size_t i = 0; i < m->codecs.n; i++)
    add_codec (sub, m->codecs.v[i], m->state == IMG_MANIFEST_LOADED);
  for (unsigned kind = 0; kind < IMG_N_LIBRARIES; kind++)
    if (m->libraries[kind])
      img_value_set_string (object, img_library_word (kind), m->libraries[kind]);
  if (m->state == IMG_MANIFEST_BROKEN)
    img_value_set_string (object, "error", m->error ? m->error : strerror (ENOMEM));
}

struct img_value *
img_modules (struct img_error *err)
{
  const struct img_module_list *list = img_registry (err);
  struct img_module_list strays = { IMG_VEC_INIT };
  struct img_value *array;

  if (list == NULL || img_module_scan_strays (&strays, err) < 0)
    return NULL;
  array = img_value_array ();
  for (size_t i = 0; array && i < list->modules.n; i++) {
    struct img_error ignored = IMG_ERROR_INIT; /* kept in the module's own `error` */
    img_registry_load (list->modules.v[i], &ignored);
    add_module (array, list->modules.v[i]);
  }
  for (size_t i = 0; array && i < strays.modules.n; i++)
    if (!img_module_list_has (list, strays.modules.v[i]->name))
      add_module (array, strays.modules.v[i]);
  img_module_list_clear (&strays);
  if (array && img_value_ok (array))
    return array;
  img_value_free (array);
  img_error_errno (err, ENOMEM, _("list of modules"));
  return NULL;
}
