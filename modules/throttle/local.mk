# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_THROTTLE
module_LTLIBRARIES += modules/throttle.la
dist_noinst_DATA += %D%/throttle.manifest
preload_modules += -dlpreopen modules/throttle.la
module_pages += modules/blkimg-throttle.7
endif
modules_throttle_la_SOURCES = %D%/throttle.c
modules_throttle_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=throttle
modules_throttle_la_LDFLAGS = $(module_ldflags)
modules_throttle_la_LIBADD = modules/common/libmodcommon.la core/libblkimg.la
EXTRA_DIST += %D%/throttle.pod
modules/blkimg-throttle.7: %D%/throttle.pod
	$(pod_to_page7)
