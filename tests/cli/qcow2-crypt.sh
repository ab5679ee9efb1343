#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Encrypted qcow2 images: how they are made, opened, copied; with which words that fails.
. "${top_srcdir:-.}/tests/cli/lib.sh"
needs encryption
plan

key=secret,id=k,data=open-sesame
other=secret,id=k,data=wrong
luks=encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=10
head -c 300000 /dev/urandom >x.raw
truncate -s 2M x.raw
head -c 100000 /dev/urandom | dd of=x.raw bs=1000 seek=1500 conv=notrunc 2>/dev/null

# opts FILE: it with its key
opts () {
  echo "driver=qcow2,file.filename=$1,encrypt.key-secret=k"
}
# reads FILE: it holds what x.raw does
reads () {
  img-compare --object $key --image-opts "$(opts "$1")" driver=raw,file.filename=x.raw
}

for format in "luks $luks" "aes encrypt.format=aes,encrypt.key-secret=k" \
  "old encryption=on,encrypt.key-secret=k" \
  "v2 $luks,compat=0.10" "subclusters $luks,extended_l2=on" "tiny $luks,cluster_size=512"; do
  name=${format%% *}
  ok "$name: convert to" img-convert --object $key -O qcow2 -o "${format#* }" x.raw "$name.qcow2"
  ok "$name: convert from" reads "$name.qcow2"
  ok "$name: sound" img-check -q --object $key --image-opts "$(opts "$name.qcow2")"
  ok "$name: sound without the key, too" img-check -q "$name.qcow2"
  run_fails "$name: no copy without the key" 1 img-convert -O raw "$name.qcow2" o.raw
  like "$err" "^img-convert: $name.qcow2: Parameter 'encrypt.key-secret' is required" "and why"
  ok "$name: nothing was made" test ! -e o.raw
  # 16 bytes in a row of the source are nowhere in the image
  plain=$(head -c 16 x.raw | od -An -tx1 | tr -d ' \n')
  run_fails "$name: no plain text" 1 sh -c "od -An -v -tx1 $name.qcow2 | tr -d ' \n' | grep -q $plain"
done

# ---- keys ----

run_fails "wrong key" 1 img-convert --object $other -O raw --image-opts "$(opts luks.qcow2)" o.raw
is "$(wc -l <"$tmp/.err")" 1 "one line"
run_fails "no such secret" 1 img-convert -O raw --image-opts "$(opts luks.qcow2)" o.raw
like "$err" "No secret with id 'k'" "and why"
run_fails "another format than said" 1 img-check --object $key \
  --image-opts "$(opts luks.qcow2),encrypt.format=aes"
like "$err" "Header reported 'luks' encryption format but options specify 'aes'" "and why"
img-create -q -f qcow2 plain.qcow2 1M
run_fails "not encrypted" 1 img-check --image-opts driver=qcow2,file.filename=plain.qcow2,encrypt.format=aes
like "$err" "No encryption in image header" "and why"
have JSON "json: name" && ok "json: name" img-compare --object $key -f qcow2 -F raw \
  'json:{"driver":"qcow2","file":{"driver":"file","filename":"luks.qcow2"},"encrypt":{"key-secret":"k"}}' \
  x.raw
ok "map without a key" img-map --output=json luks.qcow2
ok "measure without a key" img-measure -O qcow2 luks.qcow2
ok "info without a key" img-info luks.qcow2
img-map --output=json luks.qcow2 >without
img-map --output=json --object $key --image-opts "$(opts luks.qcow2)" >with
ok "the same map" cmp without with
unlike "$(cat with)" offset "no place of ciphertext is told"

# ---- creating ----

# refused OPTIONS WORDS
refused () {
  run_fails "refused: $1" 1 img-create -q --object $key -f qcow2 -o "$1" bad.qcow2 1M
  like "$err" "$2" "and why"
  ok "nothing is left" test ! -e bad.qcow2
}
refused encrypt.format=luks "'encrypt.key-secret' is required"
refused encryption=on "'encrypt.key-secret' is required"
refused encrypt.key-secret=k "'encrypt.format' is missing"
refused encrypt.format=luks,encrypt.key-secret=nobody "No secret with id 'nobody'"
refused encryption=on,encrypt.format=aes,encrypt.key-secret=k "can't be used at the same time"
refused encrypt.format=aes,encrypt.key-secret=k,encrypt.iter-time=10 "'encrypt.iter-time' is unexpected"
refused encrypt.format=blowfish,encrypt.key-secret=k blowfish
refused $luks,encrypt.cipher-alg=rot13 rot13
run_fails "not compressed as well" 1 img-convert -c --object $key -O qcow2 -o $luks x.raw c.qcow2
is "$(wc -l <"$tmp/.err")" 1 "one line"
ok "nothing is left" test ! -e c.qcow2

for o in encryption=on,encrypt.key-secret=k $luks; do
  run_ok "to a stream: $o" sh -c "img-convert --object $key -O qcow2 -o $o x.raw - | cat >stream"
  ok "the same" img-compare -q --object $key --image-opts driver=raw,file.filename=x.raw \
    driver=qcow2,encrypt.key-secret=k,file.filename=stream
done

# measures OPTIONS REQUIRED FULL: what qemu-img 7.2 says
measures () {
  is "$(img-measure --object $key -O qcow2 -o "$1" --size 10M | tr -dc '0-9\n' | tr '\n' ' ')" \
    "$2 $3 " "measure $1"
}
measures $luks 2424832 12910592
measures $luks,preallocation=metadata 2424832 12910592
measures $luks,encrypt.cipher-alg=aes-128 1441792 11927552
measures $luks,encrypt.cipher-mode=cbc 1441792 11927552
measures encrypt.format=aes,encrypt.key-secret=k 327680 10813440

for mode in metadata falloc full; do
  img-create -q --object $key -f qcow2 -o $luks,preallocation=$mode p.qcow2 2M
  truncate -s 2M zero.raw
  ok "preallocation=$mode reads as zero" img-compare --object $key --image-opts \
    "$(opts p.qcow2)" driver=raw,file.filename=zero.raw
  ok "and is sound" img-check -q p.qcow2
  ok "and is written to" img-convert -n --object $key --target-image-opts x.raw "$(opts p.qcow2)"
  ok "and read" reads p.qcow2
done
img-create -q --object $key -f qcow2 -o $luks,preallocation=metadata,compat=v2 p.qcow2 2M
ok "version 2: noise that a copy replaces" sh -c "img-convert --object $key -O qcow2 \
  -o $luks,preallocation=metadata,compat=v2 x.raw p.qcow2"
ok "all of it" reads p.qcow2
ok "a data file" img-convert --object $key -O qcow2 -o $luks,data_file=d.raw x.raw df.qcow2
ok "is read" reads df.qcow2
run_fails "and holds no plain text" 1 cmp -s -n 4096 d.raw x.raw

# ---- passphrases ----

new=secret,id=n,data=rosebud
amend () {
  img-amend --object $key --object $new "$@"
}
cp luks.qcow2 a.qcow2
run_ok "a second passphrase" amend -o encrypt.state=active,encrypt.new-secret=n,encrypt.iter-time=10 \
  --image-opts "$(opts a.qcow2)"
ok "the first one opens it" reads a.qcow2
ok "the second one, too" img-compare --object $new --image-opts \
  driver=qcow2,file.filename=a.qcow2,encrypt.key-secret=n driver=raw,file.filename=x.raw
run_ok "the first one goes" amend -o encrypt.state=inactive,encrypt.old-secret=k \
  --image-opts driver=qcow2,file.filename=a.qcow2,encrypt.key-secret=n
run_fails "and opens it no more" 2 reads a.qcow2
run_fails "the last one stays" 1 amend -o encrypt.state=inactive,encrypt.old-secret=n \
  --image-opts driver=qcow2,file.filename=a.qcow2,encrypt.key-secret=n
run_ok "unless forced" amend --force -o encrypt.state=inactive,encrypt.old-secret=n \
  --image-opts driver=qcow2,file.filename=a.qcow2,encrypt.key-secret=n
cp luks.qcow2 a.qcow2
run_ok "with other options" amend -o \
  encrypt.state=active,encrypt.new-secret=n,encrypt.iter-time=10,lazy_refcounts=on,size=12M \
  --image-opts "$(opts a.qcow2)"
like "$(img-info a.qcow2)" 'lazy refcounts: true' "both are done"
is "$(img-info a.qcow2 | grep -c 'virtual size: 12 MiB\|active: true')" 3 "and the third"
# What is refused is refused before anything changes.
for o in encrypt.new-secret=k,refcount_bits=64,size=9E \
  encrypt.new-secret=k,compat=v2 encrypt.keyslot=9,lazy_refcounts=off,refcount_bits=8; do
  cp a.qcow2 b.qcow2
  run_fails "refused: $o" 1 amend -o encrypt.state=active,$o --image-opts "$(opts b.qcow2)"
  ok "unchanged: $o" cmp a.qcow2 b.qcow2
done
run_fails "AES has none" 1 amend -o encrypt.state=active,encrypt.new-secret=n \
  --image-opts "$(opts aes.qcow2)"

# ---- chains ----

img-create -q --object $key -u -f qcow2 -o $luks -b luks.qcow2 -F qcow2 top.qcow2 2M
ok "two keys for a chain" img-compare --object $key --image-opts \
  "$(opts top.qcow2),backing.encrypt.key-secret=k" driver=raw,file.filename=x.raw
run_fails "the lower one is missing" 4 img-compare --object $key --image-opts "$(opts top.qcow2)" \
  driver=raw,file.filename=x.raw
like "$err" "luks.qcow2: Parameter 'encrypt.key-secret' is required" "and why"

# ---- a damaged image ----

# The first L2 entry points to the keys.
l1=$(od -An -tx1 -j40 -N8 tiny.qcow2 | tr -d ' \n')
l2=$(od -An -tx1 -j$((0x$l1 + 1)) -N7 tiny.qcow2 | tr -d ' \n')
keys=$(grep -obUa LUKS tiny.qcow2 | head -n 1 | cut -d: -f1)
printf "$(printf '\\200\\0\\0\\0\\0\\%03o\\%03o\\%03o' $((keys >> 16)) $((keys >> 8 & 255)) $((keys & 255)))" |
  dd of=tiny.qcow2 bs=1 seek=$((0x$l2)) conv=notrunc 2>/dev/null
run_fails "keys are not overwritten" 1 img-convert -n --target-is-zero --object $key --target-image-opts \
  x.raw "$(opts tiny.qcow2)"
like "$err" "would be overwritten, but holds the encryption header" "and why"
