#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# --help of each command in each language of po/LINGUAS: it is translated and in columns, and the
# catalogues are complete.
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
xgettext --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=P_:1,2 -D "$top_srcdir" -f files -o new.pot

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

# aligned: the help of all options in $out begins in one column of a terminal
aligned () {
  is "$(printf '%s\n' "$out" | perl -CSD -ne '
    next unless /^( +-.*?\S {2,})\S/;
    my $width = 0;
    $width += /\p{Ea=W}|\p{Ea=F}/ ? 2 : 1 for split //, $1;
    $column //= $width;
    print if $width != $column')" "" "$1"
}

for l in $languages; do
  mkdir -p "locale/$l/LC_MESSAGES"
  ok "$l: well-formed" msgfmt --check -o "locale/$l/LC_MESSAGES/blkimg.mo" "$top_srcdir/po/$l.po"
  is_complete "$l"
  for c in $commands; do
    run_ok "$l: $c --help" env LC_ALL=C.UTF-8 LANGUAGE="$l" BLKIMG_LOCALE_PATH="$tmp/locale" "$c" --help
    isnt "$out" "$(cat "$c.C")" "$l: $c: is not in English"
    aligned "$l: $c: in columns"
  done
done
[ -z "$lacking" ] || todo "catalogues complete" "${lacking%;}"
