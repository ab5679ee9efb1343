/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create-options.c - the create options: their table, their values, what excludes what.
 *
 * The messages are those that people know from qemu-img.
 */
#include <string.h>

#include "create.h"
#include "qcow2.h"

static const char *const compat_words[] = { "0.10", "v2", "1.1", "v3", NULL };
static const char *const prealloc_words[] = { "off", "metadata", "falloc", "full", NULL };
static const char *const compression_words[] = { "zlib", "zstd", NULL };

/* In the order in which `Formatting` prints them. */
const struct img_optdesc qcow2_create_opts[] = {
  { "encryption", IMG_OPT_BOOL, NULL, NULL,
    N_ ("Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)"), 0 },
  { "encrypt.format", IMG_OPT_ENUM, NULL, qcow2_crypt_words,
    N_ ("Encrypt the image, format choices: 'aes', 'luks'"), 0 },
  { "encrypt.key-secret", IMG_OPT_STRING, NULL, NULL,
    N_ ("ID of secret providing qcow AES key or LUKS passphrase"), 0 },
  LUKS_CREATE_OPTS ("encrypt."),
  { "cluster_size", IMG_OPT_SIZE, "65536", NULL,
    N_ ("Cluster size in bytes, a power of two from 512 to 2M"), 0 },
  { "extended_l2", IMG_OPT_BOOL, "off", NULL,
    N_ ("Extended L2 entries: 32 subclusters a cluster"), 0 },
  { "preallocation", IMG_OPT_ENUM, NULL, prealloc_words, N_ ("Preallocation mode"), 0 },
  { "compression_type", IMG_OPT_ENUM, "zlib", compression_words,
    N_ ("Compression method of clusters"), 0 },
  { "size", IMG_OPT_SIZE, NULL, NULL, N_ ("Virtual disk size"), 0 },
  { "compat", IMG_OPT_ENUM, NULL, compat_words,
    N_ ("Format version: 0.10 or v2 for old readers, 1.1 or v3"), 0 },
  { "backing_file", IMG_OPT_STRING, NULL, NULL, N_ ("File name of a base image"), 0 },
  { "backing_fmt", IMG_OPT_STRING, NULL, NULL, N_ ("Image format of the base image"), 0 },
  { "data_file", IMG_OPT_STRING, NULL, NULL, N_ ("File name of an external data file"), 0 },
  { "data_file_raw", IMG_OPT_BOOL, NULL, NULL,
    N_ ("The external data file must stay valid as a raw image"), 0 },
  { "keep_data_file", IMG_OPT_BOOL, NULL, NULL,
    N_ ("Use an existing data file as it is, with its contents"), 0 },
  { "lazy_refcounts", IMG_OPT_BOOL, "off", NULL, N_ ("Readers may postpone refcount updates"),
    0 },
  { "refcount_bits", IMG_OPT_NUMBER, "16", NULL,
    N_ ("Width of a reference count in bits, a power of two up to 64"), 0 },
  IMG_OPT_END
};

/* The first option of encryption that was given besides those of all formats, or NULL. */
static const char *
luks_option (const struct img_opts *opts)
{
  for (size_t i = 0; i < img_opts_count (opts); i++) {
    const char *key, *value;
    img_opts_pair (opts, i, &key, &value);
    if (strncmp (key, "encrypt.", 8) == 0 && strcmp (key, "encrypt.format") != 0
        && strcmp (key, "encrypt.key-secret") != 0)
      return key;
  }
  return NULL;
}

static int
parse_encryption (struct qcow2_options *o, const struct img_opts *opts, struct img_error *err)
{
  bool old = img_opts_bool (opts, "encryption");
  int format = img_opts_choice (opts, "encrypt.format", qcow2_crypt_words);
  const char *more = luks_option (opts);
  o->secret = img_opts_string (opts, "encrypt.key-secret");
  if (old && format >= 0)
    return img_error_set (err, EINVAL, _("'encrypt.format' and its alias 'encryption' can't be used"
                                         " at the same time"));
  if (format < 0 && !old && (more || o->secret))
    return img_error_set (err, EINVAL, _("Parameter '%s' is missing"), "encrypt.format");
  o->crypt_method = old ? QCOW2_CRYPT_AES : (uint32_t) (format + 1);
  if (o->crypt_method == QCOW2_CRYPT_LUKS)
    return luks_params_from (&o->luks, opts, "encrypt.", err);
  return more ? img_error_set (err, EINVAL, _("Parameter '%s' is unexpected"), more) : 0;
}

int
qcow2_options_secret (const struct qcow2_options *o, struct img_error *err)
{
  if (o->crypt_method == QCOW2_CRYPT_NONE || o->secret)
    return 0;
  return img_error_set (err, EINVAL, _("Parameter 'encrypt.key-secret' is required for cipher"));
}

int
qcow2_options_parse (struct qcow2_options *o, const struct img_opts *opts, struct img_error *err)
{
  uint64_t cluster = img_opts_number (opts, "cluster_size");
  uint64_t width = img_opts_number (opts, "refcount_bits");
  int compat = img_opts_choice (opts, "compat", compat_words);
  int prealloc = img_opts_choice (opts, "preallocation", prealloc_words);
  *o = (struct qcow2_options) {
    .version = compat >= 0 && compat < 2 ? 2 : 3,
    .prealloc = prealloc > 0 ? (enum img_prealloc) prealloc : IMG_PREALLOC_OFF,
    .compression = img_opts_choice (opts, "compression_type", compression_words) == QCOW2_ZSTD,
    .lazy = img_opts_bool (opts, "lazy_refcounts"),
    .extended = img_opts_bool (opts, "extended_l2"),
    .data_file_raw = img_opts_bool (opts, "data_file_raw"),
    .keep_data_file = img_opts_bool (opts, "keep_data_file"),
    .backing = img_opts_string (opts, "backing_file"),
    .backing_format = img_opts_string (opts, "backing_fmt"),
    .data_file = img_opts_string (opts, "data_file"),
  };
  if (parse_encryption (o, opts, err) < 0)
    return -1;
  if (!img_is_pow2 (cluster) || cluster < 1u << QCOW2_MIN_CLUSTER_BITS
      || cluster > 1u << QCOW2_MAX_CLUSTER_BITS)
    return img_error_set (err, EINVAL,
                          _("Cluster size must be a power of two between %u and %uk"),
                          1u << QCOW2_MIN_CLUSTER_BITS, 1u << (QCOW2_MAX_CLUSTER_BITS - 10));
  if (!img_is_pow2 (width) || width > 1u << QCOW2_MAX_REFCOUNT_ORDER)
    return img_error_set (err, EINVAL,
                          _("Refcount width must be a power of two and may not exceed %u bits"),
                          1u << QCOW2_MAX_REFCOUNT_ORDER);
  o->cluster_bits = (uint32_t) __builtin_ctzll (cluster);
  o->refcount_order = (uint32_t) __builtin_ctzll (width);
  if (o->extended && o->cluster_bits < QCOW2_MIN_SUBCLUSTER_CLUSTER_BITS)
    return img_error_set (err, EINVAL,
                          _("Extended L2 entries are only supported with cluster sizes of at"
                            " least %u bytes"), 1u << QCOW2_MIN_SUBCLUSTER_CLUSTER_BITS);
  return 0;
}

static int
check_version (const struct qcow2_options *o, struct img_error *err)
{
  const char *what = NULL;
  if (o->version >= 3)
    return 0;
  if (o->lazy)
    what = _("Lazy refcounts only supported with compatibility level 1.1 and above (use"
             " version=v3 or greater)");
  else if (o->refcount_order != 4)
    what = _("Different refcount widths than 16 bits require compatibility level 1.1 or above"
             " (use version=v3 or greater)");
  else if (o->extended)
    what = _("Extended L2 entries are only supported with compatibility level 1.1 and above (use"
             " version=v3 or greater)");
  else if (o->data_file)
    what = _("External data files are only supported with compatibility level 1.1 and above (use"
             " version=v3 or greater)");
  else if (o->compression != QCOW2_ZLIB)
    what = _("Non-zlib compression type is only supported with compatibility level 1.1 and above"
             " (use version=v3 or greater)");
  return what ? img_error_set (err, EINVAL, "%s", what) : 0;
}

int
qcow2_options_check (const struct qcow2_options *o, struct img_error *err)
{
  if (check_version (o, err) < 0 || qcow2_options_secret (o, err) < 0)
    return -1;
  if (o->backing && o->prealloc != IMG_PREALLOC_OFF && !o->extended)
    return img_error_set (err, EINVAL, _("Backing file and preallocation can only be used at the"
                                         " same time if extended_l2 is on"));
  if (o->data_file_raw && !o->data_file)
    return img_error_set (err, EINVAL, _("data-file-raw requires data-file"));
  if (o->data_file_raw && o->backing)
    return img_error_set (err, EINVAL,
                          _("Backing file and data-file-raw cannot be used at the same time"));
  if (o->keep_data_file && !o->data_file)
    return img_error_set (err, EINVAL, _("keep_data_file requires data_file"));
  if (o->keep_data_file && !o->data_file_raw)
    return img_error_set (err, EINVAL, _("keep_data_file requires data_file_raw: without it no"
                                         " metadata refers to what the file holds"));
  if (o->keep_data_file && o->prealloc > IMG_PREALLOC_METADATA)
    return img_error_set (err, EINVAL, _("keep_data_file and preallocation of data cannot be used"
                                         " at the same time"));
  if (o->backing_format && !o->backing)
    return img_error_set (err, EINVAL, _("Backing format cannot be used without backing file"));
  if (o->backing && strlen (o->backing) > QCOW2_MAX_BACKING_NAME)
    return img_error_set (err, ENAMETOOLONG, _("Backing file name is longer than %u bytes"),
                          QCOW2_MAX_BACKING_NAME);
  return 0;
}
