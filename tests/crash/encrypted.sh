#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Encrypted images: writes, snapshots, another size, another passphrase.
. "${top_srcdir:-.}/tests/crash/crash.sh"
needs encryption JSON
plan
samples=3
kills=2
k=secret,id=k,data=one n=secret,id=n,data=two
json='json:{"driver":"qcow2","encrypt.key-secret":"k","file":{"driver":"file","filename":"t.qcow2"}}'
target=driver=qcow2,encrypt.key-secret=k,file.filename=t.qcow2

head -c 200000 /dev/urandom >old.raw && truncate -s 400k old.raw
head -c 100000 /dev/urandom >new.raw && truncate -s 400k new.raw
cp old.raw large.raw && truncate -s 1M large.raw && head -c 100k old.raw >short.raw
cp new.raw view.raw && dd if=old.raw of=view.raw bs=1k skip=50 seek=50 count=80 conv=notrunc 2>/dev/null
for opts in encrypt.format=aes,cluster_size=4k encrypt.format=luks,encrypt.iter-time=10,cluster_size=16k; do
  # only what differs is in the image
  img-create -q --object "$k" -f qcow2 -o "$opts,encrypt.key-secret=k" -b view.raw -F raw t.qcow2 &&
    img-rebase --object "$k" --image-opts -b new.raw -F raw "$target" || exit 99
  crash "commit, $opts" -O "$k" "img-commit --object $k --image-opts $target" "$json" view.raw
  crash "rebase, $opts" -O "$k" "img-rebase --object $k --image-opts -b '' $target" "$json" view.raw
  img-convert --object "$k" -O qcow2 -o "$opts,encrypt.key-secret=k" old.raw t.qcow2 &&
    img-snapshot -c s t.qcow2 && cp old.raw s.raw || exit 99
  crash "write, $opts" -m -O "$k" \
    "img-convert --object $k -t writeback -n --target-image-opts new.raw $target" "$json" old.raw new.raw
  crash "snapshot, $opts" -O "$k" 'img-snapshot -c s2 t.qcow2' "$json" old.raw
  crash "grow, $opts" -O "$k" "img-resize -q --object $k --image-opts $target 1M" "$json" old.raw large.raw
  crash "shrink, $opts" -O "$k" "img-resize -q --shrink --object $k --image-opts $target 100k" \
    "$json" old.raw short.raw
done
crash "another passphrase" -O "$k" \
  "img-amend --object $k --object $n --image-opts -o encrypt.state=active,encrypt.new-secret=n,encrypt.iter-time=10 $target" \
  "$json" old.raw
crash "another passphrase over the only one" -O "$k" -O "$n" \
  -a 'json:{"driver":"qcow2","encrypt.key-secret":"n","file":{"driver":"file","filename":"t.qcow2"}}' \
  "img-amend --force --object $k --object $n --image-opts -o encrypt.state=active,encrypt.keyslot=0,encrypt.new-secret=n,encrypt.iter-time=10 $target" \
  "$json" old.raw
