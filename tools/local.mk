# SPDX-License-Identifier: LGPL-2.1-or-later
# One program a command.  A new one is the four lines of "img" with its own name.
noinst_LTLIBRARIES += tools/common/libtools.la
tools_common_libtools_la_SOURCES =
tools_common_libtools_la_CPPFLAGS = $(tools_cppflags)

tools_ldflags = $(AM_LDFLAGS) $(PROGRAM_LDFLAGS)
tools_ldadd = tools/common/libtools.la core/libblkimg.la $(LTLIBINTL) $(preload)

bin_PROGRAMS += tools/img
tools_img_SOURCES = %D%/img.c
tools_img_CPPFLAGS = $(tools_cppflags)
tools_img_LDFLAGS = $(tools_ldflags)
tools_img_LDADD = $(tools_ldadd)
