# SPDX-License-Identifier: LGPL-2.1-or-later
# The library.  One line a source file, sorted.  libblkimgcore.la is all of its code, for unit tests; libblkimg.la is what
# programs and modules link: the same code behind the export list libblkimg.sym.
noinst_LTLIBRARIES += core/libblkimgcore.la
core_libblkimgcore_la_SOURCES =
core_libblkimgcore_la_SOURCES += %D%/driver-check.c
core_libblkimgcore_la_SOURCES += %D%/driver-info.c
core_libblkimgcore_la_SOURCES += %D%/driver.c
core_libblkimgcore_la_SOURCES += %D%/driver.h
core_libblkimgcore_la_SOURCES += %D%/bounce.c
core_libblkimgcore_la_SOURCES += %D%/copy-range.c
core_libblkimgcore_la_SOURCES += %D%/error.c
core_libblkimgcore_la_SOURCES += %D%/holes.c
core_libblkimgcore_la_SOURCES += %D%/holes.h
core_libblkimgcore_la_SOURCES += %D%/i18n.h
core_libblkimgcore_la_SOURCES += %D%/io.c
core_libblkimgcore_la_SOURCES += %D%/io.h
core_libblkimgcore_la_SOURCES += %D%/iszero.c
core_libblkimgcore_la_SOURCES += %D%/iszero.h
core_libblkimgcore_la_SOURCES += %D%/json-out.c
core_libblkimgcore_la_SOURCES += %D%/log.c
core_libblkimgcore_la_SOURCES += %D%/log.h
core_libblkimgcore_la_SOURCES += %D%/manifest-linked.c
core_libblkimgcore_la_SOURCES += %D%/manifest.c
core_libblkimgcore_la_SOURCES += %D%/manifest.h
core_libblkimgcore_la_SOURCES += %D%/module.h
core_libblkimgcore_la_SOURCES += %D%/map.c
core_libblkimgcore_la_SOURCES += %D%/node.h
core_libblkimgcore_la_SOURCES += %D%/options.c
core_libblkimgcore_la_SOURCES += %D%/pool.c
core_libblkimgcore_la_SOURCES += %D%/pool.h
core_libblkimgcore_la_SOURCES += %D%/probe.h
core_libblkimgcore_la_SOURCES += %D%/rangelock.c
core_libblkimgcore_la_SOURCES += %D%/rangelock.h
core_libblkimgcore_la_SOURCES += %D%/serial.h
core_libblkimgcore_la_SOURCES += %D%/size.c
core_libblkimgcore_la_SOURCES += %D%/spec.c
core_libblkimgcore_la_SOURCES += %D%/spec.h
core_libblkimgcore_la_SOURCES += %D%/value.c
core_libblkimgcore_la_SOURCES += %D%/create-plan.c
core_libblkimgcore_la_SOURCES += %D%/create.c
core_libblkimgcore_la_SOURCES += %D%/create.h
core_libblkimgcore_la_SOURCES += %D%/gate.c
core_libblkimgcore_la_SOURCES += %D%/gate.h
core_libblkimgcore_la_SOURCES += %D%/info.c
core_libblkimgcore_la_SOURCES += %D%/node.c
core_libblkimgcore_la_SOURCES += %D%/op-check.c
core_libblkimgcore_la_SOURCES += %D%/op-measure.c
core_libblkimgcore_la_SOURCES += %D%/open-chain.c
core_libblkimgcore_la_SOURCES += %D%/open-file.c
core_libblkimgcore_la_SOURCES += %D%/open-opts.c
core_libblkimgcore_la_SOURCES += %D%/open.c
core_libblkimgcore_la_SOURCES += %D%/open.h
core_libblkimgcore_la_SOURCES += %D%/optdesc.h
core_libblkimgcore_la_SOURCES += %D%/probe.c
core_libblkimgcore_la_SOURCES += %D%/target.c
core_libblkimgcore_la_SOURCES += %D%/version.c
core_libblkimgcore_la_SOURCES += %D%/walk.c
core_libblkimgcore_la_SOURCES += %D%/write.c
core_libblkimgcore_la_SOURCES += %D%/write.h
if MODULE_PRELOAD
core_libblkimgcore_la_SOURCES += %D%/module-linked.c
else
core_libblkimgcore_la_SOURCES += %D%/module.c
endif
core_libblkimgcore_la_SOURCES += %D%/zero.c
core_libblkimgcore_la_CPPFLAGS = $(core_cppflags)
core_libblkimgcore_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
core_libblkimgcore_la_LIBADD = $(LTDL_LIBS) $(JANSSON_LIBS) $(LTLIBINTL)

lib_LTLIBRARIES += core/libblkimg.la
core_libblkimg_la_SOURCES =
core_libblkimg_la_LIBADD = core/libblkimgcore.la
core_libblkimg_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-export-symbols $(srcdir)/%D%/libblkimg.sym
core_libblkimg_la_DEPENDENCIES = core/libblkimgcore.la %D%/libblkimg.sym
EXTRA_DIST += %D%/libblkimg.sym
