# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_QUORUM
module_LTLIBRARIES += modules/quorum.la
dist_noinst_DATA += %D%/quorum.manifest
preload_modules += -dlpreopen modules/quorum.la
module_pages += modules/blkimg-quorum.7
endif
modules_quorum_la_SOURCES = %D%/quorum.c
modules_quorum_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=quorum
modules_quorum_la_LDFLAGS = $(module_ldflags)
modules_quorum_la_LIBADD = modules/common/libmodcommon.la core/libblkimg.la
EXTRA_DIST += %D%/quorum.pod
modules/blkimg-quorum.7: %D%/quorum.pod
	$(pod_to_page7)
