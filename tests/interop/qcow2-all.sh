#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# All that changes a qcow2 image, in random order, by qemu-img and qemu-io or by us as it comes, over
# random options, every other image encrypted: after each step both checks are clean and both programs read what a flat shadow
# holds; so it is with every snapshot; bitmaps that record have marked all that differs since then.
# BLKIMG_TEST_CASES: how many images; BLKIMG_TEST_STEPS: steps of each.
. "${top_srcdir:-.}/tests/interop/random.sh"
steps=${BLKIMG_TEST_STEPS:-14}

# tried COMMAND...: what may be refused, by the peer and by us, and then changes nothing
tried () {
  if "$@" 2>refusal; then
    done_=yes
  else
    done_=
    did="$did (refused: $(head -n 1 refusal))"
  fi
}

# without NAME WORD...: the words but that one
without () {
  tap_name=$1
  shift
  for word; do
    [ "$word" = "$tap_name" ] || printf '%s ' "$word"
  done
}

has () { # OPTION-TEXT
  case ",$options," in *"$1"*) true ;; *) false ;; esac
}

# ---- images ----

# random_options [ENCRYPTION]
random_options () {
  one_of 512 1k 4k 16k 64k 64k 256k
  options=cluster_size=$word flags=-t2 version=3 backing='' secret='' image=i.qcow2
  case $word in 512) size=600k ;; *) size=2M ;; esac
  next 5
  if [ "$r" = 0 ]; then
    version=2 options=compat=0.10,$options
  else
    one_of 1 2 8 16 16 16 32 64
    options=$options,refcount_bits=$word
    case $options in
      *size=16k,* | *size=64k,* | *size=256k,*) one_of "" "" extended_l2=on && options=$options${word:+,$word} ;;
    esac
    one_of "" "" lazy_refcounts=on
    options=$options${word:+,$word}
    one_of "" "" compression_type=zstd data_file=d.raw data_file=d.raw,data_file_raw=on
    options=$options${word:+,$word}
  fi
  has data_file || flags=-c
  if [ -n "${1:-}" ]; then
    encrypt "$1"
    options=$options,$key flags="-t2 -p open-sesame"
  fi
  has data_file_raw || { next 3 && [ "$r" -gt 0 ] || backing=b1.qcow2; }
}

make_image () {
  truncate -s $size s.raw
  qemu-io -f raw -c "write -P 5 0 200k" -c "write -P 6 300k 200k" s.raw >/dev/null || return 1
  if [ -n "$backing" ]; then
    qemu-img convert -f raw -O qcow2 s.raw b1.qcow2 &&
      qemu-io -f raw -c "write -P 8 100k 150k" s.raw >/dev/null &&
      qemu-img convert -c -f raw -O qcow2 -o cluster_size=4k s.raw b2.qcow2 || return 1
  fi
  next 2
  if [ "$r" = 0 ]; then
    tool=img-convert
  else
    tool="peer convert"
  fi
  # shellcheck disable=SC2086
  $tool $secret -f raw -O qcow2 -o "$options" ${backing:+-B $backing -F qcow2} s.raw i.qcow2
}

# ---- steps ----

clusters () { # cluster-aligned $at and $length
  bytes=$(wc -c <s.raw)
  next 8; at=$((r * 262144 % bytes / 262144 * 262144))
  next 3; length=$(((r + 1) * 262144))
  [ $((at + length)) -le "$bytes" ] || length=$((bytes - at))
}

# What the peer discards reads as zero, where the format can say that; then it can be compressed.
peer_discards () { # PATTERN [compressed]
  clusters
  did="qemu-io discards $length at $at ${2:-}"
  ! has data_file && [ "$version${backing:+b}" != 2b ] || { did="no discard"; return 0; }
  [ -z "$secret" ] || set -- 0
  # shellcheck disable=SC2086
  qemu-io $secret -d unmap -c "discard $at $length" ${2:+-c "write -c -P $1 $at $length"} \
    "$image" >/dev/null && qemu-io -f raw -c "write -P $1 $at $length" s.raw >/dev/null
}

# shellcheck disable=SC2086
snapshot_step () {
  ! has refcount_bits=1, && ! has data_file || { did="no snapshot"; return 0; }
  either
  one_of create create apply delete
  [ -n "$names" ] || word=create
  case $word in
    create)
      # what is refused for the width of refcounts the peer leaves half done
      ! has refcount_bits=2, && ! has refcount_bits=8, || tool=img-
      count=$((count + 1)) did="${tool}snapshot -c s$count"
      tried ${tool}snapshot $secret -c "s$count" "$image"
      [ -z "$done_" ] || { cp s.raw "s$count.raw" && names="$names s$count"; } ;;
    apply)
      ! has refcount_bits=2, && ! has refcount_bits=8, || tool=img-
      one_of $names && did="${tool}snapshot -a $word" && name=$word
      tried ${tool}snapshot $secret -a "$name" "$image"
      [ -z "$done_" ] || { cp "$name.raw" s.raw && recording=; } ;;
    delete)
      one_of $names && did="${tool}snapshot -d $word" && name=$word
      ${tool}snapshot $secret -d "$name" "$image" && rm "$name.raw" && names=$(without "$name" $names) ;;
  esac
}

# shellcheck disable=SC2086
bitmap_step () {
  [ $version = 3 ] || { did="no bitmap"; return 0; }
  either
  one_of add add remove clear merge disable enable
  [ -n "$bitmaps" ] || word=add
  what=$word
  # shellcheck disable=SC2086
  [ -z "$bitmaps" ] || one_of $bitmaps
  name=$word
  did="${tool}bitmap --$what $name"
  case $what in
    add)
      count=$((count + 1)) name=m$count
      one_of 512 4k 64k 1M && did="${tool}bitmap --add -g $word $name"
      ${tool}bitmap $secret --add -g "$word" "$image" "$name" && cp s.raw "$name.raw" || return 1
      bitmaps="$bitmaps $name" recording="$recording $name" ;;
    remove)
      ${tool}bitmap $secret --remove "$image" "$name" && bitmaps=$(without "$name" $bitmaps) &&
        recording=$(without "$name" $recording) ;;
    clear)
      ${tool}bitmap $secret --clear "$image" "$name" || return 1
      case " $recording " in *" $name "*) cp s.raw "$name.raw" ;; esac ;;
    merge)
      one_of $bitmaps && did="${tool}bitmap --merge $word $name"
      ${tool}bitmap $secret --merge "$word" "$image" "$name" ;;
    enable) ${tool}bitmap $secret --enable "$image" "$name" ;;
    disable) ${tool}bitmap $secret --disable "$image" "$name" && recording=$(without "$name" $recording) ;;
  esac
}

# The peer shows again what a cluster held that a smaller disk ended in: after it shrank only we grow.
# shellcheck disable=SC2086
resize_step () {
  either && next 3000 && set -- $((307200 + r * 512))
  [ "$1" -gt "$(wc -c <s.raw)" ] || { tool=img- && shrunk=yes; }
  # and what a raw data file grows by is zeroes there, and noise once they are decrypted
  [ -z "$shrunk" ] && { [ -z "$secret" ] || ! has data_file_raw; } || tool=img-
  did="${tool}resize $1"
  tried ${tool}resize $secret -q --shrink "$image" "$1"
  [ -z "$done_" ] || truncate -s "$1" s.raw || return 1
  for name in $recording; do # what was cut off is not marked when it comes back as zeroes
    [ "$1" -ge "$(wc -c <"$name.raw")" ] || truncate -s "$1" "$name.raw" || return 1
  done
}

# shellcheck disable=SC2086
amend_step () {
  either && one_of compat=0.10 compat=1.1 refcount_bits=8 refcount_bits=16 refcount_bits=64 \
    lazy_refcounts=on lazy_refcounts=off
  # the peer leaks bitmaps, which version 2 does not have, and leaves clusters that it made of zeroes
  # COPIED where a snapshot has them, too
  [ -z "$bitmaps$names" ] || [ "$word" != compat=0.10 ] || tool=img-
  # and it goes through all refcounts that are 0, for minutes where a block has millions
  case $word,$options, in
    refcount*size=64k,*_bits=[12],* | refcount*size=256k,*_bits=[1-8],*) tool=img- ;;
  esac
  did="${tool}amend -o $word"
  tried ${tool}amend $secret -o "$word" "$image"
  case $done_$word in
    yescompat=0.10) version=2 bitmaps='' recording='' ;;
    yescompat=1.1) version=3 ;;
    yesrefcount*) options=$(printf '%s,' "$options" | sed "s/refcount_bits=[0-9]*,/$word,/") ;;
  esac
}

# What the snapshots hold would change with what is below.
# shellcheck disable=SC2086
backing_step () {
  [ -n "$backing" ] && [ -z "$names" ] || { did="no backing file"; return 0; }
  either && one_of commit b1.qcow2 b2.qcow2 ""
  case $word in
    commit)
      did="${tool}commit"
      # a smaller disk over a larger one is not for both the same
      [ "$(wc -c <s.raw)" -ge "$(img-info --output=json $backing | sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p' | head -n 1)" ] || return 0
      ${tool}commit $secret -q "$image" && recording= ;;
    *)
      # the peer cannot say what is relative to an image that is named by json:
      [ -z "$secret" ] || [ -z "$word" ] || tool=img-
      did="${tool}rebase -b '$word'" && ${tool}rebase $secret -b "$word" ${word:+-F qcow2} "$image" &&
      backing=$word ;;
  esac
}

# One step; its words for the log in $did.
# shellcheck disable=SC2086
step () {
  next 15
  case $r in
    0 | 1 | 2) did="we write" && next 30000 && $interop/randio -s "$r" -n 15 $flags i.qcow2 s.raw ;;
    3) did="qemu-io writes" && peer_writes ;;
    4) peer_discards 0 ;;
    5) peer_discards 77 compressed ;;
    6 | 7 | 8) snapshot_step ;;
    9 | 10) bitmap_step ;;
    11) resize_step ;;
    12) amend_step ;;
    13) backing_step ;;
    14) # the peer loses snapshots when it repairs an image that has bitmaps, too
      either && { [ -z "$names" ] || [ -z "$bitmaps" ] || tool=img-; }
      did="${tool}check -r all" && ${tool}check $secret -q -r all "$image" ;;
  esac
}

# ---- what must hold ----

# shellcheck disable=SC2086
consistent () {
  img-check $secret "$image" && qemu-img check $secret "$image" && reads_as s.raw || return 1
  set -- $bitmaps
  for by in "img-" "qemu-img "; do
    [ "$(${by}info --output=json i.qcow2 | grep -c '"name": "m[0-9]')" = $# ] || { echo "${by}info: bitmaps are not $*"; return 1; }
  done
}

# What differs from RAW is marked.
bits_cover () {
  "$interop/poke" i.qcow2 "bits:$1" >bits || return 1
  common=$(wc -c <s.raw)
  [ "$common" -le "$(wc -c <"$1.raw")" ] || common=$(wc -c <"$1.raw")
  cmp -n "$common" -l "$1.raw" s.raw | awk '
    NR == FNR { from[++n] = $1; end[n] = $1 + $2; next }
    FNR == 1 { i = 1 }
    { at = $1 - 1
      while (i <= n && at >= end[i]) i++
      if (i > n || at < from[i]) { print "offset " at " is not marked"; exit 1 } }' bits -
}

all_hold () {
  for name in $names; do
    reads_as "$name.raw" -l "$name" || return 1
  done
  for name in $recording; do
    bits_cover "$name" || { echo "bitmap $name"; return 1; }
  done
}

one_case () {
  rm -f -- *.qcow2 *.raw
  names='' bitmaps='' recording='' shrunk='' count=0
  make_image || return 1
  n=0
  while [ $n -lt "$steps" ]; do
    n=$((n + 1))
    step || { echo "$n. $did: fails"; return 1; }
    echo "$n. $did"
    consistent && { [ $((n % 5)) != 0 ] || all_hold; } || return 1
  done
  all_hold
}

plan later
[ "$(img-modules | grep -cE '^  (encryption|JSON) ')" = 2 ] && encrypted=yes || encrypted=no
turn=0
while [ $turn -lt "${BLKIMG_TEST_CASES:-8}" ]; do
  turn=$((turn + 1))
  case $((turn % 4))$encrypted in 1yes) random_options luks ;; 3yes) random_options aes ;; *) random_options ;; esac
  first=$options${backing:+ over $backing}
  if one_case >log 2>&1; then
    pass "$first"
  else
    fail "$first"
    diag "$(grep -E '^[0-9]*\. ' log)"
    diag "$(tail -n 6 log)"
    [ -z "${BLKIMG_TEST_KEEP:-}" ] || exit 1
  fi
done
