#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# commit and rebase of random chains, by qemu-img on one copy and by us on another: the same is seen
# through the top and in the base.  BLKIMG_TEST_ROUNDS=N for more.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer qemu-img qemu-io
plan

state=$((seed % 2147483646 + 1))
# random N: 0 .. N-1 in $r
random () {
  state=$((state * 48271 % 2147483647))
  r=$((state / 7 % $1))
}
# pick WORD...: one of them, in $word
pick () {
  random $#
  shift "$r"
  word=$1
}

# Sizes are multiples of 512 only.
random_size () {
  random 6000
  size=$((1024 * 1024 + r * 512))
}

make_base () {
  random_size
  pick raw qcow2 qcow2 vdi
  base_format=$word
  if [ "$word" = vdi ]; then
    qemu-img create -q -f vdi l0 $((size / 1048576 * 1048576 + 1048576))
  else
    qemu-img create -q -f "$word" l0 "$size"
  fi
  formats=$word
}

make_layer () { # NUMBER
  random_size
  pick cluster_size=4k cluster_size=64k cluster_size=512 cluster_size=2M \
    extended_l2=on,cluster_size=16k extended_l2=on,cluster_size=128k compat=0.10
  under=$(($1 - 1))
  qemu-img create -q -f qcow2 -o "$word" -b "l$under" -F "${formats##* }" "l$1" "$size"
  formats="$formats qcow2"
}

# A few writes of all kinds, anywhere.
fill () { # FILE FORMAT
  set -- "$1" "$2" "$size"
  : >script
  random 6
  for j in 1 2 3 $(seq 1 "$r"); do
    random $(($3 / 512))
    at=$((r * 512))
    random 400
    n=$(((r + 1) * 512))
    [ $((at + n)) -le "$3" ] || n=$(($3 - at))
    random 255
    pick "write -P $((r + 1))" "write -P $((r + 1))" "write -z" "write -P 0" compressed
    if [ "$word" = compressed ]; then
      [ "$2" = qcow2 ] || continue
      at=$((at / 65536 * 65536))
      [ $((at + 65536)) -le "$3" ] || continue
      word="write -c -P $j" n=65536
    fi
    echo "$word $at $n" >>script
  done
  qemu-io -f "$2" "$1" <script >/dev/null 2>&1
}

make_chain () {
  top=0
  make_base
  fill l0 "$base_format"
  random 5
  for i in $(seq 1 $((r + 1))); do
    make_layer "$i"
    fill "l$i" qcow2
    top=$i
  done
}

choose () {
  random "$top"
  below=$r
  below_format=$(echo "$formats" | cut -d' ' -f$((below + 1)))
  pick commit commit-d commit-b rebase rebase rebase-nothing rebase-other
  case $word in
    commit) set -- commit -f qcow2 "l$top" ;;
    commit-d) set -- commit -d "l$top" ;;
    commit-b) set -- commit -b "l$below" "l$top" ;;
    rebase) set -- rebase -b "l$below" -F "$below_format" "l$top" ;;
    rebase-nothing) set -- rebase -b "" "l$top" ;;
    rebase-other)
      random_size
      qemu-img create -q -f qcow2 other "$size"
      fill other qcow2
      set -- rebase -b other -F qcow2 "l$top"
      ;;
  esac
  what="$*"
  how=$word
  # the base that commit writes to
  case $how in
    commit | commit-d) below=$((top - 1)) below_format=${formats% *} below_format=${below_format##* } ;;
  esac
}

flat () { # IMAGE FORMAT OUT
  qemu-img convert -f "$2" -O raw "$1" "$3"
}

# sound FOLDER: the checks of all its images; what they say is in $tmp/check
sound () {
  for i in $(seq 0 "$top"); do
    [ "$(echo "$formats" | cut -d' ' -f$((i + 1)))" = raw ] ||
      qemu-img check -q "$1/l$i" >"$tmp/check" 2>&1 || return 1
  done
}

round () {
  rm -rf start peer ours
  mkdir start && cd start || exit 99
  make_chain
  if ! sound . || ! flat "l$top" qcow2 ../before 2>/dev/null; then
    # The peer broke it: compressed writes over plain clusters.
    cd ..
    round "$1"
    return
  fi
  choose
  cd .. && cp -a start peer && cp -a start ours
  title="$1: $what ($formats)"
  # shellcheck disable=SC2086
  (cd peer && eval "qemu-img ${what%% *} -q $(quoted)") >peer.out 2>&1
  peer_rc=$?
  (cd ours && eval "img-${what%% *} -q $(quoted)") >ours.out 2>&1
  ours_rc=$?
  bad=
  # It cannot make zeroes in version 2 images that have a backing file.
  if ! grep -q 'Operation not supported' peer.out; then
    [ "$peer_rc" -eq "$ours_rc" ] ||
      bad="exit status: peer $peer_rc, ours $ours_rc: $(cat peer.out ours.out)"
  elif [ "$ours_rc" -ne 0 ]; then
    bad=$(cat ours.out)
  else
    title="$title, we alone" how=alone
  fi
  flat "ours/l$top" qcow2 after
  cmp before after >"$tmp/diff" 2>&1 || bad="$bad; seen through the top: $(cat diff)"
  img-convert -O raw "ours/l$top" after2 2>&1
  cmp -s after after2 || bad="$bad; we see something else through the top"
  case $how in
    commit*)
      flat "peer/l$below" "$below_format" base.peer
      flat "ours/l$below" "$below_format" base.ours
      cmp base.peer base.ours >"$tmp/diff" 2>&1 || bad="$bad; the base: $(cat diff)"
      ;;
  esac
  sound ours || bad="$bad; check of l$i: $(head -n 3 check)"
  is "$bad" "" "$title"
}

# The words of $what behind the first; an empty one stays one.
quoted () {
  echo "${what#* }" | sed "s/-b  /-b '' /"
}

for n in $(seq 1 "${BLKIMG_TEST_ROUNDS:-8}"); do
  round "$n"
done
