# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_RAW
module_LTLIBRARIES += modules/raw.la
dist_noinst_DATA += %D%/raw.manifest
preload_modules += -dlpreopen modules/raw.la
module_pages += modules/blkimg-raw.7
endif
modules_raw_la_SOURCES = %D%/raw.c
modules_raw_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=raw
modules_raw_la_LDFLAGS = $(module_ldflags)
modules_raw_la_LIBADD = core/libblkimg.la
EXTRA_DIST += %D%/raw.pod
modules/blkimg-raw.7: %D%/raw.pod
	$(pod_to_page7)
