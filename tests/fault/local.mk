# SPDX-License-Identifier: LGPL-2.1-or-later
# Commands with faults in their system calls.  The library that makes them is for LD_PRELOAD: it has
# nothing of ours in it and needs neither libtool nor the sanitizers of a build.
fault_tests =
fault_tests += %D%/convert.sh
fault_tests += %D%/in-place.sh
fault_tests += %D%/chain.sh
fault_tests += %D%/amend.sh
fault_tests += %D%/bitmap.sh
fault_tests += %D%/create.sh
fault_tests += %D%/memory.sh
fault_tests += %D%/nbd.sh
fault_tests += %D%/read.sh
fault_tests += %D%/repair.sh
fault_tests += %D%/stream.sh
TESTS += $(fault_tests)
EXTRA_DIST += $(fault_tests) %D%/allocs.c %D%/faults.c %D%/preload.h %D%/series.sh %D%/sweep.sh
check_DATA = tests/fault/allocs.so tests/fault/faults.so
CLEANFILES += tests/fault/allocs.so tests/fault/faults.so
tests/fault/allocs.so: %D%/allocs.c
	$(AM_V_GEN)$(MKDIR_P) tests/fault && $(CC) $(WARN_CFLAGS) -O2 -fPIC -shared -o $@ $(srcdir)/%D%/allocs.c
tests/fault/faults.so: %D%/faults.c %D%/preload.h
	$(AM_V_GEN)$(MKDIR_P) tests/fault && $(CC) $(WARN_CFLAGS) -I$(srcdir) -O2 -fPIC -shared -o $@ $(srcdir)/%D%/faults.c
