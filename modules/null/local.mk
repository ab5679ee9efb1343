# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_NULL
module_LTLIBRARIES += modules/null.la
dist_noinst_DATA += %D%/null.manifest
preload_modules += -dlpreopen modules/null.la
module_pages += modules/blkimg-null.7
endif
null_sources = %D%/null.c
modules_null_la_SOURCES = $(null_sources)
modules_null_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=null
modules_null_la_LDFLAGS = $(module_ldflags)
modules_null_la_LIBADD = core/libblkimg.la
EXTRA_DIST += %D%/null.pod
modules/blkimg-null.7: %D%/null.pod
	$(pod_to_page7)
