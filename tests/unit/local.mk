# SPDX-License-Identifier: LGPL-2.1-or-later
# Unit tests, Check in TAP mode: one line a test, tests/unit/test-NAME.c.  They link the whole
# of the core.  A test that loads modules sets tests_unit_test_NAME_LDADD = $(unit_shared) so
# that the core's state exists once.
unit_tests =
LDADD = core/libblkimgcore.la $(LTDL_LIBS) $(JANSSON_LIBS) $(CHECK_LIBS)
unit_shared = core/libblkimg.la $(CHECK_LIBS) $(preload)
AM_CFLAGS += $(CHECK_CFLAGS)
if HAVE_CHECK
unit_tests += %D%/test-error
unit_tests += %D%/test-iszero
unit_tests += %D%/test-options
unit_tests += %D%/test-pool
unit_tests += %D%/test-size
unit_tests += %D%/test-spec
unit_tests += %D%/test-value
unit_tests += %D%/test-version
if MODULE_DEFLATE
unit_tests += %D%/test-deflate
endif
if MODULE_ZSTD
unit_tests += %D%/test-zstd
endif
endif
EXTRA_DIST += %D%/seed.h
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)

# Codecs: the module's own sources, so that each library behind the codec can be called by itself.
tests_unit_test_deflate_SOURCES = %D%/test-deflate.c %D%/codec.c %D%/codec.h $(deflate_sources)
tests_unit_test_deflate_CPPFLAGS = $(AM_CPPFLAGS) $(MODULE_DEFLATE_CFLAGS)
tests_unit_test_deflate_LDADD = $(LDADD) $(MODULE_DEFLATE_LIBS)
tests_unit_test_zstd_SOURCES = %D%/test-zstd.c %D%/codec.c %D%/codec.h modules/zstd/zstd.c
tests_unit_test_zstd_CPPFLAGS = $(AM_CPPFLAGS) $(MODULE_ZSTD_CFLAGS)
tests_unit_test_zstd_LDADD = $(LDADD) $(MODULE_ZSTD_LIBS)
