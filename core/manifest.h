/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/manifest.h - what NAME.manifest beside NAME.so says of a module, without loading it; its
 * statements are listed in <blkimg/module.h>.
 *
 * Reading is on the start-up path of every command: a manifest costs open, read and close, and is
 * cut into words where it lies.  The modules that are installed together share one file.
 */
#ifndef CORE_MANIFEST_H
#define CORE_MANIFEST_H

#include <stdbool.h>

#include <blkimg/module.h>
#include <blkimg/vec.h>

struct img_manifest;

/* One driver as the manifest describes it. */
struct img_manifest_driver {
  const char *name;
  enum img_kind kind;
  enum img_threads threads;
  uint32_t caps;
  const char *const *schemes, *const *extensions; /* NULL-ended; NULL: none */
  const struct img_magic *magics;                 /* ended by length 0; NULL: none */
  struct img_manifest *module;
  const struct img_driver *driver;    /* the registry's copy, once the module is loaded */
};

/* What a module may bring beside drivers and codecs; of each there is one in the program. */
enum img_library { IMG_LIBRARY_CRYPTO, IMG_LIBRARY_JSON, IMG_N_LIBRARIES };

/* How each library's struct begins. */
struct img_library_head {
  size_t struct_size;
  uint32_t abi;
  const char *name;
};

/* The word of a manifest for it: "crypto", "json". */
const char *img_library_word (enum img_library kind);
/* What MODULE has of it; NULL too when it was built before there was such a thing. */
const struct img_library_head *img_library_of (const struct img_module *module,
                                               enum img_library kind);
/* Was it made for this ABI? */
bool img_library_fits (const struct img_library_head *library, enum img_library kind);

enum img_manifest_state { IMG_MANIFEST_READ, IMG_MANIFEST_LOADED, IMG_MANIFEST_BROKEN };

struct img_manifest {
  const char *name;
  char *dir;                          /* NULL: linked in */
  const struct img_module *linked_in; /* or NULL */
  uint32_t abi;
  IMG_VEC (struct img_manifest_driver *) drivers;
  IMG_VEC (const char *) codecs;
  const char *libraries[IMG_N_LIBRARIES]; /* their names, or NULL */
  _Atomic enum img_manifest_state state; /* read without the registry's lock */
  char *error; /* BROKEN: why, one line */
  char *text;  /* what the words above point into */
};

/* True for ^[a-z][a-z0-9_-]{0,31}$: what modules, drivers and codecs may be called. */
bool img_name_is_valid (const char *name);

/* The word for IMG_CAP_* bit number BIT; NULL after the last. */
const char *img_cap_name (unsigned bit);

struct img_module_list {
  IMG_VEC (struct img_manifest *) modules;
};
bool img_module_list_has (const struct img_module_list *list, const char *name);
void img_module_list_clear (struct img_module_list *list);

/* Reads DIR/NAME.manifest (DIRFD is DIR).  The result is BROKEN, not NULL, when it is faulty; NULL
 * only when memory runs out. */
struct img_manifest *img_manifest_read (int dirfd, const char *dir, const char *name);
/* The file of a module folder that holds many manifests, each from its `module` line on. */
#define IMG_MANIFESTS "blkimg.manifests"
/* Appends the manifests in it, if there is one, but for names that LIST has.  -1: out of memory. */
int img_manifest_read_many (int dirfd, const char *dir, struct img_module_list *list);
/* A BROKEN entry for DIR/NAME.so, which has no manifest; NULL when memory runs out. */
struct img_manifest *img_manifest_missing (const char *dir, const char *name);
/* The description of MODULE, which is in memory; NULL when memory runs out. */
struct img_manifest *img_manifest_linked (const char *name, const struct img_module *module);
/* Fills M, whose name is set, from TEXT, which is cut up where it stands and lives as long as M. */
int img_manifest_parse (struct img_manifest *m, char *text, struct img_error *err);
/* Marks M as BROKEN, because of *err. */
void img_manifest_break (struct img_manifest *m, const struct img_error *err);
void img_manifest_free (struct img_manifest *m);

#endif
