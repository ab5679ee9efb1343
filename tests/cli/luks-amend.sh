#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Passphrases added to and taken from LUKS images: what qemu-img does and refuses is
# done and refused here.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer qemu-img
needs encryption
plan later

# shellcheck disable=SC2089
secrets="--object secret,id=s,data=first --object secret,id=n,data=second --object secret,id=w,data=wrong"
head -c 100000 /dev/urandom >src.raw
truncate -s 512k src.raw
# shellcheck disable=SC2086,SC2090
img-convert $secrets -O luks -o key-secret=s,iter-time=1 src.raw start.luks
cp start.luks ours.luks

# The active slots of FILE.
active () {
  img-info --output=json "$1" | grep -o '"active": [a-z]*' | tr '\n' ' '
}

# try RC [--force] OPTIONS [SECRET]: what qemu-img 7.2 says to the same, too
try () {
  rc=$1
  shift
  force=
  [ "$1" != --force ] || { force=$1 && shift; }
  # shellcheck disable=SC2086,SC2090
  if [ "$rc" = 0 ]; then
    run_ok "$force $1" img-amend $secrets $force -o "$1" \
      --image-opts "driver=luks,key-secret=${2:-s},file.filename=ours.luks"
  else
    run_fails "$force $1: refused" "$rc" img-amend $secrets $force -o "$1" \
      --image-opts "driver=luks,key-secret=${2:-s},file.filename=ours.luks"
    is "$(printf '%s\n' "$err" | wc -l)" 1 "one line: $err"
  fi
}

# opens FILE PASSPHRASE: qemu-img finds the data
opens () {
  qemu-img compare -q --object "secret,id=s,data=$2" \
    --image-opts "driver=luks,key-secret=s,file.filename=$1" driver=raw,file.filename=src.raw
}

try 1 state=active
try 1 state=active,new-secret=n,old-secret=s
try 1 state=active,new-secret=n,keyslot=0
try 1 state=active,new-secret=n,keyslot=9
try 1 state=active,new-secret=none
try 1 state=none,new-secret=n
try 1 new-secret=n
ok "unchanged" cmp ours.luks start.luks
try 0 state=active,new-secret=n,iter-time=1
ok "the new passphrase opens it" opens ours.luks second
ok "so does the old one" opens ours.luks first
try 0 state=active,new-secret=n,iter-time=1,keyslot=6 n
is "$(active ours.luks)" "$(printf '"active": %s ' true true false false false false true false)" \
  "the first free one, and the one that was said"
try 1 state=inactive
try 1 state=inactive,old-secret=w
try 1 state=inactive,keyslot=5
try 1 state=inactive,keyslot=1,old-secret=s
try 1 state=inactive,new-secret=n,keyslot=1
try 1 state=inactive,iter-time=5,keyslot=1
try 0 state=inactive,keyslot=1,old-secret=n
try 0 state=inactive,old-secret=n
is "$(active ours.luks)" "$(active start.luks)" "the first one is left"
try 1 state=inactive,keyslot=0
try 1 state=inactive,old-secret=s
try 0 --force state=inactive,keyslot=5
try 0 --force state=active,new-secret=n,keyslot=0,iter-time=1
run_fails "the old passphrase is gone" 2 img-compare --object secret,id=s,data=first \
  --image-opts driver=luks,key-secret=s,file.filename=ours.luks driver=raw,file.filename=src.raw

# A slot that they add opens for us, and we take it away again.
cp start.luks theirs.luks
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
  # shellcheck disable=SC2086,SC2090
  ! qemu-img amend $secrets -o state=active,new-secret=n,iter-time=$((n * 10)) \
    --image-opts driver=luks,key-secret=s,file.filename=theirs.luks 2>/dev/null || break
done
run_ok "theirs" img-compare --object secret,id=s,data=second \
  --image-opts driver=luks,key-secret=s,file.filename=theirs.luks driver=raw,file.filename=src.raw
# shellcheck disable=SC2086,SC2090
run_ok "erased by us" img-amend $secrets -o state=inactive,old-secret=n \
  --image-opts driver=luks,key-secret=s,file.filename=theirs.luks
ok "the other one is good" opens theirs.luks first

try 0 --force state=inactive,keyslot=0 n
run_fails "the last is gone" 1 img-convert --object secret,id=s,data=second \
  --image-opts driver=luks,key-secret=s,file.filename=ours.luks x.raw
# Nothing of the key material is left: 256000 bytes from 4096 on, sector by sector.
is "$(for i in 8 9 100 250 507; do
  dd if=start.luks bs=512 skip=$i count=1 2>/dev/null | cksum
  dd if=ours.luks bs=512 skip=$i count=1 2>/dev/null | cksum
done | sort | uniq -d)" "" "erased key material is overwritten"

# Without the passphrase nothing is amended.
cp start.luks a.luks
# shellcheck disable=SC2086,SC2090
run_fails "no passphrase" 1 img-amend $secrets -f luks -o state=active,new-secret=n a.luks
# shellcheck disable=SC2086,SC2090
run_fails "a wrong one" 1 img-amend $secrets -o state=active,new-secret=n \
  --image-opts driver=luks,key-secret=w,file.filename=a.luks
ok "unchanged" cmp a.luks start.luks
