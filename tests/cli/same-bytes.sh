#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is written into an image that is there does not depend on the number of threads either.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# scatter FILE: 64 pieces of noise in 32 MiB
scatter () {
  truncate -s 32M "$1"
  head -c 6M /dev/urandom | for i in 0 1 2 3 4 5 6 7; do
    dd of="$1" bs=64k count=12 seek=$((i * 64 + $2)) conv=notrunc iflag=fullblock status=none
  done
}

# each NAME IMAGE COMMAND...: makes IMAGE the same, however many threads there are
each () {
  each_name=$1 each_image=$2 each_sums=
  shift 2
  for workers in 1 4 2 16 4; do
    cp base.keep base && cp top.keep top || exit 99
    BLKIMG_DEBUG=workers=$workers "$@" >/dev/null 2>&1 || fail "$each_name: $workers workers"
    each_sums="$each_sums $(cksum <"$each_image")
"
  done
  is "$(printf '%s' "$each_sums" | sort -u | wc -l)" 1 "$each_name"
}

scatter b.raw 0 && scatter t.raw 9 || exit 99
for size in 4k 64k; do
  # Parts of it are compressed, others free.
  img-convert -c -O qcow2 -o cluster_size=$size b.raw base && img-convert -n -O qcow2 t.raw base &&
    img-convert -O qcow2 -o cluster_size=$size -B base -F qcow2 b.raw top || exit 99
  mv base base.keep && mv top top.keep || exit 99
  each "commit, $size" base img-commit -q -d top
  each "rebase, $size" top img-rebase -q -b '' top
  each "dd, $size" base img-dd if=b.raw of=base -O qcow2 conv=notrunc bs=1M
  each "convert -n, $size" base img-convert -n -O qcow2 b.raw base
done
