# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_BLKVERIFY
module_LTLIBRARIES += modules/blkverify.la
dist_noinst_DATA += %D%/blkverify.manifest
preload_modules += -dlpreopen modules/blkverify.la
module_pages += modules/blkimg-blkverify.7
endif
modules_blkverify_la_SOURCES = %D%/blkverify.c
modules_blkverify_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=blkverify
modules_blkverify_la_LDFLAGS = $(module_ldflags)
modules_blkverify_la_LIBADD = modules/common/libmodcommon.la core/libblkimg.la
EXTRA_DIST += %D%/blkverify.pod
modules/blkimg-blkverify.7: %D%/blkverify.pod
	$(pod_to_page7)
