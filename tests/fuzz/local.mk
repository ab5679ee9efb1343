# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzz targets: fuzz-FORMAT[-WHAT].c with LLVMFuzzerTestOneInput, seeds in seeds/FORMAT/.  A
# target is three lines:
#   fuzz_targets += %D%/fuzz-NAME
#   tests_fuzz_fuzz_NAME_LDADD = $(fuzz_ldadd)
#   tests_fuzz_fuzz_NAME_LDFLAGS = $(fuzz_ldflags)
# In every build replay.c gives them a main and "make check" replays the seeds; with
# --enable-fuzzing libFuzzer's main takes its place.
fuzz_targets =
fuzz_image = %D%/image.c %D%/image.h
fuzz_ldadd = core/libblkimg.la $(LTLIBINTL) $(preload)
fuzz_ldflags = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
if !ENABLE_FUZZING
fuzz_ldadd += tests/fuzz/libreplay.la
endif
check_LTLIBRARIES += tests/fuzz/libreplay.la
tests_fuzz_libreplay_la_SOURCES = %D%/replay.c

fuzz_targets += %D%/fuzz-luks
tests_fuzz_fuzz_luks_SOURCES = %D%/fuzz-luks.c $(fuzz_image)
tests_fuzz_fuzz_luks_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_luks_LDFLAGS = $(fuzz_ldflags)
fuzz_targets += %D%/fuzz-qcow2-bitmap
tests_fuzz_fuzz_qcow2_bitmap_SOURCES = %D%/fuzz-qcow2-bitmap.c $(fuzz_image)
tests_fuzz_fuzz_qcow2_bitmap_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_qcow2_bitmap_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz-qcow2-check
tests_fuzz_fuzz_qcow2_check_SOURCES = %D%/fuzz-qcow2-check.c $(fuzz_image)
tests_fuzz_fuzz_qcow2_check_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_qcow2_check_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz-qcow2-map
tests_fuzz_fuzz_qcow2_map_SOURCES = %D%/fuzz-qcow2-map.c $(fuzz_image)
tests_fuzz_fuzz_qcow2_map_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_qcow2_map_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz-qcow2-open
tests_fuzz_fuzz_qcow2_open_SOURCES = %D%/fuzz-qcow2-open.c $(fuzz_image)
tests_fuzz_fuzz_qcow2_open_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_qcow2_open_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz-qcow2-read
tests_fuzz_fuzz_qcow2_read_SOURCES = %D%/fuzz-qcow2-read.c $(fuzz_image)
tests_fuzz_fuzz_qcow2_read_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_qcow2_read_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz-qcow2-repair
tests_fuzz_fuzz_qcow2_repair_SOURCES = %D%/fuzz-qcow2-repair.c $(fuzz_image)
tests_fuzz_fuzz_qcow2_repair_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_qcow2_repair_LDFLAGS = $(fuzz_ldflags)
fuzz_targets += %D%/fuzz-qcow2-snapshot
tests_fuzz_fuzz_qcow2_snapshot_SOURCES = %D%/fuzz-qcow2-snapshot.c $(fuzz_image)
tests_fuzz_fuzz_qcow2_snapshot_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_qcow2_snapshot_LDFLAGS = $(fuzz_ldflags)

fuzz_targets += %D%/fuzz-vdi
tests_fuzz_fuzz_vdi_SOURCES = %D%/fuzz-vdi.c $(fuzz_image)
tests_fuzz_fuzz_vdi_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_vdi_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += $(fuzz_targets)
EXTRA_DIST += %D%/replay.sh
TESTS += %D%/replay.sh
EXTRA_DIST += %D%/seeds
