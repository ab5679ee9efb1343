/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkverify: a filter that holds an image against a raw file.  What is written goes to both; what
 * is read comes from both, and a difference is an error. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/overflow.h>

#include "filter.h"

enum { TEST, RAW }; /* numbers of the children */

static int
blkverify_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
                struct img_error *err)
{
  (void) opts;
  (void) flags;
  if (filter_open_child (node, "test", IMG_CHILD_PROBE, err) < 0
      || filter_open_child (node, "raw", 0, err) < 0)
    return -1;
  if (img_size (img_child (node, RAW)) < img_size (node))
    return img_error_set (err, EINVAL, _("the raw file is shorter (%" PRIu64 " bytes) than the"
                                         " image (%" PRIu64 " bytes)"),
                          img_size (img_child (node, RAW)), img_size (node));
  return 0;
}

/* blkverify:RAW:IMAGE */
static int
blkverify_parse_name (const char *name, struct img_opts *opts, struct img_error *err)
{
  const char *raw = name + strlen ("blkverify:"), *image = strchr (raw, ':');
  IMG_CLEANUP (free) char *text = NULL;

  if (image == NULL || image == raw || image[1] == '\0')
    return img_error_set (err, EINVAL, _("the name is blkverify:RAW:IMAGE"));
  text = strndup (raw, (size_t) (image - raw));
  if (text == NULL)
    return img_error_errno (err, ENOMEM, _("image name"));
  return img_opts_set (opts, "raw.filename", text, err) < 0
         || img_opts_set (opts, "test.file.filename", image + 1, err) < 0 ? -1 : 0;
}

static int
blkverify_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err)
{
  IMG_CLEANUP (free) uint8_t *other = malloc (length);
  const uint8_t *mine = buf;
  uint64_t i = 0;

  if (other == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (filter_pread (node, buf, length, offset, err) < 0
      || img_pread (img_child (node, RAW), other, length, offset, 0, err) < 0)
    return -1;
  if (memcmp (buf, other, length) == 0)
    return 0;
  while (mine[i] == other[i])
    i++;
  return img_error_set (err, EIO, _("contents mismatch at offset %" PRIu64), offset + i);
}

static int
blkverify_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                  struct img_error *err)
{
  if (img_pwrite (img_child (node, RAW), buf, length, offset, 0, err) < 0)
    return -1;
  return filter_pwrite (node, buf, length, offset, err);
}

static int
blkverify_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
                struct img_error *err)
{
  if (img_zero (img_child (node, RAW), offset, length, flags & ~(unsigned) IMG_IO_NO_FALLBACK,
                err) < 0)
    return -1;
  return filter_zero (node, offset, length, flags & ~(unsigned) IMG_IO_NO_FALLBACK, err);
}

static int
blkverify_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc,
                  unsigned flags, struct img_error *err)
{
  struct img_node *raw = img_child (node, RAW);

  if (filter_resize (node, size, prealloc, flags, err) < 0)
    return -1;
  return img_size (raw) < img_size (node)
           ? img_resize (raw, img_size (node), IMG_PREALLOC_OFF, 0, err) : 0;
}

static const char *const blkverify_schemes[] = { "blkverify", NULL };

/* No discard: what is read afterwards may differ from one file to the other. */
static const struct img_driver blkverify_driver = {
  .struct_size = sizeof blkverify_driver,
  .abi = IMG_ABI,
  .kind = IMG_FILTER,
  .threads = IMG_THREADS_PARALLEL,
  .name = "blkverify",
  .longname = N_("compares an image with a raw file"),
  .schemes = blkverify_schemes,
  .parse_name = blkverify_parse_name,
  .open = blkverify_open,
  .get_info = filter_get_info,
  .pread = blkverify_pread,
  .pwrite = blkverify_pwrite,
  .zero = blkverify_zero,
  .resize = blkverify_resize,
};

static const struct img_driver *const blkverify_drivers[] = { &blkverify_driver, NULL };

static const struct img_module blkverify_module = {
  .struct_size = sizeof blkverify_module,
  .abi = IMG_ABI,
  .drivers = blkverify_drivers,
};

IMG_MODULE_ENTRY (blkverify_module)
