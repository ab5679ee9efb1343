/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* file: images in files and on block devices of this machine.
 *
 * Three drivers over one struct file: `file` (regular files), `host_device` (block devices) and
 * `host_cdrom` (the same, read-only).  This file owns the tables, names, open and close; each
 * other file of the folder one concern.  Refuses, without waiting and without touching it, what is
 * neither file nor block device: a FIFO, socket, directory or character device. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/cdrom.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/overflow.h>

#include "file.h"

/* ---- names ---- */

const char *
file_path (const char *name, const char *scheme)
{
  size_t n = strlen (scheme);

  return strncmp (name, scheme, n) == 0 && name[n] == ':' ? name + n + 1 : name;
}

/* Drives answer this without a medium. */
static bool
file_is_cdrom (const char *path)
{
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  bool yes = fd >= 0 && ioctl (fd, CDROM_DRIVE_STATUS, CDSL_CURRENT) >= 0;

  if (fd >= 0)
    close (fd);
  return yes;
}

static int
file_parse_name (const char *name, struct img_opts *opts, struct img_error *err)
{
  const char *path = file_path (name, "file");
  struct stat st;

  if (img_opts_set (opts, "filename", path, err) < 0)
    return -1;
  /* "file:" means this driver; a bare path may lead to a device. */
  if (path != name || stat (path, &st) < 0 || !S_ISBLK (st.st_mode))
    return 0;
  return img_opts_set (opts, "driver", file_is_cdrom (path) ? "host_cdrom" : "host_device", err);
}

static int
file_device_parse_name (const char *name, struct img_opts *opts, struct img_error *err)
{
  return img_opts_set (opts, "filename", file_path (name, "host_device"), err);
}

static int
file_cdrom_parse_name (const char *name, struct img_opts *opts, struct img_error *err)
{
  return img_opts_set (opts, "filename", file_path (name, "host_cdrom"), err);
}

/* ---- open and close ---- */

int
file_length (int fd, uint64_t *bytes, struct img_error *err)
{
  off_t end = lseek (fd, 0, SEEK_END); /* of block devices, too */

  if (end < 0)
    return img_error_errno (err, errno, _("cannot find out how long it is"));
  *bytes = (uint64_t) end;
  return 0;
}

static int
file_check_kind (const struct stat *st, bool device, struct img_error *err)
{
  if (device ? S_ISBLK (st->st_mode) : S_ISREG (st->st_mode))
    return 0;
  if (S_ISDIR (st->st_mode))
    return img_error_set (err, EISDIR, _("this is a directory"));
  return device ? img_error_set (err, EINVAL, _("this is not a block device"))
                : img_error_set (err, EINVAL, _("this is not a regular file"));
}

/* Opening some things waits or has effects, so look first; and look again at what was opened. */
static int
file_open_path (struct file *f, const char *path, struct img_error *err)
{
  int mode = (f->flags & IMG_OPEN_RDWR ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  struct stat st;

  if (stat (path, &st) < 0)
    return img_error_errno (err, errno, _("cannot open"));
  if (file_check_kind (&st, f->device, err) < 0)
    return -1;
  if (f->flags & IMG_OPEN_DIRECT)
    mode |= O_DIRECT;
  IMG_TRACE ("file_open_path", NULL, "%s 0x%x", path, (unsigned) mode);
  f->fd = open (path, mode);
  if (f->fd < 0 && errno == EINVAL && (f->flags & IMG_OPEN_DIRECT))
    return img_error_set (err, EINVAL, _("the file system does not support direct access"));
  if (f->fd < 0)
    return img_error_errno (err, errno, f->flags & IMG_OPEN_RDWR ? _("cannot open for writing")
                                                                 : _("cannot open"));
  if (fstat (f->fd, &st) < 0)
    return img_error_errno (err, errno, _("cannot open"));
  return file_check_kind (&st, f->device, err);
}

static int
file_set_limits (struct img_node *node, uint64_t length, struct img_error *err)
{
  const struct file *f = img_node_priv (node);
  struct img_limits *limits = img_node_limits_mut (node);
  int sector;

  if (f->device && ioctl (f->fd, BLKSSZGET, &sector) == 0 && sector > 0)
    limits->zero_align = limits->discard_align = (uint64_t) sector;
  if (f->flags & IMG_OPEN_DIRECT)
    return file_direct_limits (node, length, err);
  return 0;
}

/* In the order of enum file_locking. */
static const char *const file_locking_words[] = { "auto", "on", "off", NULL };

static uint32_t
file_extent_size_hint (int fd)
{
  struct fsxattr attr;

  if (ioctl (fd, FS_IOC_FSGETXATTR, &attr) < 0 || !(attr.fsx_xflags & FS_XFLAG_EXTSIZE))
    return 0;
  return attr.fsx_extsize;
}

static int
file_open_any (struct img_node *node, const struct img_opts *opts, unsigned flags, bool device,
               struct img_error *err)
{
  struct file *f = img_node_priv (node);
  const char *path = img_opts_string (opts, "filename");
  uint64_t length;

  if (path == NULL || *path == '\0')
    return img_error_set (err, EINVAL, _("the '%s' driver needs a file name"),
                          img_driver_name (node));
  f->flags = flags;
  f->device = device;
  f->locking = (enum file_locking) img_opts_choice (opts, "locking", file_locking_words);
  f->aio = (enum file_aio) img_opts_choice (opts, "aio", file_aio_words);
  f->aio_batch = (unsigned) img_min (img_opts_number (opts, "aio-max-batch"), UINT_MAX);
  f->fd = -1;
  if (file_aio_check (f, f->aio, err) < 0)
    return -1;
  if (file_open_path (f, path, err) == 0 && file_length (f->fd, &length, err) == 0
      && file_set_limits (node, length, err) == 0) {
    img_node_set_size (node, length);
    return 0;
  }
  if (f->fd >= 0)
    close (f->fd);
  return -1;
}

static int
file_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
           struct img_error *err)
{
  return file_open_any (node, opts, flags, false, err);
}

static int
file_device_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
                  struct img_error *err)
{
  return file_open_any (node, opts, flags, true, err);
}

static void
file_close (struct img_node *node)
{
  struct file *f = img_node_priv (node);
  struct stat st;

  /* A last block that O_DIRECT wrote whole; should that fail, the file is a little longer. */
  if (!f->device && atomic_load (&f->padded) && fstat (f->fd, &st) == 0
      && (uint64_t) st.st_size > img_size (node) && ftruncate (f->fd, (off_t) img_size (node)) < 0)
    img_debug (node, "cannot cut off what is past the end");
  close (f->fd);
}

/* ---- facts ---- */

static int
file_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  const struct file *f = img_node_priv (node);
  uint32_t hint = f->device ? 0 : file_extent_size_hint (f->fd);

  (void) err;
  if (f->device)
    return 0;
  info->specific_type = "file";
  if (hint != 0)
    img_value_set_uint (info->specific, "extent-size-hint", hint);
  return 0;
}

static int
file_get_allocated (struct img_node *node, uint64_t *bytes, struct img_error *err)
{
  const struct file *f = img_node_priv (node);
  struct stat st;

  if (fstat (f->fd, &st) < 0)
    return img_error_errno (err, errno, _("cannot find out how much space it takes"));
  *bytes = (uint64_t) st.st_blocks * 512;
  return 0;
}

/* ---- tables ---- */

static const struct img_optdesc file_open_opts[] = {
  { "filename", IMG_OPT_STRING, NULL, NULL, N_("path of the file or device"), 0 },
  { "locking", IMG_OPT_ENUM, "auto", file_locking_words,
    N_("take the locks that QEMU's programs take: auto, on, off"), 0 },
  { "aio", IMG_OPT_ENUM, "threads", file_aio_words,
    N_("how requests run side by side: threads, native (direct access only), io_uring"), 0 },
  { "aio-max-batch", IMG_OPT_NUMBER, "0", NULL,
    N_("requests that go to the kernel at once, at most; 0: no limit"), 0 },
  { "drop-cache", IMG_OPT_BOOL, "on", NULL, N_("accepted for compatibility, changes nothing"), 0 },
  { "x-check-cache-dropped", IMG_OPT_BOOL, "off", NULL,
    N_("accepted for compatibility, changes nothing"), 0 },
  IMG_OPT_END
};

static const char *const file_schemes[] = { "file", NULL };
static const char *const file_device_schemes[] = { "host_device", NULL };
static const char *const file_cdrom_schemes[] = { "host_cdrom", NULL };

#define FILE_COMMON                                                                            \
  .struct_size = sizeof (struct img_driver), .abi = IMG_ABI, .kind = IMG_PROTOCOL,             \
  .threads = IMG_THREADS_PARALLEL, .priv_size = sizeof (struct file), .version = "1",          \
  .open_opts = file_open_opts, .close = file_close, .get_info = file_get_info,                 \
  .get_allocated = file_get_allocated, .map = file_map, .pread = file_pread, .lock = file_lock, \
  .aio = &file_aio_ops

#define FILE_WRITABLE                                                                       \
  .pwrite = file_pwrite, .flush = file_flush, .zero = file_zero, .discard = file_discard,   \
  .resize = file_resize, .allocate = file_allocate, .copy_from = file_copy_from

static const struct img_driver file_driver = {
  FILE_COMMON, FILE_WRITABLE,
  .name = "file",
  .longname = N_("regular files"),
  .caps = IMG_CAP_ZERO_INIT,
  .schemes = file_schemes,
  .create_opts = file_create_opts,
  .parse_name = file_parse_name,
  .open = file_open,
  .create = file_create,
};

static const struct img_driver file_device_driver = {
  FILE_COMMON, FILE_WRITABLE,
  .name = "host_device",
  .longname = N_("block devices"),
  .schemes = file_device_schemes,
  .parse_name = file_device_parse_name,
  .open = file_device_open,
  .create = file_device_create,
};

static const struct img_driver file_cdrom_driver = {
  FILE_COMMON,
  .name = "host_cdrom",
  .longname = N_("CD-ROM drives"),
  .caps = IMG_CAP_READ_ONLY,
  .schemes = file_cdrom_schemes,
  .parse_name = file_cdrom_parse_name,
  .open = file_device_open,
};

static const struct img_driver *const file_drivers[] = { &file_driver, &file_device_driver,
                                                         &file_cdrom_driver, NULL };

static const struct img_module file_module = {
  .struct_size = sizeof file_module,
  .abi = IMG_ABI,
  .drivers = file_drivers,
};

IMG_MODULE_ENTRY (file_module)
