#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What an image says of itself never drives the terminal.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

esc=$(printf '\033')
c1=$(printf '\302\233')
img-create -q -f qcow2 -u -b "a${esc}[2Jb${c1}c" -F raw x.qcow2 1M
run_ok "info" img-info x.qcow2
like "$out" '^backing file: a\?\[2Jb\?\?c' "backing file name"
unlike "$out" "$esc" "no escape character"
run_ok "info, JSON" img-info --output=json x.qcow2
like "$out" '"backing-filename": "a\\u001B\[2Jb\\u009Bc"' "is exact"
run_fails "an error about it" 1 img-map x.qcow2
unlike "$err" "$esc" "holds no escape character"
