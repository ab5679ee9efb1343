#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# commit and rebase: what is seen through the top stays the same all the time.
. "${top_srcdir:-.}/tests/crash/crash.sh"
plan
samples=6

# base.qcow2 or base.raw <- mid.qcow2 <- t.qcow2, which reads as view.raw; other.qcow2 is apart.
chain () { # BASE-FORMAT OPTIONS
  rm -f base.* mid.qcow2 t.qcow2
  truncate -s 900k base.tmp
  head -c 300000 /dev/urandom | dd of=base.tmp conv=notrunc 2>/dev/null
  cp base.tmp mid.raw && truncate -s 1M mid.raw
  head -c 150000 /dev/urandom | dd of=mid.raw bs=1k seek=200 conv=notrunc 2>/dev/null
  cp mid.raw view.raw
  head -c 100000 /dev/urandom | dd of=view.raw bs=1k seek=300 conv=notrunc 2>/dev/null
  head -c 100000 /dev/zero | dd of=view.raw bs=1k seek=40 conv=notrunc 2>/dev/null
  img-convert -O "$1" base.tmp "base.$1" &&
  img-convert -O qcow2 -o "$2" -B "base.$1" -F "$1" mid.raw mid.qcow2 &&
  img-create -q -f qcow2 -o "$2" -b mid.qcow2 -F qcow2 t.qcow2 || exit 99
  # only what differs
  img-create -q -f qcow2 -o "$2" -b view.raw -F raw t.qcow2 &&
  img-rebase -b mid.qcow2 -F qcow2 t.qcow2 || exit 99
  rm base.tmp mid.raw
}
img-create -q -f qcow2 other.qcow2 2M

for format in raw qcow2; do
  for opts in cluster_size=4k cluster_size=16k,extended_l2=on; do
    chain "$format" "$opts"
    crash "commit, $opts" 'img-commit t.qcow2' t.qcow2 view.raw
    crash "commit into $format, $opts" "img-commit -b base.$format t.qcow2" t.qcow2 view.raw
    crash "rebase onto $format, $opts" "img-rebase -b base.$format -F $format t.qcow2" t.qcow2 view.raw
  done
done
crash "rebase onto nothing" "img-rebase -b '' t.qcow2" t.qcow2 view.raw
crash "rebase onto another" "img-rebase -b other.qcow2 -F qcow2 t.qcow2" t.qcow2 view.raw

# The base grows, and a longer image is below it.
head -c 1M /dev/urandom >below.raw
img-create -q -f qcow2 -o cluster_size=4k -b below.raw -F raw base.qcow2 600k &&
  img-create -q -f qcow2 -b base.qcow2 -F qcow2 t.qcow2 1M &&
  img-dd if=view.raw of=t.qcow2 conv=notrunc bs=4k skip=80 seek=180 count=10 2>/dev/null &&
  img-convert -O raw t.qcow2 view.raw || exit 99
crash "commit into a shorter image" 'img-commit t.qcow2' t.qcow2 view.raw
