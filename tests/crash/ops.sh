#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Random writes, zeroes, discards, flushes and growing: what was flushed is there, what came since is
# there or not.
. "${top_srcdir:-.}/tests/crash/crash.sh"
plan
samples=3
ops=$top_builddir/tests/interop/.libs/ops
[ -x "$ops" ] || ops=$top_builddir/tests/interop/ops

# random NAME FORMAT IMAGE [MOST]: operations on the image, which reads as old.raw and grows by at
# most MOST sectors at once: each state is read whole
random () {
  crash "$1" -h old.raw "$ops $3 $2 old.raw $seed 30 ${4:-}" "$3"
}

head -c 300000 /dev/urandom >old.raw && truncate -s 600k old.raw
for opts in cluster_size=512 cluster_size=4k,refcount_bits=1 cluster_size=64k,refcount_bits=64 \
  cluster_size=16k,extended_l2=on cluster_size=4k,lazy_refcounts=on compat=0.10,cluster_size=4k; do
  img-convert -O qcow2 -o "$opts" old.raw t.qcow2 || exit 99
  random "operations, $opts" qcow2 t.qcow2 4000
  img-convert -c -O qcow2 -o "$opts" old.raw t.qcow2 || exit 99
  case $opts in
    *refcount_bits=1) ;;
    *) img-snapshot -c s t.qcow2 && cp old.raw s.raw || exit 99
      crash "operations over compressed clusters beside a snapshot, $opts" -h old.raw -l s=s.raw \
        "$ops t.qcow2 qcow2 old.raw $seed 30" t.qcow2 ;;
  esac
done
rm -f t.qcow2 && cp old.raw base.raw
for opts in cluster_size=4k cluster_size=16k,extended_l2=on; do
  img-create -q -f qcow2 -o "$opts" -b base.raw -F raw t.qcow2 || exit 99
  random "operations over a backing file, $opts" qcow2 t.qcow2 4000
done
img-convert -O vdi old.raw t.vdi || exit 99
random "operations, vdi" vdi t.vdi
head -c 200000 /dev/urandom >new.raw && truncate -s 600k new.raw
truncate -s 600k zero.raw # all is discarded first
crash "convert -n into vdi" -m 'img-convert -t writeback -n -O vdi new.raw t.vdi' t.vdi old.raw \
  new.raw zero.raw
# Blocks are taken of a map that names none.
truncate -s 5M empty.raw && cp empty.raw filled.raw
for at in 0 2 4; do printf x | dd of=filled.raw bs=1M seek=$at conv=notrunc 2>/dev/null; done
img-convert -O vdi empty.raw blocks.vdi || exit 99
samples=12
crash "vdi takes blocks" -m 'img-convert -t writeback -n -S 0 -O vdi filled.raw blocks.vdi' \
  blocks.vdi empty.raw filled.raw
rm blocks.vdi
cp old.raw large.raw && truncate -s 1500k large.raw
crash "vdi grows" 'img-resize -q -f vdi t.vdi 1500k' t.vdi old.raw large.raw
