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
