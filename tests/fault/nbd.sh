#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The connection to a server breaks, anywhere: an error, no endless wait, nothing left behind.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
need_peer qemu-nbd
needs "protocol nbd"
plan
what_fails () {
  echo recv ECONNRESET EOF SHORT
  echo send ECONNRESET SHORT
}
images

# serve NAME FILE
serve () {
  cp "start/$2" "$1.img" || exit 99
  qemu-nbd --persistent --shared=16 -f raw --socket="$tmp/$1.sock" --pid-file="$tmp/$1.pid" \
    "$1.img" >"$1.log" 2>&1 &
  at_exit_kill $!
  wait_for "$1" test -s "$1.pid"
}
serve plain r.raw
serve tables x.qcow2
plain="nbd+unix:///?socket=$tmp/plain.sock"
tables="nbd+unix:///?socket=$tmp/tables.sock"

sweep nbd-map "img-map --output=json $plain"
sweep nbd-read "img-convert -O raw $tables new.raw"
sweep nbd-write "img-convert -n -f raw -O raw r.raw $plain"
