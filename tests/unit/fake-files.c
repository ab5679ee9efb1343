/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drivers for tests of opening and creating: what they do is told in fake-files.h. */
#include <config.h>

#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/overflow.h>

#include "core/driver.h"
#include "fake-files.h"
#include "suite.h"

unsigned fake_opened, fake_locked, fake_open_flags, fake_lock_flags, fake_live, fake_flushed;
static char folder[FOLDER_NAME];

/* ---- protocols ---- */

struct file {
  int fd;
};

static int
file_parse_name (const char *name, struct img_opts *opts, struct img_error *err)
{
  return img_opts_set (opts, "filename", strncmp (name, "file:", 5) ? name : name + 5, err);
}

static int
file_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
           struct img_error *err)
{
  struct file *f = img_node_priv (node);
  struct stat st;
  f->fd = open (img_opts_string (opts, "filename"), flags & IMG_OPEN_RDWR ? O_RDWR : O_RDONLY);
  if (f->fd < 0)
    return img_error_errno (err, errno, "cannot open");
  ck_assert_int_eq (fstat (f->fd, &st), 0);
  img_node_set_size (node, (uint64_t) st.st_size);
  fake_opened++;
  fake_live++;
  fake_open_flags = flags;
  return 0;
}

static void
file_close (struct img_node *node)
{
  struct file *f = img_node_priv (node);
  close (f->fd);
  fake_live--;
}

static int
file_lock (struct img_node *node, unsigned flags, struct img_error *err)
{
  if (strstr (img_filename (node), "locked"))
    return img_error_set (err, EAGAIN, "somebody uses it");
  fake_locked++;
  fake_lock_flags = flags;
  return 0;
}

static int
file_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
            struct img_error *err)
{
  struct file *f = img_node_priv (node);
  if (pread (f->fd, buf, length, (off_t) offset) != (ssize_t) length)
    return img_error_set (err, EIO, "short read");
  return 0;
}

static int
file_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
             struct img_error *err)
{
  struct file *f = img_node_priv (node);
  if (pwrite (f->fd, buf, length, (off_t) offset) != (ssize_t) length)
    return img_error_set (err, EIO, "short write");
  return 0;
}

static int
file_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
             struct img_error *err)
{
  struct file *f = img_node_priv (node);
  (void) prealloc;
  (void) flags;
  (void) err;
  ck_assert_int_eq (ftruncate (f->fd, (off_t) size), 0);
  img_node_set_size (node, size);
  return 0;
}

static int
file_flush (struct img_node *node, struct img_error *err)
{
  (void) node;
  (void) err;
  fake_flushed++;
  return 0;
}

static int
file_create (struct img_create *c, struct img_error *err)
{
  int fd = open (strncmp (c->filename, "file:", 5) ? c->filename : c->filename + 5,
                 O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (fd < 0)
    return img_error_errno (err, errno, "cannot create");
  ck_assert_int_eq (ftruncate (fd, (off_t) c->size), 0);
  close (fd);
  return 0;
}

static int
file_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  (void) node;
  (void) err;
  info->specific_type = "file";
  return 0;
}

static int
file_get_allocated (struct img_node *node, uint64_t *bytes, struct img_error *err)
{
  (void) err;
  *bytes = img_size (node) + 1;
  return 0;
}

static const char *const file_schemes[] = { "file", NULL };
static const struct img_optdesc file_opts[] = {
  { "filename", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
  { "locking", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
  IMG_OPT_END
};
static const char *const prealloc_words[] = { "off", "full", NULL };
static const struct img_optdesc file_create_opts[] = {
  { "nocow", IMG_OPT_BOOL, NULL, NULL, NULL, 0 },
  { "preallocation", IMG_OPT_ENUM, NULL, prealloc_words, NULL, 0 },
  IMG_OPT_END
};

static const struct img_driver file_driver = {
  .struct_size = sizeof file_driver,
  .abi = IMG_ABI,
  .kind = IMG_PROTOCOL,
  .name = "file",
  .priv_size = sizeof (struct file),
  .schemes = file_schemes,
  .open_opts = file_opts,
  .create_opts = file_create_opts,
  .open = file_open,
  .close = file_close,
  .parse_name = file_parse_name,
  .create = file_create,
  .get_info = file_get_info,
  .get_allocated = file_get_allocated,
  .pread = file_pread,
  .pwrite = file_pwrite,
  .flush = file_flush,
  .resize = file_resize,
  .lock = file_lock,
};

static int
net_parse_name (const char *name, struct img_opts *opts, struct img_error *err)
{
  return img_opts_set (opts, "host", name + 6, err);
}

static int
net_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
          struct img_error *err)
{
  (void) flags;
  if (img_opts_string (opts, "host") == NULL)
    return img_error_set (err, EINVAL, "no host");
  img_node_set_size (node, 1024);
  return 0;
}

static int
net_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
           struct img_error *err)
{
  (void) node;
  (void) offset;
  (void) err;
  memset (buf, 0, length);
  return 0;
}

static int
no_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  (void) node;
  (void) info;
  (void) err;
  return 0;
}

static const char *const net_schemes[] = { "net", NULL };
static const struct img_optdesc net_opts[] = {
  { "host", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
  { "password", IMG_OPT_STRING, NULL, NULL, NULL, IMG_OPTF_SECRET },
  IMG_OPT_END
};
static const struct img_driver net_driver = {
  .struct_size = sizeof net_driver,
  .abi = IMG_ABI,
  .kind = IMG_PROTOCOL,
  .name = "net",
  .schemes = net_schemes,
  .open_opts = net_opts,
  .open = net_open,
  .parse_name = net_parse_name,
  .get_info = no_info,
  .pread = net_pread,
};

/* ---- formats ---- */

static int
whole_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
           unsigned n, struct img_error *err)
{
  (void) node;
  (void) n;
  (void) err;
  *ext = (struct img_extent) { offset, length, offset, IMG_EXTENT_DATA, 0, 0 };
  return 1;
}

static int
plain_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
            struct img_error *err)
{
  (void) flags;
  (void) err;
  img_node_set_size (node, img_size (img_child (node, 0)) - img_opts_number (opts, "offset"));
  return 0;
}

static int
plain_create (struct img_create *c, struct img_error *err)
{
  return img_size (c->file) >= c->size ? 0 : img_resize (c->file, c->size, c->prealloc, 0, err);
}

static const struct img_optdesc raw_opts[] = {
  { "offset", IMG_OPT_SIZE, "0", NULL, NULL, IMG_OPTF_IDENTITY },
  IMG_OPT_END
};
static const struct img_driver raw_driver = {
  .struct_size = sizeof raw_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .caps = IMG_CAP_PLAIN,
  .name = "raw",
  .open_opts = raw_opts,
  .open = plain_open,
  .create = plain_create,
  .get_info = no_info,
  .map = whole_map,
};

static int
text_line (struct img_node *node, char *line, char **backing, char **format,
           struct img_error *err)
{
  char *value = strchr (line, ' ');
  if (strcmp (line, "fail") == 0)
    return img_error_set (err, EINVAL, "line says so");
  if (value == NULL)
    return 0;
  *value++ = '\0';
  if (strcmp (line, "size") == 0)
    img_node_set_size (node, strtoull (value, NULL, 10));
  else if (strcmp (line, "backing") == 0)
    *backing = value;
  else if (strcmp (line, "format") == 0)
    *format = value;
  else if (strcmp (line, "data") == 0 && !(node->flags & IMG_OPEN_NO_IO))
    return img_node_open_child (node, "data-file", *value ? value : NULL, NULL,
                                IMG_CHILD_WORKING_DIR, err);
  return 0;
}

static int
text_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
           struct img_error *err)
{
  char text[4096], *save, *backing = NULL, *format = NULL;
  uint64_t n = img_min (img_size (img_child (node, 0)), sizeof text - 1);
  (void) opts;
  (void) flags;
  if (img_pread (img_child (node, 0), text, n, 0, 0, err) < 0)
    return -1;
  text[n] = '\0';
  for (char *line = strtok_r (text, "\n", &save); line; line = strtok_r (NULL, "\n", &save))
    if (text_line (node, line, &backing, &format, err) < 0)
      return -1;
  return backing ? img_node_set_backing (node, backing, format, err) : 0;
}

static int
text_create (struct img_create *c, struct img_error *err)
{
  char text[4096];
  const char *extra = img_opts_string (c->opts, "extra");
  const char *backing = img_opts_string (c->opts, "backing_file");
  const char *format = img_opts_string (c->opts, "backing_fmt");
  int n = snprintf (text, sizeof text, "TEXT\nsize %llu\n", (unsigned long long) c->size);
  if (backing)
    n += snprintf (text + n, sizeof text - (size_t) n, "backing %s\n", backing);
  if (format)
    n += snprintf (text + n, sizeof text - (size_t) n, "format %s\n", format);
  if (extra
      && !img_create_extra (c, extra, 1000, IMG_PREALLOC_OFF, IMG_EXTRA_WORKING_DIR, err))
    return -1;
  if (img_opts_bool (c->opts, "fail"))
    return img_error_set (err, ENOSPC, "no room for what was asked");
  if (img_resize (c->file, (uint64_t) n, IMG_PREALLOC_OFF, 0, err) < 0)
    return -1;
  return img_pwrite (c->file, text, (uint64_t) n, 0, 0, err);
}

static int
text_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  (void) node;
  (void) err;
  info->cluster_size = 512;
  info->specific_type = "text";
  img_value_set_string (info->specific, "lines", "some");
  return 0;
}

static const struct img_magic text_magics[] = { IMG_MAGIC (0, "TEXT\n"), { 0, NULL, 0 } };
static const struct img_optdesc text_opts[] = {
  { "mode", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
  IMG_OPT_END
};
static const struct img_optdesc text_create_opts[] = {
  { "first", IMG_OPT_SIZE, "64k", NULL, NULL, 0 },
  { "size", IMG_OPT_SIZE, NULL, NULL, NULL, 0 },
  { "backing_file", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
  { "backing_fmt", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
  { "extra", IMG_OPT_STRING, NULL, NULL, NULL, 0 },
  { "fail", IMG_OPT_BOOL, NULL, NULL, NULL, 0 },
  IMG_OPT_END
};
static const struct img_driver text_driver = {
  .struct_size = sizeof text_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .caps = IMG_CAP_BACKING,
  .name = "text",
  .magics = text_magics,
  .open_opts = text_opts,
  .create_opts = text_create_opts,
  .open = text_open,
  .create = text_create,
  .get_info = text_get_info,
  .map = whole_map,
};

#define PROBE(name, score)                                                                 \
  static int                                                                               \
  name (const uint8_t *head, size_t head_len, const uint8_t *tail, size_t tail_len,        \
        uint64_t size)                                                                     \
  {                                                                                        \
    (void) head;                                                                           \
    (void) head_len;                                                                       \
    (void) tail;                                                                           \
    (void) tail_len;                                                                       \
    return (void) size, score;                                                             \
  }
PROBE (probe_tie, 80)
PROBE (probe_sure, 90)
PROBE (probe_tail, 95)
PROBE (probe_ext, size > 4 ? 40 : 0)

static const struct img_magic tie_magics[] = { IMG_MAGIC (0, "TIE!"), { 0, NULL, 0 } };
static const struct img_magic sure_magics[] = { IMG_MAGIC (0, "SURE"), { 0, NULL, 0 } };
static const struct img_magic tail_magics[] = { IMG_MAGIC (-512, "LIAT"), { 0, NULL, 0 } };
static const char *const ext_extensions[] = { "ext", NULL };

#define PROBED_DRIVER(variable, called, fn, ...)                                           \
  static const struct img_driver variable = {                                              \
    .struct_size = sizeof (struct img_driver),                                             \
    .abi = IMG_ABI,                                                                        \
    .kind = IMG_FORMAT,                                                                    \
    .name = called,                                                                        \
    .open = plain_open,                                                                    \
    .get_info = no_info,                                                                   \
    .map = whole_map,                                                                      \
    .probe = fn,                                                                           \
    __VA_ARGS__                                                                            \
  }
PROBED_DRIVER (tie_a_driver, "tie-a", probe_tie, .magics = tie_magics);
PROBED_DRIVER (tie_b_driver, "tie-b", probe_tie, .magics = tie_magics);
PROBED_DRIVER (sure_driver, "sure", probe_sure, .magics = sure_magics);
PROBED_DRIVER (tail_driver, "sure-tail", probe_tail, .magics = tail_magics);
PROBED_DRIVER (ext_driver, "ext", probe_ext, .extensions = ext_extensions);

static const struct img_driver *const drivers[] = {
  &file_driver, &net_driver,   &raw_driver,  &text_driver, &tie_a_driver,
  &tie_b_driver, &sure_driver, &tail_driver, &ext_driver,  NULL
};
static const struct img_module module = {
  .struct_size = sizeof module,
  .abi = IMG_ABI,
  .drivers = drivers,
};

/* ---- files ---- */

const struct img_module *img_module_entry (void); /* modules/json/json.c, linked in */

void
fake_files_enter (void)
{
  struct img_error err = IMG_ERROR_INIT;
  folder_make (folder);
  ck_assert_int_eq (chdir (folder), 0);
  unsetenv ("BLKIMG_MODULE_PATH"); /* the real modules would bring another core */
  ck_assert_int_eq (img_registry_add ("fakes", &module, &err), 0);
  ck_assert_int_eq (img_registry_add ("json", img_module_entry (), &err), 0);
}

void
fake_files_leave (void)
{
  ck_assert_int_eq (chdir ("/"), 0);
  folder_remove (folder);
}

void
fake_write (const char *name, const char *fmt, ...)
{
  FILE *f = fopen (name, "w");
  va_list ap;
  ck_assert_msg (f != NULL, "%s", name);
  va_start (ap, fmt);
  ck_assert_int_ge (vfprintf (f, fmt, ap), 0);
  va_end (ap);
  ck_assert_int_eq (fclose (f), 0);
}

char *
fake_read (const char *name)
{
  FILE *f = fopen (name, "r");
  char *text = NULL;
  size_t n = 0;
  if (f == NULL)
    return NULL;
  if (getdelim (&text, &n, '\0', f) < 0 && text)
    text[0] = '\0';
  fclose (f);
  return text;
}
