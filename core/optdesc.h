/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/optdesc.h - looking things up in a driver's option table. */
#ifndef CORE_OPTDESC_H
#define CORE_OPTDESC_H

#include <blkimg/options.h>

/* What TABLE, which may be NULL, says of option NAME; NULL: nothing. */
const struct img_optdesc *img_optdesc_find (const struct img_optdesc *table, const char *name);

#endif
