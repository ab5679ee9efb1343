#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# --trace of each command, -T of img, BLKIMG_TRACE.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# events FILE: which there are in it, once each
events () {
  sed -n 's/^[0-9]*@[0-9]*\.[0-9]\{6\}:\([a-z0-9_]*\)\( .*\)\{0,1\}$/\1/p' "$1" | LC_ALL=C sort -u | tr '\n' ' '
}

head -c 300000 /dev/urandom >a.raw
run_ok "without" img-convert -f raw -O qcow2 a.raw a.qcow2
is "$err" "" "nothing is said"
run_ok "a pattern" img-convert --trace 'copy_*' -f raw -O qcow2 a.raw b.qcow2
printf '%s\n' "$err" >said
is "$(events said)" "copy_end copy_range copy_start " "its events"
is "$(events said | wc -w)" "$(sed 's/.*:\([a-z_]*\) .*/\1/' said | sort -u | wc -l)" "and nothing else"
ok "the bytes are the same" cmp a.qcow2 b.qcow2
run_ok "less" img-convert --trace '*' --trace '-[!q]*' --trace '-*table*' -f raw -O qcow2 -c a.raw b.qcow2
printf '%s\n' "$err" >said
is "$(events said)" "qcow2_alloc qcow2_encode " "only those of the module"
printf '# comment\n\nplace_*\n-place_[wa]*\n' >list
run_ok "from a file, to a file" img-convert --trace events=list,file=out -f raw -O qcow2 a.raw b.qcow2
is "$err" "" "nothing on standard error"
is "$(events out)" "place_commit place_reserve " "in the file"
run_ok "img -T" img -T 'node_open' -T enable=node_close info a.qcow2
printf '%s\n' "$err" >said
is "$(events said)" "node_close node_open " "both"
BLKIMG_TRACE=format_probe,file=out run_ok "BLKIMG_TRACE" img-info a.qcow2
is "$(events out)" "format_probe " "the event"
BLKIMG_DEBUG=trace run_ok "BLKIMG_DEBUG" img-info a.qcow2
printf '%s\n' "$err" >said
case $(img-modules raw) in
  */raw.so*) all='module_load.* node_open' ;;
  *) all=node_open ;; # modules are linked in
esac
like "$(events said)" "$all" "all events"

run_ok "help" img-map --trace help
like "$out" '^qcow2_alloc +host-offset clusters$' "lists the events"
run_ok "help of img" img --trace=help
like "$out" '^node_pread +offset length$' "the same"
run_ok "a slip" img-info --trace nosuch a.qcow2
like "$err" "trace event 'nosuch' does not exist" "is told"
run_fails "no such key" 1 img-info --trace x=y a.qcow2
like "$err" "Invalid parameter 'x'" "is told"
run_fails "no such file" 1 img -T file=no/file info a.qcow2
like "$err" 'no/file: No such file' "is told"
name=$(printf 'a\033[31m.raw')
cp a.raw "$name"
run_ok "hostile name" img-info --trace 'node_open' "$name"
unlike "$err" "$(printf '\033')" "does not reach the terminal"

ln -s "$(command -v img)" qemu-img
run_ok "drop-in" ./qemu-img -T 'node_open' info a.raw
like "$err" ':node_open a.raw' "works"
run_fails "drop-in: not behind the command" 1 ./qemu-img info --trace x a.raw
like "$err" "unrecognized option '--trace'" "as there"
