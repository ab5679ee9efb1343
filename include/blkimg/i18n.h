/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blkimg/i18n.h - gettext: the library, its modules and the commands share one catalogue.
 *
 * _("text") is translated where it stands; N_("text"), in a table, by whoever prints it.
 * P_("text", n) says how many: English has one wording for all numbers, which programs know, other
 * languages have the forms they need.  A module with a catalogue of its own defines all three
 * before it includes <blkimg/module.h>. */
#ifndef BLKIMG_I18N_H
#define BLKIMG_I18N_H

#include <libintl.h>

#ifndef _
#define _(s) dgettext ("blkimg", s)
#endif
#ifndef N_
#define N_(s) s
#endif
#ifndef P_
#define P_(s, n) dngettext ("blkimg", s, s, (unsigned long) (n))
#endif

#endif
