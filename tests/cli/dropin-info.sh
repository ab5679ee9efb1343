#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# info as qemu-img prints it, on images that qemu-img made.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

both () {
  info_name=$1
  shift
  same_filtered "$info_name" without_children info "$@"
  same_filtered "$info_name, JSON" without_children info --output=json "$@"
}

qemu-img create -q -f raw x.raw 3M
truncate -s 1000 odd.raw
qemu-img create -q -f qcow2 a.qcow2 1G
qemu-io -c 'write 0 1M' -c 'write 100M 64k' a.qcow2 >/dev/null
qemu-img create -q -f qcow2 -o compat=0.10 v2.qcow2 10M
qemu-img create -q -f qcow2 -o cluster_size=2M,refcount_bits=64,lazy_refcounts=on big.qcow2 1T
qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=128k ext.qcow2 999M
qemu-img create -q -f qcow2 -o compression_type=zstd zstd.qcow2 1536
qemu-img create -q -f qcow2 empty.qcow2 0
qemu-img create -q -f qcow2 -o data_file=d.raw,data_file_raw=on data.qcow2 5M
mkdir sub
qemu-img create -q -f qcow2 -b ../a.qcow2 -F qcow2 sub/over.qcow2
qemu-img create -q -f qcow2 -b "$PWD/sub/over.qcow2" -F qcow2 top.qcow2
qemu-img create -q -f qcow2 -b no-such -F raw -u lost.qcow2 1M
utf8=$(printf 'gr\303\274n \342\202\254"\\.qcow2')
cp v2.qcow2 "$utf8"

both "raw" x.raw
both "raw, odd length" -f raw odd.raw
both "qcow2" a.qcow2
both "qcow2 v2" v2.qcow2
both "large clusters, wide refcounts" big.qcow2
both "extended L2" ext.qcow2
both "zstd" zstd.qcow2
both "empty" empty.qcow2
both "data file" data.qcow2
both "overlay, relative name" sub/over.qcow2
both "overlay, absolute name" top.qcow2
both "backing file is missing" lost.qcow2
both "chain" --backing-chain top.qcow2
both "chain of one" --backing-chain a.qcow2
both "name with letters" "$utf8"
both "-U" -U a.qcow2
both "--image-opts" --image-opts driver=qcow2,file.filename=a.qcow2
have JSON "json: name" && both "json: name" 'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"}}'
both "raw on demand" -f raw a.qcow2

qemu-img snapshot -c one a.qcow2
qemu-img snapshot -c 'a longer name' a.qcow2
same_filtered "snapshots" squeezed_snapshots info a.qcow2
same_filtered "snapshots, JSON" without_children info --output=json a.qcow2
qemu-img bitmap --add v2.qcow2 b 2>/dev/null || qemu-img bitmap --add ext.qcow2 b
both "bitmaps" ext.qcow2

same "no such file" info no-such
same "no operand" info
same "two operands" info a.qcow2 v2.qcow2
same "wrong form" info --output=xml a.qcow2
same "unknown format" info -f no-such a.qcow2
same "not that format" info -f qcow2 x.raw
# One way of saying what a name means excludes the other, in every command.
list=driver=qcow2,file.filename=a.qcow2
for command in info check map "bench -c 1" commit "rebase -u -b x -F raw" "measure -O raw" \
  "compare $list" "amend -o compat=1.1"; do
  # shellcheck disable=SC2086
  same "$command: -f or --image-opts" $command --image-opts -f qcow2 "$list"
done
same "resize: -f or --image-opts" resize --image-opts -f qcow2 "$list" +1M
same "bitmap: -f or --image-opts" bitmap --add --image-opts -f qcow2 "$list" b
same "chain with a hole" info --backing-chain --output=json lost.qcow2

# What 7.2 does not print yet: the file below.
ours info a.qcow2 >out
like "$(cat out)" "^Child node '/file':$" "the file is a child"
is "$(sed -n '/^Child node/,$p' out | sed -n '2,4p' | sed 's/: .*//' | tr '\n' ';')" \
  "    filename;    protocol type;    file length;" "its lines are indented"
ours info --output=json a.qcow2 >out
is "$(sed -n 2,5p out | tr -d ' \n')" '"children":[{"name":"file","info":{' "and in JSON"
is "$(grep -c '"children": \[' out)" 2 "it has no children itself"
