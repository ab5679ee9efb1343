#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Golden images.  tests/images/DRIVER/CASE/ holds NAME.spec, a text that mkimg makes image NAME of, and
# `expect`, a transcript: lines "$ COMMAND", below each what it prints on both streams, and "? N" when
# its exit code N is not 0.  A new test is a new folder, no program.
#
# BLKIMG_TEST_UPDATE=1 writes the transcripts anew: look at the difference before you commit it.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

images=$top_srcdir/tests/images
mkimg=$top_builddir/tests/images/mkimg
[ ! -x "$top_builddir/tests/images/.libs/mkimg" ] || mkimg=$top_builddir/tests/images/.libs/mkimg

# What a hostile image may take: 256 MiB of address space (sanitizers need more), some seconds.
limit="ulimit -v 262144"
(eval "$limit" && img-modules --version) >/dev/null 2>&1 || limit=:

# transcript FILE: its commands with what they print now
transcript () {
  while IFS= read -r line; do
    case $line in
      '# '*) printf '%s\n' "$line" ;;
      '$ '*)
        printf '%s\n' "$line"
        tap_rc=0
        (eval "$limit"; exec timeout 30 sh -c "${line#\$ }") 2>&1 </dev/null || tap_rc=$?
        [ "$tap_rc" = 0 ] || echo "? $tap_rc" ;;
    esac
  done <"$1"
}

for case in "$images"/*/*/; do
  case=${case%/}
  name=${case#"$images"/}
  mkdir -p "$tmp/$name" && cd "$tmp/$name" || exit 99
  made=yes
  for spec in "$case"/*.spec; do
    image=${spec##*/}
    "$mkimg" "$spec" "${image%.spec}" || made=no
  done
  is "$made" yes "$name: images can be made"
  transcript "$case/expect" >got
  [ -z "${BLKIMG_TEST_UPDATE:-}" ] || cp got "$case/expect"
  ok "$name: as expected" diff -u "$case/expect" got
  cd "$tmp" && rm -rf "${tmp:?}/$name"
done
