#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# --help of each command in each language of po/LINGUAS: it is translated, and nothing is left out.
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
need_peer xgettext msgfmt msgmerge
grep -v '^#' "$top_srcdir/po/POTFILES.in" >files
xgettext --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=P_:1,2 -D "$top_srcdir" -f files -o new.pot
for l in $languages; do
  po=$top_srcdir/po/$l.po
  mkdir -p "locale/$l/LC_MESSAGES"
  ok "$l: well-formed" msgfmt --check -o "locale/$l/LC_MESSAGES/blkimg.mo" "$po"
  msgmerge -q --no-fuzzy-matching -o merged.po "$po" new.pot
  unlike "$(LC_ALL=C msgfmt --statistics -o /dev/null merged.po 2>&1)" 'fuzzy|untranslated' \
    "$l: complete"
  for c in $commands; do
    run_ok "$l: $c --help" env LC_ALL=C.UTF-8 LANGUAGE="$l" BLKIMG_LOCALE_PATH="$tmp/locale" "$c" --help
    isnt "$out" "$(cat "$c.C")" "$l: $c: is not in English"
  done
done
