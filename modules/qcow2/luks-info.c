/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks-info.c - what `info` says of an image encrypted with LUKS.
 *
 * Owns: finding the header in its clusters.  Refuses: keys. */
#include <inttypes.h>

#include "luks.h"
#include "qcow2.h"

int
qcow2_luks_info (struct qcow2 *q, struct img_value *object, struct img_error *err)
{
  struct luks_at at = { q->file, q->h.crypto_offset };
  struct luks_io io;
  struct luks l;

  if (!q->h.has_crypto)
    return img_error_set (err, EINVAL, _("the encryption header extension is missing"));
  if (at.offset >= img_size (q->file))
    return img_error_set (err, EINVAL, _("encryption header at 0x%" PRIx64
                                         " lies past the end of the file"), at.offset);
  io = luks_io_at (&at);
  if (luks_read (&l, &io, err) < 0)
    return img_error_prefix (err, _("encryption header at 0x%" PRIx64), at.offset);
  luks_info (&l, true, object);
  return 0;
}
