#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The tarball is what git tracks, and what the build system generates.  "make dist" runs this on
# the folder it packs: dist.sh FOLDER.
distdir=${1-}
case $distdir in
  "" | /*) ;;
  *) distdir=$PWD/$distdir ;;
esac
. "${0%/*}/lib.sh"
[ -n "$distdir" ] || skip_all "make dist runs it on the folder it packs"
[ -e .git ] && git ls-files >/dev/null 2>&1 || skip_all "not a git working tree"
plan 2

git ls-files | grep -Ev '^(\.git(ignore|attributes)|\.editorconfig|\.ci/.*|debian/.*)$' |
  LC_ALL=C sort >"$tmp/tracked"
(cd "$distdir" && find . -type f | sed 's,^\./,,') | LC_ALL=C sort >"$tmp/packed"
none "every tracked file is in the tarball" "$(LC_ALL=C comm -23 "$tmp/tracked" "$tmp/packed")"
none "nothing else is, but what is generated" "$(
  LC_ALL=C comm -13 "$tmp/tracked" "$tmp/packed" | grep -Ev \
    '^(ABOUT-NLS|aclocal\.m4|configure|Makefile\.in|build-aux/.*|include/config\.h\.in|m4/.*\.m4|\.tarball-version|po/.*)$')"
