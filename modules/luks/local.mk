# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_LUKS
module_LTLIBRARIES += modules/luks.la
dist_module_DATA += %D%/luks.manifest
preload_modules += -dlpreopen modules/luks.la
module_pages += modules/blkimg-luks.7
endif
modules_luks_la_SOURCES = %D%/luks.c %D%/v2.c %D%/v2.h %D%/v2-json.c %D%/v2-slot.c
modules_luks_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=luks $(MODULE_LUKS_CFLAGS)
modules_luks_la_LDFLAGS = $(module_ldflags)
modules_luks_la_LIBADD = modules/common/libmodcommon.la core/libblkimg.la $(MODULE_LUKS_LIBS)
EXTRA_DIST += %D%/luks.pod
modules/blkimg-luks.7: %D%/luks.pod
	$(pod_to_page7)
