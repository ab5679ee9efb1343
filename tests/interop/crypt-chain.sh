#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Chains with encrypted images: the top, the base, or both, with a secret of their own each.  Every
# command is run by qemu-img and by us on images that are alike: both succeed, both checks are clean,
# and both programs read what a flat shadow holds.
. "${top_srcdir:-.}/tests/interop/random.sh"
needs encryption JSON
plan

objects="--object secret,id=b,data=base-pass --object secret,id=t,data=top-pass --object secret,id=o,data=other"

# key FORMAT ID: create options
key () {
  case $1 in
    none) ;;
    aes) echo "-o encrypt.format=aes,encrypt.key-secret=$2" ;;
    luks) echo "-o encrypt.format=luks,encrypt.key-secret=$2,encrypt.iter-time=10" ;;
  esac
}

# name FORMAT ID FILE [MEMBER]: json:, of an encrypted image with its secret
name () {
  echo "json:{\"driver\":\"qcow2\",$([ "$1" = none ] || echo "\"encrypt.key-secret\":\"$2\",")${4:+$4,}\"file\":{\"driver\":\"file\",\"filename\":\"$3\"}}"
}

# target FORMAT ID FILE [OPTION]: the same as options
target () {
  echo "driver=qcow2,file.filename=$3$([ "$1" = none ] || echo ",encrypt.key-secret=$2")${4:+,$4}"
}

# backing FORMAT ID: the member that opens what is below
backing () {
  [ "$1" = none ] || echo "\"backing.encrypt.key-secret\":\"$2\""
}

# put FILE-NAME SHADOW PATTERN AT LENGTH
# shellcheck disable=SC2046,SC2086
put () {
  qemu-io $objects -c "write -P $3 $4 $5" "$1" >/dev/null && qemu-io -f raw -c "write -P $3 $4 $5" "$2" >/dev/null
}

# base.qcow2 (1 MiB) with b.raw, other.qcow2 (3 MiB) with o.raw, top.qcow2 (2 MiB) over base with s.raw
# shellcheck disable=SC2046,SC2086
make_chain () {
  truncate -s 1M b.raw && truncate -s 2M s.raw && truncate -s 3M o.raw && truncate -s 2M n.raw || return 1
  base=$(name "$below" b base.qcow2) other=$(name "$below" o other.qcow2)
  top=$(name "$above" t top.qcow2 "$(backing "$below" b)")
  peer create -q $objects -f qcow2 $(key "$below" b) base.qcow2 1M &&
    put "$base" b.raw 1 0 300k && put "$base" b.raw 2 700k 324k && cp b.raw s.raw && truncate -s 2M s.raw &&
    peer create -q $objects -f qcow2 $(key "$below" o) other.qcow2 3M &&
    put "$other" o.raw 1 0 200k && put "$other" o.raw 9 600k 2000k &&
    img-create -q $objects -u -b base.qcow2 -F qcow2 -f qcow2 $(key "$above" t) top.qcow2 2M &&
    put "$top" s.raw 3 100k 100k && put "$top" s.raw 4 1000k 500k && put "$top" s.raw 0 10k 4k
}

# holds NAME RAW: clean, and reads as that, for both programs
# shellcheck disable=SC2046,SC2086
holds () {
  for by in "img-" "qemu-img "; do
    [ "$by" = img- ] && trust=--allow-any-backing || trust= # names by json:
    ${by}check -q $objects $trust "$1" || { echo "${by}check of $1"; return 1; }
    ${by}compare $objects $trust "$1" "$(echo json:"{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"$2\"}}")" ||
      { echo "${by}compare of $1"; return 1; }
  done
}

# Each is run in a folder of its own with $tool; what it leaves has to hold.
# shellcheck disable=SC2046,SC2086
run_step () {
  over=$([ "$below" = none ] || echo backing.encrypt.key-secret=b)
  flat=$(name "$above" t top.qcow2) # with no backing file any more
  case $1 in
    commit) ${tool}commit -q $objects "$top" && truncate -s 2M b.raw && holds "$base" s.raw && holds "$top" s.raw ;;
    commit-dirty) ${tool}commit -q -d $objects "$top" && holds "$base" s.raw && holds "$top" s.raw ;;
    flatten) ${tool}rebase $objects -b "" "$top" && holds "$flat" s.raw ;;
    other) # where the secret of what is below stands in the name
      ${tool}rebase $objects -b "$other" -F qcow2 "$top" && holds "$flat" s.raw ;;
    unsafe) ${tool}rebase $objects -u -b "$base" -F qcow2 "$flat" && holds "$flat" s.raw ;;
    dd)
      ${tool}dd $objects -O raw bs=64k skip=3 count=20 if="$top" of=d.raw || return 1
      case $tool in
        img-) dd status=none bs=64k skip=3 count=20 if=s.raw of=want.raw ;;
        *) dd status=none bs=64k skip=3 count=17 if=s.raw of=want.raw ;; # its count begins at the start
      esac
      cmp d.raw want.raw ;;
    convert-n) # from a chain into an encrypted image that is there
      ${tool}create -q $objects -f qcow2 $(key aes o) new.qcow2 2M &&
        ${tool}convert -n $objects --image-opts "$(target "$above" t top.qcow2 "$over")" \
          --target-image-opts "$(target aes o new.qcow2)" &&
        holds "$(name aes o new.qcow2)" s.raw ;;
    convert-top) # into the chain itself, other data
      head -c 2097152 o.raw >n.raw && ${tool}convert -n -f raw $objects n.raw \
        --target-image-opts "$(target "$above" t top.qcow2 "$over")" && holds "$top" n.raw ;;
    convert-B) # what is below is not copied
      ${tool}convert -O qcow2 $objects -B "$base" -F qcow2 $(key aes o) "$top" new.qcow2 &&
        holds "$(name aes o new.qcow2)" s.raw ;;
    grow) ${tool}resize -q $objects "$top" 3M && truncate -s 3M s.raw && holds "$top" s.raw ;;
    shrink) ${tool}resize -q $objects --shrink "$top" 900k && truncate -s 900k s.raw && holds "$top" s.raw ;;
    snapshot)
      ${tool}snapshot $objects -c one "$top" && cp s.raw one.raw && put "$top" s.raw 5 50k 900k &&
        ${tool}snapshot $objects -c two "$top" && holds "$top" s.raw &&
        ${tool}snapshot $objects -a one "$top" && holds "$top" one.raw &&
        ${tool}snapshot $objects -d one "$top" && holds "$top" one.raw &&
        ${tool}snapshot $objects -a two "$top" && holds "$top" s.raw ;;
    bitmap)
      peer create -q $objects -f qcow2 $(key "$below" o) twin.qcow2 2M &&
        twin=$(name "$below" o twin.qcow2) && ${tool}bitmap $objects --add "$twin" m &&
        put "$twin" n.raw 7 0 64k && ${tool}bitmap $objects --add --disable "$flat" m2 &&
        put "$top" s.raw 7 0 64k && ${tool}bitmap $objects --merge m -b "$twin" -F qcow2 "$flat" m2 &&
        holds "$top" s.raw &&
        [ "$("$interop/poke" top.qcow2 bits:m2)" = "0 65536" ] ;;
  esac
}

for formats in "luks none" "none luks" "luks luks" "aes luks"; do
  above=${formats% *} below=${formats#* }
  rm -rf start && mkdir start && cd start || exit 99
  if make_chain >../log 2>&1; then
    pass "$above over $below"
  else
    fail "$above over $below"
    diag "$(cat ../log)"
  fi
  cd .. || exit 99
  for what in commit commit-dirty flatten other unsafe dd convert-n convert-top convert-B grow shrink \
    snapshot bitmap; do
    for tool in img- "qemu-img "; do
      rm -rf case && cp -r start case && cd case || exit 99
      if run_step "$what" >../log 2>&1; then
        pass "$above over $below: ${tool}$what"
      else
        fail "$above over $below: ${tool}$what"
        diag "$(tail -n 8 ../log)"
      fi
      cd .. || exit 99
    done
  done
done
