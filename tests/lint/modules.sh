#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What was built keeps the rules of the interface: modules have no writable state, export their
# entry only, use exported functions only, and can be linked into one program.
. "${0%/*}/lib.sh"
need_build
plan 6

cd "$top_builddir" || exit 99
sym=$top_srcdir/core/libblkimg.sym

# Objects of modules, the shared (PIC) ones where there are both.
objects=$(find modules -name '*.o' -path '*/.libs/*' | LC_ALL=C sort)
[ -n "$objects" ] || objects=$(find modules -name '*.o' | LC_ALL=C sort)

# Writable: d D b B C; .data.rel.ro tables (constants with pointers) show as d too, so ask for
# the section.  Sanitizers add __names of their own.
none "modules have no writable file-scope state" "$(
  for o in $objects; do
    objdump -t "$o" 2>/dev/null | awk -v o="$o" '
      $2 != "df" && $3 != "d" && / (O|\*COM\*)/ &&
      /[ \t](\.data|\.bss|\.tdata|\.tbss|\*COM\*)(\.[A-Za-z0-9_.]*)?[ \t]/ &&
      !/\.data\.rel\.ro/ && $NF !~ /^(__|\.L)/ {
        print o ": " $NF }'
  done)"

none "modules use exported functions only" "$(
  for o in $objects; do
    nm -u "$o" 2>/dev/null | awk '$NF ~ /^img_/ { print $NF }'
  done | LC_ALL=C sort -u | grep -vxF -f "$sym" |
    while read -r s; do
      # Not the core's: another object of modules/common may have it.
      nm -g --defined-only $objects 2>/dev/null | grep -q " [TDRB] $s\$" || echo "$s"
    done)"

none "a module's own global names begin with its name" "$(
  for o in $objects; do
    folder=${o#modules/}
    folder=${folder%%/*}
    case $folder in
      common | .libs) continue ;;
    esac
    prefix=$(printf %s "$folder" | tr -- - _)
    nm -g --defined-only "$o" 2>/dev/null | awk -v o="$o" -v p="$prefix" '
      NF == 3 && $3 !~ "^" p "_" && $3 != "img_module_entry" && $3 !~ /^(__|\.)/ {
        print o ": " $3 }'
  done)"

none "shared modules export their entry symbol only" "$(
  for so in modules/.libs/*.so; do
    [ -f "$so" ] || continue
    nm -D --defined-only "$so" | awk -v so="$so" '$3 != "img_module_entry" { print so ": " $3 }'
  done)"

ok "the export list is sorted and has no doubles" env LC_ALL=C sort -cu "$sym"
# Every name on the list is a function of the library.
lib=
for f in core/.libs/libblkimgcore.a core/libblkimgcore.a; do
  [ ! -f "$f" ] || lib=$f
done
nm -g --defined-only "$lib" 2>/dev/null | awk 'NF == 3 { print $3 }' | LC_ALL=C sort -u >"$tmp/have"
none "every exported name exists" "$(LC_ALL=C comm -23 "$sym" "$tmp/have")"
