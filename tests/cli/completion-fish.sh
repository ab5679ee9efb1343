#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion in fish: words come from the commands' own tables.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer fish
plan 8

# completions LINE: what the last word, perhaps empty, may become
completions () {
  HOME=$tmp fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
    "$top_srcdir/tools/completion.fish" "$1" | cut -f1 | paste -sd' '
}

is "$(completions 'img mod')" "modules" "a command"
is "$(completions 'img-modules --o')" "--options --output" "long options"
is "$(completions 'img modules --js')" "--json" "of the command"
is "$(completions 'img-modules --output ')" "human json" "words of an argument"
is "$(completions 'img-map --output=s')" "--output=svg" "after an equals sign"
like "$(completions 'img-create -f ')" 'qcow2.* raw' "formats"
: >some.file
is "$(completions 'img-modules so')" "some.file" "files"
is "$(completions 'img-map --tr')" "--trace" "options of all commands"
