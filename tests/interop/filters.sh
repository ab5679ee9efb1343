#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Random operations through filters: what lies below holds what a plain file holds afterwards, and
# QEMU's check finds nothing.
. "${top_srcdir:-.}/tests/cli/lib.sh"
needs JSON
plan
need_peer qemu-img
ops=$top_builddir/tests/interop/ops

head -c 2000000 /dev/urandom >base.raw && truncate -s 3M base.raw
qcow2='{"driver": "qcow2", "file": {"driver": "file", "filename": "t.qcow2"}}'

# through DRIVER 'JSON' IMAGE...: each of IMAGE holds what the shadow holds
through () {
  driver=$1 json=$2
  shift 2
  ok "$driver: random operations" "$ops" "json:$json" "$driver" shadow "$seed" 150
  for image in "$@"; do
    ok "$driver: what $image holds" img-compare shadow "$image"
    case $image in *.qcow2) ok "$driver: $image is sound" qemu-img check -q "$image" ;; esac
  done
}

fresh () {
  cp base.raw shadow
  img-convert -O qcow2 -o "$1" base.raw base.qcow2 && rm -f t.qcow2 &&
    img-create -q -f qcow2 -o "$1" -b base.qcow2 -F qcow2 t.qcow2 || exit 99
}

for opts in cluster_size=64k cluster_size=16k,extended_l2=on cluster_size=4k; do
  fresh "$opts"
  through copy-on-read "{\"driver\": \"copy-on-read\", \"file\": $qcow2}" t.qcow2
  fresh "$opts"
  through blkdebug '{"driver": "blkdebug", "align": "4096", "max-transfer": "65536", "opt-write-zero": "8192",
    "max-write-zero": "65536", "opt-discard": "4096", "image": '"$qcow2}" t.qcow2
  fresh "$opts" && cp shadow raw.raw
  through blkverify "{\"driver\": \"blkverify\", \"test\": $qcow2, \"raw\": {\"driver\": \"file\",
    \"filename\": \"raw.raw\"}}" t.qcow2 raw.raw
done
for opts in cluster_size=64k cluster_size=4k,compression_type=zstd; do
  fresh "$opts"
  through compress "{\"driver\": \"compress\", \"file\": $qcow2}" t.qcow2
done
fresh cluster_size=64k && cp shadow q0.raw && cp shadow q1.raw
through quorum "{\"driver\": \"quorum\", \"vote-threshold\": 2, \"blkverify\": true, \"children\": [$qcow2,
  {\"driver\": \"file\", \"filename\": \"q0.raw\"}]}" t.qcow2 q0.raw

# What was read is here now: the same operations without the filter leave less.
allocated () {
  img-check --output=json t.qcow2 | sed -n 's/.*"allocated-clusters": \([0-9]*\).*/\1/p'
}
fresh cluster_size=4k
"$ops" "json:{\"driver\": \"copy-on-read\", \"file\": $qcow2}" copy-on-read shadow 7 20 >/dev/null
kept=$(allocated)
fresh cluster_size=4k
"$ops" "json:$qcow2" qcow2 shadow 7 20 >/dev/null
ok "copy-on-read: what was read stays ($kept clusters, else $(allocated))" [ "$kept" -gt "$(allocated)" ]
