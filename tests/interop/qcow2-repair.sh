#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Random damage to the metadata of images that qemu-img or we made, then a repair by us: both checks
# are clean, or ours says that they are not; what could be read reads the same.  One number repeats a
# case: BLKIMG_TEST_SEED.  BLKIMG_TEST_ROUNDS: damages an image.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer qemu-img qemu-io
plan
damage=$top_builddir/tests/interop/.libs/damage
[ -x "$damage" ] || damage=$top_builddir/tests/interop/damage
rounds=${BLKIMG_TEST_ROUNDS:-12}

# fill: guest data of all kinds, and a snapshot where there may be one
fill () {
  qemu-io -c 'write -P 1 0 200k' -c 'write -P 2 300k 90k' -c 'write -z 400k 128k' \
    -c 'write -P 3 900k 64k' "$1" >/dev/null || return 1
  case $2 in
    *refcount_bits=1 | *data_file*) ;;
    *) qemu-img snapshot -c s "$1" && qemu-io -c 'write -P 4 64k 100k' "$1" >/dev/null ;;
  esac
}

make_image () {
  case $how in
    compressed) qemu-img create -q -f raw r.raw 1M && qemu-io -f raw -c 'write -P 5 0 700k' r.raw >/dev/null &&
      img-convert -c -f raw -O qcow2 -o "$options" r.raw base.qcow2 ;;
    backed) qemu-img create -q -f raw below.raw 1M && qemu-io -f raw -c 'write -P 9 0 1M' below.raw >/dev/null &&
      qemu-img create -q -f qcow2 -b below.raw -F raw -o "$options" base.qcow2 && fill base.qcow2 "$options" ;;
    ours) img-create -q -f qcow2 -o "$options" base.qcow2 1M && fill base.qcow2 "$options" ;;
    *) qemu-img create -q -f qcow2 -o "$options" base.qcow2 1M && fill base.qcow2 "$options" ;;
  esac
}

# one_round SEED: says what is wrong
one_round () {
  cp base.qcow2 x.qcow2
  "$damage" hurt "$1" x.qcow2 >hurt.log || { echo "cannot be damaged"; return; }
  cp x.qcow2 hurt.qcow2
  "$damage" read x.qcow2 before
  timeout 20 img-check -r all x.qcow2 >repair.log 2>&1
  tap_rc=$?
  "$damage" read x.qcow2 after
  case $tap_rc in
    0)
      img-check -q x.qcow2 >again.log 2>&1 || echo "second check: $? $(head -n 2 again.log)"
      qemu-img check -q x.qcow2 >peer.log 2>&1 || echo "peer: $? $(head -n 2 peer.log)"
      if qemu-img convert -O raw x.qcow2 theirs.raw 2>peer.log; then
        img-compare -q x.qcow2 theirs.raw || echo "the peer reads something else"
      elif img-convert -O raw x.qcow2 ours.raw 2>/dev/null; then
        echo "the peer cannot read it: $(head -n 1 peer.log)"
      fi ;;
    1 | 2 | 3) echo "$tap_rc" >>refused ;;
    *) echo "repair: exit $tap_rc, $(tail -n 1 repair.log)" ;;
  esac
  "$damage" same before after
}

while read -r how options; do
  make_image >log 2>&1 || { fail "$how $options can be made"; diag "$(cat log)"; continue; }
  : >refused
  wrong=
  i=0
  while [ $i -lt "$rounds" ] && [ -z "$wrong" ]; do
    wrong=$(one_round $((seed % 1000000 * 1000 + i)))
    i=$((i + 1))
  done
  [ "$(wc -l <refused)" -lt "$i" ] || wrong="$wrong none of them is mended"
  is "$wrong" "" "$how $options: $rounds damages, $(wc -l <refused | tr -d ' ') not all mended"
  if [ -n "$wrong" ]; then
    diag "$(cat hurt.log; head -n 30 repair.log)"
    [ -z "${BLKIMG_TEST_KEEP:-}" ] || cp hurt.qcow2 "wrong-$how.qcow2"
  fi
done <<END
peer cluster_size=64k
peer cluster_size=512
peer cluster_size=4k,refcount_bits=1
peer cluster_size=4k,refcount_bits=8
peer cluster_size=4k,refcount_bits=2
peer cluster_size=1k,refcount_bits=64
peer cluster_size=2M
peer compat=0.10,cluster_size=4k
peer extended_l2=on,cluster_size=16k
peer lazy_refcounts=on,cluster_size=4k
peer cluster_size=4k,data_file=d.raw
backed cluster_size=4k
backed extended_l2=on,cluster_size=16k
backed compat=0.10,cluster_size=1k
ours cluster_size=4k,refcount_bits=32
ours cluster_size=4k
compressed cluster_size=4k
compressed cluster_size=64k,compression_type=zstd
END

# A program that writes refcounts late and dies leaves an image dirty.  Who opens it for writing
# repairs it first.
img-create -q -f qcow2 -o lazy_refcounts=on,cluster_size=4k dirty.qcow2 1M
qemu-io -c 'write -P 1 0 200k' -c 'write -P 2 300k 90k' -c flush -c abort dirty.qcow2 >/dev/null 2>&1
is "$(img-info --output=json dirty.qcow2 | grep -c '"dirty-flag": true')" 1 "left dirty by qemu-io"
run_fails "its refcounts are not on disk" 2 img-check -q dirty.qcow2
cp dirty.qcow2 theirs.qcow2
printf 'x%.0s' 1 2 3 4 >x
run_ok "opened for writing" img-dd conv=notrunc if=x of=dirty.qcow2 bs=4 seek=200000 -O qcow2
qemu-io -c 'write -P 0x78 800000 4' theirs.qcow2 >/dev/null 2>&1
run_ok "clean for us" img-check -q dirty.qcow2
run_ok "clean for the peer" qemu-img check -q dirty.qcow2
run_ok "reads as what the peer made of it" img-compare dirty.qcow2 theirs.qcow2
is "$(img-info --output=json dirty.qcow2 | grep -c '"dirty-flag": true')" 0 "is not dirty any more"
