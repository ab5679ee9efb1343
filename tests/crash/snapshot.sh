#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Internal snapshots and shrinking: the image is as before or as after, its check finds leaks at
# most, and so it is with what the snapshots hold.
. "${top_srcdir:-.}/tests/crash/crash.sh"
need_peer qemu-img
plan
samples=6
kills=3

head -c 300000 /dev/urandom >old.raw && truncate -s 1M old.raw
{ head -c 100000 old.raw; head -c 120000 /dev/urandom; } >new.raw && truncate -s 900k new.raw
head -c 50000 /dev/urandom >>new.raw && truncate -s 1M new.raw
head -c 400k new.raw >short.raw
for opts in cluster_size=4k cluster_size=64k,refcount_bits=64 cluster_size=16k,extended_l2=on \
  cluster_size=512,refcount_bits=4 compat=0.10,cluster_size=4k; do
  img-convert -O qcow2 -c -o "$opts" old.raw t.qcow2 || exit 99
  crash "create $opts" -L s=old.raw 'img-snapshot -c s t.qcow2' t.qcow2 old.raw
  img-snapshot -c s t.qcow2 && img-convert -t writeback -n -O qcow2 new.raw t.qcow2 || exit 99
  crash "create another $opts" -l s=old.raw -L s2=new.raw \
    'img-snapshot -c s2 t.qcow2' t.qcow2 new.raw
  crash "apply $opts" -l s=old.raw 'img-snapshot -a s t.qcow2' t.qcow2 old.raw new.raw
  crash "delete $opts" -L s=old.raw 'img-snapshot -d s t.qcow2' t.qcow2 new.raw
  case $opts in compat=0.10*) img-snapshot -d s t.qcow2 ;; esac
  crash "shrink $opts" -L s=old.raw 'img-resize -q --shrink t.qcow2 400k' t.qcow2 new.raw short.raw
done
