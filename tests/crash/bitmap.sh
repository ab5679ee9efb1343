#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Dirty bitmaps that are changed, and that record what is written.
. "${top_srcdir:-.}/tests/crash/crash.sh"
plan

head -c 300000 /dev/urandom >old.raw && truncate -s 1M old.raw
head -c 150000 /dev/urandom >new.raw && truncate -s 1M new.raw
ops=$top_builddir/tests/interop/.libs/ops
[ -x "$ops" ] || ops=$top_builddir/tests/interop/ops
samples=6
kills=3
for opts in cluster_size=512 cluster_size=64k,refcount_bits=64; do
  img-convert -O qcow2 -o "$opts" old.raw t.qcow2 && img-bitmap --add -g 512 t.qcow2 a &&
    cp old.raw first.raw && img-convert -n -O qcow2 new.raw t.qcow2 || exit 99
  for how in '--add -g 512 t.qcow2 b' '--add --merge a -g 1k t.qcow2 b' '--disable t.qcow2 a'; do
    crash "$how, $opts" -b a=first.raw "img-bitmap $how" t.qcow2 new.raw
  done
  crash "clear and remove $opts" 'img-bitmap --clear --disable --remove t.qcow2 a' t.qcow2 new.raw
  img-bitmap --add --disable -g 64k t.qcow2 b || exit 99
  img-convert -O qcow2 new.raw many.qcow2 && for i in 1 2 3; do
    img-bitmap --add -g 512 many.qcow2 "m$i" || exit 99
  done
  crash "merge $opts" -b a=first.raw -b b=new.raw 'img-bitmap --merge a t.qcow2 b' t.qcow2 new.raw
  crash "enable $opts" -b a=first.raw -b b=new.raw 'img-bitmap --enable t.qcow2 b' t.qcow2 new.raw
  crash "convert to it $opts" -b a=first.raw -b b=new.raw \
    'img-convert -n --bitmaps -O qcow2 many.qcow2 t.qcow2' t.qcow2 new.raw
  img-bitmap --remove t.qcow2 b || exit 99
  cp new.raw large.raw && truncate -s 3M large.raw && head -c 400k new.raw >short.raw || exit 99
  crash "grow $opts" -b a=first.raw 'img-resize -q t.qcow2 3M' t.qcow2 new.raw large.raw
  crash "shrink $opts" -b a=first.raw 'img-resize -q --shrink t.qcow2 400k' t.qcow2 new.raw short.raw
  # Clusters that are there are written in place: only what the bitmap says of itself and its new
  # cluster go to the disk before and after.
  img-bitmap --add -g 512 t.qcow2 c && { head -c 2048 /dev/zero | tr '\0' x; tail -c +2049 new.raw; } >other.raw || exit 99
  samples=50
  crash "record in place, $opts" -b c=new.raw -m 'img-bench -q -w -c 4 -d 1 -s 512 --pattern=120 t.qcow2' \
    t.qcow2 new.raw other.raw
  samples=6
  img-bitmap --remove t.qcow2 c || exit 99
  img-snapshot -c s t.qcow2 && cp new.raw s.raw || exit 99
  crash "snapshot $opts" -b a=first.raw -l s=s.raw 'img-snapshot -c s2 t.qcow2' t.qcow2 new.raw
  crash "record $opts" -b a=first.raw -l s=s.raw -m 'img-convert -t writeback -n -O qcow2 old.raw t.qcow2' \
    t.qcow2 old.raw new.raw
  # Through a program that flushes now and then.  One bitmap has marked nothing yet.
  img-bitmap --add -g 512 t.qcow2 c || exit 99
  crash "record of operations, $opts" -h s.raw -b a=first.raw -b c=new.raw \
    "$ops t.qcow2 qcow2 s.raw $seed 25" t.qcow2
done
crash "remove all" 'img-bitmap --remove-all t.qcow2' t.qcow2 new.raw
