#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A target is whole or not there: signals, full disks, faulty sources, files in use.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer qemu-img qemu-io
plan

dd if=/dev/urandom of=source.raw bs=64k count=64 status=none
mkdir d

# The target's folder, hidden files too.
files () { ls -A d | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//'; }

# Conversions that take minutes, in the background.
for signal in INT TERM HUP; do
  case $signal in INT) status=130 ;; TERM) status=143 ;; HUP) status=129 ;; esac
  # A background job of a shell has SIGINT ignored, one of nohup SIGHUP: env gives them back.
  env --default-signal=INT,HUP img-convert -f raw -O qcow2 -r 16k source.raw d/x.qcow2 2>err.start &
  pid=$!
  at_exit_kill $pid
  wait_for "a target" sh -c 'test -n "$(ls -A d)"'
  ok "SIG$signal: nothing at the final name meanwhile" test ! -e d/x.qcow2
  kill -s $signal $pid
  rc=0
  wait $pid || rc=$?
  is "$rc" $status "SIG$signal: exit status"
  is "$(files)" "" "SIG$signal: no file is left"
done
tap_pids=

echo old >d/x.raw
chmod 640 d/x.raw
ln -s x.raw d/link
run_ok "onto a symbolic link" img-convert -f raw -O raw source.raw d/link
same_bytes source.raw d/x.raw "writes what it leads to"
is "$(files)" "link x.raw" "and the link stays"
is "$(stat -c %a d/x.raw)" 640 "as does the mode of the file"

run_fails "a source that ends too early" 1 img-convert -f qcow2 -O raw source.raw d/x.raw
same_bytes source.raw d/x.raw "leaves what was there"
cp d/x.raw keep.raw

qemu-img create -q -f qcow2 d/busy.qcow2 1M
cp d/busy.qcow2 busy.before
mkfifo in
qemu-io -f qcow2 d/busy.qcow2 <in >io.out 2>&1 &
pid=$!
at_exit_kill $pid
exec 9>in
# Its prompt comes when the file is open: before that its locks come and go.
wait_for "qemu-io to open it" grep -q 'qemu-io>' io.out
run_fails "a target in use" 1 img-convert -f raw -O qcow2 source.raw d/busy.qcow2
like "$err" '^img-convert: d/busy.qcow2: Failed to get .*lock' "says so"
like "$err" '^Is another process using the image \[d/busy.qcow2\]\?' "and asks"
run_fails "create, in use" 1 img-create -q -f qcow2 d/busy.qcow2 1M
same_bytes d/busy.qcow2 busy.before "and the image is as it was"
exec 9>&-
wait $pid
tap_pids=
rm d/busy.qcow2

# No room.
(ulimit -f 1024; trap '' XFSZ; img-convert -f raw -O raw source.raw d/x.raw) 2>err.full
isnt "$?" 0 "no room for the target"
like "$(cat err.full)" '^img-convert: .*' "is an error"
same_bytes keep.raw d/x.raw "and what was there is there"
is "$(files)" "link x.raw" "and nothing else"

run_fails "a folder that is not there" 1 img-convert -f raw -O raw source.raw e/x.raw
like "$err" '^img-convert: e/x.raw: cannot create: No such file' "is said"
run_fails "a folder as target" 1 img-convert -f raw -O raw source.raw d
like "$err" '^img-convert: d: .*directory' "is said"

# Extra files go with the image.
run_fails "a failing conversion with a data file" 1 img-convert -f qcow2 -O qcow2 \
  -o data_file=data.raw source.raw d/y.qcow2
is "$(files)" "link x.raw" "leaves neither"
run_ok "one that succeeds" img-convert -f raw -O qcow2 -o data_file=data.raw source.raw d/y.qcow2
is "$(files)" "data.raw link x.raw y.qcow2" "makes both"
ok "which are good" sh -c 'cd d && qemu-img compare -q -f raw -F qcow2 ../source.raw y.qcow2'
ln -s "$(command -v img)" qemu-img
run_ok "drop-in mode" ./qemu-img convert -f raw -O qcow2 -o data_file=data.raw source.raw d/z.qcow2
ok "looks for data files where qemu-img does" qemu-img compare -q -f raw -F qcow2 source.raw d/z.qcow2

if [ "$(id -u)" != 0 ]; then
  mkdir ro
  cp source.raw ro/x.raw
  chmod 555 ro
  run_ok "a folder that takes no new file" img-convert -f raw -O raw keep.raw ro/x.raw
  same_bytes keep.raw ro/x.raw "is written in place"
fi
