# SPDX-License-Identifier: LGPL-2.1-or-later
# libqcow2.la is all of the driver but its table: unit tests link it too.
noinst_LTLIBRARIES += modules/qcow2/libqcow2.la
modules_qcow2_libqcow2_la_SOURCES = %D%/qcow2.h %D%/check.h
modules_qcow2_libqcow2_la_SOURCES += %D%/alloc.c
modules_qcow2_libqcow2_la_SOURCES += %D%/amend-down.c
modules_qcow2_libqcow2_la_SOURCES += %D%/amend-up.c
modules_qcow2_libqcow2_la_SOURCES += %D%/amend.h
modules_qcow2_libqcow2_la_SOURCES += %D%/amend.c
modules_qcow2_libqcow2_la_SOURCES += %D%/backing.c
modules_qcow2_libqcow2_la_SOURCES += %D%/bitmap-bits.c
modules_qcow2_libqcow2_la_SOURCES += %D%/bitmap-edit.c
modules_qcow2_libqcow2_la_SOURCES += %D%/bitmap-ops.c
modules_qcow2_libqcow2_la_SOURCES += %D%/bitmap-record.c
modules_qcow2_libqcow2_la_SOURCES += %D%/bitmap.c
modules_qcow2_libqcow2_la_SOURCES += %D%/bitmap.h
modules_qcow2_libqcow2_la_SOURCES += %D%/check-copied.c
modules_qcow2_libqcow2_la_SOURCES += %D%/check-count.c
modules_qcow2_libqcow2_la_SOURCES += %D%/check-dirs.c
modules_qcow2_libqcow2_la_SOURCES += %D%/check-l2.c
modules_qcow2_libqcow2_la_SOURCES += %D%/check-refcount.c
modules_qcow2_libqcow2_la_SOURCES += %D%/check-refs.c
modules_qcow2_libqcow2_la_SOURCES += %D%/check.c
modules_qcow2_libqcow2_la_SOURCES += %D%/compressed.c
modules_qcow2_libqcow2_la_SOURCES += %D%/create-layout.c
modules_qcow2_libqcow2_la_SOURCES += %D%/create-options.c
modules_qcow2_libqcow2_la_SOURCES += %D%/create-stream.c
modules_qcow2_libqcow2_la_SOURCES += %D%/create.c %D%/create.h
modules_qcow2_libqcow2_la_SOURCES += %D%/emit.c %D%/emit.h
modules_qcow2_libqcow2_la_SOURCES += %D%/crypt.c %D%/crypt.h
modules_qcow2_libqcow2_la_SOURCES += %D%/empty.c
modules_qcow2_libqcow2_la_SOURCES += %D%/encode.c
modules_qcow2_libqcow2_la_SOURCES += %D%/flush.c
modules_qcow2_libqcow2_la_SOURCES += %D%/header-write.c
modules_qcow2_libqcow2_la_SOURCES += %D%/header.c
modules_qcow2_libqcow2_la_SOURCES += %D%/info.c
modules_qcow2_libqcow2_la_SOURCES += %D%/l2.c
modules_qcow2_libqcow2_la_SOURCES += %D%/map.c
modules_qcow2_libqcow2_la_SOURCES += %D%/measure.c
modules_qcow2_libqcow2_la_SOURCES += %D%/overlap.c
modules_qcow2_libqcow2_la_SOURCES += %D%/pack.c
modules_qcow2_libqcow2_la_SOURCES += %D%/refcount-width.c
modules_qcow2_libqcow2_la_SOURCES += %D%/refcount.c
modules_qcow2_libqcow2_la_SOURCES += %D%/repair-dirs.c
modules_qcow2_libqcow2_la_SOURCES += %D%/repair-entries.c
modules_qcow2_libqcow2_la_SOURCES += %D%/repair-l1.c
modules_qcow2_libqcow2_la_SOURCES += %D%/repair-move.c
modules_qcow2_libqcow2_la_SOURCES += %D%/repair-rebuild.c
modules_qcow2_libqcow2_la_SOURCES += %D%/repair-refcount.c
modules_qcow2_libqcow2_la_SOURCES += %D%/repair-split.c
modules_qcow2_libqcow2_la_SOURCES += %D%/repair-walk.c
modules_qcow2_libqcow2_la_SOURCES += %D%/repair-zero.c
modules_qcow2_libqcow2_la_SOURCES += %D%/repair.c %D%/repair.h
modules_qcow2_libqcow2_la_SOURCES += %D%/resize.c
modules_qcow2_libqcow2_la_SOURCES += %D%/shrink.c
modules_qcow2_libqcow2_la_SOURCES += %D%/snapshot-change.c
modules_qcow2_libqcow2_la_SOURCES += %D%/snapshot-remove.c
modules_qcow2_libqcow2_la_SOURCES += %D%/snapshot-table.c %D%/snapshot.h
modules_qcow2_libqcow2_la_SOURCES += %D%/snapshot.c
modules_qcow2_libqcow2_la_SOURCES += %D%/tables.c
modules_qcow2_libqcow2_la_SOURCES += %D%/turn-refcount.c
modules_qcow2_libqcow2_la_SOURCES += %D%/turn-walk.c
modules_qcow2_libqcow2_la_SOURCES += %D%/turn.c %D%/turn.h
modules_qcow2_libqcow2_la_SOURCES += %D%/write-sub.c
modules_qcow2_libqcow2_la_SOURCES += %D%/write.c %D%/write.h
modules_qcow2_libqcow2_la_SOURCES += %D%/writer.c
modules_qcow2_libqcow2_la_SOURCES += %D%/zero.c
modules_qcow2_libqcow2_la_CPPFLAGS = $(module_cppflags)
modules_qcow2_libqcow2_la_LIBADD = modules/common/libmodcommon.la

if MODULE_QCOW2
module_LTLIBRARIES += modules/qcow2.la
dist_noinst_DATA += %D%/qcow2.manifest
preload_modules += -dlpreopen modules/qcow2.la
module_pages += modules/blkimg-qcow2.7
endif
modules_qcow2_la_SOURCES = %D%/qcow2.c
modules_qcow2_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=qcow2
modules_qcow2_la_LDFLAGS = $(module_ldflags)
modules_qcow2_la_LIBADD = modules/qcow2/libqcow2.la core/libblkimg.la
EXTRA_DIST += %D%/qcow2.pod
modules/blkimg-qcow2.7: %D%/qcow2.pod
	$(pod_to_page7)
