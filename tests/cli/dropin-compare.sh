#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# compare as qemu-img does it.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

truncate -s 1M a.raw
cp a.raw d.raw
printf x | dd of=d.raw bs=1 seek=1000 conv=notrunc 2>/dev/null
truncate -s 2M b.raw
cp b.raw c.raw
printf x | dd of=c.raw bs=1 seek=1500000 conv=notrunc 2>/dev/null
dd if=/dev/urandom of=e.raw bs=64k count=64 2>/dev/null
qemu-img convert -O qcow2 e.raw e.qcow2
qemu-img convert -c -O qcow2 e.raw ec.qcow2
cp e.qcow2 f.qcow2
qemu-io -c 'write 3M 512' f.qcow2 >/dev/null
qemu-img create -q -f qcow2 -b e.qcow2 -F qcow2 over.qcow2

same "same file" compare a.raw a.raw
same "differ" compare a.raw d.raw
same "longer, zeroes" compare a.raw b.raw
same "longer, zeroes, the other way" compare b.raw a.raw
same "longer, data" compare a.raw c.raw
same "longer, data, the other way" compare c.raw a.raw
same "both" compare d.raw c.raw
same "strict, size" compare -s a.raw b.raw
same "strict, allocation" compare -s a.raw d.raw
same "strict, same" compare -s e.qcow2 e.qcow2
same "raw and qcow2" compare e.raw e.qcow2
same "raw and compressed qcow2" compare e.raw ec.qcow2
same "overlay" compare over.qcow2 e.raw
same "late difference" compare e.qcow2 f.qcow2
same "given formats" compare -f raw -F qcow2 e.raw e.qcow2
same "wrong formats" compare -f qcow2 -F qcow2 e.raw e.qcow2
same "-f raw of qcow2" compare -f raw -F qcow2 e.qcow2 f.qcow2
same "-q" compare -q a.raw d.raw
same "no such file" compare a.raw no-such
same "no such file, the other way" compare no-such a.raw
# Tables that cannot be read: 3; data: 4.
yes abc | head -c 1000000 >y.raw
truncate -s 4M y.raw
img-convert -c -f raw -O qcow2 y.raw bad3.qcow2
cp bad3.qcow2 bad4.qcow2
place () { # FILE OFFSET: the low 48 bits of what stands there
  echo $((0x$(od -An -tx8 --endian=big -j"$2" -N8 "$1" | tr -d ' ' | cut -c5-)))
}
l1=$(place bad3.qcow2 40)
printf '\002' | dd of=bad3.qcow2 bs=1 seek=$((l1 + 6)) conv=notrunc 2>/dev/null
l2=$(place bad4.qcow2 "$l1")
head -c 200 /dev/zero | tr '\000' '\377' |
  dd of=bad4.qcow2 bs=1 seek="$(place bad4.qcow2 "$l2")" conv=notrunc 2>/dev/null
same "tables that cannot be read" compare -f qcow2 -F raw bad3.qcow2 y.raw
same "tables that cannot be read, strict" compare -s -f qcow2 -F raw bad3.qcow2 y.raw
same "data that cannot be read" compare -f qcow2 -F raw bad4.qcow2 y.raw
same "data that cannot be read, the other way" compare -F qcow2 -f raw y.raw bad4.qcow2
same "one operand" compare a.raw
same "unknown option" compare --no-such a.raw a.raw

# The reports of -p come when they come; the last one and the lines after it are the same.
ends () {
  tr '\r' '\n' | sed '/^    ([0-9.]*\/100%)$/d'
}
same_filtered "-p, same" ends compare -p e.raw e.qcow2
same_filtered "-p, differ" ends compare -p a.raw d.raw
capture ours compare -p e.raw e.qcow2
is "$(printf '%s\n' "$out" | tr '\r' '\n' | sed -n '1p')" "    (0.00/100%)" "first report"
is "$(printf '%s\n' "$out" | tr '\r' '\n' | grep '/100%' | tail -n 1)" "    (100.00/100%)" "last report"

run_fails "natively: usage is 64" 64 img-compare a.raw
run_fails "natively: differ" 1 img-compare a.raw d.raw
is "$out" "Content mismatch at offset 512!" "where: the sector"
run_fails "threads out of range" 64 img-compare -m 257 a.raw a.raw
