#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Snapshots that qemu-img and we make, apply and delete in turns, between writes and resizes of
# both, against flat shadows of the disk and of every snapshot.  BLKIMG_TEST_ROUNDS: how often to go
# through all cases.
. "${top_srcdir:-.}/tests/interop/random.sh"
steps=${BLKIMG_TEST_STEPS:-14}

# pick: $name becomes one of $names, which are not none
pick () {
  # shellcheck disable=SC2086
  one_of $names
  name=$word
}

# One step; its words for the log in $did.
# shellcheck disable=SC2086
step () {
  next 12
  [ -n "$names" ] || [ "$r" -lt 6 ] || r=$((r - 6))
  case $r in
    0 | 1) did="we write" && next 30000 && "$interop/randio" -s "$r" -n 20 $flags i.qcow2 s.raw ;;
    2) did="qemu-io writes" && peer_writes ;;
    3 | 4 | 5)
      count=$((count + 1)) && either && did="${tool}snapshot -c s$count"
      ${tool}snapshot -c "s$count" i.qcow2 && cp s.raw "s$count.raw" && names="$names s$count" ;;
    6 | 7)
      pick && either && did="${tool}snapshot -a $name"
      ${tool}snapshot -a "$name" i.qcow2 && cp "$name.raw" s.raw ;;
    8 | 9 | 10)
      pick && either && did="${tool}snapshot -d $name"
      ${tool}snapshot -d "$name" i.qcow2 && rm "$name.raw" &&
        names=$(printf ' %s \n' "$names" | sed "s/ $name / /; s/^ *//; s/ *$//") ;;
    11)
      did="no resize" && [ "${options#compat=0.10}" != "$options" ] && return
      either && next 4000 && set -- $((800000 / 512 * 512 + r * 512))
      # qemu-img 7.2 shows again what a cluster held that a smaller disk ended in
      [ "$1" -le "$(wc -c <s.raw)" ] || tool=img-
      did="${tool}resize $1"
      ${tool}resize -q --shrink i.qcow2 "$1" && truncate -s "$1" s.raw ;;
  esac
}

consistent () {
  img-check i.qcow2 && qemu-img check i.qcow2 && reads_as s.raw || return 1
  [ "$(img-snapshot i.qcow2 | grep -c '^[0-9]')" = "$(echo $names | wc -w)" ]
}

snapshots_hold () {
  for name in $names; do
    reads_as "$name.raw" -l "$name" || return 1
  done
}

one_case () {
  rm -f -- *.qcow2 *.raw
  names='' count=0
  truncate -s "$size" s.raw
  qemu-io -f raw -c "write -P 5 0 500k" -c "write -P 6 600k 200k" s.raw || return 1
  case $how in
    compressed) qemu-img convert -c -f raw -O qcow2 -o "$options" s.raw i.qcow2 ;;
    preallocated) qemu-img convert -f raw -O qcow2 -S 0 -o "$options" s.raw i.qcow2 ;;
    *) qemu-img convert -f raw -O qcow2 -o "$options" s.raw i.qcow2 ;;
  esac || return 1
  n=0
  while [ $n -lt "$steps" ]; do
    n=$((n + 1))
    step || { echo "$n. $did: fails"; return 1; }
    echo "$n. $did"
    consistent && { [ $((n % 5)) != 0 ] || snapshots_hold; } || return 1
  done
  snapshots_hold
}

plan later
turn=1
while [ "$turn" -le "${BLKIMG_TEST_ROUNDS:-1}" ]; do
  while read -r how size flags options; do
    flags=$(echo "$flags" | tr , ' ')
    if one_case >log 2>&1; then
      pass "$how $size $options"
    else
      fail "$how $size $options"
      diag "$(grep -E '^[0-9]*\. ' log)"
      diag "$(tail -n 6 log)"
    fi
  done <<CASES
plain 1M -t1 cluster_size=512
plain 2M -c cluster_size=4k
plain 2M -c compat=0.10,cluster_size=4k
compressed 2M -c cluster_size=64k
compressed 1M -c cluster_size=1k,refcount_bits=64
compressed 2M -c cluster_size=64k,extended_l2=on,compression_type=zstd
plain 2M -t2 cluster_size=16k,extended_l2=on
plain 4M -t1 cluster_size=2M,refcount_bits=8
preallocated 2M -t1 cluster_size=32k,lazy_refcounts=on
CASES
  turn=$((turn + 1))
done
