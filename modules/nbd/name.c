/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* name.c - the spellings of an NBD name, turned into options.
 *
 *   nbd://HOST[:PORT]/EXPORT, nbd+unix:///EXPORT?socket=PATH (NBD URI specification)
 *   nbd:HOST:PORT[:exportname=EXPORT], nbd:unix:PATH[:exportname=EXPORT] (the older form)
 */
#include "nbd.h"

#include <stdlib.h>
#include <string.h>

#include <blkimg/cleanup.h>

static int
parse_legacy (const char *rest, struct img_opts *opts, struct img_error *err)
{
  IMG_CLEANUP (free) char *text = strdup (rest);
  char *export, *colon;
  if (text == NULL)
    return img_error_set (err, ENOMEM, _("out of memory"));
  export = strstr (text, ":exportname=");
  if (export) {
    *export = '\0';
    if (img_opts_set (opts, "export", export + strlen (":exportname="), err) < 0)
      return -1;
  }
  if (strncmp (text, "unix:", 5) == 0) {
    if (text[5] == '\0')
      return img_error_set (err, EINVAL, _("no socket path after 'nbd:unix:'"));
    if (img_opts_set (opts, "server.type", "unix", err) < 0)
      return -1;
    return img_opts_set (opts, "server.path", text + 5, err);
  }
  colon = strrchr (text, ':'); /* the last one: the host may be [::1] */
  if (colon == NULL || colon == text || colon[1] == '\0')
    return img_error_set (err, EINVAL, _("'nbd:%s' does not have the form nbd:HOST:PORT"), rest);
  *colon = '\0';
  if (text[0] == '[' && colon[-1] == ']') {
    colon[-1] = '\0';
    if (img_opts_set (opts, "server.host", text + 1, err) < 0)
      return -1;
  } else if (img_opts_set (opts, "server.host", text, err) < 0)
    return -1;
  if (img_opts_set (opts, "server.type", "inet", err) < 0)
    return -1;
  return img_opts_set (opts, "server.port", colon + 1, err);
}

int
nbd_parse_name (const char *name, struct img_opts *opts, struct img_error *err)
{
  if (strstr (name, "://"))
    return img_opts_set (opts, "uri", name, err);
  if (strncmp (name, "nbd:", 4) == 0)
    return parse_legacy (name + 4, opts, err);
  return img_error_set (err, EINVAL, _("'%s' is not an NBD name"), name);
}
