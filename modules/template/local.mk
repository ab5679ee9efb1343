# SPDX-License-Identifier: LGPL-2.1-or-later
# Copy me: put the name of your module for "template", module_LTLIBRARIES for
# noinst_LTLIBRARIES, dist_module_DATA for noinst_manifests (and take the manifest out of
# EXTRA_DIST), drop "-rpath", and add the manual page as modules/local.mk says.
# MODULE_TEMPLATE_CFLAGS and _LIBS are what IMG_MODULE in configure.ac asked pkg-config for; drop
# them where it asked for nothing.
if MODULE_TEMPLATE
noinst_LTLIBRARIES += modules/template.la
noinst_manifests += %D%/template.manifest
preload_modules += -dlpreopen modules/template.la
endif
modules_template_la_SOURCES = %D%/template.c
modules_template_la_CPPFLAGS = $(module_cppflags) -DIMG_MODULE_NAME=template $(MODULE_TEMPLATE_CFLAGS)
modules_template_la_LDFLAGS = $(module_ldflags) -rpath $(abs_builddir)/modules
modules_template_la_LIBADD = core/libblkimg.la $(MODULE_TEMPLATE_LIBS)
EXTRA_DIST += %D%/template.manifest %D%/template.pod
