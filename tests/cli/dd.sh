#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# dd, natively: the same bytes as dd(1) on the raw file.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

head -c 3000000 /dev/urandom >s.raw
head -c 200000 /dev/zero | dd of=s.raw bs=1k seek=500 conv=notrunc 2>/dev/null
truncate -s 3000320 s.raw
img-convert -O qcow2 s.raw s.qcow2
head -c 4000000 /dev/urandom >t.raw && truncate -s 4194304 t.raw
img-convert -O qcow2 -o cluster_size=32k t.raw t.qcow2
img-convert -O qcow2 -o cluster_size=16k,extended_l2=on t.raw e.qcow2
img-convert -c -O qcow2 t.raw c.qcow2

# both TITLE OPERANDS...: img-dd of the image, dd of the raw file, into o
both () {
  title=$1
  shift
  rm -f o w
  dd if=s.raw of=w "$@" 2>/dev/null
  run_ok "$title" img-dd if=s.qcow2 of=o "$@"
  same_bytes o w "$title: same bytes"
}
both "all" bs=1M
both "count" bs=64k count=5
both "skip" bs=1000 skip=7
both "skip and count" bs=1000 skip=7 count=3
both "seek" bs=1000 skip=7 count=3 seek=5
both "more than there is" bs=1M skip=2 count=5
both "ibs and obs" ibs=512 obs=1k skip=3 seek=3 count=1001
both "bytes" bs=4k iflag=skip_bytes,count_bytes oflag=seek_bytes skip=333 count=70001 seek=99
both "sync" bs=64k conv=sync
both "products" bs=2x512 count=1k
both "nothing" count=0
both "behind the end" bs=1M skip=5
like "$err" 'cannot skip' "behind the end: is said"

# Into what is there.
for image in t.qcow2 e.qcow2 c.qcow2 t.raw; do
  for where in 'bs=1k skip=9 seek=77 count=100' 'bs=64k seek=3' 'bs=1000 seek=3001 oflag=seek_bytes skip=1' \
    'bs=1M seek=3' 'bs=4k skip=100 seek=120 count=60'; do
    cp "$image" o
    cp t.raw w
    # shellcheck disable=SC2086
    dd if=s.raw of=w conv=notrunc $where 2>/dev/null
    truncate -s %512 w
    # shellcheck disable=SC2086
    run_ok "$image $where" img-dd if=s.qcow2 of=o conv=notrunc $where
    ok "$image $where: reads the same" img-compare -q o w
    [ "$image" = t.raw ] || ok "$image $where: is consistent" img-check -q o
  done
done

# Zeroes are left out in whole clusters, of raw images in blocks.
cp t.raw o
cp t.raw w
dd if=s.raw of=w bs=4k skip=120 count=60 conv=sparse,notrunc 2>/dev/null
run_ok "sparse" img-dd if=s.qcow2 of=o bs=4k skip=120 count=60 conv=sparse,notrunc
same_bytes o w "sparse: same bytes"

# Streams.
run_ok "to standard output" sh -c 'img-dd if=s.qcow2 bs=999 skip=3 count=9 >o'
dd if=s.raw of=w bs=999 skip=3 count=9 2>/dev/null
same_bytes o w "to standard output: same bytes, nothing else"
rm -f o w
run_ok "from standard input" sh -c 'cat s.raw | img-dd of=o bs=999 skip=3 seek=1 count=1000'
dd if=s.raw of=w bs=999 skip=3 seek=1 count=1000 2>/dev/null
same_bytes o w "from standard input: same bytes"
run_ok "into qcow2" sh -c 'cat s.raw t.raw | img-dd if=- of=o.qcow2 -O qcow2 bs=1k status=none'
is "$err" "" "status=none"
cat s.raw t.raw >w && truncate -s %512 w
ok "into qcow2: reads the same" img-compare -q o.qcow2 w
run_ok "into what is there" sh -c 'cat s.raw | img-dd of=o.qcow2 conv=notrunc bs=1k seek=2 count=7'
dd if=s.raw of=w bs=1k seek=2 count=7 conv=notrunc 2>/dev/null
ok "into what is there: reads the same" img-compare -q o.qcow2 w
run_ok "through" sh -c 'cat s.raw | img-dd bs=64k skip=1 | cat >o'
tail -c +65537 s.raw >w
same_bytes o w "through: same bytes"
run_ok "qcow2 to standard output" sh -c 'img-dd if=s.qcow2 -O qcow2 bs=64k skip=1 count=20 | cat >o.qcow2'
dd if=s.raw of=w bs=64k skip=1 count=20 2>/dev/null
ok "qcow2 to standard output: reads the same" img-compare -q o.qcow2 w

# Longer than what is held in memory, not on any border; and not a byte more is taken.
truncate -s 40M long
for at in 3 700 20000 33333; do
  dd if=s.raw of=long bs=1000 seek=$at count=300 conv=notrunc 2>/dev/null
done
for o in '' '-O qcow2'; do
  rm -f o w
  # shellcheck disable=SC2086
  (img-dd $o of=o bs=1001 skip=9 seek=3 count=40000 2>err; cat >rest) <long
  dd if=long of=w bs=1001 skip=9 seek=3 count=40000 2>/dev/null
  [ -z "$o" ] || truncate -s %512 w
  ok "long $o: reads the same" img-compare -q -F raw o w
  is "$(wc -c <rest)" "$((41943040 - 40009 * 1001))" "long $o: the rest is there to be read"
done
for o in '' ,sparse; do
  cp t.raw o
  cp t.raw w
  img-dd of=o bs=1001 skip=9 seek=3 count=4100 conv=notrunc$o <long 2>/dev/null
  dd if=long of=w bs=1001 skip=9 seek=3 count=4100 conv=notrunc 2>/dev/null
  [ -n "$o" ] || same_bytes o w "long, into what is there: same bytes"
done
like "$(cmp -i 300000 -n 390000 o t.raw && cmp -i 693994:700000 -n 300000 o long && echo both)" both \
  "sparse: zeroes leave what is there"
printf abc | img-dd of=o bs=8 conv=sync 2>err
is "$(od -An -c o | tr -d ' ')" 'abc\0\0\0\0\0' "sync: the last block is filled"
is "$(printf abc | img-dd bs=8 conv=sync 2>err | od -An -c | tr -d ' ')" 'abc\0\0\0\0\0' "sync, to a stream"
run_ok "skip behind the end" sh -c 'printf abc | img-dd of=o bs=8 skip=2'
like "$err" 'cannot skip' "is said"

# What is said.
run_ok "statistics" img-dd if=s.raw of=o bs=1M
like "$err" '^2\+1 records in$' "in"
like "$err" '^2\+1 records out$' "out"
like "$err" '^3000320 bytes \(.*\) copied, .* s, .*/s$' "sum"
is "$out" "" "nothing on standard output"
run_ok "JSON" img-dd --output=json if=s.raw of=o bs=1M
like "$out" '"written": 3000320' "JSON: bytes"

rm -f n
run_fails "conv=nocreat" 1 img-dd if=s.raw of=n conv=nocreat
run_fails "conv=excl" 1 img-dd if=s.raw of=o conv=excl
run_fails "onto itself" 1 img-dd if=s.raw of=s.raw
run_fails "no such file" 1 img-dd if=no-such of=n
ok "nothing is left" test ! -e n
run_fails "unknown operand" 64 img-dd if=s.raw of=n frob=1
run_fails "unknown word" 64 img-dd if=s.raw of=n conv=frob
run_fails "no number" 64 img-dd if=s.raw of=n bs=x
run_fails "no block" 64 img-dd if=s.raw of=n bs=0
