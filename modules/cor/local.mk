# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_COR
module_LTLIBRARIES += modules/cor.la
dist_noinst_DATA += %D%/cor.manifest
preload_modules += -dlpreopen modules/cor.la
module_pages += modules/blkimg-cor.7
endif
modules_cor_la_SOURCES = %D%/cor.c
modules_cor_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=cor
modules_cor_la_LDFLAGS = $(module_ldflags)
modules_cor_la_LIBADD = modules/common/libmodcommon.la core/libblkimg.la
EXTRA_DIST += %D%/cor.pod
modules/blkimg-cor.7: %D%/cor.pod
	$(pod_to_page7)
