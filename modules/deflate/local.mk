# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_DEFLATE
module_LTLIBRARIES += modules/deflate.la
dist_module_DATA += %D%/deflate.manifest
preload_modules += -dlpreopen modules/deflate.la
module_pages += modules/blkimg-deflate.7
endif
# The unit test compiles them too.
deflate_sources = %D%/coder.h %D%/deflate.c %D%/isal.c %D%/libdeflate.c %D%/zlib.c
modules_deflate_la_SOURCES = $(deflate_sources)
modules_deflate_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=deflate $(MODULE_DEFLATE_CFLAGS)
modules_deflate_la_LDFLAGS = $(module_ldflags)
modules_deflate_la_LIBADD = core/libblkimg.la $(MODULE_DEFLATE_LIBS)
EXTRA_DIST += %D%/deflate.pod
modules/blkimg-deflate.7: %D%/deflate.pod
	$(pod_to_page7)
