/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which format a file is in.
 *
 * Owns: reading the file's head and tail, once; matching them with the magics of all manifests; and
 * the choice.  Only a driver whose magic is there, or whose extension the name has when it knows no
 * magic, is loaded and asked.  Refuses: choosing between two that are equally sure: a file that is
 * two things at once was made to deceive; and taking for raw what a driver that cannot be loaded
 * might know. */

#include <config.h>

#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "core/driver.h"
#include "core/probe.h"

#define BARE_HIT 50 /* how sure a magic is, of a driver without a probe function */

struct probe {
  uint8_t head[IMG_PROBE_HEAD], tail[IMG_PROBE_TAIL];
  size_t head_len, tail_len;
  uint64_t size;
  const char *extension; /* of the file's name, or NULL */
  const struct img_driver *best, *rival;
  int score;
  struct img_error broken; /* why a driver could not be asked; code 0: all could */
};

static int
read_ends (struct probe *p, struct img_node *file, struct img_error *err)
{
  p->size = img_size (file);
  p->head_len = (size_t) img_min (p->size, sizeof p->head);
  p->tail_len = (size_t) img_min (p->size, sizeof p->tail);
  if (p->head_len == 0)
    return 0;
  if (img_pread (file, p->head, p->head_len, 0, 0, err) < 0)
    return -1;
  if (p->size > sizeof p->head)
    return img_pread (file, p->tail, p->tail_len, p->size - p->tail_len, 0, err);
  memcpy (p->tail, p->head + p->head_len - p->tail_len, p->tail_len);
  return 0;
}

static bool
magic_is_there (const struct probe *p, const struct img_magic *m)
{
  uint64_t back = (uint64_t) -m->offset;

  if (!img_magic_in_reach (m))
    return false;
  if (m->offset < 0)
    return back <= p->tail_len && memcmp (p->tail + p->tail_len - back, m->bytes, m->length) == 0;
  return img_within ((uint64_t) m->offset, m->length, p->head_len) &&
         memcmp (p->head + m->offset, m->bytes, m->length) == 0;
}

static bool
has_extension (const struct probe *p, const struct img_manifest_driver *d)
{
  for (unsigned i = 0; p->extension && d->extensions && d->extensions[i]; i++)
    if (strcasecmp (p->extension, d->extensions[i]) == 0)
      return true;
  return false;
}

static bool
is_candidate (const struct probe *p, const struct img_manifest_driver *d)
{
  if (d->kind != IMG_FORMAT || (d->caps & IMG_CAP_PLAIN))
    return false;
  if (d->magics == NULL || d->magics->length == 0)
    return has_extension (p, d);
  for (const struct img_magic *m = d->magics; m->length; m++)
    if (magic_is_there (p, m))
      return true;
  return false;
}

static void
ask (struct probe *p, const struct img_manifest_driver *d)
{
  struct img_error why = IMG_ERROR_INIT;
  const struct img_driver *driver = img_driver_find (d->name, &why);
  bool known = d->magics && d->magics->length;
  int score = known ? BARE_HIT : 0;

  if (driver == NULL && p->broken.code == 0)
    p->broken = why;
  if (driver == NULL || driver == p->best || driver == p->rival)
    return; /* twice: two modules claim it */
  if (driver->probe)
    score = driver->probe (p->head, p->head_len, p->tail, p->tail_len, p->size);
  IMG_TRACE ("format_probe", NULL, "%s %d", driver->name, score);
  if (score > p->score) {
    p->score = score;
    p->best = driver;
    p->rival = NULL;
  } else if (score == p->score && score > 0) {
    p->rival = driver;
  }
}

static const char *
extension_of (const char *name)
{
  const char *dot = strrchr (name, '.');

  return dot && strchr (dot, '/') == NULL ? dot + 1 : NULL;
}

static int
ask_all (struct probe *p, struct img_error *err)
{
  const struct img_module_list *list = img_registry (err);

  if (list == NULL)
    return -1;
  for (size_t i = 0; i < list->modules.n; i++) {
    const struct img_manifest *m = list->modules.v[i];
    for (size_t k = 0; k < m->drivers.n; k++)
      if (is_candidate (p, m->drivers.v[k]))
        ask (p, m->drivers.v[k]);
  }
  if (p->best || p->broken.code == 0)
    return 0;
  *err = p->broken;
  return -1;
}

const struct img_driver *
img_probe (struct img_node *file, struct img_error *err)
{
  struct probe p = { .extension = extension_of (file->path ? file->path : file->filename) };

  if (read_ends (&p, file, err) < 0 || ask_all (&p, err) < 0)
    return NULL;
  if (p.rival) {
    img_error_set (err, EINVAL, _("it can be taken for %s and for %s: name its format"),
                   p.best->name, p.rival->name);
    return NULL;
  }
  return p.best ? p.best : img_driver_find ("raw", err);
}

/* What of [offset, offset + length) falls into the LEN bytes at START of the image. */
static void
overlay (uint8_t *bytes, size_t len, uint64_t start, const uint8_t *buf, uint64_t length,
         uint64_t offset)
{
  uint64_t from = img_max (start, offset), to = img_min (start + len, offset + length);

  if (from < to)
    memcpy (bytes + (from - start), buf + (from - offset), (size_t) (to - from));
}

int
img_probe_guard (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err)
{
  uint64_t size = img_size (node);
  struct probe p = { .size = 0 };

  if (offset >= sizeof p.head && size > sizeof p.tail &&
      img_within (offset, length, size - sizeof p.tail))
    return 0;
  if (read_ends (&p, node, err) < 0)
    return -1;
  overlay (p.head, p.head_len, 0, buf, length, offset);
  overlay (p.tail, p.tail_len, p.size - p.tail_len, buf, length, offset);
  if (ask_all (&p, err) < 0)
    return -1;
  if (p.best == NULL)
    return 0;
  img_error_set (err, EPERM, _("the write would make this raw image look like %s"), p.best->name);
  img_error_hint (err, _("It was only guessed to be raw; say that it is raw to write this."));
  return img_error_name (node->filename, err);
}
