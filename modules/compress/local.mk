# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_COMPRESS
module_LTLIBRARIES += modules/compress.la
dist_noinst_DATA += %D%/compress.manifest
preload_modules += -dlpreopen modules/compress.la
module_pages += modules/blkimg-compress.7
endif
modules_compress_la_SOURCES = %D%/compress.c
modules_compress_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=compress
modules_compress_la_LDFLAGS = $(module_ldflags)
modules_compress_la_LIBADD = modules/common/libmodcommon.la core/libblkimg.la
EXTRA_DIST += %D%/compress.pod
modules/blkimg-compress.7: %D%/compress.pod
	$(pod_to_page7)
