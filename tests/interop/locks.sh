#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The lock bytes that we hold are those that QEMU's programs hold, and each side refuses what the
# other has in use, with the same words.
. "$top_srcdir/tests/cli/lib.sh"
need_peer qemu-img qemu-io qemu-nbd
[ -r /proc/locks ] || skip_all "/proc/locks cannot be read"
plan

# Libtool's wrapper would be in the way of the signals.
hold=$top_builddir/tests/interop/.libs/hold
[ -x "$hold" ] || hold=$top_builddir/tests/interop/hold
hint () { echo "Is another process using the image [$1]?"; }

# held FILE: the bytes that anybody has locked, as "100 101 203".  The list is read in pieces,
# and misses some where others unlock meanwhile: what stands in one of three is there.
held () {
  cat /proc/locks /proc/locks /proc/locks | sed 's/^[^ ]* //' |
    awk -v inode="$(stat -c %i "$1")" '$1 == "OFDLCK" && $5 ~ ":" inode "$" {
      for (i = $6; i <= $7; i++) print i }' | sort -nu | tr '\n' ' ' | sed 's/ $//'
}
is_free () { [ -z "$(held "$1")" ]; }

# start FILE COMMAND...: COMMAND has FILE open, until `stop`
start () {
  file=$1
  shift
  rm -f in
  mkfifo in
  : >out.held # what the last one said is not this one's word
  "$@" <in >out.held 2>&1 &
  holder=$!
  exec 9>in
  # Ours says `held`, theirs shows its prompt.
  wait_for "$*" grep -q -e held -e 'qemu-io>' out.held || diag "$(cat out.held)"
  at_exit_kill "$holder"
}
stop () {
  exec 9>&-
  wait "$holder" || diag "the holder: $(cat out.held)"
  tap_pids=
}
# nbd FILE ARGS...: qemu-nbd has FILE open, until `stop_nbd`
nbd () {
  file=$1
  shift
  qemu-nbd --fork --persistent --pid-file=pid -k "$tmp/socket" "$@" "$file" || fail "qemu-nbd"
  at_exit_kill "$(cat pid)"
}
stop_nbd () {
  kill "$(cat pid)"
  wait_for "the end of qemu-nbd" is_free "$file"
  tap_pids=
}

img () { "$hold" "$@" </dev/null; }

# refused NAME WHAT COMMAND...: fails with WHAT and the hint
refused () {
  name=$1 what=$2
  shift 2
  capture "$@"
  isnt "$rc" 0 "$name: refused"
  like "$err" "$what" "$name: $what"
  like "$err" "Is another process using the image \[$file\]\?" "$name: the hint"
}

qemu-img create -q -f raw x.raw 1M
qemu-img create -q -f vdi x.vdi 1M
cp x.vdi source.vdi

# The kernel's list is not read in one piece: while others lock and unlock, lines can be missed.  So
# what is looked for may come late, and what is there stays.
is_held_as () { [ "$(held "$1")" = "$2" ]; }
# holds FILE BYTES NAME
holds () {
  wait_for "$3" is_held_as "$1" "$2"
  is "$(held "$1")" "$2" "$3"
}
# The same bytes for the same use.
same () {
  name=$1 file=$2 ours=$3
  shift 3
  start "$file" "$hold" "$ours" "${file#*.}" "$file"
  # The most that two looks see.
  mine=$(held "$file")
  again=$(held "$file")
  [ "${#again}" -le "${#mine}" ] || mine=$again
  stop
  start "$file" "$@" "$file"
  # While it opens an image it takes and gives up some in passing.
  holds "$file" "$mine" "$name: the same bytes ($mine)"
  stop
}
same "raw, read" x.raw - qemu-io -r -f raw
same "raw, written" x.raw w qemu-io -f raw
same "vdi, read" x.vdi - qemu-io -r -f vdi
same "vdi, written" x.vdi w qemu-io -f vdi
same "vdi, -U" x.vdi u qemu-io -r -U -f vdi

start x.raw "$hold" s raw x.raw
holds x.raw "100 201 203" "source of a copy: its bytes"
refused "qemu-io, written, against the source of a copy" 'Failed to get "write" lock' \
  qemu-io -f raw -c 'write 0 512' x.raw
ok "qemu-io, read, beside the source of a copy" qemu-io -r -f raw -c 'read 0 512' x.raw
stop
start x.raw "$hold" i raw x.raw
holds x.raw "" "facts of a raw image: no bytes"
stop
start x.vdi "$hold" i vdi x.vdi
holds x.vdi "201 203" "facts of a vdi image: its bytes"
stop

# They have it, we do not get it.
start x.vdi qemu-io -f vdi x.vdi
refused "read, against qemu-io writing" 'Failed to get shared "write" lock' img - vdi x.vdi
refused "written, against qemu-io writing" 'Failed to get "write" lock' img w vdi x.vdi
refused "facts, against qemu-io writing" 'Failed to get shared "write" lock' img i vdi x.vdi
ok "-U, beside qemu-io writing" img u vdi x.vdi
ok "as raw, beside qemu-io writing" img - raw x.vdi
stop
start x.vdi qemu-io -r -f vdi x.vdi
ok "read, beside qemu-io reading" img - vdi x.vdi
refused "written, against qemu-io reading" 'Failed to get "write" lock' img w vdi x.vdi
stop
start x.raw qemu-io -f raw x.raw
ok "raw written, beside qemu-io writing raw" img w raw x.raw
refused "source of a copy, against qemu-io writing" 'Failed to get shared "write" lock' \
  img s raw x.raw
stop

nbd x.vdi -f vdi
refused "read, against qemu-nbd" 'Failed to get shared "write" lock' img - vdi x.vdi
refused "written, against qemu-nbd" 'Failed to get "write" lock' img w vdi x.vdi
ok "-U, beside qemu-nbd" img u vdi x.vdi
stop_nbd
nbd x.vdi -r -f vdi
ok "read, beside qemu-nbd -r" img - vdi x.vdi
refused "written, against qemu-nbd -r" 'Failed to get "write" lock' img w vdi x.vdi
stop_nbd

# We have it, they do not get it.
start x.vdi "$hold" w vdi x.vdi
refused "qemu-io, read, against us writing" 'Failed to get shared "write" lock' \
  qemu-io -r -f vdi -c 'read 0 512' x.vdi
refused "qemu-io, written, against us writing" 'Failed to get "write" lock' \
  qemu-io -f vdi -c 'write 0 512' x.vdi
refused "qemu-nbd against us writing" 'Failed to get' \
  timeout 10 qemu-nbd -f vdi -k "$tmp/socket" x.vdi
ok "qemu-img info -U beside us writing" qemu-img info -U x.vdi
stop
start x.vdi "$hold" - vdi x.vdi
refused "qemu-io, written, against us reading" 'Failed to get "write" lock' \
  qemu-io -f vdi -c 'write 0 512' x.vdi
ok "qemu-io, read, beside us reading" qemu-io -r -f vdi -c 'read 0 512' x.vdi
refused "qemu-nbd against us reading" 'Failed to get "write" lock' \
  timeout 10 qemu-nbd -f vdi -k "$tmp/socket" x.vdi
stop
same_bytes x.vdi source.vdi "nobody changed anything"
