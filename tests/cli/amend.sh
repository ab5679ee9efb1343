#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# img-amend: what is refused changes nothing, whatever else was asked for.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# refused NAME OPTIONS WHY: x.qcow2 stays as it is, byte for byte
refused () {
  cp x.qcow2 before
  run_fails "$1" 1 img-amend -o "$2" x.qcow2
  is "$(printf '%s\n' "$err" | grep -vc '^Try\|removes it')" 1 "$1: one line"
  like "$err" "$3" "$1: says why"
  ok "$1: nothing has changed" cmp before x.qcow2
}

# put OFFSET FORMAT: bytes of x.qcow2
put () {
  # shellcheck disable=SC2059
  printf "$2" | dd of=x.qcow2 bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# number OFFSET: the eight bytes there, without flags
number () {
  od -An -tu1 -j "$1" -N 8 x.qcow2 |
    awk '{ n = $1 % 128; for (i = 2; i <= 8; i++) n = n * 256 + $i; printf "%d", n }'
}

poke=$top_builddir/tests/interop/poke
head -c 1000k /dev/urandom >r.raw

# A bitmap that was not closed: sizes cannot change.
img-convert -O qcow2 r.raw x.qcow2 && img-bitmap --add x.qcow2 a && img-bitmap --add x.qcow2 b
"$poke" x.qcow2 write:0:512:1 die
for options in size=512k size=2M lazy_refcounts=on,size=512k refcount_bits=32,size=2M \
  compat=0.10,refcount_bits=16,size=512k; do
  refused "inconsistent bitmap: $options" $options "Bitmap 'a' is inconsistent"
done
run_ok "other options" img-amend -o lazy_refcounts=on,refcount_bits=32 x.qcow2
run_ok "version 2 has no bitmaps" \
  img-amend -o compat=0.10,refcount_bits=16,lazy_refcounts=off x.qcow2

# A bitmap whose table names a place that is not in the file.
img-convert -O qcow2 r.raw x.qcow2 && img-bitmap --add --disable x.qcow2 a &&
  img-bitmap --add -g 512 x.qcow2 bbbzz && "$poke" x.qcow2 write:0:512:1
at=$(LC_ALL=C grep -abo 'bb*zz' x.qcow2 | tail -n 1 | cut -d: -f1)
put "$(number $((at - 24)))" '\0\0\0\017\377\377\0\0'
refused "table of a bitmap: grow" lazy_refcounts=on,size=2M "table entry 0xfffff0000"
refused "table of a bitmap: shrink" refcount_bits=1,size=512k "table entry 0xfffff0000"

# Counts that a width cannot hold are found at once.
img-convert -O qcow2 r.raw x.qcow2 && img-snapshot -c s x.qcow2
refused "counts of 2" refcount_bits=1,lazy_refcounts=on,size=2M 'has a refcount of 2'

# What a shrink would find in the tables that it cuts: an entry that names no cluster.
img-create -q -f qcow2 -o cluster_size=4k x.qcow2 8M && "$poke" x.qcow2 write:6291456:4096:1
l1=$(number 40)
put "$(number $((l1 + 3 * 8)))" '\200\0\0\0\377\377\360\0'
refused "a cluster that is cut" lazy_refcounts=on,size=4M 'the cluster at 0xfffff000 lies past'
refused "a width, and a cluster that is cut" refcount_bits=32,size=4M 'the cluster at 0xfffff000 lies past'

# Version 2: tables of which it must know how many refer to them.
put $((l1 + 3 * 8)) '\200\0\0\0\0\077\360\0'
refused "a table that is not there" lazy_refcounts=off,compat=0.10,size=10M 'L2 table at 0x3ff000'

# The header must hold a new name.
img-create -q -f qcow2 -o cluster_size=512,data_file=d.raw x.qcow2 1M
long=$(head -c 400 /dev/zero | tr '\0' n)
refused "a long name" "lazy_refcounts=on,refcount_bits=32,data_file=$long" 'header'
