#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan 4

run_ok "img --version" img --version
like "$out" '^img \(blkimg\) [0-9]+\.[0-9]+\.[0-9]+$' "prints name and version"
run_fails "without a command" 1 img
like "$err" '^img: ' "says who complains"
