#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Shell scripts are POSIX sh and clean.
. "${0%/*}/lib.sh"
plan 2

scripts=$(all_files | grep -E '\.sh$|^(bootstrap|\.ci/run|tests/lint/run|run\.in|tests/.*/run[a-z-]*)$')
none "every script parses" "$(
  for f in $scripts; do
    sh -n "$f" 2>&1
  done)"
if command -v shellcheck >/dev/null 2>&1; then
  # SC1090/1091: sourced files are found at run time; SC2034, SC2154: variables of lib.sh.
  # shellcheck disable=SC2086
  none "shellcheck finds nothing" "$(
    shellcheck -s sh -S warning -e SC1090,SC1091,SC2034,SC2154 $scripts 2>&1 | head -n 40)"
else
  skip "shellcheck finds nothing" "shellcheck is not installed"
fi
