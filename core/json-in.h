/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/json-in.h - JSON text to dotted options. */
#ifndef CORE_JSON_IN_H
#define CORE_JSON_IN_H

#include <blkimg/options.h>

/* Adds the object that TEXT is to OPTS: a value in objects and arrays gets the path to it as its
 * key ("server.0.host"), true and false become "on" and "off", null becomes "", a number stays as
 * it is written.  Empty objects and arrays leave nothing. */
int img_json_flatten (struct img_opts *opts, const char *text, struct img_error *err);

#endif
