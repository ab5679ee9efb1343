/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modules that are linked into the program (--enable-module-preload).
 *
 * Owns: finding them.  libtool writes a table of them into each program, which is read here as it
 * is.  Refuses: folders.  A shared module needs the shared library, and the core's state would
 * exist twice. */

#include <config.h>

#include <ltdl.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>

#include "core/module.h"

/* "NAME.a" with no address, then all global symbols of that archive, its entry among them.  Weak:
 * programs without modules. */
extern LT_DLSYM_CONST lt_dlsymlist lt__PROGRAM__LTX_preloaded_symbols[] __attribute__ ((weak));

typedef const struct img_module *entry_fn (void);

/* libtool writes it with or without NAME_LTX_ before it. */
static bool
is_entry (const char *symbol)
{
  static const char entry[] = "img_module_entry";
  size_t n = strlen (symbol), len = sizeof entry - 1;

  return n >= len && strcmp (symbol + n - len, entry) == 0;
}

static entry_fn *
next_linked_in (const lt_dlsymlist **at, char name[33])
{
  const lt_dlsymlist *s = *at;
  size_t len = 0;

  for (; s->name; s++) {
    const char *dot = strrchr (s->name, '.');
    if (s->address == NULL && dot && strcmp (dot, ".a") == 0 && dot - s->name <= 32) {
      len = (size_t) (dot - s->name);
      memcpy (name, s->name, len);
      name[len] = '\0';
    } else if (s->address && len > 0 && is_entry (s->name)) {
      entry_fn *entry;
      memcpy (&entry, &s->address, sizeof entry);
      *at = s + 1;
      return entry;
    }
  }
  return NULL;
}

int
img_module_scan (struct img_module_list *list, struct img_error *err)
{
  const lt_dlsymlist *at = lt__PROGRAM__LTX_preloaded_symbols;
  char name[33];
  entry_fn *entry;

  while (at && (entry = next_linked_in (&at, name))) {
    struct img_manifest *m = img_manifest_linked (name, entry ());
    if (m == NULL || img_vec_push (&list->modules, m) < 0) {
      img_manifest_free (m);
      return img_error_errno (err, ENOMEM, _("list of modules"));
    }
  }
  return 0;
}

int
img_module_scan_strays (struct img_module_list *list, struct img_error *err)
{
  (void) list;
  (void) err;
  return 0;
}

const struct img_module *
img_module_load (const struct img_manifest *m, struct img_error *err)
{
  (void) err;
  return m->linked_in;
}
