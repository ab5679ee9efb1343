/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create.c - new files.  What stands there already is locked before it is cut to nothing; a file
 * that was made here is removed when making it fails.  Devices are not made, only measured and
 * their first sector cleared. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "file.h"

/* Keeps XFS from scattering an image that grows in small pieces; as QEMU since 5.1. */
#define FILE_EXTENT_SIZE_HINT (1u << 20)

static const char *const file_prealloc_words[] = { "off", "falloc", "full", NULL };
static const enum img_prealloc file_prealloc_modes[] = { IMG_PREALLOC_OFF, IMG_PREALLOC_FALLOC,
                                                         IMG_PREALLOC_FULL };

const struct img_optdesc file_create_opts[] = {
  { "nocow", IMG_OPT_BOOL, NULL, NULL, N_("turn copy-on-write off (btrfs only)"), 0 },
  { "preallocation", IMG_OPT_ENUM, NULL, file_prealloc_words,
    N_("how to allocate space: off, falloc (reserve it), full (write it)"), 0 },
  { "extent_size_hint", IMG_OPT_SIZE, NULL, NULL,
    N_("smallest piece that XFS should allocate at once (default: 1M); 0: none"), 0 },
  IMG_OPT_END
};

static void
file_set_nocow (int fd)
{
  int attr;

  /* Meaningless but harmless where there is no copy-on-write. */
  if (ioctl (fd, FS_IOC_GETFLAGS, &attr) == 0) {
    attr |= FS_NOCOW_FL;
    (void) ioctl (fd, FS_IOC_SETFLAGS, &attr);
  }
}

static int
file_set_extent_size_hint (int fd, const struct img_opts *opts, struct img_error *err)
{
  bool asked = img_opts_string (opts, "extent_size_hint") != NULL;
  uint64_t hint = asked ? img_opts_number (opts, "extent_size_hint") : FILE_EXTENT_SIZE_HINT;
  struct fsxattr attr;

  if (hint > UINT32_MAX)
    return img_error_set (err, EINVAL, _("Extent size hint is too large"));
  if (hint == 0 || ioctl (fd, FS_IOC_FSGETXATTR, &attr) < 0)
    return 0;
  attr.fsx_xflags |= FS_XFLAG_EXTSIZE;
  attr.fsx_extsize = (uint32_t) hint;
  /* Other file systems know the call and not the flag: no harm. */
  if (ioctl (fd, FS_IOC_FSSETXATTR, &attr) < 0 && asked && errno == EINVAL)
    return img_error_set (err, EINVAL,
                          _("the file system does not take an extent size hint of %" PRIu64), hint);
  return 0;
}

/* Opens PATH for writing and says whether it is NEW. */
static int
file_create_open (const char *path, bool *new, struct img_error *err)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  struct stat st;

  *new = fd >= 0;
  if (fd >= 0)
    return fd;
  if (errno == EEXIST)
    /* A FIFO must not make us wait.  O_CREAT for a symbolic link to nothing. */
    fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
  if (fd < 0)
    return img_error_errno (err, errno, _("cannot create"));
  if (fstat (fd, &st) == 0 && S_ISREG (st.st_mode))
    return fd;
  close (fd);
  return img_error_set (err, EINVAL, _("this is not a regular file"));
}

static int
file_fill (int fd, const struct img_create *c, struct img_error *err)
{
  int word = img_opts_choice (c->opts, "preallocation", file_prealloc_words);

  if (ftruncate (fd, 0) < 0)
    return img_error_errno (err, errno, _("cannot empty the file that is there"));
  if (img_opts_bool (c->opts, "nocow"))
    file_set_nocow (fd);
  if (file_set_extent_size_hint (fd, c->opts, err) < 0)
    return -1;
  return file_set_length (fd, 0, c->size, word < 0 ? c->prealloc : file_prealloc_modes[word], err);
}

int
file_create (struct img_create *c, struct img_error *err)
{
  const char *path = file_path (c->filename, "file");
  struct file_locks held = { 0, 0 };
  struct file_locks want = { FILE_PERM_WRITE | FILE_PERM_RESIZE, FILE_PERM_RESIZE };
  bool new;
  IMG_CLEANUP (close) int fd = file_create_open (path, &new, err);

  if (fd < 0)
    return -1;
  if (file_lock_change (fd, &held, want, path, err) == 0 && file_fill (fd, c, err) == 0)
    return 0;
  if (new)
    unlink (path);
  return -1;
}

int
file_device_create (struct img_create *c, struct img_error *err)
{
  const char *path = file_path (c->filename, "host_device");
  IMG_CLEANUP (close) int fd = open (path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  static const uint8_t nothing[512];
  uint64_t length;

  if (fd < 0)
    return img_error_errno (err, errno, _("cannot open the device"));
  if (file_length (fd, &length, err) < 0)
    return -1;
  if (c->size > length)
    return img_error_set (err, EINVAL, _("%" PRIu64 " bytes do not fit: the device has %" PRIu64),
                          c->size, length);
  /* What stood there must not be taken for what the new image is. */
  if (pwrite (fd, nothing, img_min (sizeof nothing, length), 0) < 0)
    return img_error_errno (err, errno, _("cannot write the first sector"));
  return 0;
}
