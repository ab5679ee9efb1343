# SPDX-License-Identifier: LGPL-2.1-or-later
# What several modules share.  A module that uses it adds modules/common/libmodcommon.la to
# its LIBADD.  Nothing here may need a library of its own beyond libblkimg.
noinst_LTLIBRARIES += modules/common/libmodcommon.la
modules_common_libmodcommon_la_SOURCES =
modules_common_libmodcommon_la_SOURCES += %D%/af.c
modules_common_libmodcommon_la_SOURCES += %D%/cipher.c %D%/cipher.h
modules_common_libmodcommon_la_SOURCES += %D%/filter.c %D%/filter.h
modules_common_libmodcommon_la_SOURCES += %D%/kdf.c
modules_common_libmodcommon_la_SOURCES += %D%/luks.c %D%/luks.h
modules_common_libmodcommon_la_SOURCES += %D%/luks-amend.c
modules_common_libmodcommon_la_SOURCES += %D%/luks-create.c
modules_common_libmodcommon_la_SOURCES += %D%/luks-info.c
modules_common_libmodcommon_la_SOURCES += %D%/luks-slot.c %D%/luks-slot.h
modules_common_libmodcommon_la_SOURCES += %D%/luks-unlock.c
modules_common_libmodcommon_la_SOURCES += %D%/measure.c %D%/measure.h
modules_common_libmodcommon_la_SOURCES += %D%/pool.c %D%/pool.h
modules_common_libmodcommon_la_CPPFLAGS = $(module_cppflags)
