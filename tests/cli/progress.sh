#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Progress, and signals while work runs.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

dd if=/dev/urandom of=src bs=64k count=64 2>/dev/null

run_ok "-p" img-convert -p -O qcow2 src new
is "$(printf '%s' "$out" | tr '\r' '\n' | tail -n 1)" '    (100.00/100%)' "ends at 100%"
run_ok "-p of compare" img-compare -p src new
like "$out" 'Images are identical' "and its result"
run_ok "--progress=json" img-convert --progress=json -O qcow2 src new
is "$out" "" "leaves standard output alone"
is "$(printf '%s\n' "$err" | tail -n 1 | sed 's/"rate": [0-9]*, "eta": [a-z0-9]*/X/')" \
  '{"done": 4194304, "total": 4194304, X}' "reports to standard error"
img-convert --progress=json:3 -O qcow2 src new 3>lines
is "$(tail -n 1 lines | cut -d, -f1)" '{"done": 4194304' "or to another descriptor"
run_ok "-p of check" img-check -p new
like "$(printf '%s' "$out" | tr '\r' '\n')" '^    \(100.00/100%\)$' "ends at 100%"
like "$out" 'No errors were found' "and its result"
run_ok "-p of check, JSON" img-check -p --output=json new
like "$err" '100.00/100' "on standard error"
run_ok "JSON lines of check" img-check --progress=json:3 -r all new 3>lines
like "$(tail -n 1 lines)" '^\{"done": [0-9]+, "total": [0-9]+, "rate": [0-9]+, "eta": [a-z0-9]+\}$' "a line"
run_fails "-p of a check that there is not" 63 img-check -p -f raw new
run_fails "an unknown form" 64 img-convert --progress=xml -O qcow2 src new
run_fails "no descriptor" 64 img-convert --progress=json:x -O qcow2 src new
run_fails "one that is not open" 64 img-convert --progress=json:9 -O qcow2 src new 9>&-
rm -f new

# A terminal gets a bar.
if command -v script >/dev/null 2>&1; then
  script -qec "img-convert -p -O qcow2 src new" log >/dev/null 2>&1 </dev/null
  like "$(tr '\r' '\n' <log)" '^\[#{30}\] 100\.0%  4 MiB / 4 MiB  .*/s  00:00:00' "a bar, with rate and time left"
  rm -f new
fi

# A slow copy: 4 MiB at 1 MiB a second, ended long before.
# What nohup ignores stays ignored: not in this test.
as_at_login="env --default-signal=HUP"
$as_at_login true 2>/dev/null || as_at_login=
# slow SIGNAL: the exit status of the copy in $rc, its messages in `messages`
slow () {
  rm -f lines new
  mkfifo lines
  $as_at_login img-convert --progress=json:3 -r 1M -O qcow2 src new 3>lines 2>messages &
  slow_pid=$!
  at_exit_kill $slow_pid
  exec 4<lines
  read -r first <&4 # it runs: threads, signals and target are set up
  wait_for "the target" ls_new
  kill -s "$1" $slow_pid
  if [ "$1" = USR1 ]; then
    wait_for "the report" grep -q '/100%' messages
    kill -s TERM $slow_pid
  fi
  exec 4<&-
  rc=0
  wait $slow_pid || rc=$?
}
ls_new () {
  [ -n "$(find . -name '?*new*' ! -name new)" ]
}

for s in "TERM 143" "HUP 129"; do
  slow "${s% *}"
  is "$rc" "${s#* }" "${s% *} ends it"
  is "$(find . -name '*new*')" "" "${s% *} leaves nothing of the target"
  is "$(cat messages)" "" "${s% *} needs no message"
done

# A shell's background job ignores SIGINT, and what is ignored stays so: one in the foreground.
rm -f new
run_fails "INT ends it" 130 timeout --preserve-status -s INT 0.5 \
  img-convert -r 1M -O qcow2 src new
is "$(find . -name '*new*')" "" "INT leaves nothing of the target"
rm -f lines
mkfifo lines
(
  trap '' INT
  exec img-convert --progress=json:3 -r 4M -O qcow2 src new 3>lines
) &
slow_pid=$!
at_exit_kill $slow_pid
exec 4<lines
read -r first <&4
kill -s INT $slow_pid
cat <&4 >/dev/null
exec 4<&-
ok "an ignored INT does not" wait $slow_pid

slow USR1
like "$(cat messages)" '^    \([0-9.]+/100%\)$' "USR1 reports on standard error"
is "$rc" 143 "and lets it run"
