#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# img itself: finding commands, its own options, the name in messages, drop-in mode.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan 25

run_ok "img --version" img --version
like "$out" '^img \(blkimg\) [0-9]+\.[0-9]+\.[0-9]+$' "prints name and version"
run_fails "without a command" 64 img
like "$err" '^img: ' "says who complains"
run_fails "an unknown command" 64 img no-such
like "$err" '^img: .*no-such' "is named"
run_fails "a path is no command" 64 img ../img
run_fails "an unknown option" 64 img --no-such
run_ok "img --help" img --help
like "$out" '^  modules ' "lists the commands"

run_ok "img modules --version" img modules --version
like "$out" '^img-modules \(blkimg\)' "runs img-modules"
run_fails "its faults" 64 img modules --no-such
like "$err" "^img-modules: unrecognized option '--no-such'" "carry its name"

# Through a link, wherever it stands, the commands beside the real program are found.
ln -s "$(command -v img)" qemu-img
run_fails "drop-in: without a command" 1 ./qemu-img
like "$err" '^qemu-img: Not enough arguments' "says so as qemu-img"
run_fails "drop-in: unknown command" 1 ./qemu-img foo
like "$err" '^qemu-img: Command not found: foo' "says so as qemu-img"
run_ok "drop-in: --version" ./qemu-img -V
like "$out" '^qemu-img version [0-9]+\.[0-9]+\.[0-9]+ \(blkimg' "says both versions"
run_ok "drop-in: -T is taken" ./qemu-img -T x modules -V
run_ok "drop-in: help of a command" ./qemu-img info --help
like "$out" '^Usage: qemu-img info \[OPTION\]' "says how it is called"
run_fails "drop-in: fault in a command" 1 ./qemu-img modules --no-such
like "$err" '^qemu-img: unrecognized option' "carries the name qemu-img"
