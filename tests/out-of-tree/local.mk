# SPDX-License-Identifier: LGPL-2.1-or-later
# make installcheck: a module built outside of the tree against what is installed.
EXTRA_DIST += %D%/Makefile %D%/installed.sh %D%/xored.c %D%/xored.manifest
MOSTLYCLEANFILES += tests/out-of-tree/installed.log tests/out-of-tree/installed.trs
if !MODULE_PRELOAD
installcheck-local:
	@$(MKDIR_P) tests/out-of-tree
	@DESTDIR='$(DESTDIR)' bindir='$(bindir)' libdir='$(libdir)' CC='$(CC)' \
	moduledir='$(moduledir)' pkgconfigdir='$(pkgconfigdir)' top_srcdir='$(abs_top_srcdir)' \
	  $(SH_LOG_DRIVER) --test-name tests/out-of-tree/installed.sh --color-tests no \
	    --enable-hard-errors yes --expect-failure no --log-file tests/out-of-tree/installed.log \
	    --trs-file tests/out-of-tree/installed.trs -- $(SHELL) $(srcdir)/%D%/installed.sh
	@! grep -E '^:test-result: *(FAIL|ERROR)' tests/out-of-tree/installed.trs >/dev/null
endif
