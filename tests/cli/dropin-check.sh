#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# check as qemu-img prints it: counters and exit status, on whole and damaged images.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

both () {
  check_name=$1
  shift
  same "$check_name" check "$@"
  same "$check_name, JSON" check --output=json "$@"
}

# poke FILE OFFSET BYTES(octal escapes)
poke () {
  # shellcheck disable=SC2059
  printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

qemu-img create -q -f raw x.raw 1M
qemu-img create -q -f qcow2 empty.qcow2 0
qemu-img create -q -f qcow2 fresh.qcow2 64M
qemu-img create -q -f qcow2 a.qcow2 64M
qemu-io -c 'write 0 1M' -c 'write 40M 64k' a.qcow2 >/dev/null
qemu-img convert -c -O qcow2 a.qcow2 comp.qcow2
# Refcounts are 2 bytes each in the block at cluster 2: forget cluster 6, remember an unused one.
cp a.qcow2 corrupt.qcow2
poke corrupt.qcow2 $((2 * 65536 + 2 * 6)) '\000\000'
cp a.qcow2 leak.qcow2
poke leak.qcow2 $((2 * 65536 + 2 * 30)) '\000\001'
truncate -s $((31 * 65536)) leak.qcow2
cp leak.qcow2 worse.qcow2
poke worse.qcow2 $((2 * 65536 + 2 * 6)) '\000\000'

both "no format with a check" x.raw
both "empty" empty.qcow2
both "fresh" fresh.qcow2
both "with data" a.qcow2
both "compressed" comp.qcow2
both "corrupt" corrupt.qcow2
both "leak" leak.qcow2
both "both" worse.qcow2
both "-q" -q worse.qcow2
same "no operand" check
same "no such file" check no-such

# Repairs: the same counts, the same status, on a copy each.  (Where rebuilt refcounts are put differs.)
squeeze_ends () {
  sed -e 's/^Image end offset: .*/Image end offset: N/; s/"image-end-offset": [0-9]*/"image-end-offset": N/'
}
repair_same () {
  repair_name=$1
  shift
  for repair_image in "$peer" "$ours"; do
    repair_rc=0
    rm -rf fix && mkdir fix && cp "$1" fix/x.qcow2
    (cd fix && shift && "$repair_image" check "$@" x.qcow2 2>/dev/null) >"$tmp/.fix-out" || repair_rc=$?
    squeeze_ends <"$tmp/.fix-out" >"$tmp/.fix"
    echo "exit $repair_rc" >>"$tmp/.fix"
    [ "$repair_image" = "$ours" ] || mv "$tmp/.fix" "$tmp/.fix-peer"
  done
  ok "$repair_name" diff -u "$tmp/.fix-peer" "$tmp/.fix"
  [ "$repair_rc" != 0 ] || ok "$repair_name: the peer finds it clean" "$peer" check -q fix/x.qcow2
}
cp a.qcow2 copied.qcow2
poke copied.qcow2 $((4 * 65536)) '\000'
cp a.qcow2 twice.qcow2
poke twice.qcow2 $((2 * 65536 + 2 * 6)) '\000\003'
cp a.qcow2 block.qcow2
poke block.qcow2 $((65536 + 5)) '\000'
for how in leaks all; do
  repair_same "-r $how, nothing wrong" a.qcow2 -r $how
  repair_same "-r $how, leak" leak.qcow2 -r $how
  repair_same "-r $how, leak, JSON" leak.qcow2 -r $how --output=json
  repair_same "-r $how, COPIED" copied.qcow2 -r $how
  repair_same "-r $how, refcount too high" twice.qcow2 -r $how
  repair_same "-r $how, empty" empty.qcow2 -r $how
done
repair_same "-r all, refcount too low" corrupt.qcow2 -r all
repair_same "-r all, refcount too low, JSON" corrupt.qcow2 -r all --output=json
repair_same "-r all, both" worse.qcow2 -r all
repair_same "-r all, no refcount block" block.qcow2 -r all

qemu-img create -q -f vdi d.vdi 4M
for how in leaks all; do
  same "-r $how, a format that nobody repairs" check -r $how d.vdi
done
run_fails "natively: no repair" 63 img-check -r all d.vdi
is "$err" "img-check: d.vdi: VDI images cannot be repaired" "natively: says so"

# Natively every counter is printed.
capture img-check --output=json fresh.qcow2
is "$rc" 0 "natively: a whole image"
is "$(printf '%s\n' "$out" | sed -n 's/^    "\([a-z-]*\)".*/\1/p' | tr '\n' ' ')" \
  "filename format check-errors image-end-offset corruptions leaks corruptions-fixed leaks-fixed total-clusters allocated-clusters fragmented-clusters compressed-clusters " \
  "has every counter"
run_fails "natively: leaks" 3 img-check leak.qcow2
run_fails "natively: corrupt" 2 img-check worse.qcow2
run_fails "natively: no check" 63 img-check x.raw
run_fails "natively: usage" 64 img-check
run_fails "-U with -r" 64 img-check -U -r all a.qcow2
