#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# LUKS against qemu-img and cryptsetup: every cipher, mode, IV generator and hash that they know; what
# either writes, the other reads; version 2 with each key derivation.  No device mapper is needed.
. "$top_srcdir/tests/cli/lib.sh"
need_peer qemu-img qemu-io
needs encryption
plan later

printf 'open sesame' >pass
s="--object secret,id=s,file=pass"
opts=driver=luks,key-secret=s,file.filename
head -c 300000 /dev/urandom >src.raw
truncate -s 1M src.raw

# ours OPTIONS: we make it, they read it.
ours () {
  rm -f ours.luks
  # shellcheck disable=SC2086
  run_ok "ours, $1" img-convert $s -f raw -O luks -o "key-secret=s,iter-time=1,$1" src.raw ours.luks
  # shellcheck disable=SC2086
  ok "qemu-img reads it" qemu-img compare -q $s --image-opts $opts=ours.luks \
    driver=raw,file.filename=src.raw
}

# The peer cannot have key material that is no whole sectors: keys of 24 bytes but in xts.
for cipher in aes-128 aes-256 serpent-128 serpent-256 twofish-128 twofish-256; do
  ours cipher-alg=$cipher
done
for mode in ecb cbc ctr; do
  for cipher in aes-128 serpent-256 twofish-256; do
    ours cipher-alg=$cipher,cipher-mode=$mode
  done
done
ours cipher-alg=aes-192
ours cipher-alg=serpent-192
for mode in ecb cbc ctr; do
  ours cipher-alg=cast5-128,cipher-mode=$mode
done
for ivgen in plain plain64 essiv; do
  ours cipher-mode=cbc,ivgen-alg=$ivgen
done
ours ivgen-alg=essiv
ours ivgen-alg=essiv,ivgen-hash-alg=md5
ours ivgen-alg=plain,ivgen-hash-alg=sha512
for hash in md5 sha1 sha224 sha384 sha512 ripemd160; do
  ours hash-alg=$hash
done

# theirs OPTIONS: they make it, we read it, write to it, they read that.  Its way to measure time
# fails now and then.
theirs () {
  for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    rm -f theirs.luks
    # shellcheck disable=SC2086
    ! qemu-img create -q $s -f luks -o "key-secret=s,iter-time=$((30 * try)),$1" theirs.luks 1M \
      2>/dev/null || break
  done
  # shellcheck disable=SC2086
  {
    qemu-img convert -n $s -f raw src.raw --target-image-opts $opts=theirs.luks
    run_ok "theirs, $1" img-compare $s --image-opts $opts=theirs.luks driver=raw,file.filename=src.raw
    cp src.raw new.raw
    qemu-io -f raw -c 'write -P 7 3000 5000' -c 'write -P 8 500k 1536' new.raw >/dev/null
    run_ok "written to" img-convert -n -f raw $s new.raw --target-image-opts $opts=theirs.luks
    ok "they read that" qemu-img compare -q $s --image-opts $opts=theirs.luks \
      driver=raw,file.filename=new.raw
  }
}
theirs cipher-alg=aes-256
theirs cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=essiv
theirs cipher-alg=serpent-256,hash-alg=sha512
run_ok "facts" img-info --output=json theirs.luks
facts () {
  awk '/"data": \{/ { on = 1 } on && !/detached-header/ { print } on && /^        }/ { exit }'
}
printf '%s\n' "$out" | facts >ours.txt
qemu-img info --output=json theirs.luks | facts >theirs.txt
ok "facts" test -s ours.txt
ok "the same facts" cmp ours.txt theirs.txt

# cryptsetup.
command -v cryptsetup >/dev/null 2>&1 || {
  [ "${CI:-}" != true ] || fail "cryptsetup is missing, which CI must have"
  skip "version 2, cryptsetup" "cryptsetup is not installed"
  exit
}
ours cipher-alg=aes-256
ok "cryptsetup opens ours" cryptsetup open --test-passphrase --key-file pass ours.luks
ours cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=essiv,hash-alg=sha1
ok "cryptsetup opens that" cryptsetup open --test-passphrase --key-file pass ours.luks
truncate -s 6M one
cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 one pass
head -c 4194304 /dev/urandom >four.raw
# shellcheck disable=SC2086
qemu-img convert -n $s -f raw four.raw --target-image-opts $opts=one

# two NAME OPTIONS...: version 2 with a key slot by OPTIONS has the same data
two () {
  name=$1
  shift
  ok "cryptsetup: $name" cryptsetup luksConvertKey -q --key-file pass "$@" two
  # shellcheck disable=SC2086
  run_ok "version 2, $name" img-compare $s --image-opts $opts=two driver=raw,file.filename=four.raw
}
# shellcheck disable=SC2086
{
  run_ok "version 1 of cryptsetup" img-compare $s --image-opts $opts=one driver=raw,file.filename=four.raw
  cp one two
  ok "made version 2" cryptsetup convert -q --type luks2 two
  run_ok "read" img-compare $s --image-opts $opts=two driver=raw,file.filename=four.raw
  two pbkdf2 --pbkdf pbkdf2 --hash sha512 --pbkdf-force-iterations 1000
  two argon2i --pbkdf argon2i --pbkdf-memory 2048 --pbkdf-force-iterations 4 --pbkdf-parallel 1
  two argon2id --pbkdf argon2id --pbkdf-memory 4096 --pbkdf-force-iterations 4 --pbkdf-parallel 4
  run_fails "another passphrase" 2 img-compare --object secret,id=s,data=x --image-opts $opts=two \
    driver=raw,file.filename=four.raw
  like "$err" 'Invalid password' "said"
  run_ok "info" img-info --output=json two
  like "$out" '"kdf": "argon2id"' "tells the key derivation"
  # The first header destroyed, the second one is taken.
  cp two damaged
  dd if=/dev/zero of=damaged bs=512 count=8 seek=8 conv=notrunc 2>/dev/null
  run_ok "a damaged copy" img-compare $s --image-opts $opts=damaged driver=raw,file.filename=four.raw
  dd if=/dev/zero of=damaged bs=512 count=8 seek=40 conv=notrunc 2>/dev/null
  run_fails "both damaged" 1 img-info -f luks damaged
  like "$err" 'checksum' "said"
  # Written by us, and back in version 1 read by them.
  tac -s '' four.raw >back.raw 2>/dev/null || rev four.raw >back.raw
  truncate -s 4M back.raw
  run_ok "written" img-convert -n -f raw $s back.raw --target-image-opts $opts=two
  cryptsetup luksConvertKey -q --key-file pass --pbkdf pbkdf2 --hash sha256 \
    --pbkdf-force-iterations 1000 two
  cryptsetup convert -q --type luks1 two
  ok "they read it" qemu-img compare -q $s --image-opts $opts=two driver=raw,file.filename=back.raw
  # Sectors of 4096 bytes, a header of its own.
  truncate -s 4M data
  ok "cryptsetup: 4096, detached" cryptsetup luksFormat -q --type luks2 --sector-size 4096 \
    --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --header head data pass
  run_ok "write" img-convert -n -f raw $s four.raw \
    --target-image-opts $opts=data,header.filename=head
  run_ok "read" img-compare $s --image-opts $opts=data,header.filename=head \
    driver=raw,file.filename=four.raw
  # Data that cryptsetup itself encrypts, and decrypts after we have written.
  for sector in 512 4096; do
    cp four.raw all
    ok "cryptsetup encrypts, $sector" cryptsetup reencrypt -q --encrypt --type luks2 --sector-size $sector \
      --reduce-device-size 2M --luks2-metadata-size 16k --luks2-keyslots-size 512k --resilience none \
      --pbkdf argon2id --pbkdf-memory 32 --pbkdf-force-iterations 4 --key-file pass all
    run_ok "we read" img-convert $s --image-opts $opts=all -O raw got
    ok "the same, but for what it cut off" cmp -n 2097152 four.raw got
    like "$(img-info --output=json all)" "\"sector-size\": $sector" "in such sectors"
    { tail -c 2097152 four.raw; head -c 1048576 four.raw; } >want
    run_ok "we write" img-convert -n -f raw $s want --target-image-opts $opts=all
    ok "cryptsetup decrypts" cryptsetup reencrypt -q --decrypt --force-offline-reencrypt \
      --key-file pass --header exported all
    ok "what we wrote" cmp -n 3145728 all want
    rm -f exported
  done
}
