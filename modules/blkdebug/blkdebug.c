/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkdebug: a filter under which requests fail when rules say so; and which may ask for alignments
 * and limits that its file does not have.
 *
 * Owns: names, options, limits.  Rules are rules.c, their file config.c. */
#include <errno.h>
#include <string.h>

#include <blkimg/module.h>
#include <blkimg/overflow.h>

#include "blkdebug.h"
#include "filter.h"

/* A size among OPTS; 0: not given.  UNIT: what it must be a multiple of. */
static int
limit (const struct img_opts *opts, const char *key, uint64_t unit, uint64_t *to,
       struct img_error *err)
{
  if (img_opts_string (opts, key) == NULL)
    return 0;
  *to = img_opts_number (opts, key);
  if (*to == 0 || *to % unit != 0 || *to > INT32_MAX)
    return img_error_set (err, EINVAL, _("%s must be a multiple of %u and below 2 GiB"), key,
                          (unsigned) unit);
  return 0;
}

static int
set_limits (struct img_node *node, const struct img_opts *opts, struct img_error *err)
{
  struct img_limits *l = img_node_limits_mut (node);
  uint64_t align = 1;

  if (limit (opts, "align", 1, &align, err) < 0)
    return -1;
  if (!img_is_pow2 (align))
    return img_error_set (err, EINVAL, _("align must be a power of two"));
  l->request_align = (uint32_t) align;
  return limit (opts, "max-transfer", align, &l->max_transfer, err) < 0
         || limit (opts, "opt-write-zero", align, &l->zero_align, err) < 0
         || limit (opts, "max-write-zero", img_max (align, l->zero_align), &l->max_zero, err) < 0
         || limit (opts, "opt-discard", align, &l->discard_align, err) < 0
         || limit (opts, "max-discard", img_max (align, l->discard_align), &l->max_discard, err) < 0
           ? -1 : 0;
}

static int
blkdebug_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
               struct img_error *err)
{
  struct blkdebug_rules *r = img_node_priv (node);
  const char *config = img_opts_string (opts, "config");
  int rc;

  (void) flags;
  blkdebug_rules_init (r);
  rc = config && *config ? blkdebug_rules_read (r, config, err) : 0;
  if (rc == 0)
    rc = blkdebug_rules_add (r, opts, err);
  if (rc == 0)
    rc = filter_open_child (node, "image", 0, err);
  if (rc == 0)
    rc = set_limits (node, opts, err);
  if (rc < 0)
    blkdebug_rules_release (r);
  return rc;
}

static void
blkdebug_close (struct img_node *node)
{
  blkdebug_rules_release (img_node_priv (node));
}

/* blkdebug:[CONFIG]:IMAGE */
static int
blkdebug_parse_name (const char *name, struct img_opts *opts, struct img_error *err)
{
  const char *config = name + strlen ("blkdebug:"), *image = strchr (config, ':');
  char text[4096];

  if (image == NULL || (size_t) (image - config) >= sizeof text)
    return img_error_set (err, EINVAL, _("the name is blkdebug:[CONFIG]:IMAGE"));
  memcpy (text, config, (size_t) (image - config));
  text[image - config] = '\0';
  if (*text && img_opts_set (opts, "config", text, err) < 0)
    return -1;
  return img_opts_set (opts, "image.filename", image + 1, err);
}

/* ---- requests ---- */

static void
blkdebug_event (struct img_node *node, const char *event)
{
  blkdebug_rules_event (img_node_priv (node), event);
}

static int
blkdebug_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
                struct img_error *err)
{
  if (blkdebug_rules_io (img_node_priv (node), BLKDEBUG_READ, offset, length, err) < 0)
    return -1;
  return filter_pread (node, buf, length, offset, err);
}

static int
blkdebug_pwrite (struct img_node *node, const void *buf, uint64_t length, uint64_t offset,
                 struct img_error *err)
{
  blkdebug_event (node, "pwritev");
  if (blkdebug_rules_io (img_node_priv (node), BLKDEBUG_WRITE, offset, length, err) < 0
      || filter_pwrite (node, buf, length, offset, err) < 0)
    return -1;
  blkdebug_event (node, "pwritev_done");
  return 0;
}

static int
blkdebug_zero (struct img_node *node, uint64_t offset, uint64_t length, unsigned flags,
               struct img_error *err)
{
  blkdebug_event (node, "pwritev_zero");
  if (blkdebug_rules_io (img_node_priv (node), BLKDEBUG_ZERO, offset, length, err) < 0
      || filter_zero (node, offset, length, flags, err) < 0)
    return -1;
  blkdebug_event (node, "pwritev_done");
  return 0;
}

static int
blkdebug_discard (struct img_node *node, uint64_t offset, uint64_t length, struct img_error *err)
{
  if (blkdebug_rules_io (img_node_priv (node), BLKDEBUG_DISCARD, offset, length, err) < 0)
    return -1;
  return filter_discard (node, offset, length, err);
}

static int
blkdebug_flush (struct img_node *node, struct img_error *err)
{
  blkdebug_event (node, "flush_to_disk");
  return blkdebug_rules_io (img_node_priv (node), BLKDEBUG_FLUSH, 0, 0, err);
}

static int
blkdebug_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
              unsigned n, struct img_error *err)
{
  if (blkdebug_rules_io (img_node_priv (node), BLKDEBUG_STATUS, offset, length, err) < 0)
    return -1;
  return filter_map (node, offset, length, ext, n, err);
}

/* ---- the driver ---- */

static const struct img_optdesc blkdebug_opts[] = {
  { "config", IMG_OPT_STRING, NULL, NULL, N_("file with rules"), 0 },
  { "align", IMG_OPT_SIZE, NULL, NULL, N_("requests are multiples of this"), 0 },
  { "max-transfer", IMG_OPT_SIZE, NULL, NULL, N_("longest read or write"), 0 },
  { "opt-write-zero", IMG_OPT_SIZE, NULL, NULL, N_("zero requests are multiples of this"), 0 },
  { "max-write-zero", IMG_OPT_SIZE, NULL, NULL, N_("longest zero request"), 0 },
  { "opt-discard", IMG_OPT_SIZE, NULL, NULL, N_("discards are multiples of this"), 0 },
  { "max-discard", IMG_OPT_SIZE, NULL, NULL, N_("longest discard"), 0 },
  { "inject-error.*.event", IMG_OPT_STRING, NULL, NULL, N_("what makes errors happen"), 0 },
  { "inject-error.*.state", IMG_OPT_STRING, NULL, NULL, N_("only in this state"), 0 },
  { "inject-error.*.iotype", IMG_OPT_STRING, NULL, NULL, N_("which requests fail"), 0 },
  { "inject-error.*.errno", IMG_OPT_STRING, NULL, NULL, N_("number of the error (EIO)"), 0 },
  { "inject-error.*.sector", IMG_OPT_STRING, NULL, NULL, N_("only requests for this sector"), 0 },
  { "inject-error.*.once", IMG_OPT_STRING, NULL, NULL, N_("one request only"), 0 },
  { "inject-error.*.immediately", IMG_OPT_STRING, NULL, NULL,
    N_("accepted; errors are always immediate"), 0 },
  { "set-state.*.event", IMG_OPT_STRING, NULL, NULL, N_("what changes the state"), 0 },
  { "set-state.*.state", IMG_OPT_STRING, NULL, NULL, N_("only in this state"), 0 },
  { "set-state.*.new_state", IMG_OPT_STRING, NULL, NULL, N_("the new state"), 0 },
  IMG_OPT_END
};

static const char *const blkdebug_schemes[] = { "blkdebug", NULL };

static const struct img_driver blkdebug_driver = {
  .struct_size = sizeof blkdebug_driver,
  .abi = IMG_ABI,
  .kind = IMG_FILTER,
  .threads = IMG_THREADS_PARALLEL,
  .name = "blkdebug",
  .longname = N_("errors on demand"),
  .priv_size = sizeof (struct blkdebug_rules),
  .schemes = blkdebug_schemes,
  .open_opts = blkdebug_opts,
  .parse_name = blkdebug_parse_name,
  .open = blkdebug_open,
  .close = blkdebug_close,
  .get_info = filter_get_info,
  .map = blkdebug_map,
  .pread = blkdebug_pread,
  .pwrite = blkdebug_pwrite,
  .zero = blkdebug_zero,
  .discard = blkdebug_discard,
  .resize = filter_resize,
  .flush = blkdebug_flush,
  .event = blkdebug_event,
};

static const struct img_driver *const blkdebug_drivers[] = { &blkdebug_driver, NULL };

static const struct img_module blkdebug_module = {
  .struct_size = sizeof blkdebug_module,
  .abi = IMG_ABI,
  .drivers = blkdebug_drivers,
};

IMG_MODULE_ENTRY (blkdebug_module)
