# SPDX-License-Identifier: LGPL-2.1-or-later
# Rules are programs: one script a rule, also run by tests/lint/run without a build.
lint_tests =
lint_tests += %D%/driver-options.sh
lint_tests += %D%/files.sh
lint_tests += %D%/headers.sh
lint_tests += %D%/includes.sh
lint_tests += %D%/modules.sh
lint_tests += %D%/options.sh
lint_tests += %D%/shell.sh
lint_tests += %D%/size.sh
lint_tests += %D%/trace.sh
TESTS += $(lint_tests)
EXTRA_DIST += $(lint_tests) %D%/c-size.pl %D%/dist.sh %D%/exempt-size %D%/lib.sh %D%/run

# The tarball is the tracked files: every "make dist" looks.
dist-hook:
	$(SHELL) $(srcdir)/tests/lint/dist.sh $(distdir) >lint-dist.log || { cat lint-dist.log; exit 1; }
	rm -f lint-dist.log
lint-dist: distdir
	rm -rf $(distdir)
.PHONY: lint-dist
