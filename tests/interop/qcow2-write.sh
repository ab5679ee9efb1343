#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images that qemu-img makes, qemu-io and we write to in turns, with an internal snapshot in
# between, against a flat shadow.  BLKIMG_TEST_ROUNDS: how often to go through all cases.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer qemu-img qemu-io
randio=$top_builddir/tests/interop/.libs/randio
[ -x "$randio" ] || randio=$top_builddir/tests/interop/randio

# next MAX: $r becomes a number below MAX
state=$seed
next () {
  state=$(((state * 1103515245 + 12345) % 2147483648))
  r=$((state / 65536 % $1))
}

# qemu writes the same to the image and to the shadow
peer_writes () {
  bytes=$(wc -c <s.raw)
  next $((bytes / 512 - 8)); at=$((r * 512))
  next 600; length=$(((r + 1) * 512))
  [ $((at + length)) -le "$bytes" ] || length=$((bytes - at))
  next 255; pattern=$((r + 1))
  for file in "qcow2 i.qcow2" "raw s.raw"; do
    qemu-io -f "${file% *}" -c "write -P $pattern $at $length" \
      -c "write -z -u $((at / 2)) 4096" "${file#* }" >/dev/null || return 1
  done
}

# consistent WHEN: no errors, no leaks, the bytes of the shadow
consistent () {
  qemu-img check -q i.qcow2 >>log 2>&1 || { echo "qemu-img check, $1" >>log; return 1; }
  qemu-img compare -q -f qcow2 -F raw i.qcow2 s.raw >>log 2>&1 || {
    qemu-img compare -f qcow2 -F raw i.qcow2 s.raw >>log 2>&1
    echo "qemu-img compare, $1" >>log
    return 1
  }
}

make_image () {
  rm -f i.qcow2 s.raw d.raw b.raw
  case $how in
    backing*)
      qemu-img create -q -f raw b.raw 1500k &&
      qemu-io -f raw -c "write -P 7 10k 700k" -c "write -P 9 1300k 200k" b.raw >/dev/null &&
      qemu-img create -q -f qcow2 -b b.raw -F raw -o "$options" i.qcow2 "$size" && cp b.raw s.raw &&
      truncate -s "$size" s.raw ;;
    compressed*)
      truncate -s "$size" s.raw &&
      qemu-io -f raw -c "write -P 5 0 1M" -c "write -P 6 1200k 300k" s.raw >/dev/null &&
      qemu-img convert -c -f raw -O qcow2 -o "$options" s.raw i.qcow2 ;;
    *)
      truncate -s "$size" s.raw && qemu-img create -q -f qcow2 -o "$options" i.qcow2 "$size" ;;
  esac
}

# shellcheck disable=SC2086
one_case () {
  make_image >>log 2>&1 || { echo "cannot make it" >>log; return 1; }
  for round in 1 2; do
    next 30000
    echo "round $round: seed $r" >>log
    "$randio" -s "$r" -n 50 $flags i.qcow2 s.raw >>log 2>&1 || return 1
    consistent "after us" || return 1
    peer_writes >>log 2>&1 || { echo "qemu-io cannot write" >>log; return 1; }
    case $how$round in
      *snapshot1) qemu-img snapshot -c s1 i.qcow2 && cp s.raw s1.raw ;;
    esac
  done
  case $how in
    *snapshot)
      qemu-img convert -l s1 -O raw i.qcow2 o.raw >>log 2>&1 &&
      cmp -n "$(wc -c <s1.raw)" o.raw s1.raw >>log 2>&1 || {
        echo "the snapshot has changed" >>log
        return 1
      } ;;
  esac
}

plan later
turn=1
while [ "$turn" -le "${BLKIMG_TEST_ROUNDS:-1}" ]; do
  while read -r how size flags options; do
    : >log
    flags=$(echo "$flags" | tr , ' ')
    if one_case; then
      pass "$how $size $flags $options"
    else
      fail "$how $size $flags $options"
      diag "$(tail -n 20 log)"
    fi
  done <<CASES
plain-snapshot 5000192 -c,-r9000000 cluster_size=64k
plain-snapshot 1M -c,-r3000000 cluster_size=512
plain-snapshot 2M -c cluster_size=4k,refcount_bits=64
plain-snapshot 3M -c,-r9000000 cluster_size=64k,extended_l2=on
plain-snapshot 3M -c,-t3 cluster_size=16k,extended_l2=on,compression_type=zstd
plain 2M -c,-r9000000 cluster_size=4k,refcount_bits=1
plain 2M -c,-w cluster_size=4k,refcount_bits=2
plain 8M -c cluster_size=2M,refcount_bits=8
plain 3M -t4 cluster_size=64k,lazy_refcounts=on
plain-snapshot 3M -c compat=0.10
plain 3M -r9000000 preallocation=metadata
plain 3M -r9000000 preallocation=falloc,extended_l2=on
backing-snapshot 3M -c,-r6000000 cluster_size=64k
backing 3M -c compat=0.10,cluster_size=4k
backing 3M -t3,-r6000000 cluster_size=64k,extended_l2=on
backing 3M -r6000000 cluster_size=64k,extended_l2=on,preallocation=metadata
compressed-snapshot 3M -c,-r6000000 cluster_size=64k
compressed-snapshot 3M -c cluster_size=64k,extended_l2=on,compression_type=zstd
plain 3M -r6000000 data_file=d.raw
plain 3M -r6000000,-t3 data_file=d.raw,data_file_raw=on
plain 3M -t2 data_file=d.raw,extended_l2=on
CASES
  turn=$((turn + 1))
done
