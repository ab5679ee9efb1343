# SPDX-License-Identifier: LGPL-2.1-or-later
# make begins the tests in this order: what takes long comes first.
include %D%/fault/local.mk
include %D%/interop/local.mk
include %D%/crash/local.mk
include %D%/cli/local.mk
include %D%/lint/local.mk
include %D%/unit/local.mk
include %D%/images/local.mk
include %D%/fuzz/local.mk
include %D%/bench/local.mk
include %D%/out-of-tree/local.mk

# What the programs do, without the lints: CI runs it again with other settings.
program_tests = $(interop_tests) $(cli_tests) $(unit_tests) tests/fuzz/replay.sh
check-programs:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(program_tests)'
.PHONY: check-programs
