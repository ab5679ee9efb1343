#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Block devices, and file systems with abilities of their own (XFS, btrfs): loop devices, so root
# only.
. "$top_srcdir/tests/cli/lib.sh"
need_peer qemu-img
[ "$(id -u)" = 0 ] || skip_all "loop devices need root"
truncate -s 64M disk
loop=$(losetup -f --show disk 2>/dev/null) || skip_all "there are no loop devices here"
losetup -d "$loop"
plan

at_end () {
  cd /
  umount "$tmp/mnt" 2>/dev/null
  [ -z "$loop" ] || losetup -d "$loop"
  tap_exit
}
trap at_end EXIT

# attach FILE OPTIONS...: $loop is FILE; detach
attach () {
  file=$1
  shift
  loop=$(losetup "$@" -f --show "$file") || fail "losetup"
}
detach () {
  losetup -d "$loop"
  loop=
}

# A source with data, holes and zeroes.
truncate -s 20M source
dd if=/dev/urandom of=source bs=1M count=3 seek=1 conv=notrunc status=none
dd if=/dev/urandom of=source bs=1M count=2 seek=15 conv=notrunc status=none
dd if=/dev/zero of=source bs=1M count=2 seek=9 conv=notrunc status=none

# ---- devices ----

run_fails "a file is no CD-ROM" 1 img-info host_cdrom:source
like "$err" 'source: this is not a block device$' "is said"
run_fails "nor is nothing" 1 img-info host_cdrom:nowhere

for sector in 512 4096; do
  dd if=/dev/urandom of=disk bs=1M count=64 conv=notrunc status=none
  attach disk -b $sector
  run_ok "$sector: info" img-info --output=json "$loop"
  like "$out" '"virtual-size": 67108864' "$sector: the size"
  like "$out" '"format": "host_device"' "$sector: by its driver"
  run_ok "$sector: as a CD-ROM" img-compare "host_cdrom:$loop" disk
  run_fails "$sector: which is not written to" 1 img-convert -n -f raw source "host_cdrom:$loop"
  like "$err" "$loop: driver 'host_cdrom' is for reading only\$" "$sector: is said"
  run_fails "$sector: driver file" 1 img-info --image-opts "driver=file,filename=$loop"
  like "$err" 'not a regular file' "$sector: driver file is for files"
  run_fails "$sector: too small" 1 img-create -f raw "$loop" 65M
  like "$err" 'do not fit' "$sector: what is wrong"
  run_ok "$sector: create" img-create -f raw "$loop" 20M
  is "$(head -c 512 "$loop" | tr -d '\0' | wc -c)" 0 "$sector: its first sector is cleared"
  for cache in writeback none writethrough directsync; do
    run_ok "$sector: raw, $cache" img-convert -n -t $cache -T $cache -f raw -O raw source "$loop"
    ok "$sector: raw, $cache: the same bytes" cmp -n 20971520 source "$loop"
    dd if=/dev/urandom of="$loop" bs=1M count=20 status=none
  done
  run_ok "$sector: qcow2 to the device" img-convert -t none -f raw -O qcow2 source "$loop"
  ok "$sector: qemu-img check" qemu-img check -q "$loop"
  ok "$sector: qemu-img reads the same" qemu-img compare -f qcow2 -F raw "$loop" source
  run_ok "$sector: and back" img-convert -T none -f qcow2 -O raw "$loop" back
  same_bytes source back "$sector: and back: the same bytes"
  for static in off on; do
    dd if=/dev/urandom of="$loop" bs=1M count=64 status=none
    run_ok "$sector: vdi, static=$static" \
      img-convert -f raw -O vdi -o static=$static source "$loop"
    ok "$sector: vdi, static=$static: check" img-check -q "$loop"
    ok "$sector: vdi, static=$static: qemu-img check" qemu-img check -q "$loop"
    ok "$sector: vdi, static=$static: qemu-img reads the same" \
      qemu-img compare -f vdi -F raw "$loop" source
  done
  detach
done

# ---- file systems ----

# with FS MKFS...: $tmp/mnt is a file system of that kind, else skips N tests
with () {
  fs=$1 n=$2
  shift 2
  rm -f fsimage
  truncate -s 400M fsimage
  mkdir -p mnt
  if "$@" fsimage >/dev/null 2>&1 && mount -o loop fsimage mnt 2>/dev/null; then
    return 0
  fi
  while [ "$n" -gt 0 ]; do
    skip "$fs" "no $fs here"
    n=$((n - 1))
  done
  return 1
}
# shared FILE: how many extents it shares with another file
shared () { filefrag -s -v "$1" | grep -c shared; }
# are_shared FILE WHAT: it shares some
are_shared () {
  # Sharing holds two nodes at once, which drivers that are forced to take turns do not.
  case ${BLKIMG_DEBUG:-} in
    *serial*) is "$(shared "$1")" 0 "$2: serial drivers share no blocks" ;;
    *) isnt "$(shared "$1")" 0 "$2: blocks are shared" ;;
  esac
}
# space FILE: how much it takes, in MiB
space () { du -m "$1" | cut -f1; }

ln -s "$(command -v img)" qemu-img

# Copies between files of FS: 33 tests.
copies () {
  fs=$1
  cp source mnt/source
  dd if=/dev/zero of=mnt/source bs=1M count=2 seek=9 conv=notrunc status=none
  head -c 1536 /dev/urandom >>mnt/source # a block that is not full
  cp mnt/source before
  run_ok "$fs: raw" img-convert -f raw -O raw mnt/source mnt/copy
  same_bytes mnt/source mnt/copy "$fs: raw: the same bytes"
  are_shared mnt/copy "$fs: raw"
  ok "$fs: raw: holes are holes" test "$(space mnt/copy)" -le 9
  run_ok "$fs: qcow2" img-convert -f raw -O qcow2 mnt/source mnt/copy
  ok "$fs: qcow2: qemu-img check" qemu-img check -q mnt/copy
  ok "$fs: qcow2: qemu-img reads the same" qemu-img compare -f qcow2 -F raw mnt/copy mnt/source
  are_shared mnt/copy "$fs: qcow2"
  run_ok "$fs: and back" img-convert -f qcow2 -O raw mnt/copy mnt/back
  same_bytes before mnt/back "$fs: and back: the same bytes"
  are_shared mnt/back "$fs: and back"

  run_ok "$fs: -S 4k" img-convert -S 4k -f raw -O raw mnt/source mnt/copy
  same_bytes mnt/source mnt/copy "$fs: -S 4k: the same bytes"
  is "$(shared mnt/copy)" 0 "$fs: -S 4k looks for zeroes"
  ok "$fs: -S 4k leaves them out" test "$(space mnt/copy)" -lt "$(space mnt/source)"
  img-convert -o preallocation=falloc -f raw -O raw mnt/source mnt/copy
  is "$(shared mnt/copy)" 0 "$fs: space that was reserved stays"
  ok "$fs: all of it" test "$(space mnt/copy)" -ge 20
  img-convert --reflink=never -f raw -O raw mnt/source mnt/copy
  is "$(shared mnt/copy)" 0 "$fs: never"
  run_ok "$fs: drop-in" ./qemu-img convert -f raw -O raw mnt/source mnt/copy
  is "$(shared mnt/copy)" 0 "$fs: drop-in looks for zeroes"
  run_ok "$fs: drop-in, -C" ./qemu-img convert -C -f raw -O raw mnt/source mnt/copy
  are_shared mnt/copy "$fs: drop-in, -C"
  same_bytes mnt/source mnt/copy "$fs: drop-in, -C: the same bytes"

  # What lies in the target under zeroes of the source, in a hole or not.
  head -c 12M /dev/zero | tr '\0' x >mnt/copy
  cp mnt/copy want
  dd if=mnt/source of=want bs=1M count=12 conv=notrunc,sparse status=none
  run_ok "$fs: dd" img-dd -f raw -O raw if=mnt/source of=mnt/copy bs=1M count=12 conv=notrunc,sparse
  same_bytes want mnt/copy "$fs: dd: zeroes leave what is there"

  run_fails "$fs: always, elsewhere" 1 img-convert --reflink=always -f raw -O raw mnt/source copy
  like "$err" 'copy: cannot share blocks with the source here$' "$fs: always, elsewhere: is said"
  ok "$fs: always, elsewhere: nothing is left" test ! -e copy
  for format in raw qcow2; do
    run_ok "$fs: $format elsewhere" img-convert -f raw -O $format mnt/source copy
    ok "$fs: $format elsewhere: qemu-img reads the same" \
      qemu-img compare -f $format -F raw copy mnt/source
    rm copy
  done
  same_bytes before mnt/source "$fs: the source is what it was"
}

if with xfs 38 mkfs.xfs -q; then
  run_ok "xfs: create" img-create -f raw mnt/x.raw 1M
  run_ok "xfs: info" img-info --output=json mnt/x.raw
  like "$out" '"extent-size-hint": 1048576' "xfs: the extent size hint"
  img-create -q -f raw -o extent_size_hint=0 mnt/y.raw 1M
  capture img-info --output=json mnt/y.raw
  unlike "$out" 'extent-size-hint' "xfs: no extent size hint"
  run_fails "xfs: a hint that it cannot take" 1 \
    img-create -f raw -o extent_size_hint=1000 mnt/z.raw 1M
  copies xfs
  umount mnt
fi
if with btrfs 38 mkfs.btrfs -q; then
  run_ok "btrfs: nocow" img-create -f raw -o nocow=on mnt/x.raw 1M
  like "$(lsattr mnt/x.raw)" '^-*C-* ' "btrfs: nocow it is"
  copies btrfs
  # Where two files of one file system cannot share.
  run_ok "btrfs: nocow copy" img-convert -o nocow=on -f raw -O raw mnt/source mnt/copy
  same_bytes mnt/source mnt/copy "btrfs: nocow copy: the same bytes"
  is "$(shared mnt/copy)" 0 "btrfs: nocow shares no blocks"
  umount mnt
fi
