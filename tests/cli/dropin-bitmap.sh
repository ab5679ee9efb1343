#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# bitmap, and convert and measure of images with bitmaps, as qemu-img does it.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

# both NAME ARGS...: by the peer in the folder p, by us in o; same outcome, same bitmaps
mkdir p o
facts () {
  "$peer" info --output=json "$1" 2>/dev/null | grep -v -e '"actual-size"' -e '"filename"'
}
both () {
  both_name=$1
  shift
  (cd p && "$peer" "$@" >../p.out 2>../p.err); both_peer=$?
  (cd o && "$ours" "$@" >../o.out 2>../o.err); both_ours=$?
  # The peer leaves an unfinished target behind.
  [ $both_peer = 0 ] || rm -f p/out.qcow2
  for f in x y v2 out; do
    [ ! -e p/$f.qcow2 ] || facts p/$f.qcow2 >p.$f
    [ ! -e o/$f.qcow2 ] || facts o/$f.qcow2 >o.$f
    [ -e p/$f.qcow2 ] || : >p.$f
    [ -e o/$f.qcow2 ] || : >o.$f
    if [ $both_peer != $both_ours ] || ! cmp -s p.$f o.$f || ! cmp -s p.out o.out; then
      fail "$both_name"
      diag "exit status: peer $both_peer, ours $both_ours"
      diag "$(diff -u p.out o.out; diff -u p.$f o.$f | head -n 20)"
      diag "$(head -n 2 p.err o.err)"
      return
    fi
  done
  pass "$both_name"
}

long=$(head -c 1023 /dev/zero | tr '\0' n)
for f in p o; do
  "$peer" create -q -f qcow2 $f/x.qcow2 10M
  "$peer" create -q -f qcow2 $f/y.qcow2 10M
  "$peer" create -q -f qcow2 -o compat=0.10 $f/v2.qcow2 10M
  "$peer" create -q -f raw $f/r.raw 10M
done
n=0
while read -r line; do
  n=$((n + 1))
  # shellcheck disable=SC2086
  both "bitmap $line" bitmap $line
done <<END
x.qcow2 a
--add x.qcow2
--add
--add x.qcow2 a b
--add x.qcow2 a
--add x.qcow2 a
--add -g 512 x.qcow2 b
--add -g 2G x.qcow2 c
--add -g 4G x.qcow2 d
--add -g 100 x.qcow2 d
--add -g 256 x.qcow2 d
--add -g x x.qcow2 d
--add --disable x.qcow2 d
--add --add x.qcow2 e
--enable x.qcow2 d
--enable --disable x.qcow2 d
--disable x.qcow2 d
--remove --add x.qcow2 a
--add --remove x.qcow2 f
--clear x.qcow2 a
--clear -g 4k x.qcow2 a
--remove x.qcow2 nope
--clear x.qcow2 nope
--enable x.qcow2 nope
--merge nope x.qcow2 a
--merge a x.qcow2 nope
--merge a x.qcow2 b
--merge a x.qcow2 a
--merge a --merge b x.qcow2 c
--merge a --clear --disable x.qcow2 b
--add y.qcow2 z
--merge z -b y.qcow2 -F qcow2 x.qcow2 a
--merge z -b y.qcow2 x.qcow2 a
--merge z -b y.qcow2 -F raw x.qcow2 a
--merge z -b none.qcow2 x.qcow2 a
--merge nope -b y.qcow2 x.qcow2 a
--merge a -b x.qcow2 x.qcow2 a
-F qcow2 --merge b x.qcow2 a
-b y.qcow2 --add x.qcow2 g
--add x.qcow2 $long
--add x.qcow2 ${long}n
--add v2.qcow2 a
--remove v2.qcow2 a
--add -f raw r.raw a
--add none.qcow2 a
--add --image-opts driver=qcow2,file.filename=x.qcow2 h
--add --image-opts -f qcow2 x.qcow2 i
--object secret,id=s,data=x --add x.qcow2 j
--remove x.qcow2 $long
END
both "an empty name" bitmap --add x.qcow2 ''

# convert and measure
for f in p o; do
  qemu-img create -q -f qcow2 $f/x.qcow2 10M
  "$peer" bitmap --add -g 4k $f/x.qcow2 one && "$peer" bitmap --add --disable $f/x.qcow2 two &&
    "$peer" bitmap --add -g 512 $f/x.qcow2 three
  qemu-io -c 'write 100k 1M' $f/x.qcow2 >/dev/null
  "$peer" bitmap --merge one $f/x.qcow2 two
  # Not closed: bitmaps that are in use.
  cp $f/x.qcow2 $f/y.qcow2
  "$top_builddir/tests/interop/poke" $f/y.qcow2 write:0:512:1 die
  rm -f $f/v2.qcow2 && "$peer" create -q -f qcow2 -o compat=0.10 $f/v2.qcow2 10M
done
while read -r line; do
  rm -f p/out.qcow2 o/out.qcow2
  # shellcheck disable=SC2086
  both "convert $line" convert $line
done <<END
--bitmaps -O qcow2 x.qcow2 out.qcow2
--bitmaps -O qcow2 -o cluster_size=4k x.qcow2 out.qcow2
--bitmaps -c -O qcow2 x.qcow2 out.qcow2
--bitmaps -O qcow2 y.qcow2 out.qcow2
--bitmaps --skip-broken-bitmaps -O qcow2 y.qcow2 out.qcow2
--skip-broken-bitmaps -O qcow2 y.qcow2 out.qcow2
--bitmaps -O qcow2 v2.qcow2 out.qcow2
--bitmaps -O raw x.qcow2 out.qcow2
--bitmaps -O vdi x.qcow2 out.qcow2
--bitmaps -f raw -O qcow2 r.raw out.qcow2
--bitmaps -O qcow2 x.qcow2 x.qcow2 out.qcow2
--bitmaps -O qcow2 -o compat=0.10 x.qcow2 out.qcow2
--bitmaps -n -O qcow2 x.qcow2 x.qcow2
END
(cd o && "$ours" convert --bitmaps -O qcow2 x.qcow2 out.qcow2)
ok "the copy is sound" qemu-img check -q o/out.qcow2
for n in one two three; do
  for f in x out; do
    "$top_builddir/tests/interop/poke" o/$f.qcow2 bits:$n >$f.bits
  done
  ok "bits of $n" cmp x.bits out.bits
done
rm -f o/out.qcow2 p/out.qcow2
for line in x.qcow2 y.qcow2 v2.qcow2 '-o cluster_size=2M x.qcow2' \
  '--output=json x.qcow2' '--output=json v2.qcow2'; do
  # shellcheck disable=SC2086
  both "measure $line" measure -O qcow2 $line
done
