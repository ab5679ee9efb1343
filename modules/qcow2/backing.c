/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* backing.c - records another backing file (spec section "Header extensions": backing file format
 * name; the name itself stands behind the extensions in the first cluster).
 *
 * Owns: one write of the header, with everything else on disk before it.  Refuses: names that do
 * not fit, a backing file for an image whose data file is raw, which would not show it.
 */
#include <stdlib.h>
#include <string.h>

#include "write.h"

static int
judge (const struct qcow2 *q, const char *name, struct img_error *err)
{
  if (q->writer == NULL)
    return img_error_set (err, EROFS, _("the image is not open for writing"));
  if (name && strlen (name) > QCOW2_MAX_BACKING_NAME)
    return img_error_set (err, EINVAL, _("Backing file name is too long (%zu bytes; %d at most)"),
                          strlen (name), QCOW2_MAX_BACKING_NAME);
  if (name && q->raw_data)
    return img_error_set (err, EINVAL, _("an image with a raw data file cannot have a backing"
                                         " file"));
  return 0;
}

/* NAME and FORMAT become the header's on success. */
static int
record (struct qcow2 *q, char *name, char *format, struct img_error *err)
{
  struct qcow2_header h = q->h;
  char *old_name = h.backing_name, *old_format = h.backing_format;
  h.backing_name = name;
  h.backing_format = format;
  if (qcow2_header_switch (q, &h, err) < 0)
    return -1;
  free (old_name);
  free (old_format);
  return 0;
}

int
qcow2_set_backing (struct img_node *node, const char *name, const char *format,
                   struct img_error *err)
{
  struct qcow2 *q = img_node_priv (node);
  if (name && *name == '\0')
    name = NULL;
  if (judge (q, name, err) < 0)
    return -1;
  char *copy = name ? strdup (name) : NULL;
  char *form = name && format && *format ? strdup (format) : NULL;
  if ((name && copy == NULL) || (name && format && *format && form == NULL)) {
    free (copy);
    free (form);
    return img_error_set (err, ENOMEM, _("out of memory"));
  }
  pthread_rwlock_wrlock (&q->lock);
  int r = record (q, copy, form, err);
  pthread_rwlock_unlock (&q->lock);
  if (r < 0) {
    free (copy);
    free (form);
  }
  return r;
}
