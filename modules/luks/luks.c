/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks: disks encrypted as a whole; versions 1 and 2.
 *
 * Owns: where header and data are, options, sizes.  Headers of version 1 are modules/common/luks.h,
 * of version 2 v2.h; reading and writing is the core's, which calls luks_crypt.  A disk whose
 * header is elsewhere has nothing but ciphertext: its child `header` is the file that has it.
 *
 * Every sector is data, written or not: a new image, and what a larger one gains, is noise. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>
#include <blkimg/endian.h>
#include <blkimg/overflow.h>

#include "v2.h"

struct disk {
  unsigned version;
  struct luks v1;
  struct luks_v2 v2;
  struct luks_at at;  /* the header */
  bool detached;
  char *secret;       /* what opened it, or NULL */
  struct crypt *crypt; /* NULL: only facts are wanted */
  uint64_t payload, iv_offset;
  uint32_t sector;
};

static struct luks_io
header_io (struct disk *d)
{
  struct luks_io io = luks_io_at (&d->at);

  io.detached = d->detached;
  return io;
}

/* ---- open ---- */

static int
find_header (struct img_node *node, struct disk *d, struct img_error *err)
{
  int n = img_node_open_child (node, "header", NULL, NULL, IMG_CHILD_IF_GIVEN, err);

  if (n < 0)
    return -1;
  d->detached = n > 0;
  d->at.node = img_child (node, (unsigned) n);
  return 0;
}

static int
read_header (struct disk *d, struct img_error *err)
{
  struct luks_io io = header_io (d);
  uint8_t head[8];

  if (io.size < sizeof head)
    return img_error_set (err, EINVAL, _("the LUKS header is cut off"));
  if (io.read (io.arg, head, sizeof head, 0, err) < 0)
    return -1;
  d->version = be16_get (head + 6);
  d->sector = CRYPT_SECTOR;
  /* Where it is destroyed version 2 has another copy. */
  if (memcmp (head, "LUKS\xba\xbe", 6) != 0)
    d->version = 2;
  if (d->version == 1) {
    if (luks_read (&d->v1, &io, err) < 0)
      return -1;
    d->payload = d->v1.payload_offset;
    return 0;
  }
  if (d->version != 2)
    return img_error_set (err, ENOTSUP, _("LUKS version %u is not supported"), d->version);
  if (luks_v2_read (&d->v2, &io, err) < 0)
    return -1;
  d->payload = d->v2.offset;
  d->iv_offset = d->v2.iv_tweak;
  d->sector = d->v2.sector_size;
  return 0;
}

static int
unlock (struct img_node *node, struct disk *d, struct img_error *err)
{
  struct luks_io io = header_io (d);
  uint8_t *pass;
  size_t n;
  int rc;

  if (d->version == 1)
    return luks_open (&d->v1, &io, node, d->secret, "key-secret", &d->crypt, err);
  if (d->secret == NULL)
    return img_error_set (err, EINVAL, _("Parameter '%s' is required for cipher"), "key-secret");
  if (img_node_secret (node, d->secret, &pass, &n, err) < 0)
    return -1;
  rc = luks_v2_unlock (&d->v2, &io, pass, n, &d->crypt, err);
  img_secret_free (pass, n);
  return rc;
}

/* Version 1 counts sectors, of which the file may hold the last in part. */
static int
set_size (struct img_node *node, const struct disk *d, struct img_error *err)
{
  uint64_t length = img_size (img_child (node, 0)), size;

  if (d->payload > length)
    return img_error_set (err, EINVAL, _("the data at 0x%" PRIx64 " lie past the end of the file"),
                          d->payload);
  size = length - d->payload;
  if (d->version == 2 && d->v2.size > size)
    return img_error_set (err, EINVAL, _("the file is too short for %" PRIu64 " bytes of data"),
                          d->v2.size);
  if (d->version == 2)
    size = d->v2.size ? d->v2.size : size - size % d->sector;
  else if (!img_round_up (size, CRYPT_SECTOR, &size))
    return img_error_set (err, EFBIG, _("the image is too large"));
  img_node_set_size (node, size);
  return 0;
}

static void
release (struct disk *d)
{
  crypt_free (d->crypt);
  if (d->version == 2)
    luks_v2_release (&d->v2);
  free (d->secret);
}

static int
disk_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
           struct img_error *err)
{
  struct disk *d = img_node_priv (node);
  const char *secret = img_opts_string (opts, "key-secret");

  if (find_header (node, d, err) < 0 || read_header (d, err) < 0)
    return -1;
  img_node_limits_mut (node)->crypt_unit = d->sector;
  d->secret = secret ? strdup (secret) : NULL;
  if (secret && d->secret == NULL)
    img_error_errno (err, ENOMEM, _("options"));
  else if (set_size (node, d, err) == 0 &&
           ((flags & IMG_OPEN_NO_IO) || unlock (node, d, err) == 0))
    return 0;
  release (d);
  return -1;
}

static void
disk_close (struct img_node *node)
{
  release (img_node_priv (node));
}

static int
disk_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  const struct disk *d = img_node_priv (node);

  (void) err;
  info->encrypted = true;
  info->specific_type = "luks";
  if (d->version == 1)
    luks_info (&d->v1, false, info->specific);
  else
    luks_v2_info (&d->v2, info->specific);
  return 0;
}

/* ---- data ---- */

static int
disk_map (struct img_node *node, uint64_t offset, uint64_t length, struct img_extent *ext,
          unsigned n, struct img_error *err)
{
  const struct disk *d = img_node_priv (node);

  (void) n;
  (void) err;
  *ext = (struct img_extent) { offset, length, d->payload + offset, IMG_EXTENT_DATA, 0,
                               IMG_EXTENT_ENCRYPTED };
  return 1;
}

static int
disk_crypt (struct img_node *node, bool encrypt, void *buf, uint64_t length, uint64_t offset,
            uint64_t host, struct img_error *err)
{
  const struct disk *d = img_node_priv (node);

  (void) host;
  if (d->crypt == NULL)
    return img_error_set (err, EACCES, _("Parameter '%s' is required for cipher"), "key-secret");
  return crypt_sectors (d->crypt, encrypt, buf, length, offset / CRYPT_SECTOR + d->iv_offset, err);
}

static int
disk_resize (struct img_node *node, uint64_t size, enum img_prealloc prealloc, unsigned flags,
             struct img_error *err)
{
  const struct disk *d = img_node_priv (node);
  uint64_t end;

  if (d->version == 2 && d->v2.size)
    return img_error_set (err, ENOTSUP, _("the header fixes the length of the data"));
  if (!img_round_up (size, d->sector, &size) || !img_add (d->payload, size, &end))
    return img_error_set (err, EFBIG, _("the image is too large"));
  if (img_resize (img_child (node, 0), end, prealloc, flags, err) < 0)
    return -1;
  img_node_set_size (node, size);
  return 0;
}

/* ---- create, measure, amend ---- */

static const struct img_optdesc create_opts[] = {
  { "size", IMG_OPT_SIZE, NULL, NULL, N_("Virtual disk size"), 0 },
  { "key-secret", IMG_OPT_STRING, NULL, NULL,
    N_("ID of the secret that provides the keyslot passphrase"), 0 },
  LUKS_CREATE_OPTS (""),
  { "detached-header", IMG_OPT_BOOL, NULL, NULL, N_("Make a header only, for data elsewhere"), 0 },
  IMG_OPT_END
};
static const struct img_optdesc amend_opts[] = { LUKS_AMEND_OPTS (""), IMG_OPT_END };
static const struct img_optdesc open_opts[] = {
  { "key-secret", IMG_OPT_STRING, NULL, NULL,
    N_("ID of the secret that provides the encryption key"), 0 },
  IMG_OPT_END
};

static int
disk_create (struct img_create *c, struct img_error *err)
{
  const char *secret = img_opts_string (c->opts, "key-secret");
  struct luks_at at = { c->file, 0 };
  struct luks_params params;
  struct luks_io io;
  struct luks l;
  uint64_t length, payload;
  uint8_t *pass;
  size_t n;
  int rc;

  if (luks_params_from (&params, c->opts, "", err) < 0)
    return -1;
  if (secret == NULL)
    return img_error_set (err, EINVAL, _("Parameter '%s' is required for cipher"), "key-secret");
  params.detached = img_opts_bool (c->opts, "detached-header");
  payload = luks_length (&params);
  if (!img_add (payload, params.detached ? 0 : c->size, &length) || length > INT64_MAX)
    return img_error_set (err, EFBIG, _("the image is too large"));
  if (img_node_secret (c->file, secret, &pass, &n, err) < 0)
    return -1;
  rc = img_size (c->file) < length ? img_resize (c->file, length, c->prealloc, 0, err) : 0;
  io = luks_io_at (&at);
  if (rc == 0)
    rc = luks_create (&l, &params, &io, pass, n, NULL, err);
  img_secret_free (pass, n);
  return rc;
}

static int
disk_measure (struct img_measure *m, struct img_error *err)
{
  struct luks_params params;
  uint64_t size = m->source ? img_size (m->source) : m->size;

  if (luks_params_from (&params, m->opts, "", err) < 0)
    return -1;
  if (img_opts_bool (m->opts, "detached-header"))
    size = 0;
  if (!img_add (luks_length (&params), size, &m->required))
    return img_error_set (err, EFBIG, _("the image is too large"));
  m->fully_allocated = m->required;
  return 0;
}

static int
disk_amend (struct img_node *node, const struct img_amend *amend, struct img_error *err)
{
  struct disk *d = img_node_priv (node);
  struct luks_io io = header_io (d);

  if (d->version != 1)
    return img_error_set (err, ENOTSUP, _("key slots of LUKS version 2 cannot be changed"));
  return luks_amend (&d->v1, &io, node, d->secret, amend, "", err);
}

/* ---- the module ---- */

static const struct img_magic magics[] = { IMG_MAGIC (0, "LUKS\xba\xbe\0\1"),
                                           IMG_MAGIC (0, "LUKS\xba\xbe\0\2"),
                                           { 0, NULL, 0 } };
static const char *const extensions[] = { "luks", NULL };

static const struct img_driver luks_driver = {
  .struct_size = sizeof luks_driver,
  .abi = IMG_ABI,
  .kind = IMG_FORMAT,
  .threads = IMG_THREADS_PARALLEL,
  .name = "luks",
  .longname = N_("LUKS encrypted disk"),
  .priv_size = sizeof (struct disk),
  .extensions = extensions,
  .magics = magics,
  .open_opts = open_opts,
  .create_opts = create_opts,
  .amend_opts = amend_opts,
  .open = disk_open,
  .close = disk_close,
  .create = disk_create,
  .get_info = disk_get_info,
  .map = disk_map,
  .crypt = disk_crypt,
  .resize = disk_resize,
  .measure = disk_measure,
  .amend = disk_amend,
};

static const struct img_driver *const drivers[] = { &luks_driver, NULL };

static const struct img_module luks_module = {
  .struct_size = sizeof luks_module,
  .abi = IMG_ABI,
  .drivers = drivers,
};

IMG_MODULE_ENTRY (luks_module)
