#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sizes of images changed in place.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# size_is FILE BYTES NAME
size_is () {
  is "$(img-info --output=json "$1" | sed -n 's/^    "virtual-size": \([0-9]*\).*/\1/p')" "$2" "$3"
}

head -c 1300000 /dev/urandom >a.raw && truncate -s 3M a.raw
head -c 700001 a.raw >cut.raw && truncate -s 3M cut.raw
for opts in cluster_size=4k cluster_size=64k compat=0.10 cluster_size=64k,extended_l2=on \
  data_file=d.raw,cluster_size=16k; do
  rm -f r.qcow2 d.raw
  img-convert -O qcow2 -o "$opts" a.raw r.qcow2
  case $opts in
    data_file*) ;;
    *) img-convert -c -O qcow2 -o "$opts" a.raw c.qcow2
      ok "$opts: shrinks compressed" img-resize -q --shrink c.qcow2 700001
      ok "$opts: grows compressed" img-resize -q c.qcow2 3M
      img-convert -O raw c.qcow2 o.raw
      # 700001 was rounded up to 700416
      ok "$opts: zeroes came" cmp -i 700416:700416 o.raw cut.raw
      ok "$opts: compressed consistent" img-check -q c.qcow2 ;;
  esac
  run_fails "$opts: needs --shrink" 1 img-resize r.qcow2 1M
  like "$err" "Use the --shrink option to perform a shrink operation." "$opts: says so"
  run_ok "$opts: shrinks" img-resize --shrink r.qcow2 -2396160
  is "$out" "Image resized." "$opts: says so"
  size_is r.qcow2 749568 "$opts: has the size"
  ok "$opts: consistent" img-check -q r.qcow2
  run_ok "$opts: grows" img-resize r.qcow2 +2396160
  rm -f o.raw && img-convert -O raw r.qcow2 o.raw
  ok "$opts: what stays is whole" cmp -n 749568 o.raw a.raw
  ok "$opts: what came is zeroes" cmp -i 749568:749568 o.raw cut.raw
  ok "$opts: consistent again" img-check -q r.qcow2
done

# Space is given back, at the end by a shorter file.
img-convert -O qcow2 a.raw big.qcow2
before=$(wc -c <big.qcow2)
img-resize -q --shrink big.qcow2 64k
ok "the file is shorter" test "$(wc -c <big.qcow2)" -lt $((before - 1000000))

# Preallocation.
for how in metadata falloc full; do
  img-create -q -f qcow2 p.qcow2 1M
  ok "qcow2, $how" img-resize -q --preallocation=$how p.qcow2 4M
  ok "qcow2, $how: consistent" img-check -q p.qcow2
done
ok "full takes space" test "$(($(stat -c %b p.qcow2) * 512))" -ge 3000000
rm -f p.raw && truncate -s 1M p.raw
ok "raw, full" img-resize -q -f raw --preallocation=full p.raw 3M
ok "raw, full takes space" test "$(($(stat -c %b p.raw) * 512))" -ge 2000000
run_fails "raw has no metadata" 1 img-resize -q -f raw --preallocation=metadata p.raw 4M
is "$(wc -c <p.raw)" 3145728 "unchanged"
img-create -q -f qcow2 -o data_file=e.raw e.qcow2 1M
ok "data file, full" img-resize -q --preallocation=full e.qcow2 3M
ok "data file, full takes space" test "$(($(stat -c %b e.raw) * 512))" -ge 2000000
run_fails "not when shrinking" 1 img-resize --shrink --preallocation=full p.qcow2 1M

# What the size is afterwards.
run_ok "JSON" img-resize --output=json p.qcow2 5000001
like "$out" '"virtual-size-before": 4194304' "JSON: before"
like "$out" '"virtual-size": 5000192' "JSON: rounded as the format has it"
img-create -q -f vdi v.vdi 10M
run_ok "vdi" img-resize --output=json v.vdi 20M
like "$out" '"virtual-size": 20971520' "vdi grows"
run_ok "the size it has" img-resize p.qcow2 +0
run_ok "rounded to the size it has" img-resize --shrink --output=json p.qcow2 5000001
like "$out" '"virtual-size": 5000192' "nothing changed"

img-create -q -f qcow2 -o compat=0.10 v2.qcow2 1M
img-snapshot -c s v2.qcow2
cp v2.qcow2 v2.old
run_fails "version 2 with snapshots" 1 img-resize v2.qcow2 2M
run_fails "the same, smaller" 1 img-resize --shrink v2.qcow2 512k
same_bytes v2.qcow2 v2.old "unchanged"
cp p.qcow2 b.qcow2
if command -v qemu-img >/dev/null && qemu-img bitmap --add b.qcow2 b0; then
  run_ok "bitmaps shrink with the disk" img-resize --shrink b.qcow2 1M
  ok "and the image is sound" qemu-img check b.qcow2
else
  skip "bitmaps shrink with the disk" "qemu-img is not installed"
  skip "and the image is sound" "qemu-img is not installed"
fi
run_fails "nothing is left" 1 img-resize --shrink p.qcow2 -1T
run_fails "no size" 64 img-resize p.qcow2
run_fails "not a size" 64 img-resize p.qcow2 lots
