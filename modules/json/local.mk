# SPDX-License-Identifier: LGPL-2.1-or-later
if MODULE_JSON
module_LTLIBRARIES += modules/json.la
dist_module_DATA += %D%/json.manifest
preload_modules += -dlpreopen modules/json.la
module_pages += modules/blkimg-json.7
endif
modules_json_la_SOURCES = %D%/json.c
modules_json_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=json $(MODULE_JSON_CFLAGS)
modules_json_la_LDFLAGS = $(module_ldflags)
modules_json_la_LIBADD = core/libblkimg.la $(MODULE_JSON_LIBS)
EXTRA_DIST += %D%/json.pod
modules/blkimg-json.7: %D%/json.pod
	$(pod_to_page7)
