#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# measure as qemu-img does it.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

both () {
  measure_name=$1
  shift
  same "$measure_name" measure "$@"
  same "$measure_name, JSON" measure --output=json "$@"
}

truncate -s 100M hole.raw
dd if=/dev/urandom of=hole.raw bs=64k count=16 seek=100 conv=notrunc 2>/dev/null
qemu-img create -q -f qcow2 a.qcow2 64M
qemu-io -c 'write -P 3 0 1M' -c 'write -P 4 40M 64k' a.qcow2 >/dev/null
qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 over.qcow2
qemu-io -c 'write -P 5 30M 1M' over.qcow2 >/dev/null

for size in 0 1 512 1000 64k 1M 1G 1T 100T; do
  both "qcow2 of $size" -O qcow2 --size "$size"
  both "raw of $size" -O raw --size "$size"
done
for o in cluster_size=512 cluster_size=2M refcount_bits=1 refcount_bits=64 preallocation=metadata \
  preallocation=falloc preallocation=full extended_l2=on compat=0.10 \
  cluster_size=4k,preallocation=full; do
  both "qcow2 with $o" -O qcow2 -o "$o" --size 10G
  both "qcow2 of a file with $o" -O qcow2 -o "$o" hole.raw
done
both "raw to raw" hole.raw
both "raw to qcow2" -O qcow2 hole.raw
both "qcow2 to qcow2" -O qcow2 a.qcow2
both "qcow2 to raw" -O raw a.qcow2
both "overlay to qcow2" -O qcow2 over.qcow2
same "no operand" measure -O qcow2
same "both" measure -O qcow2 --size 1M a.qcow2
same "two operands" measure a.qcow2 hole.raw
same "no such file" measure no-such
same "unknown target" measure -O no-such a.qcow2
same "unknown option of the target" measure -O qcow2 -o no-such=1 a.qcow2
