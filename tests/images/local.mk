# SPDX-License-Identifier: LGPL-2.1-or-later
# Golden images, tested by tests/cli/images.sh, which says how they are made.  DRIVER/CASE/ is packed
# as a whole folder.
check_PROGRAMS += tests/images/mkimg
tests_images_mkimg_SOURCES = %D%/mkimg.c
tests_images_mkimg_LDADD =
EXTRA_DIST += %D%/luks %D%/qcow2
