#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Options that are changed in place: refcount width, version in both directions, size.
. "${top_srcdir:-.}/tests/crash/crash.sh"
need_peer qemu-img qemu-io
plan

head -c 300000 /dev/urandom >old.raw && truncate -s 1M old.raw
samples=6
kills=3
for opts in cluster_size=4k,backing_file=old.raw,backing_fmt=raw cluster_size=64k; do
  rm -f t.qcow2
  qemu-img create -q -f qcow2 -o "$opts" t.qcow2 1M &&
    qemu-io -c 'write -z 0 256k' -c 'write -P 3 100k 100k' -c 'write -z 150k 20k' t.qcow2 >/dev/null &&
    qemu-img snapshot -c s t.qcow2 && qemu-img convert -f qcow2 -O raw t.qcow2 s.raw && qemu-io -c 'write -z 300k 30k' t.qcow2 >/dev/null || exit 99
  for o in refcount_bits=64 refcount_bits=2 compat=0.10 lazy_refcounts=on; do
    crash "$o $opts" -l s=s.raw "img-amend -o $o t.qcow2" t.qcow2 after
  done
  img-amend -o compat=0.10 t.qcow2 || exit 99
  crash "compat=1.1 $opts" -l s=s.raw 'img-amend -o compat=1.1,refcount_bits=8 t.qcow2' t.qcow2 after
done
rm -f t.qcow2
qemu-img create -q -f qcow2 -o cluster_size=512 t.qcow2 1M &&
  qemu-io -c 'write -P 3 100k 900k' t.qcow2 >/dev/null || exit 99
crash "refcount_bits=64 of small clusters" 'img-amend -o refcount_bits=64 t.qcow2' t.qcow2 after

# The data are in another file, where all is discarded first.
truncate -s 1M zero.raw
for raw in off on; do
  rm -f t.qcow2 && img-convert -O qcow2 -o "data_file=t.data,data_file_raw=$raw" old.raw t.qcow2 || exit 99
  cp t.data moved.data
  crash "data_file, raw $raw" 'img-amend -o data_file=moved.data t.qcow2' t.qcow2 after
  crash "data_file_raw=off, raw $raw" 'img-amend -o data_file_raw=off,lazy_refcounts=on t.qcow2' t.qcow2 after
  crash "write, raw $raw" -m 'img-convert -t writeback -n -O qcow2 s.raw t.qcow2' t.qcow2 old.raw s.raw zero.raw
done

# What the data file holds where nothing was written yet is never shown.
rm -f t.qcow2 t.data && img-create -q -f qcow2 -o data_file=t.data t.qcow2 1M || exit 99
head -c 1M /dev/urandom >t.data
crash "write over what a data file held" -m 'img-bench -q -w -c 6 -d 1 -s 64k --pattern=120 t.qcow2' \
  t.qcow2 zero.raw after
