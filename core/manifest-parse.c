/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The statements of a manifest, cut up and understood.
 *
 * Owns: the statements and what each may say.  Refuses: guessing.  Whatever is not understood makes
 * that one module unusable, with a line that says which statement is at fault; what the module
 * itself says is compared when it is loaded (driver-check.c). */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>

#include "core/manifest.h"
#include "core/probe.h"

#define MAX_WORDS 64
#define MAX_MAGICS 32

struct parser {
  struct img_manifest *m;
  struct img_manifest_driver *driver; /* the one being described, or NULL */
  struct img_magic *magics;           /* of the driver, which has them too */
  unsigned n_magics;
  char *words[MAX_WORDS];
  unsigned n_words; /* the statement's own word left out */
  struct img_error *err;
};

bool
img_name_is_valid (const char *name)
{
  unsigned n;

  if (name[0] < 'a' || name[0] > 'z')
    return false;
  for (n = 1; name[n]; n++)
    if (n >= 32 || !((name[n] >= 'a' && name[n] <= 'z') || (name[n] >= '0' && name[n] <= '9') ||
                     name[n] == '_' || name[n] == '-'))
      return false;
  return true;
}

static const char *const cap_names[] = { "backing",   "compress", "zero-init",
                                         "read-only", "plain",    NULL };

const char *
img_cap_name (unsigned bit)
{
  return bit < sizeof cap_names / sizeof *cap_names - 1 ? cap_names[bit] : NULL;
}

static int
no_memory (struct parser *p)
{
  return img_error_errno (p->err, ENOMEM, _("manifest"));
}

/* ---- one statement each ---- */

static int
one_word (struct parser *p)
{
  if (p->n_words != 1)
    return img_error_set (p->err, EINVAL, _("one word is expected here"));
  return 0;
}

static int
in_driver (struct parser *p)
{
  if (p->driver == NULL)
    return img_error_set (p->err, EINVAL, _("there is no 'driver' line before it"));
  return 0;
}

static int
valid_name (struct parser *p)
{
  if (one_word (p) < 0)
    return -1;
  if (!img_name_is_valid (p->words[0]))
    return img_error_set (p->err, EINVAL, _("'%s' is not a valid name"), p->words[0]);
  return 0;
}

static int
read_module (struct parser *p)
{
  if (valid_name (p) < 0)
    return -1;
  if (strcmp (p->words[0], p->m->name) != 0)
    return img_error_set (p->err, EINVAL, _("it describes a module '%s'"), p->words[0]);
  return 0;
}

static int
read_abi (struct parser *p)
{
  char *end;
  unsigned long n;

  if (one_word (p) < 0)
    return -1;
  n = strtoul (p->words[0], &end, 10);
  if (*end || n == 0 || n > UINT32_MAX)
    return img_error_set (p->err, EINVAL, _("'%s' is not an ABI number"), p->words[0]);
  p->m->abi = (uint32_t) n;
  return 0;
}

static int
read_driver (struct parser *p)
{
  struct img_manifest_driver *d;

  if (valid_name (p) < 0)
    return -1;
  d = calloc (1, sizeof *d);
  if (d == NULL || img_vec_push (&p->m->drivers, d) < 0) {
    free (d);
    return no_memory (p);
  }
  d->name = p->words[0];
  d->module = p->m;
  p->driver = d;
  p->magics = NULL;
  p->n_magics = 0;
  return 0;
}

static int
read_kind (struct parser *p)
{
  static const char *const kinds[] = { "", "format", "protocol", "filter" };

  if (in_driver (p) < 0 || one_word (p) < 0)
    return -1;
  for (unsigned i = IMG_FORMAT; i <= IMG_FILTER; i++)
    if (strcmp (p->words[0], kinds[i]) == 0) {
      p->driver->kind = (enum img_kind) i;
      return 0;
    }
  return img_error_set (p->err, EINVAL, _("'%s' is not a kind of driver"), p->words[0]);
}

static int
read_threads (struct parser *p)
{
  if (in_driver (p) < 0 || one_word (p) < 0)
    return -1;
  if (strcmp (p->words[0], "parallel") == 0)
    p->driver->threads = IMG_THREADS_PARALLEL;
  else if (strcmp (p->words[0], "serial") != 0)
    return img_error_set (p->err, EINVAL, _("'%s' is neither serial nor parallel"), p->words[0]);
  return 0;
}

static int
read_caps (struct parser *p)
{
  if (in_driver (p) < 0)
    return -1;
  for (unsigned i = 0; i < p->n_words; i++) {
    unsigned bit = 0;
    while (cap_names[bit] && strcmp (cap_names[bit], p->words[i]) != 0)
      bit++;
    if (cap_names[bit] == NULL)
      return img_error_set (p->err, EINVAL, _("unknown capability '%s'"), p->words[i]);
    p->driver->caps |= 1u << bit;
  }
  return 0;
}

static int
hex_digit (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

/* Undoes the escapes of TEXT where it stands; the number of bytes, 0 when they are faulty. */
static uint32_t
unescape (char *text)
{
  char *from = text, *to = text;

  while (*from) {
    if (*from != '\\') {
      *to++ = *from++;
    } else if (from[1] == '\\') {
      *to++ = '\\';
      from += 2;
    } else {
      int high = from[1] == 'x' ? hex_digit (from[2]) : -1;
      int low = high < 0 ? -1 : hex_digit (from[3]);
      if (low < 0)
        return 0;
      *to++ = (char) (high << 4 | low);
      from += 4;
    }
  }
  return (uint32_t) (to - text);
}

static int
read_magic (struct parser *p)
{
  struct img_magic magic, *grown;
  char *end;

  if (in_driver (p) < 0)
    return -1;
  if (p->n_words != 2)
    return img_error_set (p->err, EINVAL, _("an offset and bytes are expected here"));
  magic.offset = strtoll (p->words[0], &end, 10);
  magic.bytes = p->words[1];
  magic.length = unescape (p->words[1]);
  if (*end || magic.length == 0)
    return img_error_set (p->err, EINVAL, _("the offset or the bytes are not understood"));
  if (!img_magic_in_reach (&magic))
    return img_error_set (p->err, EINVAL, _("these bytes are not among those that probing"
                                           " looks at"));
  if (p->n_magics == MAX_MAGICS)
    return img_error_set (p->err, EINVAL, _("more than %d magics"), MAX_MAGICS);
  grown = realloc (p->magics, (p->n_magics + 2) * sizeof *grown);
  if (grown == NULL)
    return no_memory (p);
  p->driver->magics = p->magics = grown;
  grown[p->n_magics++] = magic;
  grown[p->n_magics] = (struct img_magic) { 0, NULL, 0 };
  return 0;
}

/* The words of the line as a NULL-ended array in *LIST. */
static int
read_list (struct parser *p, const char *const **list)
{
  const char **words;

  if (in_driver (p) < 0)
    return -1;
  if (*list || p->n_words == 0)
    return img_error_set (p->err, EINVAL, _("it must be one line with one word or more"));
  words = calloc (p->n_words + 1, sizeof *words);
  if (words == NULL)
    return no_memory (p);
  memcpy (words, p->words, p->n_words * sizeof *words);
  *list = words;
  return 0;
}

static int
read_schemes (struct parser *p)
{
  return read_list (p, p->driver ? &p->driver->schemes : NULL);
}

static int
read_extensions (struct parser *p)
{
  return read_list (p, p->driver ? &p->driver->extensions : NULL);
}

static int
read_codec (struct parser *p)
{
  if (valid_name (p) < 0)
    return -1;
  p->driver = NULL;
  return img_vec_push (&p->m->codecs, p->words[0]) < 0 ? no_memory (p) : 0;
}

static int
read_library (struct parser *p, enum img_library kind)
{
  if (valid_name (p) < 0)
    return -1;
  p->driver = NULL;
  p->m->libraries[kind] = p->words[0];
  return 0;
}

static int
read_crypto (struct parser *p)
{
  return read_library (p, IMG_LIBRARY_CRYPTO);
}

static int
read_json (struct parser *p)
{
  return read_library (p, IMG_LIBRARY_JSON);
}

/* ---- lines ---- */

static const struct statement {
  const char *word;
  int (*read) (struct parser *p);
} statements[] = {
  { "magic", read_magic },   { "driver", read_driver },         { "kind", read_kind },
  { "caps", read_caps },     { "threads", read_threads },       { "schemes", read_schemes },
  { "module", read_module }, { "extensions", read_extensions }, { "abi", read_abi },
  { "codec", read_codec },   { "crypto", read_crypto },         { "json", read_json },
};

/* Cuts LINE into words.  False when there are too many or a byte has no place in a text. */
static bool
cut_line (struct parser *p, char *line, char **statement)
{
  *statement = NULL;
  p->n_words = 0;
  while (*line) {
    while (*line == ' ' || *line == '\t')
      *line++ = '\0';
    if (*line == '\0' || (*line == '#' && *statement == NULL))
      return true;
    if (*statement == NULL)
      *statement = line;
    else if (p->n_words == MAX_WORDS)
      return false;
    else
      p->words[p->n_words++] = line;
    while (*line && *line != ' ' && *line != '\t') {
      if ((unsigned char) *line <= 0x20 || (unsigned char) *line >= 0x7f)
        return false;
      line++;
    }
  }
  return true;
}

static int
read_line (struct parser *p, char *line)
{
  char *word;

  if (!cut_line (p, line, &word))
    return img_error_set (p->err, EINVAL, _("too many words, or a character that is not plain"));
  if (word == NULL)
    return 0;
  for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
    if (*word == *statements[i].word && strcmp (word, statements[i].word) == 0) {
      if (statements[i].read (p) < 0)
        return img_error_prefix (p->err, "%s", word);
      return 0;
    }
  return img_error_set (p->err, EINVAL, _("'%s' is not a statement of a manifest"), word);
}

static int
check_whole (const struct img_manifest *m, struct img_error *err)
{
  if (m->abi == 0)
    return img_error_set (err, EINVAL, _("there is no 'abi' line"));
  if (m->abi != IMG_ABI)
    return img_error_set (err, EINVAL, _("made for module ABI %" PRIu32 ", but this is %u"), m->abi,
                          IMG_ABI);
  for (size_t i = 0; i < m->drivers.n; i++)
    if (m->drivers.v[i]->kind == 0)
      return img_error_set (err, EINVAL, _("driver '%s' has no 'kind' line"),
                            m->drivers.v[i]->name);
  return 0;
}

int
img_manifest_parse (struct img_manifest *m, char *text, struct img_error *err)
{
  struct parser p = { .m = m, .err = err };
  unsigned n = 0;

  while (*text) {
    char *line = text, *end = strchrnul (text, '\n');
    text = *end ? end + 1 : end;
    *end = '\0';
    n++;
    if (read_line (&p, line) < 0)
      return img_error_prefix (err, _("%s.manifest, line %u"), m->name, n);
  }
  if (check_whole (m, err) < 0)
    return img_error_prefix (err, "%s.manifest", m->name);
  return 0;
}
