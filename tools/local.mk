# SPDX-License-Identifier: LGPL-2.1-or-later
# One program a command.  A new one is the lines of "img" with its own name.
noinst_LTLIBRARIES += tools/common/libtools.la
tools_common_libtools_la_SOURCES =
tools_common_libtools_la_SOURCES += %D%/common/columns.c
tools_common_libtools_la_SOURCES += %D%/common/columns.h
tools_common_libtools_la_SOURCES += %D%/common/opt-image.c
tools_common_libtools_la_SOURCES += %D%/common/opt-image.h
tools_common_libtools_la_SOURCES += %D%/common/opt-usage.c
tools_common_libtools_la_SOURCES += %D%/common/opt.c
tools_common_libtools_la_SOURCES += %D%/common/opt.h
tools_common_libtools_la_SOURCES += %D%/common/out-copy.c
tools_common_libtools_la_SOURCES += %D%/common/out-info.c
tools_common_libtools_la_SOURCES += %D%/common/out-result.c
tools_common_libtools_la_SOURCES += %D%/common/out-result.h
tools_common_libtools_la_SOURCES += %D%/common/out.c
tools_common_libtools_la_SOURCES += %D%/common/out.h
tools_common_libtools_la_SOURCES += %D%/common/progress.c
tools_common_libtools_la_SOURCES += %D%/common/progress.h
tools_common_libtools_la_SOURCES += %D%/common/stream.c
tools_common_libtools_la_SOURCES += %D%/common/stream.h
tools_common_libtools_la_SOURCES += %D%/common/tool.c
tools_common_libtools_la_SOURCES += %D%/common/tool.h
tools_common_libtools_la_CPPFLAGS = $(tools_cppflags)

tools_ldflags = $(AM_LDFLAGS) $(PROGRAM_LDFLAGS)
tools_ldadd = tools/common/libtools.la core/libblkimg.la $(LTLIBINTL) $(preload)

# Manual pages are made from POD where pod2man is.
command_pods =
command_pages =
SUFFIXES += .pod .1
.pod.1:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && name=`basename $@ .1` && $(POD2MAN) --section=1 \
	  --center=blkimg --release=$(PACKAGE_VERSION) --name=`echo $$name | tr a-z A-Z` $< $@

bin_PROGRAMS += tools/img
tools_img_SOURCES = %D%/img.c
tools_img_CPPFLAGS = $(tools_cppflags)
tools_img_LDFLAGS = $(tools_ldflags)
tools_img_LDADD = $(tools_ldadd)
command_pods += %D%/img.pod
command_pages += %D%/img.1

bin_PROGRAMS += tools/img-amend
tools_img_amend_SOURCES = %D%/img-amend.c
tools_img_amend_CPPFLAGS = $(tools_cppflags)
tools_img_amend_LDFLAGS = $(tools_ldflags)
tools_img_amend_LDADD = $(tools_ldadd)
command_pods += %D%/img-amend.pod
command_pages += %D%/img-amend.1

bin_PROGRAMS += tools/img-bench
tools_img_bench_SOURCES = %D%/img-bench.c %D%/img-bench-latency.c %D%/img-bench-run.c %D%/img-bench.h
tools_img_bench_CPPFLAGS = $(tools_cppflags)
tools_img_bench_LDFLAGS = $(tools_ldflags)
tools_img_bench_LDADD = $(tools_ldadd)
command_pods += %D%/img-bench.pod
command_pages += %D%/img-bench.1

bin_PROGRAMS += tools/img-bitmap
tools_img_bitmap_SOURCES = %D%/img-bitmap.c
tools_img_bitmap_CPPFLAGS = $(tools_cppflags)
tools_img_bitmap_LDFLAGS = $(tools_ldflags)
tools_img_bitmap_LDADD = $(tools_ldadd)
command_pods += %D%/img-bitmap.pod
command_pages += %D%/img-bitmap.1

bin_PROGRAMS += tools/img-check
tools_img_check_SOURCES = %D%/img-check.c
tools_img_check_CPPFLAGS = $(tools_cppflags)
tools_img_check_LDFLAGS = $(tools_ldflags)
tools_img_check_LDADD = $(tools_ldadd)
command_pods += %D%/img-check.pod
command_pages += %D%/img-check.1

bin_PROGRAMS += tools/img-commit
tools_img_commit_SOURCES = %D%/img-commit.c
tools_img_commit_CPPFLAGS = $(tools_cppflags)
tools_img_commit_LDFLAGS = $(tools_ldflags)
tools_img_commit_LDADD = $(tools_ldadd)
command_pods += %D%/img-commit.pod
command_pages += %D%/img-commit.1

bin_PROGRAMS += tools/img-compare
tools_img_compare_SOURCES = %D%/img-compare.c
tools_img_compare_CPPFLAGS = $(tools_cppflags)
tools_img_compare_LDFLAGS = $(tools_ldflags)
tools_img_compare_LDADD = $(tools_ldadd)
command_pods += %D%/img-compare.pod
command_pages += %D%/img-compare.1

bin_PROGRAMS += tools/img-convert
tools_img_convert_SOURCES = %D%/img-convert.c %D%/img-convert-bitmaps.c %D%/img-convert-run.c \
	%D%/img-convert-stream.c %D%/img-convert.h
tools_img_convert_CPPFLAGS = $(tools_cppflags)
tools_img_convert_LDFLAGS = $(tools_ldflags)
tools_img_convert_LDADD = $(tools_ldadd)
command_pods += %D%/img-convert.pod
command_pages += %D%/img-convert.1

bin_PROGRAMS += tools/img-create
tools_img_create_SOURCES = %D%/img-create.c
tools_img_create_CPPFLAGS = $(tools_cppflags)
tools_img_create_LDFLAGS = $(tools_ldflags)
tools_img_create_LDADD = $(tools_ldadd)
command_pods += %D%/img-create.pod
command_pages += %D%/img-create.1

bin_PROGRAMS += tools/img-dd
tools_img_dd_SOURCES = %D%/img-dd.c %D%/img-dd-args.c %D%/img-dd-run.c %D%/img-dd.h
tools_img_dd_CPPFLAGS = $(tools_cppflags)
tools_img_dd_LDFLAGS = $(tools_ldflags)
tools_img_dd_LDADD = $(tools_ldadd)
command_pods += %D%/img-dd.pod
command_pages += %D%/img-dd.1

bin_PROGRAMS += tools/img-info
tools_img_info_SOURCES = %D%/img-info.c
tools_img_info_CPPFLAGS = $(tools_cppflags)
tools_img_info_LDFLAGS = $(tools_ldflags)
tools_img_info_LDADD = $(tools_ldadd)
command_pods += %D%/img-info.pod
command_pages += %D%/img-info.1

bin_PROGRAMS += tools/img-map
tools_img_map_SOURCES = %D%/img-map.c %D%/img-map-picture.c %D%/img-map-picture.h
tools_img_map_SOURCES += %D%/img-map-blocks.c %D%/img-map-svg.c
tools_img_map_CPPFLAGS = $(tools_cppflags)
tools_img_map_LDFLAGS = $(tools_ldflags)
tools_img_map_LDADD = $(tools_ldadd)
command_pods += %D%/img-map.pod
command_pages += %D%/img-map.1

bin_PROGRAMS += tools/img-measure
tools_img_measure_SOURCES = %D%/img-measure.c
tools_img_measure_CPPFLAGS = $(tools_cppflags)
tools_img_measure_LDFLAGS = $(tools_ldflags)
tools_img_measure_LDADD = $(tools_ldadd)
command_pods += %D%/img-measure.pod
command_pages += %D%/img-measure.1

bin_PROGRAMS += tools/img-modules
tools_img_modules_SOURCES = %D%/img-modules.c
tools_img_modules_CPPFLAGS = $(tools_cppflags)
tools_img_modules_LDFLAGS = $(tools_ldflags)
tools_img_modules_LDADD = $(tools_ldadd)
command_pods += %D%/img-modules.pod
command_pages += %D%/img-modules.1

bin_PROGRAMS += tools/img-rebase
tools_img_rebase_SOURCES = %D%/img-rebase.c
tools_img_rebase_CPPFLAGS = $(tools_cppflags)
tools_img_rebase_LDFLAGS = $(tools_ldflags)
tools_img_rebase_LDADD = $(tools_ldadd)
command_pods += %D%/img-rebase.pod
command_pages += %D%/img-rebase.1

bin_PROGRAMS += tools/img-resize
tools_img_resize_SOURCES = %D%/img-resize.c
tools_img_resize_CPPFLAGS = $(tools_cppflags)
tools_img_resize_LDFLAGS = $(tools_ldflags)
tools_img_resize_LDADD = $(tools_ldadd)
command_pods += %D%/img-resize.pod
command_pages += %D%/img-resize.1

bin_PROGRAMS += tools/img-snapshot
tools_img_snapshot_SOURCES = %D%/img-snapshot.c
tools_img_snapshot_CPPFLAGS = $(tools_cppflags)
tools_img_snapshot_LDFLAGS = $(tools_ldflags)
tools_img_snapshot_LDADD = $(tools_ldadd)
command_pods += %D%/img-snapshot.pod
command_pages += %D%/img-snapshot.1

EXTRA_DIST += $(command_pods)
if HAVE_POD2MAN
man1_MANS += $(command_pages)
CLEANFILES += $(command_pages)
endif

# Shells look for completions under the command's name: one file a shell, the others are links to it.
bashdir = $(datadir)/bash-completion/completions
fishdir = $(datadir)/fish/vendor_completions.d
zshdir = $(datadir)/zsh/site-functions
EXTRA_DIST += %D%/completion.bash %D%/completion.fish %D%/completion.zsh
install-data-local:
	$(MKDIR_P) $(DESTDIR)$(bashdir) $(DESTDIR)$(fishdir) $(DESTDIR)$(zshdir)
	$(INSTALL_DATA) $(srcdir)/tools/completion.bash $(DESTDIR)$(bashdir)/img
	$(INSTALL_DATA) $(srcdir)/tools/completion.fish $(DESTDIR)$(fishdir)/img.fish
	$(INSTALL_DATA) $(srcdir)/tools/completion.zsh $(DESTDIR)$(zshdir)/_img
	for p in $(bin_PROGRAMS); do test $${p##*/} = img || { \
	  (cd $(DESTDIR)$(bashdir) && $(LN_S) -f img $${p##*/}) && \
	  (cd $(DESTDIR)$(fishdir) && $(LN_S) -f img.fish $${p##*/}.fish); } || exit 1; done
uninstall-local:
	rm -f $(DESTDIR)$(zshdir)/_img
	for p in $(bin_PROGRAMS); do \
	  rm -f $(DESTDIR)$(bashdir)/$${p##*/} $(DESTDIR)$(fishdir)/$${p##*/}.fish; done
