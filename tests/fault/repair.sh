#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Repairs with faults: the guest's data stay what they were, wherever it ends.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
plan
images

# poke OFFSET BYTES(octal escapes): in t.qcow2, which is x.qcow2 with clusters of 4 KiB
poke () {
  # shellcheck disable=SC2059
  printf "$2" | dd of=start/t.qcow2 bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# number OFFSET: the low 4 bytes of the 8 there
number () {
  od -An -tu1 -j $(($1 + 4)) -N 4 start/t.qcow2 | { read -r a b c d; echo $((a << 24 | b << 16 | c << 8 | d)); }
}

repair_sweep () {
  "$series" listing start >start.listing
  sweep "$1" repair "img-check -r $2 t.qcow2 2>/dev/null || { echo faulty >&2; exit 1; }"
}

cp start/x.qcow2 start/t.qcow2
table=$(number 48)
block=$(number "$table")
l1=$(number 40)
poke $((block + 2 * 20)) '\000\004'
repair_sweep repair-leaks leaks
poke $((block + 2 * 7)) '\000\000'
poke $((l1)) '\000'
repair_sweep repair-in-place all
poke $((table + 4)) '\000\000\000\000'
repair_sweep repair-rebuild all
# A guest cluster that is the L1 table: this moves.
cp start/x.qcow2 start/t.qcow2
l2=$(number "$l1")
poke $((l2 + 8 * 300)) "$(printf '\\200\\000\\000\\000\\000\\%03o\\%03o\\000' $((l1 >> 16)) $((l1 >> 8 & 255)))"
repair_sweep repair-l1 all
