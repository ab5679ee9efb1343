/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* amend.c - changes options of an image in place: which may change, and in which order.
 *
 * What can be refused is refused before anything changes, damage in what a later step will need
 * included: by the judge, which the core asks first; amend itself repeats all of it but the walks
 * for refcount width and size.  Then, one after the other, each step leaving a sound image:
 * passphrases (crypt.c, which judges before it changes); to version 3; refcount width; data file
 * and lazy refcounts; size; to version 2.  Refuses: another backing file, which is rebase's; a raw
 * data file where there was none.
 */
#include <stdlib.h>
#include <string.h>

#include "amend.h"
#include "create.h"

static const char *const levels[] = { "0.10", "v2", "1.1", "v3", NULL };

const struct img_optdesc qcow2_amend_opts[] = {
  { "backing_file", IMG_OPT_STRING, NULL, NULL, N_("File name of a base image"), 0 },
  { "backing_fmt", IMG_OPT_STRING, NULL, NULL, N_("Image format of the base image"), 0 },
  { "compat", IMG_OPT_STRING, NULL, NULL, N_("Compatibility level (v2 [0.10] or v3 [1.1])"), 0 },
  { "data_file", IMG_OPT_STRING, NULL, NULL, N_("File name of an external data file"), 0 },
  { "data_file_raw", IMG_OPT_BOOL, NULL, NULL,
    N_("The external data file must stay valid as a raw image"), 0 },
  { "lazy_refcounts", IMG_OPT_BOOL, NULL, NULL, N_("Postpone refcount updates"), 0 },
  { "refcount_bits", IMG_OPT_NUMBER, NULL, NULL, N_("Width of a reference count entry in bits"),
    0 },
  { "size", IMG_OPT_SIZE, NULL, NULL, N_("Virtual disk size"), 0 },
  LUKS_AMEND_OPTS ("encrypt."),
  IMG_OPT_END
};

/* What the image is to be. */
struct wish {
  uint32_t version, order;
  uint64_t size;
  bool lazy, raw;
  const char *data_file; /* NULL: as it is; "": none recorded */
};

/* ---- judging ---- */

static int
judge_backing (const struct qcow2 *q, const struct img_opts *opts, struct img_error *err)
{
  const char *name = img_opts_get (opts, "backing_file"), *is = q->h.backing_name;
  const char *format = img_opts_get (opts, "backing_fmt"), *was = q->h.backing_format;
  if ((name == NULL || strcmp (name, is ? is : "") == 0)
      && (format == NULL || strcmp (format, was ? was : "") == 0))
    return 0;
  img_error_set (err, ENOTSUP, _("Cannot amend the backing file"));
  return img_error_hint (err, _("img-rebase changes it."));
}

static int
wish_version (struct wish *wish, const char *level, struct img_error *err)
{
  for (uint32_t i = 0; levels[i]; i++)
    if (strcmp (level, levels[i]) == 0) {
      wish->version = i < 2 ? 2 : 3;
      return 0;
    }
  return img_error_set (err, EINVAL, _("Unknown compatibility level %s"), level);
}

static int
wish_width (struct wish *wish, uint64_t bits, struct img_error *err)
{
  if (!img_is_pow2 (bits) || bits > 64)
    return img_error_set (err, EINVAL, _("Refcount width must be a power of two and may not exceed"
                                         " 64 bits"));
  wish->order = (uint32_t) __builtin_ctzll (bits);
  return 0;
}

static int
judge_data (const struct qcow2 *q, const struct wish *wish, struct img_error *err)
{
  if (wish->data_file && *wish->data_file && !(q->h.incompat & QCOW2_INCOMPAT_DATA_FILE))
    return img_error_set (err, EINVAL, _("data-file can only be set for images that use an external"
                                         " data file"));
  if (wish->raw && !q->raw_data)
    return img_error_set (err, EINVAL, _("data-file-raw cannot be set on existing images"));
  return 0;
}

static int
judge_version (struct qcow2 *q, const struct wish *wish, struct img_error *err)
{
  if (wish->version >= 3)
    return 0;
  if (wish->order != 4 && q->h.version == 2)
    return img_error_set (err, ENOTSUP, _("Refcount widths other than 16 bits require compatibility"
                                          " level 1.1 or above (use compat=1.1 or greater)"));
  if (wish->order != 4)
    return img_error_set (err, ENOTSUP, _("compat=0.10 requires refcount_bits=16"));
  return q->h.version >= 3 ? qcow2_downgrade_judge (q, wish->size, err) : 0;
}

/* The header of version 3 may be too long for a small cluster, with a new name in it. */
static int
judge_header (struct qcow2 *q, const struct wish *wish, struct img_error *err)
{
  struct qcow2_header h = wish->version > q->h.version ? qcow2_upgrade_header (q) : q->h;
  IMG_CLEANUP (free) uint8_t *buf = malloc (q->cluster_size);
  if (buf == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (wish->data_file)
    h.data_file = *wish->data_file ? (char *) wish->data_file : NULL;
  return qcow2_header_encode (&h, buf, err);
}

static int
judge_size (struct qcow2 *q, const struct wish *wish, struct img_error *err)
{
  uint32_t version = img_max (wish->version, q->h.version); /* on the way down it comes first */
  return wish->size == q->h.size ? 0 : qcow2_resize_judge (q, wish->size, version, err);
}

static int
judge (struct qcow2 *q, const struct img_opts *opts, struct wish *wish, struct img_error *err)
{
  const char *level = img_opts_get (opts, "compat");
  *wish = (struct wish) {
    .version = q->h.version, .order = q->h.refcount_order, .raw = q->raw_data,
    .lazy = q->h.compat & QCOW2_COMPAT_LAZY_REFCOUNTS,
    .data_file = img_opts_get (opts, "data_file"), .size = q->h.size,
  };
  if (img_opts_get (opts, "size")
      && !img_round_up (img_opts_number (opts, "size"), 512, &wish->size))
    return img_error_set (err, EFBIG, _("the image size is too large"));
  if (q->writer == NULL)
    return img_error_set (err, EROFS, _("the image is not open for writing"));
  if (judge_backing (q, opts, err) < 0 || (level && wish_version (wish, level, err) < 0))
    return -1;
  if (img_opts_get (opts, "refcount_bits")
      && wish_width (wish, img_opts_number (opts, "refcount_bits"), err) < 0)
    return -1;
  if (img_opts_get (opts, "lazy_refcounts"))
    wish->lazy = img_opts_bool (opts, "lazy_refcounts");
  if (img_opts_get (opts, "data_file_raw"))
    wish->raw = img_opts_bool (opts, "data_file_raw");
  if (wish->lazy && wish->version < 3 && !(q->h.compat & QCOW2_COMPAT_LAZY_REFCOUNTS))
    return img_error_set (err, ENOTSUP, _("Lazy refcounts only supported with compatibility level"
                                          " 1.1 and above (use compat=1.1 or greater)"));
  if (judge_data (q, wish, err) < 0 || judge_size (q, wish, err) < 0)
    return -1;
  return judge_version (q, wish, err);
}

/* What JUDGE leaves to be looked up in tables: each of them is read once more. */
static int
judge_tables (struct qcow2 *q, const struct wish *wish, struct img_error *err)
{
  if (judge_header (q, wish, err) < 0)
    return -1;
  if (wish->order != q->h.refcount_order && qcow2_refcount_width_judge (q, wish->order, err) < 0)
    return -1;
  return wish->size < q->h.size ? qcow2_shrink_judge (q, wish->size, err) : 0;
}

int
qcow2_amend_judge (struct img_node *node, const struct img_amend *amend, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct wish wish;
  pthread_rwlock_wrlock (&q->lock);
  int r = judge (q, amend->opts, &wish, err);
  if (r == 0)
    r = judge_tables (q, &wish, err);
  pthread_rwlock_unlock (&q->lock);
  return r;
}

/* ---- steps ---- */

/* What is in the header alone. */
static int
amend_header (struct qcow2 *q, const struct wish *wish, struct img_error *err)
{
  struct qcow2_header h = q->h;
  char *old = q->h.data_file;
  IMG_CLEANUP (free) char *name = NULL;
  if (wish->data_file && *wish->data_file && (name = strdup (wish->data_file)) == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  if (wish->data_file)
    h.data_file = name;
  h.compat &= ~QCOW2_COMPAT_LAZY_REFCOUNTS;
  if (wish->lazy)
    h.compat |= QCOW2_COMPAT_LAZY_REFCOUNTS;
  if (!wish->raw)
    h.autoclear &= ~QCOW2_AUTOCLEAR_DATA_FILE_RAW;
  if (!wish->data_file && h.compat == q->h.compat && h.autoclear == q->h.autoclear)
    return 0;
  if (qcow2_header_switch (q, &h, err) < 0)
    return -1;
  q->raw_data = wish->raw;
  if (wish->data_file) {
    free (old);
    name = NULL; /* the header's now */
  }
  return 0;
}

static int
before_size (struct qcow2 *q, const struct img_amend *amend, const struct wish *wish,
             struct img_error *err)
{
  if (wish->version > q->h.version && qcow2_upgrade (q, err) < 0)
    return -1;
  if (wish->order != q->h.refcount_order
      && qcow2_refcount_width (q, wish->order, amend, err) < 0)
    return -1;
  if (wish->version < 3)
    return 0;
  return amend_header (q, wish, err);
}

/* Is any option about passphrases? */
static bool
has_keys (const struct img_opts *opts)
{
  for (size_t i = 0; i < img_opts_count (opts); i++) {
    const char *key, *value;
    img_opts_pair (opts, i, &key, &value);
    if (strncmp (key, "encrypt.", 8) == 0)
      return true;
  }
  return false;
}

/* Each step takes the lock by itself: resize does so, too. */
int
qcow2_amend (struct img_node *node, const struct img_amend *amend, struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  struct wish wish;
  pthread_rwlock_wrlock (&q->lock);
  int r = judge (q, amend->opts, &wish, err);
  pthread_rwlock_unlock (&q->lock);
  if (r < 0 || (has_keys (amend->opts) && qcow2_crypt_amend (q, amend, err) < 0))
    return -1;
  pthread_rwlock_wrlock (&q->lock);
  r = before_size (q, amend, &wish, err);
  pthread_rwlock_unlock (&q->lock);
  if (r < 0)
    return -1;
  if (wish.size != img_size (node)
      && qcow2_resize (node, wish.size, IMG_PREALLOC_OFF, IMG_RESIZE_SHRINK, err) < 0)
    return -1;
  if (wish.version >= q->h.version)
    return 0;
  pthread_rwlock_wrlock (&q->lock);
  r = qcow2_downgrade (q, amend, err);
  pthread_rwlock_unlock (&q->lock);
  return r;
}
