#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Writing into images that are there.
. "${top_srcdir:-.}/tests/crash/crash.sh"
plan

head -c 300000 /dev/urandom >old.raw && truncate -s 1M old.raw
head -c 150000 /dev/urandom >new.raw && truncate -s 700k new.raw
head -c 100000 /dev/urandom >>new.raw && truncate -s 1M new.raw
truncate -s 1M zero.raw # of what is written over some may be discarded first
for opts in cluster_size=4k cluster_size=64k,refcount_bits=64 cluster_size=16k,extended_l2=on \
  cluster_size=4k,lazy_refcounts=on compat=0.10,cluster_size=512; do
  img-convert -O qcow2 -o "$opts" old.raw t.qcow2 || exit 99
  crash "write $opts" -m 'img-convert -t writeback -n -O qcow2 new.raw t.qcow2' t.qcow2 old.raw new.raw
  img-convert -c -O qcow2 -o "$opts" old.raw t.qcow2 || exit 99
  crash "write over compressed $opts" -m 'img-convert -t writeback -n -c -O qcow2 new.raw t.qcow2' t.qcow2 old.raw new.raw
  crash "dd over compressed $opts" -m 'img-dd if=new.raw of=t.qcow2 bs=33k skip=1 seek=1 conv=notrunc,fsync' \
    t.qcow2 old.raw new.raw zero.raw
done

# Features that we do not know are cleared before anything changes.
img-convert -O qcow2 old.raw t.qcow2 && printf '\200' | dd of=t.qcow2 bs=1 seek=88 conv=notrunc 2>/dev/null &&
  { head -c 2048 /dev/zero | tr '\0' x; tail -c +2049 old.raw; } >x.raw || exit 99
samples=50
crash "autoclear" -A -m 'img-bench -q -w -c 4 -d 1 -s 512 --pattern=120 t.qcow2' t.qcow2 old.raw x.raw
samples=12

# A snapshot has all clusters and tables: they are copied first.
need_peer qemu-img
for opts in cluster_size=4k cluster_size=64k,extended_l2=on compat=0.10,cluster_size=512; do
  img-convert -O qcow2 -o "$opts" old.raw t.qcow2 && qemu-img snapshot -c s t.qcow2 || exit 99
  crash "write beside a snapshot $opts" -m 'img-convert -t writeback -n -O qcow2 new.raw t.qcow2' \
    t.qcow2 old.raw new.raw
done

# Everything is new: L2 tables, refcount blocks, a longer refcount table.
samples=3
rm -f old.raw && truncate -s 3M old.raw
head -c 2300000 /dev/urandom >new.raw && truncate -s 3M new.raw
for opts in cluster_size=512,refcount_bits=64 cluster_size=4k; do
  img-create -q -f qcow2 -o "$opts" t.qcow2 3M || exit 99
  crash "fill $opts" -m 'img-convert -t writeback -n -O qcow2 new.raw t.qcow2' t.qcow2 old.raw new.raw
done
