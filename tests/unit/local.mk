# SPDX-License-Identifier: LGPL-2.1-or-later
# Unit tests, Check in TAP mode: one line a test, tests/unit/test-NAME.c.  They link the whole
# of the core.  A test that loads modules sets tests_unit_test_NAME_LDADD = $(unit_shared) so
# that the core's state exists once.
unit_tests =
LDADD = core/libblkimgcore.la $(LTDL_LIBS) $(MODULE_JSON_LIBS) $(CHECK_LIBS)
unit_shared = core/libblkimg.la $(CHECK_LIBS) $(preload)
AM_CFLAGS += $(CHECK_CFLAGS) $(MODULE_JSON_CFLAGS)
if HAVE_CHECK
unit_tests += %D%/test-aio
unit_tests += %D%/test-bitmap
unit_tests += %D%/test-compare
unit_tests += %D%/test-copy
unit_tests += %D%/test-copy-failures
unit_tests += %D%/test-crypt
unit_tests += %D%/test-error
unit_tests += %D%/test-file
unit_tests += %D%/test-io
unit_tests += %D%/test-io-threads
unit_tests += %D%/test-iszero
unit_tests += %D%/test-manifest
unit_tests += %D%/test-options
unit_tests += %D%/test-pool
unit_tests += %D%/test-probed
unit_tests += %D%/test-qcow2-backing
unit_tests += %D%/test-qcow2-crash
unit_tests += %D%/test-qcow2-faults
unit_tests += %D%/test-qcow2-header
unit_tests += %D%/test-qcow2-layout
unit_tests += %D%/test-qcow2-tables
unit_tests += %D%/test-qcow2-refcount
unit_tests += %D%/test-qcow2-write
unit_tests += %D%/test-raw
unit_tests += %D%/test-size
unit_tests += %D%/test-value
unit_tests += %D%/test-version
unit_tests += %D%/test-walk-all
unit_tests += %D%/test-walk
if !MODULE_PRELOAD
unit_tests += %D%/test-module
endif
if MODULE_DEFLATE
unit_tests += %D%/test-deflate
endif
if MODULE_GCRYPT
unit_tests += %D%/test-cipher
unit_tests += %D%/test-qcow2-keys
endif
if MODULE_JSON
unit_tests += %D%/test-chain
unit_tests += %D%/test-create
unit_tests += %D%/test-open
unit_tests += %D%/test-spec
endif
if MODULE_ZSTD
unit_tests += %D%/test-zstd
endif
if MODULE_VDI
unit_tests += %D%/test-vdi
unit_tests += %D%/test-vdi-crash
endif
endif
EXTRA_DIST += %D%/image.h %D%/opening.h %D%/seed.h %D%/suite.h
unit_fakes = %D%/fake.h %D%/fake-mem.c %D%/fake-toy.c
tests_unit_test_crypt_SOURCES = %D%/test-crypt.c %D%/copying.c %D%/copying.h $(unit_fakes)
tests_unit_test_aio_SOURCES = %D%/test-aio.c $(unit_fakes)
tests_unit_test_bitmap_SOURCES = %D%/test-bitmap.c $(unit_fakes)
tests_unit_test_compare_SOURCES = %D%/test-compare.c $(unit_fakes)
tests_unit_test_copy_SOURCES = %D%/test-copy.c %D%/copying.c %D%/copying.h $(unit_fakes)
tests_unit_test_copy_failures_SOURCES = %D%/test-copy-failures.c %D%/copying.c %D%/copying.h \
	$(unit_fakes)
unit_files = %D%/fake-files.h %D%/fake-files.c modules/json/json.c
tests_unit_test_chain_SOURCES = %D%/test-chain.c $(unit_files)
tests_unit_test_create_SOURCES = %D%/test-create.c $(unit_files)
tests_unit_test_open_SOURCES = %D%/test-open.c $(unit_files)
tests_unit_test_io_SOURCES = %D%/test-io.c $(unit_fakes)
tests_unit_test_io_threads_SOURCES = %D%/test-io-threads.c $(unit_fakes)
tests_unit_test_spec_SOURCES = %D%/test-spec.c modules/json/json.c
tests_unit_test_probed_LDADD = $(unit_shared)
tests_unit_test_walk_all_SOURCES = %D%/test-walk-all.c $(unit_fakes)
tests_unit_test_walk_SOURCES = %D%/test-walk.c $(unit_fakes)
tests_unit_test_file_LDADD = $(unit_shared)
tests_unit_test_qcow2_keys_LDADD = $(unit_shared)
tests_unit_test_raw_LDADD = $(unit_shared)
tests_unit_test_vdi_LDADD = $(unit_shared)
tests_unit_test_vdi_crash_SOURCES = %D%/test-vdi-crash.c $(vdi_sources) $(unit_fakes)
tests_unit_test_vdi_crash_CPPFLAGS = $(AM_CPPFLAGS) -iquote $(top_srcdir)/modules/common
tests_unit_test_vdi_crash_LDADD = modules/common/libmodcommon.la $(LDADD)
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)

# Codecs: the module's own sources, so that each library behind the codec can be called by itself.
tests_unit_test_deflate_SOURCES = %D%/test-deflate.c %D%/codec.c %D%/codec.h $(deflate_sources)
tests_unit_test_deflate_CPPFLAGS = $(AM_CPPFLAGS) $(MODULE_DEFLATE_CFLAGS)
tests_unit_test_deflate_LDADD = $(LDADD) $(MODULE_DEFLATE_LIBS)
tests_unit_test_cipher_SOURCES = %D%/test-cipher.c
tests_unit_test_cipher_CPPFLAGS = $(AM_CPPFLAGS) -iquote $(top_srcdir)/modules/common
tests_unit_test_cipher_LDADD = modules/common/libmodcommon.la $(unit_shared)
tests_unit_test_zstd_SOURCES = %D%/test-zstd.c %D%/codec.c %D%/codec.h modules/zstd/zstd.c
tests_unit_test_zstd_CPPFLAGS = $(AM_CPPFLAGS) $(MODULE_ZSTD_CFLAGS)
tests_unit_test_zstd_LDADD = $(LDADD) $(MODULE_ZSTD_LIBS)

# Modules with faults.  Shared objects, so not where modules are linked in.
strange_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared -rpath $(abs_builddir)/tests/unit
strange_modules = %D%/strange-good.la %D%/strange-abi.la %D%/strange-undefined.la \
	%D%/strange-entry.la %D%/strange-old.la %D%/strange-small.la %D%/strange-no-map.la \
	%D%/strange-driver-abi.la
if !MODULE_PRELOAD
check_LTLIBRARIES += $(strange_modules)
endif
tests_unit_strange_good_la_SOURCES = %D%/strange.c
tests_unit_strange_good_la_CPPFLAGS = $(module_cppflags) -DSTRANGE=STRANGE_GOOD
tests_unit_strange_good_la_LDFLAGS = $(strange_ldflags)
tests_unit_strange_good_la_LIBADD = core/libblkimg.la
tests_unit_strange_abi_la_SOURCES = %D%/strange.c
tests_unit_strange_abi_la_CPPFLAGS = $(module_cppflags) -DSTRANGE=STRANGE_ABI
tests_unit_strange_abi_la_LDFLAGS = $(strange_ldflags)
tests_unit_strange_abi_la_LIBADD = core/libblkimg.la
tests_unit_strange_undefined_la_SOURCES = %D%/strange.c
tests_unit_strange_undefined_la_CPPFLAGS = $(module_cppflags) -DSTRANGE=STRANGE_UNDEFINED
tests_unit_strange_undefined_la_LDFLAGS = $(strange_ldflags)
tests_unit_strange_undefined_la_LIBADD = core/libblkimg.la
tests_unit_strange_entry_la_SOURCES = %D%/strange.c
tests_unit_strange_entry_la_CPPFLAGS = $(module_cppflags) -DSTRANGE=STRANGE_ENTRY
tests_unit_strange_entry_la_LDFLAGS = $(strange_ldflags)
tests_unit_strange_entry_la_LIBADD = core/libblkimg.la
tests_unit_strange_old_la_SOURCES = %D%/strange.c
tests_unit_strange_old_la_CPPFLAGS = $(module_cppflags) -DSTRANGE=STRANGE_OLD
tests_unit_strange_old_la_LDFLAGS = $(strange_ldflags)
tests_unit_strange_old_la_LIBADD = core/libblkimg.la
tests_unit_strange_small_la_SOURCES = %D%/strange.c
tests_unit_strange_small_la_CPPFLAGS = $(module_cppflags) -DSTRANGE=STRANGE_SMALL
tests_unit_strange_small_la_LDFLAGS = $(strange_ldflags)
tests_unit_strange_small_la_LIBADD = core/libblkimg.la
tests_unit_strange_no_map_la_SOURCES = %D%/strange.c
tests_unit_strange_no_map_la_CPPFLAGS = $(module_cppflags) -DSTRANGE=STRANGE_NO_MAP
tests_unit_strange_no_map_la_LDFLAGS = $(strange_ldflags)
tests_unit_strange_no_map_la_LIBADD = core/libblkimg.la
tests_unit_strange_driver_abi_la_SOURCES = %D%/strange.c
tests_unit_strange_driver_abi_la_CPPFLAGS = $(module_cppflags) -DSTRANGE=STRANGE_DRIVER_ABI
tests_unit_strange_driver_abi_la_LDFLAGS = $(strange_ldflags)
tests_unit_strange_driver_abi_la_LIBADD = core/libblkimg.la
tests_unit_test_module_LDADD = $(unit_shared)

# qcow2: the parts of the driver by themselves.
tests_unit_test_qcow2_layout_CPPFLAGS = $(AM_CPPFLAGS) -iquote $(top_srcdir)/modules/common
tests_unit_test_qcow2_layout_LDADD = modules/qcow2/libqcow2.la $(LDADD)
qcow2_rig = %D%/qcow2-rig.c %D%/qcow2-rig.h modules/qcow2/qcow2.c $(unit_fakes)
tests_unit_test_qcow2_backing_SOURCES = %D%/test-qcow2-backing.c $(qcow2_rig)
tests_unit_test_qcow2_backing_CPPFLAGS = $(AM_CPPFLAGS) -DIMG_MODULE_NAME=qcow2
tests_unit_test_qcow2_backing_LDADD = modules/qcow2/libqcow2.la $(LDADD)
tests_unit_test_qcow2_crash_SOURCES = %D%/test-qcow2-crash.c $(qcow2_rig)
tests_unit_test_qcow2_crash_CPPFLAGS = $(AM_CPPFLAGS) -DIMG_MODULE_NAME=qcow2
tests_unit_test_qcow2_crash_LDADD = modules/qcow2/libqcow2.la $(LDADD)
tests_unit_test_qcow2_faults_SOURCES = %D%/test-qcow2-faults.c $(qcow2_rig)
tests_unit_test_qcow2_faults_CPPFLAGS = $(AM_CPPFLAGS) -DIMG_MODULE_NAME=qcow2
tests_unit_test_qcow2_faults_LDADD = modules/qcow2/libqcow2.la $(LDADD)
tests_unit_test_qcow2_header_SOURCES = %D%/test-qcow2-header.c $(unit_fakes)
tests_unit_test_qcow2_header_LDADD = modules/qcow2/libqcow2.la $(LDADD)
tests_unit_test_qcow2_tables_SOURCES = %D%/test-qcow2-tables.c $(unit_fakes)
tests_unit_test_qcow2_tables_LDADD = modules/qcow2/libqcow2.la $(LDADD)
tests_unit_test_qcow2_refcount_LDADD = modules/qcow2/libqcow2.la $(LDADD)
tests_unit_test_qcow2_write_SOURCES = %D%/test-qcow2-write.c $(qcow2_rig)
tests_unit_test_qcow2_write_CPPFLAGS = $(AM_CPPFLAGS) -DIMG_MODULE_NAME=qcow2
tests_unit_test_qcow2_write_LDADD = modules/qcow2/libqcow2.la $(LDADD)
