#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Dirty bitmaps that are changed, and that record what is written.
. "${top_srcdir:-.}/tests/crash/crash.sh"
plan

head -c 300000 /dev/urandom >old.raw && truncate -s 1M old.raw
head -c 150000 /dev/urandom >new.raw && truncate -s 1M new.raw
for opts in cluster_size=512 cluster_size=64k,refcount_bits=64; do
  img-convert -O qcow2 -o "$opts" old.raw t.qcow2 && img-bitmap --add -g 512 t.qcow2 a &&
    img-convert -n -O qcow2 new.raw t.qcow2 && img-convert -n -O qcow2 old.raw t.qcow2 || exit 99
  crash "add $opts" 'img-bitmap --add -g 512 t.qcow2 b' t.qcow2 old.raw
  crash "add and merge $opts" 'img-bitmap --add --merge a -g 1k t.qcow2 b' t.qcow2 old.raw
  crash "clear and remove $opts" 'img-bitmap --clear --disable --remove t.qcow2 a' t.qcow2 old.raw
  crash "record $opts" -m 'img-convert -t writeback -n -O qcow2 new.raw t.qcow2' t.qcow2 old.raw \
    new.raw
done
