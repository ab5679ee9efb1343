#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# make installcheck: a third party's module, built against what is installed and nothing else,
# installed into a folder of its own, converts an image.  The build tree gives the compiler only.
# The environment says where things were installed: bindir libdir moduledir
# pkgconfigdir DESTDIR CC.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer pkg-config make
plan 15

PATH=$DESTDIR$bindir:$PATH
LD_LIBRARY_PATH=$DESTDIR$libdir
PKG_CONFIG_PATH=$DESTDIR$pkgconfigdir
export PATH LD_LIBRARY_PATH PKG_CONFIG_PATH
# The library knows the folder of its modules without DESTDIR.
unset BLKIMG_MODULE_PATH top_builddir MAKEFLAGS MAKELEVEL
staged=
if [ -n "$DESTDIR" ]; then
  staged=:$DESTDIR$moduledir
  BLKIMG_MODULE_PATH=$DESTDIR$moduledir
  export BLKIMG_MODULE_PATH
  PKG_CONFIG_SYSROOT_DIR=$DESTDIR
  export PKG_CONFIG_SYSROOT_DIR
fi

is "$(command -v img-convert)" "$DESTDIR$bindir/img-convert" "the installed programs are run"
cp "$top_srcdir"/tests/out-of-tree/* "$top_srcdir"/modules/template/template.* . &&
  chmod u+w ./* || exit 99
run_ok "the module builds with pkg-config alone" make CC="$CC"
run_ok "and installs into a folder of its own" make install DESTDIR= MODULEDIR="$tmp/modules"

# Letters XORed with 0x20 change case: so tr makes the image.
yes blkIMG | tr -d '\n' | head -c 65536 >plain.raw
{
  printf 'BLKIMGX1\040\0\0\0\0\0\0\0\0\0\0\0\0\001\0\0'
  head -c 488 /dev/zero
  tr 'a-zA-Z' 'A-Za-z' <plain.raw
} >image.xored

run_fails "without its folder the format is not known" 1 img-convert -f xored -O raw image.xored x
BLKIMG_MODULE_PATH=$tmp/modules$staged
export BLKIMG_MODULE_PATH
run_ok "img-modules runs" img-modules
like "$out" '^  format xored: ' "and lists the module"
run_ok "img-info runs" img-info image.xored
like "$out" '^file format: xored$' "and recognises the image"
run_ok "the image is converted" img-convert -O raw image.xored out.raw
same_bytes plain.raw out.raw "byte for byte"
printf 'BLKIMGX1\040\0\0\0\0\0\0\0\0\0\0\0\0\001\0\001' | dd of=image.xored conv=notrunc status=none
run_fails "a bad header is refused" 1 img-info image.xored
like "$err" "^img-info: .*image\.xored.*header at 0x10" "with a line that says where"

# The driver to copy needs no more of the tree than that.
run_ok "so is the driver to copy built" make NAME=template CFLAGS='-Wall -Wextra -Werror' CC="$CC" \
  install DESTDIR= MODULEDIR="$tmp/modules"
run_ok "it makes an image" img-convert -O template plain.raw image.template
run_ok "of the same contents" img-compare plain.raw image.template
