#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Dirty bitmaps: the same random steps on two images, by qemu-img and qemu-io on the one, by them and
# us in turns on the other; after each step all bitmaps must be alike, and at the end QEMU must see
# the same bits in both.  BLKIMG_TEST_ROUNDS: how often to go through all cases.
. "${top_srcdir:-.}/tests/interop/random.sh"
plan

poke=$interop/poke

# both ARGS: qemu-img bitmap on the one; it or we on the other, with the same outcome
both () {
  wanted=0 got=0
  echo "bitmap $*" >>log
  qemu-img bitmap -f qcow2 "$@" a.qcow2 "$name" 2>>log || wanted=$?
  next 2
  if [ "$r" = 0 ]; then
    qemu-img bitmap -f qcow2 "$@" b.qcow2 "$name" 2>>log || got=$?
  else
    img-bitmap -f qcow2 "$@" b.qcow2 "$name" 2>>log || got=$?
  fi
  [ "$wanted" = "$got" ] || { echo "exit status $got, not $wanted" >>log; return 1; }
}

# changes the guest disk.  What a discard of a part of a cluster leaves is free, so that it is of
# whole clusters, but those of 2 MiB, of which both leave all.
both_write () {
  next 32000; at=$((r * 512 % size))
  next 300; length=$(((r + 1) * 512))
  next 3; how=$r
  [ "$how" != 2 ] || at=$((at / 65536 * 65536)) length=65536
  [ $((at + length)) -le "$size" ] || length=$((size - at))
  case $how in
    0) ours=write:$at:$length:7 theirs="write -P 7 $at $length" ;;
    1) ours=zero:$at:$length theirs="write -z $at $length" ;;
    2) ours=discard:$at:$length theirs="discard $at $length" ;;
  esac
  echo "$theirs" >>log
  qemu-io -d unmap -f qcow2 -c "$theirs" a.qcow2 >>log || return 1
  next 3
  case $r in
    0) qemu-io -d unmap -f qcow2 -c "$theirs" b.qcow2 >>log || return 1 ;;
    1) "$poke" b.qcow2 "$ours" 2>>log || return 1 ;;
    2) "$poke" b.qcow2 flush "$ours" flush "$ours" 2>>log || return 1 ;;
  esac
}

# QEMU shows the bytes of a cluster that it cut when it grows again: they are made zero first.
both_resize () {
  next 3000; cut=$(((1500 - r) * 512))
  size=$((size - cut))
  for file in a b; do
    [ $cut -le 0 ] || qemu-io -f qcow2 -c "write -z $size $cut" $file.qcow2 >>log || return 1
  done
  echo "resize $size" >>log
  qemu-img resize -q --shrink -f qcow2 a.qcow2 $size 2>>log || return 1
  "$poke" b.qcow2 resize:$size 2>>log || return 1
}

step () {
  next 3; name=n$r
  next 12
  case $r in
    0 | 1) next 8; both --add -g $((512 << (r * 2))) ;;
    2) both --disable ;;
    3) both --enable ;;
    4) both --clear ;;
    5) both --remove ;;
    6 | 7) next 3; both --merge "n$r" ;;
    8) both_resize ;;
    *) both_write ;;
  esac
}

# What our library sees: names and settings, bits.
view () {
  qemu-img info --output=json "$1" | sed -n '/"bitmaps"/,/^            \]/p' >"$1.names"
  sed -n 's/.*"name": "\(.*\)",*/\1/p' "$1.names" | while read -r view_name; do
    echo "$view_name"
    "$poke" "$1" "bits:$view_name" || exit 1
  done >>"$1.names" 2>>log
}

alike () {
  qemu-img check -q b.qcow2 >>log 2>&1 || { echo "qemu-img check" >>log; return 1; }
  img-check -q a.qcow2 >>log 2>&1 || { echo "img-check of the peer's" >>log; return 1; }
  view a.qcow2 && view b.qcow2 || return 1
  diff a.qcow2.names b.qcow2.names >>log
}

# What QEMU sees.
served () {
  for file in a b; do
    qemu-nbd -r -t -f qcow2 -B "$1" -k "$tmp/s" $file.qcow2 2>>log &
    nbd=$!
    at_exit_kill $nbd
    # a signal that comes before it serves is lost, and it would live for ever
    wait_for "qemu-nbd" nbdinfo "nbd+unix:///?socket=$tmp/s"
    nbdinfo --map="qemu:dirty-bitmap:$1" "nbd+unix:///?socket=$tmp/s" >$file.map 2>>log
    kill $nbd
    wait $nbd 2>/dev/null
    rm -f "$tmp/s"
  done
  [ -s a.map ] && diff a.map b.map >>log
}

one_case () {
  rm -f ./*.qcow2
  size=$((3 << 20))
  qemu-img create -q -f qcow2 -o "$1" a.qcow2 $size && cp a.qcow2 b.qcow2 || return 1
  name=n0
  both --add -g "$2" || return 1
  i=0
  while [ $i -lt 16 ]; do
    step && alike || return 1
    i=$((i + 1))
  done
  qemu-img compare -q a.qcow2 b.qcow2 >>log 2>&1 || return 1
  ! command -v nbdinfo >/dev/null || ! grep -q '"name"' a.qcow2.names ||
    served "$(sed -n 's/.*"name": "\(.*\)",*/\1/p' a.qcow2.names | head -n 1)"
}

turn=1
while [ "$turn" -le "${BLKIMG_TEST_ROUNDS:-1}" ]; do
  while read -r options granularity; do
    : >log
    if one_case "$options" "$granularity"; then
      pass "$options, $granularity"
    else
      fail "$options, $granularity"
      diag "$(tail -n 30 log)"
    fi
  done <<'END'
cluster_size=512 512
cluster_size=4k 512
cluster_size=64k 4k
cluster_size=64k,extended_l2=on 512
cluster_size=2M 64k
cluster_size=1k,refcount_bits=1 1k
END
  turn=$((turn + 1))
done
