#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Encrypted qcow2 images as qemu-img shows them.  What it makes with LUKS is left out: it measures
# the machine first, and sometimes gives up.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
needs encryption
plan

# `detached-header` came with 9.0.
facts () {
  without_children | sed -e '/detached.header/d' -e 's/\("master-key-iters": [0-9]*\),*/\1/'
}

key=secret,id=k,data=open-sesame
luks=encrypt.format=luks,encrypt.key-secret=k
same "create, AES" create --object $key -f qcow2 -o encrypt.format=aes,encrypt.key-secret=k a.qcow2 3M
same "create, old spelling" create --object $key -f qcow2 -o encryption=on,encrypt.key-secret=k a.qcow2 3M
same "create, off" create --object $key -f qcow2 -o encryption=off a.qcow2 3M
same "create without a secret" create -f qcow2 -o $luks no.qcow2 3M
same "create without an id" create -f qcow2 -o encrypt.format=luks,encrypt.iter-time=10 no.qcow2 3M
same "create without a format" create --object $key -f qcow2 -o encrypt.key-secret=k no.qcow2 3M
same "create, both spellings" create --object $key -f qcow2 -o encryption=on,$luks no.qcow2 3M
same "create, AES with a cipher" create --object $key -f qcow2 \
  -o encrypt.format=aes,encrypt.key-secret=k,encrypt.cipher-alg=aes-256 no.qcow2 3M

for o in encrypt.format=aes,encrypt.key-secret=k encryption=on encrypt.format=luks; do
  same "measure -o $o" measure --object $key -O qcow2 -o "$o" --size 10M
done

img-create -q --object $key -f qcow2 -o $luks,encrypt.iter-time=10 l.qcow2 3M
img-create -q --object $key -f qcow2 -o encryption=on,encrypt.key-secret=k,extended_l2=on a.qcow2 3M
truncate -s 3M x.raw
qemu-io -f raw -c 'write -P 3 100k 300k' -c 'write -P 5 2M 5k' x.raw >/dev/null
for f in l a; do
  opts=driver=qcow2,file.filename=$f.qcow2,encrypt.key-secret=k
  qemu-io --object $key --image-opts -c 'write -P 3 100k 300k' -c 'write -P 5 2M 5k' \
    -c 'write -z 1M 128k' $opts >/dev/null
  same_filtered "info $f" facts info $f.qcow2
  same_filtered "info $f, JSON" facts info --output=json $f.qcow2
  same "check $f" check --object $key --image-opts $opts
  same "map $f" map --object $key --image-opts $opts
  same_filtered "map $f, JSON" without_compressed map --object $key --image-opts --output=json $opts
  same "measure $f" measure --object $key --image-opts -O qcow2 $opts
  same "compare $f" compare --object $key --image-opts $opts driver=raw,file.filename=x.raw
  same "convert $f, no secret" convert -O raw $f.qcow2 o.raw
  wrong=aes
  [ $f = l ] || wrong=luks
  same "convert $f, wrong format" convert --object $key --image-opts -O raw \
    $opts,encrypt.format=$wrong o.raw
  same "convert $f" convert --object $key --image-opts -O raw $opts o.raw
done
same "wrong secret" convert --object secret,id=k,data=x --image-opts -O raw \
  driver=qcow2,file.filename=l.qcow2,encrypt.key-secret=k o.raw
same "compressed as well" convert -c --object $key -O qcow2 -o $luks x.raw o.qcow2
