/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/i18n.h - gettext for the library, which must name its own catalogue. */
#ifndef CORE_I18N_H
#define CORE_I18N_H

#include <libintl.h>

#ifndef _
#define _(s) dgettext ("blkimg", s)
#endif
#ifndef N_
#define N_(s) s
#endif

#endif
