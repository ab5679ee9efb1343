#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# map as qemu-img prints it, on images that qemu-img made.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

both () {
  map_name=$1
  shift
  same "$map_name" map "$@"
  same_filtered "$map_name, JSON" without_compressed map --output=json "$@"
}

truncate -s 10M hole.raw
printf x | dd of=hole.raw bs=1 seek=3000000 conv=notrunc 2>/dev/null
dd if=/dev/urandom of=full.raw bs=64k count=16 2>/dev/null
truncate -s 1000000 odd.raw
qemu-img create -q -f qcow2 a.qcow2 64M
qemu-io -c 'write 0 1M' -c 'write -z 2M 1M' -c 'write 30M 64k' -c 'write 30M 128k' a.qcow2 >/dev/null
qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 mid.qcow2
qemu-io -c 'write 512k 1M' -c 'write -z 30M 64k' mid.qcow2 >/dev/null
qemu-img create -q -f qcow2 -b mid.qcow2 -F qcow2 top.qcow2 80M
qemu-io -c 'write 70M 64k' top.qcow2 >/dev/null
qemu-img create -q -f qcow2 -b full.raw -F raw onraw.qcow2 2M
qemu-img create -q -f qcow2 -o data_file=d.raw,data_file_raw=on data.qcow2 5M
qemu-io -c 'write 1M 1M' data.qcow2 >/dev/null
qemu-img create -q -f qcow2 -o data_file=d2.raw data2.qcow2 5M
qemu-io -c 'write 1M 1M' -c 'write 0 64k' data2.qcow2 >/dev/null
qemu-img create -q -f qcow2 -o preallocation=metadata pre.qcow2 5M
qemu-img create -q -f qcow2 -o preallocation=falloc fall.qcow2 5M
qemu-img create -q -f qcow2 -o extended_l2=on ext.qcow2 5M
qemu-io -c 'write 4k 8k' -c 'write 100k 2k' -c 'write -z 1M 4k' -c 'write 3M 64k' \
  -c 'discard 3M 64k' -c 'write -z 200k 2k' -c 'write 202k 2k' ext.qcow2 >/dev/null
qemu-img create -q -f qcow2 -o extended_l2=on -b a.qcow2 -F qcow2 extback.qcow2 80M
qemu-io -c 'write 4k 8k' -c 'write 10M 2k' -c 'write -z 1M 4k' -c 'write 70M 2k' \
  extback.qcow2 >/dev/null
qemu-img create -q -f qcow2 -o compat=0.10 v2.qcow2 5M
qemu-io -c 'write 4k 8k' v2.qcow2 >/dev/null
qemu-img create -q -f qcow2 empty.qcow2 0
yes | head -c 1M >text.raw
qemu-img convert -c -O qcow2 text.raw comp.qcow2

for f in hole.raw full.raw odd.raw a.qcow2 mid.qcow2 top.qcow2 onraw.qcow2 data.qcow2 \
  data2.qcow2 pre.qcow2 fall.qcow2 ext.qcow2 extback.qcow2 v2.qcow2 empty.qcow2; do
  both "$f" "$f"
done
both "a part" --start-offset=100k --max-length=3M a.qcow2
both "the end" --start-offset=60M a.qcow2
both "behind the end" --start-offset=100M a.qcow2
both "raw on demand" -f raw a.qcow2
both "--image-opts" --image-opts driver=qcow2,file.filename=a.qcow2
same_filtered "compressed, JSON" without_compressed map --output=json comp.qcow2
same "compressed" map comp.qcow2
same "no operand" map
same "no such file" map no-such

# What 7.2 does not print yet.
ours map --output=json comp.qcow2 >out
like "$(cat out)" '"data": true, "compressed": true}' "compressed clusters are told"
ours map --output=json a.qcow2 >out
like "$(cat out)" '"data": true, "compressed": false, "offset": [0-9]+}' "and others"
