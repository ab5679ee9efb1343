# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_BLKDEBUG
module_LTLIBRARIES += modules/blkdebug.la
dist_noinst_DATA += %D%/blkdebug.manifest
preload_modules += -dlpreopen modules/blkdebug.la
module_pages += modules/blkimg-blkdebug.7
endif
modules_blkdebug_la_SOURCES = %D%/blkdebug.c %D%/config.c %D%/rules.c %D%/blkdebug.h
modules_blkdebug_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=blkdebug
modules_blkdebug_la_LDFLAGS = $(module_ldflags)
modules_blkdebug_la_LIBADD = modules/common/libmodcommon.la core/libblkimg.la
EXTRA_DIST += %D%/blkdebug.pod
modules/blkimg-blkdebug.7: %D%/blkdebug.pod
	$(pod_to_page7)
