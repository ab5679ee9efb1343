#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The table of trace events (core/trace.c) and the trace points name the same events; the table is
# sorted.
. "${0%/*}/lib.sh"
plan 3

sed -n 's/^  { "\([a-z0-9_]*\)", ".*/\1/p' core/trace.c | grep -vx debug >"$tmp/table"
grep -rhoE 'IMG_TRACE \("[^"]*"' core modules --include='*.c' | sed 's/.*"\(.*\)"/\1/' |
  LC_ALL=C sort -u >"$tmp/uses"
none "the table is sorted" "$(LC_ALL=C sort -c "$tmp/table" 2>&1)"
none "no event without a row in the table" "$(LC_ALL=C comm -13 "$tmp/table" "$tmp/uses")"
none "no row without a trace point" "$(LC_ALL=C comm -23 "$tmp/table" "$tmp/uses")"
