#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks that grow, with space taken beforehand or without, and shrink: the disk is as before or as
# after, its snapshots as they were.
. "${top_srcdir:-.}/tests/crash/crash.sh"
plan
samples=4
kills=2

head -c 300000 /dev/urandom >old.raw && truncate -s 700k old.raw
cp old.raw large.raw && truncate -s 3M large.raw
head -c 100k old.raw >short.raw
for opts in cluster_size=512,refcount_bits=64 cluster_size=4k,refcount_bits=1 \
  cluster_size=16k,extended_l2=on cluster_size=64k,lazy_refcounts=on compat=0.10,cluster_size=512; do
  img-convert -O qcow2 -o "$opts" old.raw t.qcow2 || exit 99
  keep=
  case $opts in
    *refcount_bits=1 | compat=0.10*) ;;
    *) img-snapshot -c s t.qcow2 && cp old.raw s.raw && keep='-l s=s.raw' || exit 99 ;;
  esac
  for how in off metadata full; do
    # shellcheck disable=SC2086
    crash "grow $how, $opts" $keep "img-resize -q --preallocation=$how t.qcow2 3M" t.qcow2 old.raw large.raw
  done
  # shellcheck disable=SC2086
  crash "shrink, $opts" $keep 'img-resize -q --shrink t.qcow2 100k' t.qcow2 old.raw short.raw
done

# The table is full of tables; their refcounts are in a block of their own.
head -c 1536000 /dev/urandom >old.raw && head -c 40000 old.raw >short.raw
img-convert -O qcow2 -o cluster_size=512 old.raw t.qcow2 || exit 99
crash "shrink by much" 'img-resize -q --shrink t.qcow2 40000' t.qcow2 old.raw short.raw after

# What is in the last cluster behind the end of a disk, or in a longer backing file, is not shown.
head -c 700k old.raw >large.raw && truncate -s 3M large.raw
for opts in cluster_size=4k cluster_size=64k,extended_l2=on cluster_size=512 compat=0.10,cluster_size=16k; do
  head -c 701k old.raw >first.raw && img-convert -O qcow2 -o "$opts" first.raw t.qcow2 &&
    img-resize -q --shrink t.qcow2 700k && head -c 700k old.raw >short.raw || exit 99
  crash "grow over old bytes, $opts" 'img-resize -q t.qcow2 3M' t.qcow2 short.raw large.raw
  img-create -q -f qcow2 -o "$opts" -b old.raw -F raw t.qcow2 700k || exit 99
  crash "grow over a backing file, $opts" 'img-resize -q t.qcow2 3M' t.qcow2 short.raw large.raw
done
