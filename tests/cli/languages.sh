#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each language of po/LINGUAS: --help of each command, and what people read of an image, are
# translated and in columns; drop-in mode and JSON are the same everywhere; the catalogues are
# complete.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

languages=$(sed 's/#.*//' "$top_srcdir/po/LINGUAS")
commands=img
for program in "$top_builddir"/tools/img-*; do
  [ -x "$program" ] && [ ! -d "$program" ] && commands="$commands ${program##*/}"
done
for c in $commands; do
  run_ok "$c --help" "$c" --help
  printf '%s\n' "$out" >"$c.C"
done
[ -n "$languages" ] || exit 0

grep -q 'define ENABLE_NLS 1' "$top_builddir/include/config.h" || skip_all "built without translations"
need_peer xgettext msgfmt msgmerge perl
grep -v '^#' "$top_srcdir/po/POTFILES.in" >files
xgettext --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=P_:1,1 -D "$top_srcdir" -f files -o new.pot

# is_complete LANGUAGE: nothing is fuzzy or untranslated.  A new string may wait for its translation
# while one works, and is told; in CI, where what is missing is a failure, it fails.
lacking=
is_complete () {
  msgmerge -q --no-fuzzy-matching -o merged.po "$top_srcdir/po/$1.po" new.pot
  left=$(msgfmt --statistics -o /dev/null merged.po 2>&1 |
    grep -oE '[0-9]+ (fuzzy|untranslated)' | paste -sd, -)
  if [ -z "$left" ] || [ "${CI:-}" = true ]; then
    is "$left" "" "$1: complete (if not: make -C po update-po, then translate po/$1.po)"
  else
    lacking="$lacking po/$1.po: $left;"
  fi
}

# in_language LANGUAGE COMMAND...
in_language () (
  LC_ALL=C.UTF-8 LANGUAGE=$1 BLKIMG_LOCALE_PATH=$tmp/locale
  export LC_ALL LANGUAGE BLKIMG_LOCALE_PATH
  shift
  "$@"
)

# aligned REGEX NAME: what it finds in lines of $out is equally wide on a terminal
aligned () {
  is "$(printf '%s\n' "$out" | perl -CSD -sne '
    next unless /($re)/;
    my $width = 0;
    $width += /\p{Ea=W}|\p{Ea=F}/ ? 2 : 1 for split //, $1;
    $column //= $width;
    print if $width != $column' -- -re="$1")" "" "$2"
}

# An image with all that has a label, and a snapshot whose name is wide.
mkdir ours
ln -s "$(command -v img)" ours/qemu-img
img-create -q -f raw base.raw 1M
img-create -q -f qcow2 -b base.raw -F raw x.qcow2 1M
img-bench -q -w -c 1 -d 1 --pattern=1 -f qcow2 x.qcow2
img-snapshot -c '快照' x.qcow2
img-snapshot -c plain x.qcow2

# facts FORM: all that the image is
facts () {
  img-info --output="$1" x.qcow2
  img-check --output="$1" x.qcow2
  img-map --output="$1" x.qcow2
  img-measure --output="$1" -O qcow2 x.qcow2
}

dropin () {
  for c in info check 'snapshot -l' map 'measure -O qcow2' 'compare base.raw' 'info -f raw nowhere'; do
    # shellcheck disable=SC2086
    ours/qemu-img $c x.qcow2
  done
  ours/qemu-img create -f qcow2 -o help
  ours/qemu-img check --help
}

labels='^ *(image|file format|virtual size|disk size|cluster_size|backing file( format)?|Snapshot list|'\
'filename|protocol type|file length|Image end offset|required size|fully allocated size):|'\
'^Format specific|^Child node|^ID +TAG|^No errors|allocated, |^Offset +Length'
facts human >facts.C
is "$(grep -cE "$labels" facts.C)" 21 "the labels that are looked for are there in English"
facts json >json.C
dropin >dropin.C 2>&1

# is_read_in LANGUAGE: by people, not by programs
is_read_in () {
  run_ok "$1: facts" in_language "$1" facts human
  unlike "$out" "$labels" "$1: facts: not in English"
  is "$(printf '%s\n' "$out" | wc -l)" "$(wc -l <facts.C)" "$1: facts: as many lines"
  run_ok "$1: snapshots" in_language "$1" img-snapshot -l x.qcow2
  aligned '^ID .*|^[12] .*' "$1: snapshots: in columns"
  run_ok "$1: map" in_language "$1" img-map x.qcow2
  aligned '^.* (?=\S+$)' "$1: map: in columns"
  run_ok "$1: JSON" in_language "$1" facts json
  is "$out" "$(cat json.C)" "$1: JSON: in no language"
  in_language "$1" dropin >dropin.out 2>&1
  same_bytes dropin.out dropin.C "$1: drop-in: in English"
}

for l in $languages; do
  mkdir -p "locale/$l/LC_MESSAGES"
  ok "$l: well-formed" msgfmt --check -o "locale/$l/LC_MESSAGES/blkimg.mo" "$top_srcdir/po/$l.po"
  is_complete "$l"
  for c in $commands; do
    run_ok "$l: $c --help" in_language "$l" "$c" --help
    isnt "$out" "$(cat "$c.C")" "$l: $c: is not in English"
    aligned '^( +-.*?\S {2,})(?=\S)' "$l: $c: in columns"
  done
  is_read_in "$l"
done
[ -z "$lacking" ] || todo "catalogues complete" "${lacking%;}"
