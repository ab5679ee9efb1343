# SPDX-License-Identifier: LGPL-2.1-or-later
# Every module's .la file and manifest lands in modules/ of the build tree, so that
# BLKIMG_MODULE_PATH=build/modules is all that uninstalled use needs.
# A module's local.mk appends its manifest to dist_noinst_DATA; one that needs a library, so that it
# may be a package of its own, to dist_module_DATA; one that is never installed, to noinst_manifests.
noinst_manifests =
module_manifests = $(dist_noinst_DATA) $(dist_module_DATA) $(noinst_manifests)

# Manual pages: NAME.pod becomes blkimg-NAME(7).  A module's local.mk says
#   EXTRA_DIST += %D%/NAME.pod
#   module_pages += modules/blkimg-NAME.7
#   modules/blkimg-NAME.7: %D%/NAME.pod
#   <tab>$(pod_to_page7)
module_pages =
pod_to_page7 = $(AM_V_GEN)$(MKDIR_P) modules && $(POD2MAN) --section=7 --center=blkimg \
	--release=$(PACKAGE_VERSION) --name=`basename $@ .7 | tr a-z A-Z` $< $@

include %D%/common/local.mk
include %D%/blkdebug/local.mk
include %D%/blkverify/local.mk
include %D%/compress/local.mk
include %D%/cor/local.mk
include %D%/deflate/local.mk
include %D%/file/local.mk
include %D%/gcrypt/local.mk
include %D%/json/local.mk
include %D%/luks/local.mk
include %D%/nbd/local.mk
include %D%/null/local.mk
include %D%/qcow2/local.mk
include %D%/quorum/local.mk
include %D%/raw/local.mk
include %D%/template/local.mk
include %D%/throttle/local.mk
include %D%/vdi/local.mk
include %D%/zstd/local.mk

all-local: modules/manifests.stamp
modules/manifests.stamp: $(module_manifests) Makefile
	$(AM_V_GEN)$(MKDIR_P) modules && rm -f modules/*.manifest && \
	for m in $(module_manifests); do \
	  cp "$(srcdir)/$$m" modules/ || exit 1; \
	done && chmod u+w modules/*.manifest && echo made > $@
MOSTLYCLEANFILES += modules/manifests.stamp modules/*.manifest

# Opening files is most of what reading manifests costs: those of modules that need no library, and
# so come in one package, are installed as one file.
nodist_module_DATA += blkimg.manifests
CLEANFILES += blkimg.manifests
blkimg.manifests: $(dist_noinst_DATA) Makefile
	$(AM_V_GEN)for m in $(dist_noinst_DATA); do sed '/^#/d' "$(srcdir)/$$m" || exit 1; done >$@

# Nobody links with a module, and each command reads the folder: no .la there.
if !MODULE_PRELOAD
install-data-hook:
	for m in $(module_LTLIBRARIES); do rm -f "$(DESTDIR)$(moduledir)/$${m##*/}"; done
uninstall-hook:
	for m in $(module_LTLIBRARIES); do \
	  m=$${m##*/}; rm -f "$(DESTDIR)$(moduledir)/$${m%.la}.so"; done
endif

if HAVE_POD2MAN
man7_MANS += $(module_pages)
CLEANFILES += $(module_pages)
endif
