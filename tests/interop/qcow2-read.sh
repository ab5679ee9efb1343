#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images that qemu-img and qemu-io made, of random options and by random operations, are to us what
# they are to qemu-img: bytes, snapshots, map, check.  BLKIMG_TEST_ROUNDS: how many images.
. "${top_srcdir:-.}/tests/interop/random.sh"

# Sets $options, $cluster, $size, and what the image can do.
choose () {
  one_of 512 1024 4096 16384 65536 65536 2097152; cluster=$word
  next 60; size=$(((r + 1) * 7 * 4096))
  [ "$cluster" -lt 65536 ] || size=$((size + cluster * 3))
  one_of 0 0 512 1536; size=$((size + word))
  options=cluster_size=$cluster
  packed=yes snapshots=yes backing=no raw=no
  next 6
  if [ "$r" = 0 ]; then
    options=$options,compat=0.10
  else
    one_of 1 2 4 8 16 16 32 64; options=$options,refcount_bits=$word
    # narrow counts overflow where compressed clusters share a host cluster
    [ "$word" -ge 8 ] || snapshots=no
    one_of zlib zlib zstd; options=$options,compression_type=$word
    next 3
    if [ "$r" = 0 ] && [ "$cluster" -ge 16384 ]; then
      options=$options,extended_l2=on
    fi
    one_of off off on; options=$options,lazy_refcounts=$word
    next 6
    if [ "$r" = 0 ]; then
      one_of on off; raw=$word
      options=$options,data_file=d.raw,data_file_raw=$raw
      packed=no snapshots=no
    fi
  fi
  next 3
  if [ "$r" = 0 ] && [ "$raw" != on ]; then
    backing=yes
  else
    one_of off off off metadata falloc full; options=$options,preallocation=$word
  fi
}

# $ops: what qemu-io is to do, one command a line
choose_ops () {
  ops=
  next 20
  count=$r
  while [ "$count" -gt 0 ]; do
    count=$((count - 1))
    next $((size / 512)); at=$((r * 512))
    one_of 512 4096 "$cluster" $((cluster * 5)) $((cluster * 3 / 2 / 512 * 512 + 512)); length=$word
    [ "$length" -le 8388608 ] || length=8388608
    [ $((at + length)) -le "$size" ] || length=$((size - at))
    next 250; pattern=$((r + 1))
    one_of write write write zero unmap discard packed
    [ "$word$packed" != packedno ] || word="write"
    case $word in
      write) op="write -P $pattern $at $length" ;;
      zero) op="write -z $at $length" ;;
      unmap) op="write -z -u $at $length" ;;
      discard) op="discard $at $length" ;;
      packed)
        at=$((at / cluster * cluster)); length=$cluster
        [ $((at + length)) -le "$size" ] || length=$((size - at))
        op="write -c -P $pattern $at $length" ;;
    esac
    ops="$ops$op
"
  done
}

make_image () {
  rm -f i.qcow2 d.raw b.qcow2
  set -- qemu-img create -q -f qcow2 -o "$options" i.qcow2 "$size"
  if [ "$backing" = yes ]; then
    qemu-img create -q -f qcow2 b.qcow2 200k || return 1
    qemu-io -f qcow2 -c "write -P 77 10k 90k" -c "write -c -P 78 128k 64k" b.qcow2 || return 1
    set -- qemu-img create -q -f qcow2 -o "$options" -b b.qcow2 -F qcow2 i.qcow2 "$size"
  fi
  "$@" || return 1
  names=
  for name in one two three; do
    choose_ops
    # Some may fail: a compressed cluster cannot be written where there is one already.
    printf '%s' "$ops" | qemu-io -f qcow2 i.qcow2
    next 3
    if [ "$snapshots$r" = yes0 ]; then
      qemu-img snapshot -c $name i.qcow2 || return 1
      names="$names $name"
    fi
  done
}

# Adjoining lines that are alike become one; only a later line of qemu-img has "compressed".
plain_map () {
  sed 's/"compressed": [a-z]*, *//; s/, "compressed": [a-z]*//'
}

# Not every image that qemu-io made can be read by qemu-img: then there is nothing to compare with.
peer_reads () {
  qemu-img convert -f qcow2 -O raw i.qcow2 want.raw || return 1
  for name in $names; do
    qemu-img convert -f qcow2 -l $name -O raw i.qcow2 want.raw || return 1
  done
}

the_same () {
  qemu-img convert -f qcow2 -O raw i.qcow2 want.raw && img-convert -f qcow2 -O raw i.qcow2 got.raw &&
    cmp got.raw want.raw || return 1
  for name in $names; do
    qemu-img convert -f qcow2 -l $name -O raw i.qcow2 want.raw &&
      img-convert -f qcow2 -l $name -O raw i.qcow2 got.raw && cmp got.raw want.raw || return 1
  done
  qemu-img check -f qcow2 i.qcow2 >want.txt 2>&1
  want=$?
  img-check -f qcow2 i.qcow2 >got.txt 2>&1
  [ $? = $want ] && diff -u want.txt got.txt || return 1
  qemu-img map -f qcow2 --output=json i.qcow2 | plain_map >want.txt
  img-map -f qcow2 --output=json i.qcow2 | plain_map >got.txt
  # qemu-img's map looks at the holes of the file only when it finds the image preallocated enough,
  # and shows a place for subclusters that are in no image.
  case $options in
    *extended_l2* | *data_file* | *preallocation=[mf]*) ;;
    *) diff -u want.txt got.txt ;;
  esac
}

plan later
round=0 unreadable=0
while [ $round -lt "${BLKIMG_TEST_ROUNDS:-12}" ]; do
  round=$((round + 1))
  choose
  if ! make_image >log 2>&1; then
    fail "image $round can be made: $size $options"
    diag "$(tail -n 20 log)"
  elif ! peer_reads >log 2>&1 && [ $unreadable -lt 3 ]; then
    unreadable=$((unreadable + 1)) round=$((round - 1))
    diag "qemu-img cannot read this one itself, another instead: $size $options: $(cat log)"
  elif the_same >log 2>&1; then
    pass "image $round: $size $options backing $backing, snapshots:$names"
  else
    fail "image $round: $size $options backing $backing, snapshots:$names"
    diag "$(tail -n 20 log)"
    [ -z "${BLKIMG_TEST_KEEP:-}" ] || cp i.qcow2 "bad$round.qcow2"
  fi
done
