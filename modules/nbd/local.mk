# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_NBD
module_LTLIBRARIES += modules/nbd.la
dist_module_DATA += %D%/nbd.manifest
preload_modules += -dlpreopen modules/nbd.la
module_pages += modules/blkimg-nbd.7
endif
modules_nbd_la_SOURCES = %D%/conn.c %D%/io.c %D%/name.c %D%/nbd.c %D%/nbd.h
modules_nbd_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=nbd $(MODULE_NBD_CFLAGS)
modules_nbd_la_LDFLAGS = $(module_ldflags)
modules_nbd_la_LIBADD = core/libblkimg.la $(MODULE_NBD_LIBS)
EXTRA_DIST += %D%/nbd.pod
modules/blkimg-nbd.7: %D%/nbd.pod
	$(pod_to_page7)
