/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* common/i18n.h - gettext for the commands: the library's catalogue holds their words too. */
#ifndef COMMON_I18N_H
#define COMMON_I18N_H

#include <libintl.h>

#ifndef _
#define _(s) dgettext ("blkimg", s)
#endif
#ifndef N_
#define N_(s) s
#endif

#endif
