#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every seed and every old crash goes through its fuzz target once.
. "${top_srcdir:-.}/tests/cli/lib.sh"

targets=$(cd "$top_srcdir/tests/fuzz" && for f in fuzz-*.c; do
  [ ! -f "$f" ] || echo "${f%.c}"
done)
[ -n "$targets" ] || skip_all "no fuzz targets yet"
plan

for target in $targets; do
  format=${target#fuzz-}
  format=${format%%-*}
  program=$top_builddir/tests/fuzz/$target
  [ ! -x "$top_builddir/tests/fuzz/.libs/$target" ] ||
    program=$top_builddir/tests/fuzz/.libs/$target
  [ "$format" != luks ] || have encryption "$target" || continue
  set --
  for seed in "$top_srcdir/tests/fuzz/seeds/$format"/*; do
    [ ! -f "$seed" ] || set -- "$@" "$seed"
  done
  isnt "$#" 0 "$target has seeds"
  ok "$target survives its seeds" timeout 300 "$program" "$@"
done
