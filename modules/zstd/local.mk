# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_ZSTD
module_LTLIBRARIES += modules/zstd.la
dist_module_DATA += %D%/zstd.manifest
preload_modules += -dlpreopen modules/zstd.la
module_pages += modules/blkimg-zstd.7
endif
modules_zstd_la_SOURCES = %D%/zstd.c
modules_zstd_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=zstd $(MODULE_ZSTD_CFLAGS)
modules_zstd_la_LDFLAGS = $(module_ldflags)
modules_zstd_la_LIBADD = core/libblkimg.la $(MODULE_ZSTD_LIBS)
EXTRA_DIST += %D%/zstd.pod
modules/blkimg-zstd.7: %D%/zstd.pod
	$(pod_to_page7)
