#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# LUKS images: passphrases come and go, and one of them opens the disk at any time; writes.
. "${top_srcdir:-.}/tests/crash/crash.sh"
needs encryption JSON
plan
samples=6
kills=3

# json SECRET: the image, with this passphrase
json () {
  echo "json:{\"driver\":\"luks\",\"key-secret\":\"$1\",\"file\":{\"driver\":\"file\",\"filename\":\"t.luks\"}}"
}
one=$(json k) two=$(json n)
k=secret,id=k,data=one n=secret,id=n,data=two
by_k="--object $k --image-opts driver=luks,key-secret=k,file.filename=t.luks"
by_n="--object $n --image-opts driver=luks,key-secret=n,file.filename=t.luks"
active=state=active,new-secret=n,iter-time=1

head -c 70000 /dev/urandom >old.raw && truncate -s 128k old.raw
head -c 50000 /dev/urandom >new.raw && truncate -s 128k new.raw
img-convert --object "$k" -O luks -o key-secret=k,iter-time=1 old.raw t.luks || exit 99
crash "write" -m -O "$k" \
  "img-convert --object $k -t writeback -n --target-image-opts new.raw driver=luks,key-secret=k,file.filename=t.luks" \
  "$one" old.raw new.raw
crash "add a passphrase" -O "$k" -O "$n" -u "1=$two" \
  "img-amend --object $n $by_k -o $active" "$one" old.raw
# Slots 6 and 7 are not described in the first sector: half a header has one that is in use and opens
# nothing.
crash "add a passphrase to slot 5" -O "$k" -O "$n" -u "5=$two" \
  "img-amend --object $n $by_k -o $active,keyslot=5" "$one" old.raw
crash "write over the only slot" -O "$k" -O "$n" -a "$two" \
  "img-amend --object $n $by_k --force -o $active,keyslot=0" "$one" old.raw
# The slot that is used meanwhile is described in both sectors.
cp t.luks only-0.luks
img-amend --object "$n" $by_k -o state=active,new-secret=k,keyslot=5,iter-time=1 &&
  img-amend --object "$n" $by_k -o state=inactive,keyslot=0 || exit 99
samples=60
crash "write over the only slot, 5" -O "$k" -O "$n" -a "$two" \
  "img-amend --object $n $by_k --force -o $active,keyslot=5" "$one" old.raw
mv only-0.luks t.luks
img-amend --object "$n" --object "$k" --image-opts driver=luks,key-secret=k,file.filename=t.luks -o "$active" || exit 99
samples=30 # the material is written over several times
crash "erase the first passphrase" -O "$n" -u "0=$two" \
  "img-amend --object $k $by_n -o state=inactive,old-secret=k" "$two" old.raw
