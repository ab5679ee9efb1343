# SPDX-License-Identifier: LGPL-2.1-or-later
# What several modules share.  A module that uses it adds modules/common/libmodcommon.la to
# its LIBADD.  Nothing here may need a library of its own beyond libblkimg.
noinst_LTLIBRARIES += modules/common/libmodcommon.la
modules_common_libmodcommon_la_SOURCES =
modules_common_libmodcommon_la_CPPFLAGS = $(module_cppflags)
