#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# dd as qemu-img does it.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

head -c 100000 /dev/urandom >s.raw
qemu-img convert -O qcow2 s.raw s.qcow2
truncate -s 300000 hole.raw

# made TITLE OPERANDS...: the same answer, and the same bytes in what is made
made () {
  title=$1
  shift
  rm -f peer.o ours.o
  peer_rc=0
  "$peer" dd "$@" of=peer.o >peer.out 2>peer.err || peer_rc=$?
  ours_rc=0
  "$ours" dd "$@" of=ours.o >ours.out 2>ours.err || ours_rc=$?
  is "$ours_rc $(cat ours.out)" "$peer_rc $(cat peer.out)" "$title"
  is "$(cksum <ours.o)" "$(cksum <peer.o)" "$title: bytes"
}
made "all" if=s.raw
made "count" if=s.raw bs=1k count=10
made "skip" if=s.raw bs=1000 skip=2
made "skip is counted" if=s.raw bs=1000 skip=2 count=4
made "nothing is left" if=s.raw bs=1000 skip=4 count=2
made "count=0" if=s.raw count=0
made "behind the end" if=s.raw skip=10000000
made "of qcow2" if=s.qcow2 bs=3333 skip=1 count=20
made "count beyond the end" if=s.qcow2 bs=1M count=20
made "zeroes" if=hole.raw bs=64k
made "last operand counts" if=hole.raw if=s.raw bs=1M bs=1k count=3
made "-f" -f raw if=s.qcow2 bs=1k count=60
made "--image-opts" --image-opts if=driver=raw,file.filename=s.raw bs=1.5k count=3

same "no output" dd if=s.raw
same "no input" dd of=o
same "nothing" dd
same "not of that tool" dd if=s.raw of=o seek=1
same "not of that tool either" dd if=s.raw of=o conv=notrunc
same "bs=0" dd if=s.raw of=o bs=0
same "bs=2G" dd if=s.raw of=o bs=2G
same "count=x" dd if=s.raw of=o count=x
same "skip=-1" dd if=s.raw of=o skip=-1
same "no value" dd if=s.raw of=o bs
same "a name" dd if=s.raw of=o s.raw
same "no such format" dd -O no-such if=s.raw of=o
same "no such file" dd if=no-such of=o
same "--image-opts and -f" dd --image-opts -f raw if=driver=raw,file.filename=s.raw of=o
same "unknown option" dd -n if=s.raw of=o
for format in qcow2 vdi; do
  "$ours" dd -O $format if=s.raw of=o.ours bs=1k && "$peer" dd -O $format if=s.raw of=o.peer bs=1k
  same "$format" compare -f $format -F $format o.ours o.peer
done
