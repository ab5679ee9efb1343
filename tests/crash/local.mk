# SPDX-License-Identifier: LGPL-2.1-or-later
# Power cuts and kills in the middle of commands that change images in place.
crash_tests =
crash_tests += %D%/chain.sh
crash_tests += %D%/amend.sh
crash_tests += %D%/bitmap.sh
crash_tests += %D%/encrypted.sh
crash_tests += %D%/in-place.sh
crash_tests += %D%/luks.sh
crash_tests += %D%/ops.sh
crash_tests += %D%/repair.sh
crash_tests += %D%/resize.sh
crash_tests += %D%/snapshot.sh
TESTS += $(crash_tests)
EXTRA_DIST += $(crash_tests) %D%/crash.sh %D%/record.c
check_PROGRAMS += %D%/replay
tests_crash_replay_SOURCES = %D%/judge.c %D%/log.h %D%/replay.c %D%/replay.h
tests_crash_replay_LDADD = $(unit_shared)
check_DATA += tests/crash/record.so
CLEANFILES += tests/crash/record.so
tests/crash/record.so: %D%/record.c %D%/log.h tests/fault/preload.h
	$(AM_V_GEN)$(MKDIR_P) tests/crash && $(CC) $(WARN_CFLAGS) -I$(srcdir) -O2 -fPIC -shared -o $@ $(srcdir)/%D%/record.c
