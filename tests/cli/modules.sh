#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# img-modules: what is installed; and what all commands share: options, --help, closing output.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

run_ok "img-modules" img-modules
like "$out" '^template, ABI 1' "names a module and its ABI"
like "$out" '^  format template' "and its driver"
run_ok "img-modules NAME" img-modules raw
like "$out" '^  format raw' "prints that one"
unlike "$out" 'template' "and no other"
run_fails "an unknown name" 1 img-modules no-such
like "$err" "^img-modules: .*'no-such'" "is named"
run_ok "--json" img-modules --json
first=$out
run_ok "--output=json" img-modules --output=json
is "$first" "$out" "is the same"
if command -v python3 >/dev/null 2>&1; then
  printf '%s\n' "$out" >j
  ok "is JSON" python3 -c 'import json; json.load(open("j"))'
fi
like "$out" '^        "name": "raw",$' "indented by 4 spaces"

# Command lines.
run_fails "unknown long option" 64 img-modules --no-such
like "$err" "unrecognized option '--no-such'" "is named"
like "$err" "Try 'img-modules --help'" "says where help is"
run_fails "unknown short option" 64 img-modules -x
like "$err" "unrecognized option '-x'" "is named"
run_fails "argument missing" 64 img-modules --output
like "$err" "option '--output' requires an argument" "is said"
run_fails "argument too many" 64 img-modules --json=1
like "$err" "does not allow an argument" "is said"
run_fails "a wrong word" 64 img-modules --output=xml
like "$err" "option --output: 'xml'" "is named"
run_ok "options may follow operands" img-modules raw --help
like "$out" '^Usage: img-modules ' "and count"
run_ok "--help" img-modules --help
like "$out" '^  -o, --options  ' "lists options"
like "$out" '^      --output=human\|json' "and their words"
run_ok "--dump-options" img-modules --dump-options
like "$out" "^o	options	-	" "is for programs"

# What cannot be written is not success.
if [ -w /dev/full ]; then
  rc=0
  img-modules >/dev/full 2>err || rc=$?
  is "$rc" 1 "a full disk under standard output"
  like "$(cat err)" 'No space left' "is said"
fi
