#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# VDI against qemu-img: what either makes, the other reads; random operations on both.
. "$top_srcdir/tests/cli/lib.sh"
need_peer qemu-img qemu-io
plan

ops=$top_builddir/tests/interop/.libs/ops
[ -x "$ops" ] || ops=$top_builddir/tests/interop/ops

# agree NAME IMAGE SHADOW
agree () {
  ok "$1: qemu-img check" qemu-img check -q "$2"
  ok "$1: qemu-img reads the same" qemu-img compare -f vdi -F raw "$2" "$3"
}

# Theirs and ours to begin with, dynamic and static, sizes that are no whole blocks.
n=0
for static in off on; do
  for size in 20k 3M $((7 * 1048576 + 1536)); do
    n=$((n + 1))
    qemu-img create -q -f vdi -o static=$static theirs.vdi $size
    rm -f shadow
    truncate -s "$(qemu-img info --output=json theirs.vdi |
      sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p')" shadow
    ok "static=$static $size: random operations on theirs" \
      "$ops" theirs.vdi vdi shadow $((seed + n)) 150
    agree "static=$static $size" theirs.vdi shadow
    ok "static=$static $size: and grown" "$ops" theirs.vdi vdi shadow $((seed + n)) 150 400000
    agree "static=$static $size, grown" theirs.vdi shadow
  done
done

# How large one would be, and is.
truncate -s 9M m.raw
dd if=/dev/urandom of=m.raw bs=1000 seek=1999 count=3000 conv=notrunc 2>/dev/null
for static in off on; do
  img-convert -f raw -O vdi -o static=$static m.raw m.vdi
  like "$(img-measure -f raw -O vdi -o static=$static m.raw)" \
    "^required size: $(stat -c %s m.vdi)\$" "measured, static=$static"
done
like "$(img-measure -O vdi --size 9M)" "fully allocated size: $(stat -c %s m.vdi)" "all of it"

# What they write to what we made, and we read.
qemu-img create -q -f vdi a.vdi 9M
truncate -s 9M shadow
qemu-io -c 'write -P 5 3M 5000' -c 'write -P 6 8M 1M' -c 'write -z 3M 1M' a.vdi >/dev/null
qemu-img convert -f vdi -O raw a.vdi shadow
ok "theirs, written by qemu-io" "$ops" a.vdi vdi shadow "$seed" 100 400000
qemu-io -c 'write -P 7 2M 3M' a.vdi >/dev/null
qemu-io -f raw -c 'write -P 7 2M 3M' shadow >/dev/null
ok "ours, written by qemu-io" "$ops" a.vdi vdi shadow $((seed + 1)) 100
agree "in turn" a.vdi shadow
