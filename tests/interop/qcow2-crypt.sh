#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Encrypted images that qemu-img and we make, qemu-io and we write to in turns, with an internal
# snapshot in between, against a flat shadow.  BLKIMG_TEST_ROUNDS: how often to go through all cases.
. "${top_srcdir:-.}/tests/interop/random.sh"

secret=secret,id=sec0,data=open-sesame
opts=driver=qcow2,file.filename=i.qcow2,encrypt.key-secret=sec0

# both PATTERN AT LENGTH ZERO-AT: qemu writes the same to the image and to the shadow
both () {
  qemu-io --object "$secret" --image-opts -c "write -P $1 $2 $3" -c "write -z -u $4 4096" \
    "$opts" >/dev/null &&
    qemu-io -f raw -c "write -P $1 $2 $3" -c "write -z -u $4 4096" s.raw >/dev/null
}

peer_writes () {
  bytes=$(wc -c <s.raw)
  next $((bytes / 512 - 8)); at=$((r * 512))
  next 600; length=$(((r + 1) * 512))
  [ $((at + length)) -le "$bytes" ] || length=$((bytes - at))
  next 255; both "$((r + 1))" "$at" "$length" "$((at / 2))"
}

# consistent: no errors, no leaks, the bytes of the shadow, the same map, for both
consistent () {
  qemu-img check -q --object "$secret" --image-opts "$opts" >>log 2>&1 ||
    { echo "qemu-img check" >>log; return 1; }
  img-check -q --object "$secret" --image-opts "$opts" >>log 2>&1 ||
    { echo "img-check" >>log; return 1; }
  for program in "qemu-img compare" img-compare; do
    $program --object "$secret" --image-opts "$opts" driver=raw,file.filename=s.raw >>log 2>&1 ||
      { echo "$program" >>log; return 1; }
  done
  qemu-img map --output=json --object "$secret" --image-opts "$opts" >map1 &&
    img-map --output=json --object "$secret" --image-opts "$opts" |
    sed 's/, "compressed": [a-z]*//' >map2
  cmp -s map1 map2 || { diff map1 map2 >>log; echo "maps" >>log; return 1; }
}

make_image () {
  rm -f i.qcow2 s.raw b.raw b.qcow2 d.raw
  key=encrypt.key-secret=sec0,encrypt.$options
  case $maker in peer) maker_create="peer create -q" ;; *) maker_create="img-create -q" ;; esac
  truncate -s "$size" s.raw
  case $how in
    backing*) # an encrypted one, written by the peer
      $maker_create --object "$secret" -f qcow2 -o "$key" b.qcow2 1500k &&
      qemu-io --object "$secret" --image-opts -c "write -P 7 10k 700k" -c "write -P 9 1300k 200k" \
        driver=qcow2,file.filename=b.qcow2,encrypt.key-secret=sec0 >/dev/null &&
      qemu-io -f raw -c "write -P 7 10k 700k" -c "write -P 9 1300k 200k" s.raw >/dev/null &&
      $maker_create --object "$secret" -u -b b.qcow2 -F qcow2 -f qcow2 -o "$key" i.qcow2 "$size" ;;
    convert*)
      qemu-io -f raw -c "write -P 5 0 1M" -c "write -P 6 1200k 300k" s.raw >/dev/null &&
      case $maker in
        peer) peer convert --object "$secret" -f raw -O qcow2 -o "$key" s.raw i.qcow2 ;;
        *) img-convert --object "$secret" -f raw -O qcow2 -o "$key" s.raw i.qcow2 ;;
      esac ;;
    *)
      $maker_create --object "$secret" -f qcow2 -o "$key" i.qcow2 "$size" ;;
  esac
}

# shellcheck disable=SC2086
one_case () {
  opts=driver=qcow2,file.filename=i.qcow2,encrypt.key-secret=sec0
  randio_opts=
  case $how in
    backing*)
      opts=$opts,backing.encrypt.key-secret=sec0
      randio_opts=backing.encrypt.key-secret=sec0 ;;
  esac
  make_image >>log 2>&1 || { echo "cannot make it" >>log; return 1; }
  for round in 1 2; do
    next 30000
    echo "round $round: seed $r" >>log
    "$interop/randio" -s "$r" -n 50 -p open-sesame ${randio_opts:+-o "$randio_opts"} $flags i.qcow2 s.raw \
      >>log 2>&1 || return 1
    peer_writes >>log 2>&1 || { echo "qemu-io cannot write" >>log; return 1; }
    case $how$round in
      *snapshot1)
        case $maker in peer) program=qemu-img\ snapshot ;; *) program=img-snapshot ;; esac
        $program -c s1 --object "$secret" --image-opts "$opts" >>log 2>&1 && cp s.raw s1.raw ||
          { echo "no snapshot" >>log; return 1; } ;;
    esac
  done
  consistent || return 1
  case $how in
    *snapshot)
      for program in qemu-img\ convert img-convert; do
        $program -l s1 -O raw --object "$secret" --image-opts "$opts" o.raw >>log 2>&1 &&
        cmp -n "$(wc -c <s1.raw)" o.raw s1.raw >>log 2>&1 || {
          echo "the snapshot has changed: $program" >>log
          return 1
        }
      done
      img-snapshot -a s1 --object "$secret" --image-opts "$opts" >>log 2>&1 && cp s1.raw s.raw &&
        consistent || { echo "the snapshot applied" >>log; return 1; } ;;
  esac
}

needs encryption
plan later
turn=1
while [ "$turn" -le "${BLKIMG_TEST_ROUNDS:-1}" ]; do
  while read -r maker how size flags options; do
    : >log
    [ "$flags" != - ] || flags=
    flags=$(echo "$flags" | tr , " ")
    if one_case; then
      pass "$maker $how $size $flags $options"
    else
      fail "$maker $how $size $flags $options"
      diag "$(tail -n 20 log)"
    fi
  done <<CASES
peer plain-snapshot 5000192 -r9000000 format=aes,cluster_size=64k
us plain-snapshot 3M -r6000000 format=aes,cluster_size=64k,extended_l2=on
us plain-snapshot 1M -t3 format=aes,cluster_size=512
us backing 3M -r6000000 format=aes,compat=0.10,cluster_size=4k
peer plain-snapshot 3M -r9000000,-t2 format=luks,encrypt.iter-time=10
us plain-snapshot 3M -r9000000 format=luks,encrypt.iter-time=10,extended_l2=on
us plain-snapshot 1M -r3000000 format=luks,encrypt.iter-time=10,cluster_size=512,encrypt.cipher-alg=aes-128
us backing-snapshot 3M -r6000000 format=luks,encrypt.iter-time=10,cluster_size=4k
us backing 3M -t3 format=luks,encrypt.iter-time=10,extended_l2=on,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv
us convert-snapshot 3M -r6000000 format=luks,encrypt.iter-time=10,encrypt.cipher-alg=serpent-256,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=plain,encrypt.hash-alg=sha1
us convert 3M -r6000000 format=luks,encrypt.iter-time=10,encrypt.cipher-alg=twofish-256,encrypt.hash-alg=sha512
us convert 3M - format=luks,encrypt.iter-time=10,encrypt.cipher-alg=cast5-128,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=plain64,encrypt.hash-alg=ripemd160
us plain 8M - format=luks,encrypt.iter-time=10,cluster_size=2M,encrypt.cipher-alg=aes-256,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,encrypt.ivgen-hash-alg=sha256
us plain 3M -t2 format=luks,encrypt.iter-time=10,data_file=d.raw
us plain 3M - format=luks,encrypt.iter-time=10,data_file=d.raw,data_file_raw=on
us plain 3M -r6000000 format=luks,encrypt.iter-time=10,preallocation=metadata
us plain 3M - format=luks,encrypt.iter-time=10,preallocation=full,extended_l2=on
us plain 3M - format=aes,preallocation=falloc
peer convert 2M -t3 format=luks,encrypt.iter-time=10,encrypt.cipher-mode=ctr,refcount_bits=1
us convert 2M - format=luks,encrypt.iter-time=10,encrypt.cipher-mode=ecb,lazy_refcounts=on
CASES
  turn=$((turn + 1))
done
