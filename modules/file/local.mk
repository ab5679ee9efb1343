# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_FILE
module_LTLIBRARIES += modules/file.la
dist_noinst_DATA += %D%/file.manifest
preload_modules += -dlpreopen modules/file.la
module_pages += modules/blkimg-file.7
endif
modules_file_la_SOURCES = %D%/file.c %D%/file.h %D%/io.c %D%/direct.c %D%/extents.c %D%/fiemap.c %D%/space.c \
	%D%/resize.c %D%/share.c %D%/lock.c %D%/create.c %D%/aio.c %D%/aio.h \
	%D%/aio-inline.c %D%/aio-native.c %D%/aio-uring.c
modules_file_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=file
modules_file_la_LDFLAGS = $(module_ldflags)
modules_file_la_LIBADD = core/libblkimg.la
EXTRA_DIST += %D%/file.pod
modules/blkimg-file.7: %D%/file.pod
	$(pod_to_page7)
