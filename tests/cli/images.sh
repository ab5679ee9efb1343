#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Golden images.  tests/images/DRIVER/CASE/ holds NAME.spec, a text that mkimg makes image NAME of, and
# `expect`, a transcript: lines "$ COMMAND", below each what it prints on both streams, and "? N" when
# its exit code N is not 0.  A new test is a new folder, no program.
#
# A file `repair` beside it holds lines "$ OPTIONS": img-check OPTIONS is run on a fresh x.qcow2.  Below
# each stands what it prints, the exit code of a second check, and what became of the data.  Where
# that second check is clean the peer's must be clean, too, if there is one, and it reads the same.
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

# data BEFORE AFTER: files that were converted from the image, if it could be read
data () {
  if [ ! -e "$1" ]; then
    [ -e "$2" ] && echo "can be read now" || echo "cannot be read"
  elif cmp -s "$1" "$2"; then
    echo "the same"
  else
    echo "NOT THE SAME"
  fi
}

# x.qcow2 has been repaired: the peer finds nothing, and reads what we read
peer_agrees () {
  qemu-img check x.qcow2 >peer-said 2>&1 || cat peer-said
  [ ! -e after ] || { qemu-img convert -O raw x.qcow2 theirs && cmp after theirs; }
}

# repairs FILE: its lines, each on an image of its own; notes in `peer` what the peer finds wrong
repairs () {
  mkdir repairs && cd repairs || exit 99
  : >../peer
  while IFS= read -r line; do
    case $line in
      '# '*) printf '%s\n' "$line" ;;
      '$ '*)
        printf '%s\n' "$line"
        cp ../*.qcow2 . && cp ../*.raw . 2>/dev/null
        rm -f before after
        img-convert -q -O raw x.qcow2 before >/dev/null 2>&1 || rm -f before
        tap_rc=0
        # shellcheck disable=SC2086
        (eval "$limit"; exec timeout 30 img-check ${line#\$ } x.qcow2) 2>&1 || tap_rc=$?
        [ "$tap_rc" = 0 ] || echo "? $tap_rc"
        tap_rc=0
        img-check -q x.qcow2 >/dev/null 2>&1 || tap_rc=$?
        echo "second check: $tap_rc"
        img-convert -q -O raw x.qcow2 after >/dev/null 2>&1 || rm -f after
        echo "data: $(data before after)"
        [ "$tap_rc" != 0 ] || ! command -v qemu-img >/dev/null || peer_agrees >>../peer 2>&1 ;;
    esac
  done <"$1"
  cd .. || exit 99
}

for case in "$images"/*/*/; do
  case=${case%/}
  name=${case#"$images"/}
  case $name in
    luks/*) have encryption "$name" || continue ;;
  esac
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
  if [ -f "$case/repair" ]; then
    for spec in "$case"/*.spec; do # what the commands left is not what they found
      image=${spec##*/}
      "$mkimg" "$spec" "${image%.spec}"
    done
    repairs "$case/repair" >got </dev/null
    [ -z "${BLKIMG_TEST_UPDATE:-}" ] || cp got "$case/repair"
    ok "$name: repaired as expected" diff -u "$case/repair" got
    is "$(cat peer)" "" "$name: the peer finds nothing where we find nothing, and reads the same"
  fi
  cd "$tmp" && rm -rf "${tmp:?}/$name"
done
