# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_VDI
module_LTLIBRARIES += modules/vdi.la
dist_noinst_DATA += %D%/vdi.manifest
preload_modules += -dlpreopen modules/vdi.la
module_pages += modules/blkimg-vdi.7
endif
vdi_sources = %D%/vdi.c %D%/vdi.h %D%/header.c %D%/table.c %D%/map.c %D%/write.c %D%/resize.c \
	%D%/check.c %D%/create.c
modules_vdi_la_SOURCES = $(vdi_sources)
modules_vdi_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=vdi
modules_vdi_la_LDFLAGS = $(module_ldflags)
modules_vdi_la_LIBADD = modules/common/libmodcommon.la core/libblkimg.la
EXTRA_DIST += %D%/vdi.pod
modules/blkimg-vdi.7: %D%/vdi.pod
	$(pod_to_page7)
