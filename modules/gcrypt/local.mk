# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_GCRYPT
module_LTLIBRARIES += modules/gcrypt.la
dist_module_DATA += %D%/gcrypt.manifest
preload_modules += -dlpreopen modules/gcrypt.la
module_pages += modules/blkimg-gcrypt.7
endif
modules_gcrypt_la_SOURCES = %D%/gcrypt.c %D%/gcrypt.h %D%/kdf.c
modules_gcrypt_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=gcrypt $(MODULE_GCRYPT_CFLAGS)
modules_gcrypt_la_LDFLAGS = $(module_ldflags)
modules_gcrypt_la_LIBADD = core/libblkimg.la $(MODULE_GCRYPT_LIBS)
EXTRA_DIST += %D%/gcrypt.pod
modules/blkimg-gcrypt.7: %D%/gcrypt.pod
	$(pod_to_page7)
