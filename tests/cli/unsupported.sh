#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a format cannot do is said in one line, which names the file.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

img-create -q -f raw r 4M && img-create -q -f vdi v 4M || exit 99
! have encryption "encrypted images" ||
  img-create -q --object secret,id=s,data=x -f luks -o key-secret=s,iter-time=10 l 4M || exit 99

# all STATUS WANTED COMMAND...: for a raw, a vdi and a luks image, or those of $kinds; IMAGE: its name
all () {
  all_status=$1 all_wanted=$2
  shift 2
  for kind in ${kinds:-r v l}; do
    [ -e "$kind" ] || continue
    image="--object secret,id=s,data=x --image-opts"
    case $kind in
      r) image="$image driver=raw,file.filename=r" ;;
      v) image="$image driver=vdi,file.filename=v" ;;
      l) image="$image driver=luks,file.filename=l,key-secret=s" ;;
    esac
    before=$(cksum "$kind")
    # shellcheck disable=SC2046
    run_fails "$* ($kind)" "$all_status" $(printf '%s ' "$@" | sed "s/IMAGE/$image/")
    is "$(printf '%s\n' "$err" | sed 's/^.*: \([rvl]\): .*$/\1/')" "$kind" "one line that names $kind"
    like "$err" "$all_wanted" "which says: $all_wanted"
    is "$(cksum "$kind")" "$before" "$kind has not changed"
  done
}

kinds='r l' all 63 'images cannot be checked' img-check IMAGE
kinds='r l' all 63 'images cannot be checked' img-check -r all IMAGE
kinds=v all 63 'images cannot be repaired' img-check -r all IMAGE
kinds='r v' all 1 'does not support option amendment' img-amend -o cluster_size=4k IMAGE
kinds=l all 1 "option 'cipher-alg' is for new images only" img-amend -o cipher-alg=aes-128 IMAGE
kinds=l all 1 "luks has no option 'nonsense'" img-amend -o nonsense=1 IMAGE
all 1 'has no internal snapshots' img-snapshot -c a IMAGE
all 1 'has no internal snapshots' img-snapshot -d a IMAGE
all 1 'has no internal snapshots' img-convert -l a -O raw IMAGE o
all 1 'images cannot keep bitmaps' img-bitmap --add IMAGE a
all 1 'images cannot keep bitmaps' img-bitmap --remove-all IMAGE
all 1 'images cannot keep bitmaps' img-convert --bitmaps -O qcow2 IMAGE o
all 1 'does not have a backing file' img-commit IMAGE
all 1 'the backing file of .* images cannot be changed' img-rebase -u -b x -F raw IMAGE
all 1 'Unsupported preallocation mode' img-resize --preallocation=metadata IMAGE 9M

run_fails "compressed raw" 1 img-convert -c -O raw r o
like "$err" '^img-convert: o: raw images cannot be compressed$' "names the new one"
ok "there is none" [ ! -e o ]

img-create -q -f qcow2 q 1M
for option in cluster_size=4k preallocation=full compression_type=zstd encrypt.cipher-alg=aes-128; do
  run_fails "qcow2: $option" 1 img-amend -o lazy_refcounts=on,$option q
  is "$err" "img-amend: q: option '${option%%=*}' is for new images only: it cannot be amended" \
    "says why"
done
run_fails "qcow2: no option" 1 img-amend -o nonsense=1 q
is "$err" "img-amend: q: qcow2 has no option 'nonsense'" "says so"
