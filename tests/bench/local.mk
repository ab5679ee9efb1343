# SPDX-License-Identifier: LGPL-2.1-or-later
# `make bench`: side by side with qemu-img.  Never part of `make check`.
bench_tools = tests/bench/mkfrag tests/bench/mkscatter tests/bench/race
EXTRA_PROGRAMS += $(bench_tools)
tests_bench_mkfrag_SOURCES = %D%/mkfrag.c %D%/make.h
tests_bench_mkscatter_SOURCES = %D%/mkscatter.c %D%/make.h
tests_bench_race_SOURCES = %D%/race.c
EXTRA_DIST += %D%/run
CLEANFILES += $(bench_tools) bench.json

bench: all $(bench_tools)
	BENCH_TOOLS='$(abs_top_builddir)/tests/bench' BENCH_JSON='$(abs_top_builddir)/bench.json' \
	  $(top_builddir)/run $(top_srcdir)/tests/bench/run '$(if $(JOBS),$(JOBS),*)'
.PHONY: bench
