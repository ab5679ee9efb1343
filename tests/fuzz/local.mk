# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzz targets: fuzz-NAME.c with LLVMFuzzerTestOneInput, seeds in seeds/NAME/ (EXTRA_DIST).  A
# target is three lines:
#   fuzz_targets += %D%/fuzz-NAME
#   tests_fuzz_fuzz_NAME_LDADD = $(fuzz_ldadd)
#   tests_fuzz_fuzz_NAME_LDFLAGS = $(fuzz_ldflags)
# In every build replay.c gives them a main and "make check" replays the seeds; with
# --enable-fuzzing libFuzzer's main takes its place.
fuzz_targets =
fuzz_ldadd = core/libblkimg.la $(LTLIBINTL) $(preload)
fuzz_ldflags = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
if !ENABLE_FUZZING
fuzz_ldadd += tests/fuzz/libreplay.la
endif
check_LTLIBRARIES += tests/fuzz/libreplay.la
tests_fuzz_libreplay_la_SOURCES = %D%/replay.c

check_PROGRAMS += $(fuzz_targets)
EXTRA_DIST += %D%/replay.sh
TESTS += %D%/replay.sh
